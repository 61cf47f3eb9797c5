// x.index is a walk over its entries: each becomes a select, a slice or a new dimension, the tensor an
// index_select at the end.
#include "spiraltorch/ops/indexing.h"

#include <algorithm>

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// x with dimensions dim .. dim + count - 1 in the shape `middle`.
Tensor with_dims(const Tensor& x, int dim, int count, const Shape& middle) {
  Shape shape;
  for (int d = 0; d < dim; ++d) shape.push_back(x.shape()[d]);
  for (int64_t size : middle) shape.push_back(size);
  for (int d = dim + count; d < x.dim(); ++d) shape.push_back(x.shape()[d]);
  return reshape(x, shape);
}

// Negative positions count from the end.
Tensor pick(const Tensor& x, int dim, const Tensor& positions) {
  const int64_t size = x.shape()[dim];
  check<DTypeError>(positions.dtype() == DType::int64 || positions.dtype() == DType::int32,
                    "index: an index tensor is {}, expected int64, int32 or bool", positions.dtype());
  check<ShapeError>(x.dim() - 1 + positions.dim() <= kMaxDims,
                    "index: the result would have {} dimensions, a tensor has at most {} (x: {}, index: {})",
                    x.dim() - 1 + positions.dim(), kMaxDims, x.shape(), positions.shape());
  kernels(x.device()).check_index("index", positions.in(), -size, size);
  const Tensor wrapped = positions + lt(positions, 0).to(positions.dtype()) * size;
  return with_dims(index_select(x, dim, reshape(wrapped, {-1})), dim, 1, positions.shape());
}

Tensor pick_mask(const Tensor& x, int dim, const Tensor& mask) {
  const int count = static_cast<int>(mask.dim());
  bool fits = count >= 1 && dim + count <= x.dim();
  for (int d = 0; fits && d < count; ++d) fits = mask.shape()[d] == x.shape()[dim + d];
  check<IndexError>(fits, "index: the mask {} does not have the shape of x from dimension {} on (x: {})",
                    mask.shape(), dim, x.shape());
  const std::vector<bool> chosen = mask.to_vector<bool>();
  std::vector<int64_t> positions;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) positions.push_back(static_cast<int64_t>(i));
  }
  const Tensor list = from_blob(positions.data(), {static_cast<int64_t>(positions.size())});
  return index_select(with_dims(x, dim, count, {mask.numel()}), dim, clone(list).to(x.device()));
}

int64_t count_tensors(std::initializer_list<Index> indices) {
  return std::ranges::count(indices, Index::Kind::tensor, &Index::kind);
}

bool is_mask(const Index& index) { return index.tensor.defined() && index.tensor.dtype() == DType::bool_; }

}  // namespace

Tensor index(const Tensor& x, std::initializer_list<Index> indices) {
  check_operands("index", {{"x", x}});
  for (const Index& index : indices) {
    if (index.kind == Index::Kind::tensor) check_operands("index", {{"x", x}, {"the index", index.tensor}});
  }
  Tensor y = x;
  Tensor picked;       // the tensor among the indices,
  int picked_dim = 0;  // and the dimension of y that it applies to
  int dim = 0;
  int64_t used = 0;  // dimensions of x
  for (const Index& index : indices) {
    if (index.kind != Index::Kind::new_axis) {
      used += is_mask(index) ? index.tensor.dim() : 1;
      check<IndexError>(used <= x.dim(), "index: too many indices for a tensor of {} dimensions (x: {})",
                        x.dim(), x.shape());
    }
    switch (index.kind) {
      case Index::Kind::position:
        check<IndexError>(index.position >= -y.shape()[dim] && index.position < y.shape()[dim],
                          "index: {} is out of range for a dimension of size {} (x: {})", index.position,
                          y.shape()[dim], x.shape());
        y = select(y, dim, index.position);
        break;
      case Index::Kind::slice:
        check<ValueError>(index.slice.step >= 1, "index: the step of a slice is {}, expected at least 1",
                          index.slice.step);
        y = slice(y, dim++, index.slice.start, index.slice.end, index.slice.step);
        break;
      case Index::Kind::new_axis:
        check<ShapeError>(y.dim() < kMaxDims, "index: with None x would have more than {} dimensions (x: {})",
                          kMaxDims, x.shape());
        y = unsqueeze(y, dim++);
        break;
      case Index::Kind::tensor:
        check<ValueError>(!picked.defined(),
                          "index: at most one index may be a tensor, got {}; what x[arange(n), y] picks in "
                          "Python is gather(x, 1, y.unsqueeze(1)).squeeze(1)",
                          count_tensors(indices));
        picked = index.tensor;
        picked_dim = dim;
        dim += is_mask(index) ? static_cast<int>(picked.dim()) : 1;
        break;
    }
  }
  if (!picked.defined()) return y;
  return picked.dtype() == DType::bool_ ? pick_mask(y, picked_dim, picked) : pick(y, picked_dim, picked);
}

}  // namespace st
