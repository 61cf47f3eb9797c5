// Picking and adding are each other's gradient: index_select and index_add, gather and scatter_add.
#include "spiraltorch/ops/index.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// A 0-dim tensor counts as one of shape (1,): kernels see dimensions only.
Tensor at_least_1d(const Tensor& x) { return x.dim() > 0 ? x : make_view(x, {1}, {1}, x.storage_offset()); }

void check_dtype(const char* op, const Tensor& index) {
  check<DTypeError>(index.dtype() == DType::int64 || index.dtype() == DType::int32,
                    "{}: the index is {}, expected int64 or int32", op, index.dtype());
}

void check_list(const char* op, const Tensor& index) {
  check_dtype(op, index);
  check<ShapeError>(index.dim() <= 1, "{}: the index must have one dimension, its shape is {}", op,
                    index.shape());
}

void check_range(const char* op, const Tensor& x, int dim, const Tensor& index) {
  kernels(x.device()).check_index(op, index.in(), 0, at_least_1d(x).shape()[dim]);
}

// index <= other in every dimension except (unless it is negative) `but`.
void check_fits(const char* op, const char* name, const Tensor& index, const Tensor& other, int but) {
  const Tensor i = at_least_1d(index), o = at_least_1d(other);
  bool fits = i.dim() == o.dim();
  for (int d = 0; fits && d < i.dim(); ++d) fits = d == but || i.shape()[d] <= o.shape()[d];
  check<ShapeError>(fits,
                    but < 0 ? "{}: the index must not be larger than {} in any dimension (index: {}, {}: {})"
                            : "{}: the index must not be larger than {} except in the dimension that it "
                              "picks from (index: {}, {}: {})",
                    op, name, index.shape(), name, other.shape());
}

// The gradients of index_select and gather: zeros of x's shape with dy added at the indices. They are ops,
// whose own gradients are index_select and gather.
Tensor index_select_backward(const Tensor& dy, const Shape& shape, int dim, const Tensor& index) {
  const Tensor dx = zeros(shape, dy.dtype(), dy.device());
  kernels(dx.device())
      .index_add(at_least_1d(dx).out(), dim, at_least_1d(index).in(), at_least_1d(dy).in(), 1);
  return record("index_select_backward", dx, {dy}, Keep{index},
                [dim](const Backward& b) -> Grads { return {index_select(b.dy(), dim, b.kept(0))}; });
}

Tensor gather_backward(const Tensor& dy, const Shape& shape, int dim, const Tensor& index) {
  const Tensor dx = zeros(shape, dy.dtype(), dy.device());
  kernels(dx.device()).scatter_add(at_least_1d(dx).out(), dim, at_least_1d(index).in(), at_least_1d(dy).in());
  return record("gather_backward", dx, {dy}, Keep{index},
                [dim](const Backward& b) -> Grads { return {gather(b.dy(), dim, b.kept(0))}; });
}

// Checks the arguments of scatter and scatter_add; the dimension.
int check_scatter(const char* op, const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  check_operands(op, {{"x", x}, {"index", index}, {"source", source}});
  const int dim = normalize_dim(op, axis, x.dim());
  check_dtype(op, index);
  check<DTypeError>(source.dtype() == x.dtype(), "{}: source is {}, x is {}; they must agree", op,
                    source.dtype(), x.dtype());
  if (index.numel() > 0) {
    check_fits(op, "x", index, x, dim);
    check_fits(op, "source", index, source, -1);
  }
  check_range(op, x, dim, index);
  return dim;
}

// The gradient of their source, of shape `size`: dy where an element went. What of it lies beyond the index
// has no part in y.
Tensor scattered_from(const Tensor& dy, const Shape& size, int dim, const Tensor& index) {
  if (index.numel() == 0) return zeros(size, dy.dtype(), dy.device());
  Tensor read = gather(dy, dim, index);
  if (index.shape() == size) return read;
  std::vector<int64_t> unread;
  for (int d = size.size() - 1; d >= 0; --d) {
    unread.push_back(0);
    unread.push_back(size[d] - index.shape()[d]);
  }
  return pad(read, unread);
}

