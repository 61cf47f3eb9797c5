// Running sums and products. The gradient of a sum from the start is one from the end, and the other way
// round; that of a product is a recurrence, which no zero stops as a division would.
#include "spiraltorch/ops/scan.h"

#include <utility>

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

Tensor running_sum(const char* op, const Tensor& x, int dim, bool from_end, DType dtype) {
  const Tensor y = empty_like(x, dtype);
  kernels(x.device()).cumsum(x.in(), dim, from_end, y.out());
  return record(op, y, {x}, {}, [dim, from_end](const Backward& b) -> Grads {
    return {running_sum(from_end ? "cumsum" : "cumsum_backward", b.dy(), dim, !from_end, b.dy().dtype())};
  });
}

// Element i is x's next (previous) along `dim`, and `edge` where there is none.
Tensor neighbour(const Tensor& x, int dim, bool next, double edge) {
  const int64_t n = x.shape()[dim];
  Shape shape = x.shape();
  shape[dim] = 1;
  const Tensor end = full(shape, edge, x.dtype(), x.device());
  return next ? cat({narrow(x, dim, 1, n - 1), end}, dim) : cat({end, narrow(x, dim, 0, n - 1)}, dim);
}

// y_i = b_i + a_i y_(i-1), or with y_(i+1). Its gradient runs the other way: db_i = dy_i + a_(i+1) db_(i+1),
// da_i = db_i y_(i-1).
Tensor linear_scan(const Tensor& a, const Tensor& b, int dim, bool from_end) {
  const Tensor y = empty_like(b);
  kernels(b.device()).linear_scan(a.in(), b.in(), dim, from_end, y.out());
  return record("cumprod_backward", y, {a, b}, Keep{a, y}, [dim, from_end](const Backward& b) -> Grads {
    const Tensor a = b.kept(0), y = b.kept(1);
    const Tensor db = linear_scan(neighbour(a, dim, !from_end, 1), b.dy(), dim, !from_end);
    return {b.needs(0) ? db * neighbour(y, dim, from_end, 0) : Tensor(), db};
  });
}

// The input in the dtype that was asked for, and that of the result.
std::pair<Tensor, DType> converted(const char* op, const Tensor& x, std::optional<DType> dtype) {
  check<DTypeError>(dtype != DType::bool_,
                    "{}: the result has no dtype bool; leave dtype out for int64 (x: {})", op, x.shape());
  if (dtype) return {to(x, *dtype), *dtype};
  return {x, is_floating(x.dtype()) ? x.dtype() : DType::int64};
}

}  // namespace

Tensor cumsum(const Tensor& input, int64_t axis, std::optional<DType> dtype) {
  check_operands("cumsum", {{"x", input}});
  const int dim = normalize_dim("cumsum", axis, input.dim());
  const auto [x, sum] = converted("cumsum", input, dtype);
  return running_sum("cumsum", x, dim, false, sum);
}

Tensor cumprod(const Tensor& input, int64_t axis, std::optional<DType> dtype) {
  check_operands("cumprod", {{"x", input}});
  const int dim = normalize_dim("cumprod", axis, input.dim());
  const auto [x, product] = converted("cumprod", input, dtype);
  const Tensor y = empty_like(x, product);
  kernels(x.device()).cumprod(x.in(), dim, y.out());
  return record("cumprod", y, {x}, Keep{x, y}, [dim](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), &dy = b.dy();
    if (x.dim() == 0 || x.numel() == 0) return {dy};
    // What stands before x_i, times the sum over j >= i of dy_j and what stands between.
    return {neighbour(b.kept(1), dim, false, 1) * linear_scan(neighbour(x, dim, true, 1), dy, dim, true)};
  });
}

}  // namespace st
