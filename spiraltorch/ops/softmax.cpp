// Softmax and its logarithm: the forward kernel, and the gradient fused or, for create_graph, composed of
// ops.
#include "spiraltorch/ops/softmax.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/tensor/operands.h"

namespace st {

Tensor softmax(const Tensor& input, int64_t axis, std::optional<DType> dtype) {
  check_operands("softmax", {{"x", input}});
  const Tensor x = to(input, dtype.value_or(input.dtype()));
  const int dim = normalize_dim("softmax", axis, x.dim());
  check_floating("softmax", x);
  const Tensor y = empty_like(x);
  kernels(x.device()).softmax(x.in(), dim, y.out());
  return record("softmax", y, {x}, Keep{y}, [dim](const Backward& b) -> Grads {
    const Tensor y = b.kept(0), &dy = b.dy();
    if (grad_enabled()) return {y * (dy - sum(dy * y, dim, keepdim))};
    const Tensor dx = empty_like(y);
    kernels(y.device()).softmax_backward(y.in(), dy.in(), dim, dx.out());
    return {dx};
  });
}

Tensor log_softmax(const Tensor& input, int64_t axis, std::optional<DType> dtype) {
  check_operands("log_softmax", {{"x", input}});
  const Tensor x = to(input, dtype.value_or(input.dtype()));
  const int dim = normalize_dim("log_softmax", axis, x.dim());
  check_floating("log_softmax", x);
  const Tensor y = empty_like(x);
  kernels(x.device()).log_softmax(x.in(), dim, y.out());
  return record("log_softmax", y, {x}, Keep{y}, [dim](const Backward& b) -> Grads {
    const Tensor y = b.kept(0), &dy = b.dy();
    if (grad_enabled()) return {dy - exp(y) * sum(dy, dim, keepdim)};
    const Tensor dx = empty_like(y);
    kernels(y.device()).log_softmax_backward(y.in(), dy.in(), dim, dx.out());
    return {dx};
  });
}

}  // namespace st
