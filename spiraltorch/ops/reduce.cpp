// Reductions: the shape and dtype of the result, the kernel, and gradients that spread it over x again.
#include "spiraltorch/ops/reduce.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// y of the reduced shape, filled by the kernel, which always sees the reduced dimensions with size 1.
Tensor reduced(Reduce family, const Tensor& x, DimSet dims, KeepDim keep, DType dtype) {
  Tensor y = empty(reduced_shape(x.shape(), dims, keep), dtype, x.device());
  const Shape kept = reduced_shape(x.shape(), dims, keepdim);
  const Strides strides = contiguous_strides(kept);
  kernels(x.device()).reduce(family, x.in(), dims, Out{y.out().data, dtype, &kept, &strides});
  return y;
}

// A reduced tensor seen again in the shape that was reduced.
Tensor spread(const Tensor& y, const Shape& shape, DimSet dims) {
  return expand(reshape(y, reduced_shape(shape, dims, keepdim)), shape);
}

// sum and prod keep floating types and count everything else in int64.
DType sum_dtype(DType dtype) { return is_floating(dtype) ? dtype : DType::int64; }

// Whether a sum of x in this dtype needs no copy: what the kernel accumulates in holds every x and is rounded
// once.
bool kernel_converts(DType x, DType sum) {
  return is_floating(x) ? is_floating(sum) && promote(x, sum) == sum : sum == DType::int64;
}

// The dimensions that an op over x reduces; refuses an undefined x.
DimSet checked_axes(const char* op, const Tensor& x, const Axes& axes) {
  check_operands(op, {{"x", x}});
  return normalize_axes(op, axes, x.dim());
}

}  // namespace

Tensor sum(const Tensor& input, const Axes& axes, KeepDim keep, std::optional<DType> dtype) {
  const DimSet dims = checked_axes("sum", input, axes);
  const DType wanted = dtype.value_or(sum_dtype(input.dtype()));
  const Tensor x = kernel_converts(input.dtype(), wanted) ? input : to(input, wanted);
  const Tensor y = reduced(Reduce::sum, x, dims, keep, wanted);
  return record("sum", y, {x}, {}, [dims, shape = x.shape()](const Backward& b) -> Grads {
    return {spread(b.dy(), shape, dims)};
  });
}

Tensor mean(const Tensor& input, const Axes& axes, KeepDim keep, std::optional<DType> dtype) {
  const DimSet dims = checked_axes("mean", input, axes);
  const DType wanted = dtype.value_or(input.dtype());
  check<DTypeError>(is_floating(wanted),
                    "mean: expected a floating-point tensor, got {}; convert it with to()", wanted);
  const Tensor x = kernel_converts(input.dtype(), wanted) ? input : to(input, wanted);
  const Tensor y = reduced(Reduce::mean, x, dims, keep, wanted);
  return record("mean", y, {x}, {}, [dims, shape = x.shape()](const Backward& b) -> Grads {
    const double count = static_cast<double>(numel_of(shape)) / static_cast<double>(b.dy().numel());
    return {spread(b.dy() / count, shape, dims)};
  });
}

