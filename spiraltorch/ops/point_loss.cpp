// Losses element by element: one fused kernel for the loss, one for its gradient in x; weights and the
// reduction are ops.
#include <cmath>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/loss_reduction.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// The gradient in x as ops, for create_graph.
Tensor composed_gradient(PointLoss f, double beta, const Tensor& x, const Tensor& t, const Tensor& dy) {
  switch (f) {
    case PointLoss::l1:
      return dy * sign(x - t);
    case PointLoss::smooth_l1: {
      const Tensor z = x - t;
      return dy * where(abs(z) >= beta, sign(z), z / beta);
    }
    case PointLoss::binary_cross_entropy:
      return dy * (x - t) / clamp((1 - x) * x, 1e-12f);
    case PointLoss::binary_cross_entropy_with_logits:
      return dy * (sigmoid(x) - t);
    case PointLoss::kl_div:
      return -(dy * t);
    case PointLoss::kl_div_log:
      break;
  }
  return -(dy * exp(t));
}

// The gradient in the target, as ops: seldom asked for.
Tensor target_gradient(PointLoss f, double beta, const Tensor& x, const Tensor& t, const Tensor& dy) {
  switch (f) {
    case PointLoss::l1:
    case PointLoss::smooth_l1:
      return -composed_gradient(f, beta, x, t, dy);
    case PointLoss::binary_cross_entropy:
      return dy * (clamp(log1p(-x), -100) - clamp(log(x), -100));
    case PointLoss::binary_cross_entropy_with_logits:
      return -(dy * x);
    case PointLoss::kl_div:
      return dy * (log(t) + 1 - x);
    case PointLoss::kl_div_log:
      break;
  }
  return dy * exp(t) * (t - x + 1);
}

// The dtype of a loss of x and t.
DType loss_dtype(const char* name, const Tensor& x, const Tensor& t) {
  const DType dtype = result_dtype(x, t);
  check<DTypeError>(is_floating(dtype) && x.dtype() != DType::bool_ && t.dtype() != DType::bool_,
                    "{}: expected floating-point tensors, got {} and {}", name, x.dtype(), t.dtype());
  return dtype;
}

Tensor elements(const char* name, PointLoss f, double beta, const Tensor& x, const Tensor& t) {
  const DType dtype = loss_dtype(name, x, t);
  const Tensor y = empty_broadcast(name, x, t, dtype);
  kernels(x.device()).point_loss(f, beta, x.in(), t.in(), y.out());
  return record(name, y, {x, t}, Keep{x, t}, [f, beta](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), t = b.kept(1), &dy = b.dy();
    Tensor dx, dt;
    if (b.needs(1)) dt = target_gradient(f, beta, x, t, dy);
    if (!b.needs(0)) return {dx, dt};
    if (grad_enabled()) return {composed_gradient(f, beta, x, t, dy), dt};
    dx = empty_like(dy);
    kernels(x.device()).point_loss_backward(f, beta, x.in(), t.in(), dy.in(), dx.out());
    return {dx, dt};
  });
}

void check_same_shape(const char* name, const Tensor& x, const Tensor& t) {
  check<ShapeError>(x.shape() == t.shape(),
                    "{}: input and target must have one shape (input: {}, target: {})", name, x.shape(),
                    t.shape());
}

// Throws unless `weight`, where there is one, broadcasts to the elements without growing them.
void check_weight(const char* op, const char* name, const Tensor& weight, const Tensor& x) {
  check<ShapeError>(!weight.defined() || broadcast_shapes(op, weight.shape(), x.shape()) == x.shape(),
                    "{}: {} must broadcast to the input ({}: {}, input: {})", op, name, name,
                    weight.defined() ? weight.shape() : Shape{}, x.shape());
  check<DTypeError>(!weight.defined() || is_floating(weight.dtype()),
                    "{}: {} is {}, expected a floating-point tensor", op, name,
                    weight.defined() ? weight.dtype() : DType::float32);
}

Tensor finish(const Tensor& losses, const Tensor& weight, Reduction reduction) {
  return apply_reduction(weight.defined() ? losses * weight : losses, reduction);
}

}  // namespace

Tensor l1_loss(const Tensor& input, const Tensor& target, const LossOptions& options) {
  check_operands("l1_loss", {{"input", input}, {"target", target}});
  check_reduction("l1_loss", options.reduction);
  const Tensor x = autocast_float32(input), t = autocast_float32(target);
  return apply_reduction(elements("l1_loss", PointLoss::l1, 0, x, t), options.reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, const SmoothL1Options& options) {
  check_operands("smooth_l1_loss", {{"input", input}, {"target", target}});
  check_reduction("smooth_l1_loss", options.reduction);
  check<ValueError>(options.beta >= 0, "smooth_l1_loss: beta must not be negative, got {}", options.beta);
  const Tensor x = autocast_float32(input), t = autocast_float32(target);
  return apply_reduction(
      elements("smooth_l1_loss", options.beta > 0 ? PointLoss::smooth_l1 : PointLoss::l1, options.beta, x, t),
      options.reduction);
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target,
                            const BinaryCrossEntropyOptions& options) {
  const char* const name = "binary_cross_entropy";
  check_operands(name, {{"input", input}, {"target", target}, {"weight", options.weight, true}});
  check_reduction(name, options.reduction);
  check_same_shape(name, input, target);
  check_weight(name, "weight", options.weight, input);
  if (input.numel() > 0) {
    const NoGradGuard no_grad;
    const double least = amin(input).item<double>(), most = amax(input).item<double>();
    check<ValueError>(least >= 0 && most <= 1, "{}: the input must be in [0, 1], it is in [{}, {}]", name,
                      least, most);
  }
  const Tensor x = autocast_float32(input), t = autocast_float32(target);
  return finish(elements(name, PointLoss::binary_cross_entropy, 0, x, t), options.weight, options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BinaryCrossEntropyWithLogitsOptions& options) {
  const char* const name = "binary_cross_entropy_with_logits";
  check_operands(name, {{"input", input},
                        {"target", target},
                        {"weight", options.weight, true},
                        {"pos_weight", options.pos_weight, true}});
  check_reduction(name, options.reduction);
  check_same_shape(name, input, target);
  check_weight(name, "weight", options.weight, input);
  check_weight(name, "pos_weight", options.pos_weight, input);
  const Tensor x = autocast_float32(input), t = autocast_float32(target), &p = options.pos_weight;
  if (!p.defined())
    return finish(elements(name, PointLoss::binary_cross_entropy_with_logits, 0, x, t), options.weight,
                  options.reduction);
  const DType dtype = loss_dtype(name, x, t);
  const Tensor losses = (1 - t) * x - ((p - 1) * t + 1) * logsigmoid(to(x, dtype));
  return finish(losses, options.weight, options.reduction);
}

Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivOptions& options) {
  check_operands("kl_div", {{"input", input}, {"target", target}});
  // A single number is a batch of one.
  const bool by_batch = options.reduction == Reduction::batchmean && input.dim() > 0;
  const Tensor x = autocast_float32(input), t = autocast_float32(target);
  const PointLoss f = options.log_target ? PointLoss::kl_div_log : PointLoss::kl_div;
  const Tensor loss = apply_reduction(elements("kl_div", f, 0, x, t), options.reduction);
  return by_batch ? loss / static_cast<double>(input.size(0)) : loss;
}

}  // namespace st
