// Softmax and its logarithm: the forward kernel, and the gradient fused or, for create_graph, composed of
// ops. And logsumexp, composed.
#include "spiraltorch/ops/softmax.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
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

namespace {

// Outside of autograd. A largest element that is infinite is not taken away: inf - inf is no number.
Tensor log_of_sum(const Tensor& x, const Axes& axes, KeepDim keep) {
  const NoGradGuard no_grad;
  if (x.numel() == 0) return log(sum(exp(x), axes, keep));
  const Tensor largest = amax(x, axes, keepdim), shift = where(isfinite(largest), largest, 0.0);
  const Tensor y = log(sum(exp(x - shift), axes, keep));
  return y + reshape(shift, y.shape());
}

}  // namespace

Tensor logsumexp(const Tensor& input, const Axes& axes, KeepDim keep) {
  check_operands("logsumexp", {{"x", input}});
  const DimSet dims = normalize_axes("logsumexp", axes, input.dim());
  const Tensor x = to(input, floating_dtype(input.dtype())), y = log_of_sum(x, axes, keep);
  return record("logsumexp", y, {x}, Keep{x, y}, [dims](const Backward& b) -> Grads {
    const Tensor x = b.kept(0);
    const Shape kept = reduced_shape(x.shape(), dims, keepdim);
    return {reshape(b.dy(), kept) * exp(x - reshape(b.kept(1), kept))};
  });
}

}  // namespace st
