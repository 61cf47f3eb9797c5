// x.index is a walk over its entries: each becomes a select, a slice or a new dimension, the tensor an
// index_select at the end.
#include "spiraltorch/ops/indexing.h"

#include <algorithm>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// `middle` in place of dimensions dim .. dim + count - 1.
Shape with_dims(const Shape& whole, int dim, int count, const Shape& middle) {
  Shape shape;
  for (int d = 0; d < dim; ++d) shape.push_back(whole[d]);
  for (int64_t size : middle) shape.push_back(size);
  for (int d = dim + count; d < whole.size(); ++d) shape.push_back(whole[d]);
  return shape;
}
Tensor with_dims(const Tensor& x, int dim, int count, const Shape& middle) {
  return reshape(x, with_dims(x.shape(), dim, count, middle));
}

// The positions of dimension `dim` as one list, checked; negative ones count from the end.
Tensor wrapped(const char* op, const Tensor& x, int dim, const Tensor& positions) {
  const int64_t size = x.shape()[dim];
  check<DTypeError>(positions.dtype() == DType::int64 || positions.dtype() == DType::int32,
                    "{}: an index tensor is {}, expected int64, int32 or bool", op, positions.dtype());
  check<ShapeError>(x.dim() - 1 + positions.dim() <= kMaxDims,
                    "{}: the result would have {} dimensions, a tensor has at most {} (x: {}, index: {})", op,
                    x.dim() - 1 + positions.dim(), kMaxDims, x.shape(), positions.shape());
  kernels(x.device()).check_index(op, positions.in(), -size, size);
  return reshape(positions + lt(positions, 0).to(positions.dtype()) * size, {-1});
}

void check_mask(const char* op, const Tensor& x, int dim, const Tensor& mask) {
  const int count = static_cast<int>(mask.dim());
  bool fits = count >= 1 && dim + count <= x.dim();
  for (int d = 0; fits && d < count; ++d) fits = mask.shape()[d] == x.shape()[dim + d];
  check<IndexError>(fits, "{}: the mask {} does not have the shape of x from dimension {} on (x: {})", op,
                    mask.shape(), dim, x.shape());
}

// Where a mask is true, in row-major order.
Tensor places_of(const Tensor& mask) {
  const std::vector<bool> chosen = mask.to_vector<bool>();
  std::vector<int64_t> positions;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) positions.push_back(static_cast<int64_t>(i));
  }
  const Tensor list = from_blob(positions.data(), {static_cast<int64_t>(positions.size())});
  return clone(list).to(mask.device());
}

int64_t count_tensors(std::initializer_list<Index> indices) {
  return std::ranges::count(indices, Index::Kind::tensor, &Index::kind);
}

bool is_mask(const Index& index) { return index.tensor.defined() && index.tensor.dtype() == DType::bool_; }

// What the entries but the tensor make of x, a view; the tensor, undefined if there is none; and the
// dimension of the view that it applies to.
struct Walked {
  Tensor view, picked;
  int dim = 0;
};

Walked walk(const char* op, const Tensor& x, std::initializer_list<Index> indices) {
  check_operands(op, {{"x", x}});
  for (const Index& index : indices) {
    if (index.kind == Index::Kind::tensor) check_operands(op, {{"x", x}, {"the index", index.tensor}});
  }
  Tensor y = x, picked;
  int picked_dim = 0;
  int dim = 0;
  int64_t used = 0;  // dimensions of x
  for (const Index& index : indices) {
    if (index.kind != Index::Kind::new_axis) {
      used += is_mask(index) ? index.tensor.dim() : 1;
      check<IndexError>(used <= x.dim(), "{}: too many indices for a tensor of {} dimensions (x: {})", op,
                        x.dim(), x.shape());
    }
    switch (index.kind) {
      case Index::Kind::position:
        check<IndexError>(index.position >= -y.shape()[dim] && index.position < y.shape()[dim],
                          "{}: {} is out of range for a dimension of size {} (x: {})", op, index.position,
                          y.shape()[dim], x.shape());
        y = select(y, dim, index.position);
        break;
      case Index::Kind::slice:
        check<ValueError>(index.slice.step >= 1, "{}: the step of a slice is {}, expected at least 1", op,
                          index.slice.step);
        y = slice(y, dim++, index.slice.start, index.slice.end, index.slice.step);
        break;
      case Index::Kind::new_axis:
        check<ShapeError>(y.dim() < kMaxDims, "{}: with None x would have more than {} dimensions (x: {})",
                          op, kMaxDims, x.shape());
        y = unsqueeze(y, dim++);
        break;
      case Index::Kind::tensor:
        check<ValueError>(!picked.defined(),
                          "{}: at most one index may be a tensor, got {}; what x[arange(n), y] picks in "
                          "Python is gather(x, 1, y.unsqueeze(1)).squeeze(1)",
                          op, count_tensors(indices));
        picked = index.tensor;
        picked_dim = dim;
        dim += is_mask(index) ? static_cast<int>(picked.dim()) : 1;
        break;
    }
  }
  return {y, picked, picked_dim};
}

}  // namespace

Tensor index(const Tensor& x, std::initializer_list<Index> indices) {
  const auto [view, picked, dim] = walk("index", x, indices);
  if (!picked.defined()) return view;
  if (picked.dtype() == DType::bool_) {
    check_mask("index", view, dim, picked);
    const int count = static_cast<int>(picked.dim());
    return index_select(with_dims(view, dim, count, {picked.numel()}), dim, places_of(picked));
  }
  return with_dims(index_select(view, dim, wrapped("index", view, dim, picked)), dim, 1, picked.shape());
}

const Tensor& index_put_(const Tensor& x, std::initializer_list<Index> indices, const Tensor& value) {
  check_operands("index_put_", {{"x", x}, {"value", value}});
  check_writable("index_put_", x);
  check_not_expanded("index_put_", x);
  check_unrecorded("index_put_", value);
  const NoGradGuard guard;
  const auto [view, picked, dim] = walk("index_put_", x, indices);
  if (!picked.defined()) {
    view.copy_(value);
    return x;
  }
  // What the tensor picks is a list of entries along one dimension.
  const bool by_mask = picked.dtype() == DType::bool_;
  if (by_mask) check_mask("index_put_", view, dim, picked);
  const Tensor places = by_mask ? places_of(picked) : wrapped("index_put_", view, dim, picked);
  const Tensor list = by_mask ? with_dims(view, dim, static_cast<int>(picked.dim()), {picked.numel()}) : view;
  const Shape written = with_dims(list.shape(), dim, 1, {places.numel()});
  const Shape chosen = by_mask ? written : with_dims(list.shape(), dim, 1, picked.shape());
  check<ShapeError>(broadcast_shapes("index_put_", chosen, value.shape()) == chosen,
                    "index_put_: value of shape {} does not broadcast to {}, what the indices pick (x: {})",
                    value.shape(), chosen, x.shape());
  const Tensor own = value.storage() == x.storage() ? clone(value) : value;
  const Tensor source = reshape(expand(to(own, x.dtype()), chosen), written);
  Shape along = Dims::filled(static_cast<int>(list.dim()), 1);
  along[dim] = places.numel();
  const Tensor index = expand(reshape(places, along), written);
  kernels(x.device()).scatter(list.out(), dim, index.in(), source.in());
  if (list.storage() != view.storage()) view.copy_(reshape(list, view.shape()));
  return x;
}

const Tensor& index_put_(const Tensor& x, std::initializer_list<Index> indices, Scalar value) {
  check_operands("index_put_", {{"x", x}});
  return index_put_(x, indices, full({}, value, x.dtype(), x.device()));
}

}  // namespace st