namespace {

// For each element the product of the others along `dim`: what division by x could not give beside a zero.
// Products of 1, 2, 4, ... neighbours on either side.
Tensor product_of_others(const Tensor& x, int dim) {
  const int64_t n = x.shape()[dim];
  Shape edge = x.shape();
  edge[dim] = 1;
  const auto part = [dim](const Tensor& t, int64_t start, int64_t length) {
    return narrow(t, dim, start, length);
  };
  const Tensor one = ones(edge, x.dtype(), x.device());
  Tensor before = cat({one, part(x, 0, n - 1)}, dim), after = cat({part(x, 1, n - 1), one}, dim);
  for (int64_t s = 1; s < n; s *= 2) {
    before = cat({part(before, 0, s), part(before, s, n - s) * part(before, 0, n - s)}, dim);
    after = cat({part(after, 0, n - s) * part(after, s, n - s), part(after, n - s, s)}, dim);
  }
  return before * after;
}

// Over one dimension or, with -1, over all.
Tensor product(const Tensor& input, int dim, KeepDim keep, std::optional<DType> dtype) {
  const Tensor x = dtype ? to(input, *dtype) : autocast_float32(input);
  const DimSet dims = dim < 0 ? (DimSet{1} << x.dim()) - 1 : DimSet{1} << dim;
  const Tensor y = reduced(Reduce::prod, x, dims, keep, dtype.value_or(sum_dtype(x.dtype())));
  return record("prod", y, {x}, Keep{x, y}, [dims, dim](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), y = b.kept(1), &dy = b.dy();
    if (x.numel() == 0) return {zeros_like(x)};
    if (!grad_enabled() && !any(x == 0).item<bool>()) return {spread(dy * y, x.shape(), dims) / x};
    const Tensor others =
        dim < 0 ? reshape(product_of_others(reshape(x, {-1}), 0), x.shape()) : product_of_others(x, dim);
    return {spread(dy, x.shape(), dims) * others};
  });
}

}  // namespace

Tensor prod(const Tensor& x, std::optional<DType> dtype) {
  check_operands("prod", {{"x", x}});
  return product(x, -1, false, dtype);
}

Tensor prod(const Tensor& x, int64_t axis, KeepDim keep, std::optional<DType> dtype) {
  check_operands("prod", {{"x", x}});
  const int dim = normalize_dim("prod", axis, x.dim());
  return product(x, x.dim() == 0 ? -1 : dim, keep, dtype);
}

namespace {

// y is the extremum of x over `dims`; all elements equal to it share dy. `nan_shares`: a NaN shares with the
// others, else it makes the gradient NaN.
Tensor share_evenly(const Tensor& x, const Tensor& y, const Tensor& dy, DimSet dims, bool nan_shares) {
  Tensor mask = (x == spread(y, x.shape(), dims)).to(x.dtype());
  if (nan_shares) mask = mask + isnan(x).to(x.dtype());
  Dims axes;
  for (int d = 0; d < x.dim(); ++d) {
    if (dims >> d & 1) axes.push_back(d);
  }
  const Tensor count = axes.empty() ? mask : sum(mask, axes, keepdim);
  return spread(dy, x.shape(), dims) * mask / count;
}

Tensor extremum_over(const char* op, Reduce family, const Tensor& x, const Axes& axes, KeepDim keep,
                     bool nan_shares) {
  const DimSet dims = checked_axes(op, x, axes);
  for (int d = 0; d < x.dim(); ++d) {
    check<IndexError>(!(dims >> d & 1) || x.shape()[d] > 0,
                      "{}: dimension {} has size 0, and nothing has no extremum (x: {})", op, d, x.shape());
  }
  const Tensor y = reduced(family, x, dims, keep, x.dtype());
  return record(op, y, {x}, Keep{x, y}, [dims, nan_shares](const Backward& b) -> Grads {
    return {share_evenly(b.kept(0), b.kept(1), b.dy(), dims, nan_shares)};
  });
}

// Values and first indices along `dim`, outside of autograd.
ValueIndex extremum_along(const char* op, Extremum family, const Tensor& x, int dim, KeepDim keep) {
  check<IndexError>(x.dim() == 0 || x.shape()[dim] > 0,
                    "{}: dimension {} has size 0, and nothing has no extremum (x: {})", op, dim, x.shape());
  const DimSet dims = x.dim() == 0 ? 0 : DimSet{1} << dim;
  const Shape shape = reduced_shape(x.shape(), dims, keep), kept = reduced_shape(x.shape(), dims, keepdim);
  ValueIndex y{empty(shape, x.dtype(), x.device()), empty(shape, DType::int64, x.device())};
  const Strides strides = contiguous_strides(kept);
  const auto out = [&](const Tensor& t) { return Out{t.out().data, t.dtype(), &kept, &strides}; };
  kernels(x.device()).extremum(family, x.in(), dim, out(y.values), out(y.indices));
  return y;
}

ValueIndex extremum(const char* op, Extremum family, const Tensor& x, int64_t axis, KeepDim keep) {
  check_operands(op, {{"x", x}});
  const int dim = normalize_dim(op, axis, x.dim());
  ValueIndex y = extremum_along(op, family, x, dim, keep);
  record(op, {y.values, y.indices}, {x}, Keep{y.indices.detach()},
         [dim, shape = x.shape()](const Backward& b) -> Grads {
           if (shape.empty()) return {b.dy()};
           const Shape kept = reduced_shape(shape, DimSet{1} << dim, keepdim);
           const Tensor zero = zeros(shape, b.dy().dtype(), b.dy().device());
           return {scatter_add(zero, dim, reshape(b.kept(0), kept), reshape(b.dy(), kept))};
         });
  return y;
}

Tensor arg_extremum(const char* op, Extremum family, const Tensor& x, std::optional<int64_t> axis,
                    KeepDim keep) {
  check_operands(op, {{"x", x}});
  check<DTypeError>(x.dtype() != DType::bool_, "{}: bool tensors are not supported; convert with to()", op);
  const NoGradGuard no_grad;
  if (axis) return extremum_along(op, family, x, normalize_dim(op, *axis, x.dim()), keep).indices;
  const Tensor index = extremum_along(op, family, reshape(x, {-1}), 0, false).indices;
  return keep ? reshape(index, Dims::filled(static_cast<int>(x.dim()), 1)) : index;
}

}  // namespace

