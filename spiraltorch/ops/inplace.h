// The functions behind Tensor's methods that write: `x.add_(y)`. Each refuses what autograd would have to
// record and what does not broadcast to x, and bumps the version of the storage. The result is cast to x's
// dtype, which must be of the same or a higher category.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace st {

const Tensor& add_(const Tensor& x, const Tensor& y, Scalar alpha = 1);
const Tensor& sub_(const Tensor& x, const Tensor& y, Scalar alpha = 1);
const Tensor& mul_(const Tensor& x, const Tensor& y);
const Tensor& div_(const Tensor& x, const Tensor& y);
const Tensor& add_(const Tensor& x, Scalar y);
const Tensor& sub_(const Tensor& x, Scalar y);
const Tensor& mul_(const Tensor& x, Scalar y);
const Tensor& div_(const Tensor& x, Scalar y);
const Tensor& clamp_(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max);
const Tensor& fill_(const Tensor& x, Scalar value);
const Tensor& zero_(const Tensor& x);
/// `value`, a number or a 0-dim tensor, where the mask is true; it broadcasts to x.
const Tensor& masked_fill_(const Tensor& x, const Tensor& mask, Scalar value);
const Tensor& masked_fill_(const Tensor& x, const Tensor& mask, const Tensor& value);
/// y, broadcast and converted, into x's elements.
const Tensor& copy_(const Tensor& x, const Tensor& y);
const Tensor& uniform_(const Tensor& x, double from, double to);
const Tensor& normal_(const Tensor& x, double mean, double std);

/// Throws ValueError where several places of x are one element, as after expand: which write would win?
void check_not_expanded(const char* op, const Tensor& x);

/// What `x += y` does: x becomes a handle of `value`. Throws ValueError for a leaf that requires a gradient,
/// naming the method to use under a NoGradGuard.
Tensor& rebind(Tensor& x, const char* op, Tensor value);

}  // namespace st
