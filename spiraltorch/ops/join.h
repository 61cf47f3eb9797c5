// Tensors put together from several, or set into a frame. All of these copy.
#pragma once

#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Adds `value` around x: {left, right} of the last dimension first, then of the one before, ...; negative
/// amounts crop. Throws ShapeError if a size would become negative. Source: torch.nn.functional.pad, mode
/// "constant".
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, Scalar value = 0.0);
/// Joins along an existing dimension; dtypes promote; tensors of shape (0,) are skipped. Sizes must agree in
/// every other dimension. Channels-last if every tensor is. Source: torch.cat.
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);
/// Joins tensors of one shape along a new dimension. Source: torch.stack.
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);

}  // namespace st