ValueIndex max(const Tensor& x, int64_t dim, KeepDim keep) {
  return extremum("max", Extremum::max, x, dim, keep);
}
ValueIndex min(const Tensor& x, int64_t dim, KeepDim keep) {
  return extremum("min", Extremum::min, x, dim, keep);
}
Tensor max(const Tensor& x) { return extremum_over("max", Reduce::max, x, {}, false, true); }
Tensor min(const Tensor& x) { return extremum_over("min", Reduce::min, x, {}, false, true); }
Tensor amax(const Tensor& x, const Axes& dims, KeepDim keep) {
  return extremum_over("amax", Reduce::max, x, dims, keep, false);
}
Tensor amin(const Tensor& x, const Axes& dims, KeepDim keep) {
  return extremum_over("amin", Reduce::min, x, dims, keep, false);
}
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, KeepDim keep) {
  return arg_extremum("argmax", Extremum::max, x, dim, keep);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, KeepDim keep) {
  return arg_extremum("argmin", Extremum::min, x, dim, keep);
}

namespace {

// As in PyTorch the answer is bool, but uint8 for uint8.
Tensor truth(const char* op, Reduce family, const Tensor& x, const Axes& axes, KeepDim keep) {
  const DimSet dims = checked_axes(op, x, axes);
  return reduced(family, x, dims, keep, x.dtype() == DType::uint8 ? DType::uint8 : DType::bool_);
}

}  // namespace

Tensor any(const Tensor& x, const Axes& dims, KeepDim keep) {
  return truth("any", Reduce::any, x, dims, keep);
}
Tensor all(const Tensor& x, const Axes& dims, KeepDim keep) {
  return truth("all", Reduce::all, x, dims, keep);
}

Tensor sum_to_size(const Tensor& x, const Shape& shape) {
  check_operands("sum_to_size", {{"x", x}});
  const int lead = static_cast<int>(x.dim()) - shape.size();
  bool fits = lead >= 0;
  Dims axes;
  for (int d = 0; fits && d < x.dim(); ++d) {
    const int64_t target = d < lead ? 1 : shape[d - lead];
    fits = target == 1 || target == x.shape()[d];
    if (d < lead || target != x.shape()[d]) axes.push_back(d);
  }
  check<ShapeError>(fits, "sum_to_size: the shape {} does not broadcast to {}, x's", shape, x.shape());
  if (axes.empty()) return x;
  const Tensor y = sum(x, axes, keepdim);
  return lead > 0 ? reshape(y, shape) : y;
}

}  // namespace st
