// What stands under a mask, or outside of a triangle, is replaced.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// x with `value` where the mask is true, in x's dtype. `mask` is bool; both broadcast. The gradient is 0 for
/// what was replaced. Throws DTypeError for another mask, ValueError for a number that x's dtype cannot hold.
/// Source: torch.masked_fill.
Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value);
/// The same with a 0-dim tensor (ShapeError for others), whose gradient is the sum over what it replaced.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);

/// The lower (upper) triangle of each matrix (..., m, n) and zeros: what is kept stands in column j of row i
/// where j <= i + diagonal (j >= i + diagonal). Throws ShapeError below two dimensions. Source: torch.tril,
/// torch.triu.
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);

}  // namespace st
