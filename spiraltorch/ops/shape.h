// Views and changes of shape. A view shares x's storage and passes gradients; what must copy says so.
#pragma once

#include <optional>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Another shape with the same elements in row-major order: a view where strides allow, else a copy. One size
/// may be -1.
Tensor reshape(const Tensor& x, const Shape& shape);
/// The same, but never a copy: throws ShapeError naming reshape where strides do not allow a view.
Tensor view(const Tensor& x, const Shape& shape);
/// Dimensions start_dim..end_dim become one; a 0-dim tensor becomes (1,).
Tensor flatten(const Tensor& x, int64_t start_dim = 0, int64_t end_dim = -1);
/// Dimension i of the result is dimension dims[i] of x.
Tensor permute(const Tensor& x, const Dims& dims);
/// x with two dimensions exchanged.
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
/// The transpose of a matrix; a tensor of fewer dimensions as it is.
Tensor t(const Tensor& x);
/// Removes dimensions of size 1: all, or the given ones where their size is 1.
Tensor squeeze(const Tensor& x, const Axes& dims = {});
/// A new dimension of size 1 at position `dim` of the result.
Tensor unsqueeze(const Tensor& x, int64_t dim);
/// Repeats dimensions of size 1 without copying; -1 keeps a size; new dimensions come in front.
Tensor expand(const Tensor& x, const Shape& shape);
/// `length` entries of dimension `dim` from `start` on.
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
/// Entry `index` (negative: from the end) of dimension `dim`, which goes.
Tensor select(const Tensor& x, int64_t dim, int64_t index);
/// Entries start, start + step, ... below end of dimension `dim`; bounds are clamped and may be negative;
/// step >= 1.
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
             int64_t step = 1);

/// Pieces of `size` entries of dimension `dim`, the last one smaller if it must be. Source: torch.split.
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim = 0);
/// Pieces of these sizes, which must add up to the size of `dim`. Source: torch.split with a list.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t dim = 0);
/// At most `chunks` pieces of equal size, the last one smaller if it must be. Source: torch.chunk.
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim = 0);
/// Every entry of dimension `dim`, which goes. Source: torch.unbind.
std::vector<Tensor> unbind(const Tensor& x, int64_t dim = 0);

}  // namespace st