// A row-major copy of x to add to.
Tensor row_major_copy(const Tensor& x) {
  Tensor y = empty(x.shape(), x.dtype(), x.device());
  kernels(x.device()).copy(x.in(), y.out());
  return y;
}

}  // namespace

Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index) {
  check_operands("index_select", {{"x", x}, {"index", index}});
  const int dim = normalize_dim("index_select", axis, x.dim());
  check_list("index_select", index);
  check<ShapeError>(x.dim() > 0 || index.numel() == 1,
                    "index_select: x is 0-dim, so the index must have one element, it has {}", index.numel());
  check_range("index_select", x, dim, index);
  Shape shape = x.shape();
  if (x.dim() > 0) shape[dim] = index.numel();
  const Tensor y = empty_for("index_select", shape, x.dtype(), x.device());
  kernels(x.device()).index_select(at_least_1d(x).in(), dim, at_least_1d(index).in(), at_least_1d(y).out());
  return record("index_select", y, {x}, Keep{index}, [dim, before = x.shape()](const Backward& b) -> Grads {
    return {index_select_backward(b.dy(), before, dim, b.kept(0))};
  });
}

Tensor gather(const Tensor& x, int64_t axis, const Tensor& index) {
  check_operands("gather", {{"x", x}, {"index", index}});
  const int dim = normalize_dim("gather", axis, x.dim());
  check_dtype("gather", index);
  if (index.numel() > 0) check_fits("gather", "x", index, x, dim);
  check_range("gather", x, dim, index);
  const Tensor y = empty_for("gather", index.shape(), x.dtype(), x.device());
  if (index.numel() > 0) {
    kernels(x.device()).gather(at_least_1d(x).in(), dim, at_least_1d(index).in(), at_least_1d(y).out());
  }
  return record("gather", y, {x}, Keep{index}, [dim, before = x.shape()](const Backward& b) -> Grads {
    const Tensor kept = b.kept(0);
    if (kept.numel() == 0) return {zeros(before, b.dy().dtype(), b.dy().device())};
    return {gather_backward(b.dy(), before, dim, kept)};
  });
}

Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  const int dim = check_scatter("scatter", x, axis, index, source);
  const Tensor y = row_major_copy(x);
  if (index.numel() > 0) {
    kernels(x.device()).scatter(at_least_1d(y).out(), dim, at_least_1d(index).in(), at_least_1d(source).in());
  }
  return record("scatter", y, {x, source}, Keep{index},
                [dim, size = source.shape()](const Backward& b) -> Grads {
                  const Tensor kept = b.kept(0);
                  return {b.needs(0) ? scatter(b.dy(), dim, kept, 0) : Tensor(),
                          b.needs(1) ? scattered_from(b.dy(), size, dim, kept) : Tensor()};
                });
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, Scalar value) {
  check_operands("scatter", {{"x", x}, {"index", index}});
  return scatter(x, dim, index, expand(full({}, value, x.dtype(), x.device()), index.shape()));
}

Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  const int dim = check_scatter("scatter_add", x, axis, index, source);
  const Tensor y = row_major_copy(x);
  if (index.numel() > 0) {
    kernels(x.device())
        .scatter_add(at_least_1d(y).out(), dim, at_least_1d(index).in(), at_least_1d(source).in());
  }
  return record("scatter_add", y, {x, source}, Keep{index},
                [dim, size = source.shape()](const Backward& b) -> Grads {
                  return {b.dy(), b.needs(1) ? scattered_from(b.dy(), size, dim, b.kept(0)) : Tensor()};
                });
}

Tensor index_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source,
                 const IndexAddOptions& options) {
  check_operands("index_add", {{"x", x}, {"index", index}, {"source", source}});
  const int dim = normalize_dim("index_add", axis, x.dim());
  check_list("index_add", index);
  check<DTypeError>(source.dtype() == x.dtype(), "index_add: source is {}, x is {}; they must agree",
                    source.dtype(), x.dtype());
  const Scalar alpha = options.alpha;
  check<DTypeError>(is_floating(x.dtype()) || !alpha.is_floating(),
                    "index_add: alpha is {}, but for {} tensors it must be an integer", alpha, x.dtype());
  Shape expected = x.shape();
  if (x.dim() > 0) expected[dim] = index.numel();
  check<ShapeError>(
      source.shape() == expected && (x.dim() > 0 || index.numel() == 1),
      "index_add: source must be {}: x's shape with {} entries in dimension {} (x: {}, source: {})", expected,
      index.numel(), dim, x.shape(), source.shape());
  check_range("index_add", x, dim, index);
  const Tensor y = row_major_copy(x);
  kernels(x.device())
      .index_add(at_least_1d(y).out(), dim, at_least_1d(index).in(), at_least_1d(source).in(), alpha);
  return record("index_add", y, {x, source}, Keep{index}, [dim, alpha](const Backward& b) -> Grads {
    if (!b.needs(1)) return {b.dy(), {}};
    const Tensor read = index_select(b.dy(), dim, b.kept(0));
    return {b.dy(), alpha.to_double() == 1 ? read : read * alpha};
  });
}

}  // namespace st
