// Reductions over one dimension, several, or all. Sums run over fixed blocks combined in a fixed order: the
// result does not depend on the number of threads.
#pragma once

#include <optional>
#include <utility>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Sum; integers and bool give int64. `sum(x)`, `sum(x, 1)`, `sum(x, {0, 2}, keepdim)`. `dtype`, here and
/// below: x is converted to it first, and the result has it. Error: half a unit in the last place, float64 to
/// 2^-52 sum |x|; rows of float32 with 8,192 elements and more add 2^-24 sqrt(2/3 sum x^2). Source:
/// torch.sum.
Tensor sum(const Tensor& x, const Axes& dims = {}, KeepDim keep = false, std::optional<DType> dtype = {});
/// Arithmetic mean; integers are refused without a floating `dtype`; NaN of nothing. Source: torch.mean.
Tensor mean(const Tensor& x, const Axes& dims = {}, KeepDim keep = false, std::optional<DType> dtype = {});
/// Product of all elements, or of those along `dim`; integers and bool give int64. Source: torch.prod.
Tensor prod(const Tensor& x, std::optional<DType> dtype = {});
Tensor prod(const Tensor& x, int64_t dim, KeepDim keep = false, std::optional<DType> dtype = {});

/// A value and the index of its first occurrence along one dimension.
struct ValueIndex {
  Tensor values;
  Tensor indices;  // int64
};
/// The largest (smallest) element along `dim` and its first index; NaN wins. The gradient goes to that index.
/// Throws IndexError for a dimension of size 0. Source: torch.max(x, dim).
ValueIndex max(const Tensor& x, int64_t dim, KeepDim keep = false);
ValueIndex min(const Tensor& x, int64_t dim, KeepDim keep = false);
/// The largest (smallest) of all elements; ties share the gradient evenly. Source: torch.max(x).
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
/// The largest (smallest) along one or several dimensions; ties share the gradient evenly. Source:
/// torch.amax.
Tensor amax(const Tensor& x, const Axes& dims = {}, KeepDim keep = false);
Tensor amin(const Tensor& x, const Axes& dims = {}, KeepDim keep = false);
/// The first index of the largest (smallest) element, along `dim` or in the flattened tensor. Source:
/// torch.argmax.
Tensor argmax(const Tensor& x, std::optional<int64_t> dim = {}, KeepDim keep = false);
Tensor argmin(const Tensor& x, std::optional<int64_t> dim = {}, KeepDim keep = false);

/// Whether any (every) element is not zero, of all or along one or several dimensions: bool, uint8 for uint8.
/// Of nothing: false (true). Source: torch.any, torch.all.
Tensor any(const Tensor& x, const Axes& dims = {}, KeepDim keep = false);
Tensor all(const Tensor& x, const Axes& dims = {}, KeepDim keep = false);

/// Sums x over the dimensions that broadcasting from `shape` would have stretched. Source:
/// Tensor.sum_to_size.
Tensor sum_to_size(const Tensor& x, const Shape& shape);

}  // namespace st
