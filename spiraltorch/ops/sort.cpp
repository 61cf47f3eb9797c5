// Sorting and selection. Both pick elements by index, and so have the gradient of gather.
#include "spiraltorch/ops/sort.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// Records y, elements of x that were picked along `dim`.
void record_picked(const char* op, const ValueIndex& y, const Tensor& x, int dim) {
  record(op, {y.values, y.indices}, {x}, Keep{y.indices.detach()},
         [dim, shape = x.shape()](const Backward& b) -> Grads {
           const Tensor zero = zeros(shape, b.dy().dtype(), b.dy().device());
           return {scatter_add(zero, dim, b.kept(0), b.dy())};
         });
}

}  // namespace

ValueIndex sort(const Tensor& x, int64_t axis, bool descending) {
  check_operands("sort", {{"x", x}});
  const int dim = normalize_dim("sort", axis, x.dim());
  ValueIndex y{empty_like(x), empty_like(x, DType::int64)};
  kernels(x.device()).sort(x.in(), dim, descending, y.values.out(), y.indices.out());
  record_picked("sort", y, x, dim);
  return y;
}

Tensor argsort(const Tensor& x, int64_t axis, bool descending) {
  check_operands("argsort", {{"x", x}});
  const int dim = normalize_dim("argsort", axis, x.dim());
  Tensor indices = empty_like(x, DType::int64);
  kernels(x.device()).sort(x.in(), dim, descending, Out{}, indices.out());
  return indices;
}

ValueIndex topk(const Tensor& x, int64_t k, int64_t axis, bool largest, bool sorted) {
  check_operands("topk", {{"x", x}});
  const int dim = normalize_dim("topk", axis, x.dim());
  const int64_t size = x.dim() == 0 ? 1 : x.shape()[dim];
  check<ValueError>(k >= 0 && k <= size,
                    "topk: k is {}, expected one in [0, {}], the size of dimension {} (x: {})", k, size, dim,
                    x.shape());
  Shape shape = x.shape();
  if (x.dim() > 0) shape[dim] = k;
  ValueIndex y{empty(shape, x.dtype(), x.device()), empty(shape, DType::int64, x.device())};
  kernels(x.device()).topk(x.in(), dim, largest, sorted, y.values.out(), y.indices.out());
  record_picked("topk", y, x, dim);
  return y;
}

}  // namespace st
