// Activations. The gradients of relu, tanh and sigmoid come from the kept output, those of curves from the
// input.
#include "spiraltorch/ops/activation.h"

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/unary.h"

namespace st {
namespace {

// y = f(x) with the parameters; `composed(x, dy)` is its gradient in ops.
template <class F>
Tensor curve_op(const char* name, Curve f, CurveParameters parameters, const Tensor& x, F composed) {
  check_operands(name, {{"x", x}});
  check_floating(name, x);
  const Tensor y = empty_like(x);
  kernels(x.device()).curve(f, parameters, x.in(), y.out());
  return record(name, y, {x}, Keep{x}, [f, parameters, composed](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), &dy = b.dy();
    if (grad_enabled()) return {composed(x, dy)};
    const Tensor dx = empty_like(x);
    kernels(x.device()).curve_backward(f, parameters, x.in(), dy.in(), dx.out());
    return {dx};
  });
}

constexpr double kInverseSqrt2 = 0.7071067811865476, kInverseSqrt2Pi = 0.3989422804014327;
constexpr double kGeluScale = 0.7978845608028654, kGeluCubic = 0.044715;

}  // namespace

Tensor relu(const Tensor& x) {
  check_operands("relu", {{"x", x}});
  check<DTypeError>(x.dtype() != DType::bool_, "relu: bool tensors are not supported (x: {})", x.shape());
  return unary_op("relu", Unary::relu, x, x.dtype(), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return where(y <= 0, 0.0, dy); });
}

Tensor tanh(const Tensor& x) {
  return unary_op("tanh", Unary::tanh, x, floating_result("tanh", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * (1 - y * y); });
}

Tensor sigmoid(const Tensor& x) {
  return unary_op("sigmoid", Unary::sigmoid, x, floating_result("sigmoid", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * (1 - y) * y; });
}

Tensor logsigmoid(const Tensor& x) {
  return curve_op("logsigmoid", Curve::logsigmoid, {}, x,
                  [](const Tensor& x, const Tensor& dy) { return dy * sigmoid(-x); });
}

Tensor leaky_relu(const Tensor& x, const LeakyReluOptions& options) {
  const double slope = options.negative_slope;
  return curve_op("leaky_relu", Curve::leaky_relu, {slope}, x,
                  [slope](const Tensor& x, const Tensor& dy) { return where(x > 0, dy, dy * slope); });
}

Tensor elu(const Tensor& x, const EluOptions& options) {
  const double alpha = options.alpha;
  return curve_op("elu", Curve::elu, {alpha}, x, [alpha](const Tensor& x, const Tensor& dy) {
    // The exponential of a large x would be infinite, and its gradient, times zero, NaN.
    return where(x > 0, dy, dy * (alpha * exp(clamp(x, {}, 0.0))));
  });
}

Tensor gelu(const Tensor& x, const GeluOptions& options) {
  if (options.approximate == Approximate::none) {
    return curve_op("gelu", Curve::gelu, {}, x, [](const Tensor& x, const Tensor& dy) {
      const Tensor phi = (erf(x * kInverseSqrt2) + 1) * 0.5;
      return dy * (phi + x * exp(x * x * -0.5) * kInverseSqrt2Pi);
    });
  }
  return curve_op("gelu", Curve::gelu_tanh, {}, x, [](const Tensor& x, const Tensor& dy) {
    const Tensor square = x * x, t = tanh((x * square * kGeluCubic + x) * kGeluScale);
    const Tensor du = (square * (3 * kGeluCubic) + 1) * kGeluScale;
    return dy * ((t + 1) * 0.5 + x * 0.5 * (1 - t * t) * du);
  });
}

Tensor silu(const Tensor& x) {
  return curve_op("silu", Curve::silu, {}, x, [](const Tensor& x, const Tensor& dy) {
    const Tensor s = sigmoid(x);
    return dy * (s * (x * (1 - s) + 1));
  });
}

Tensor softplus(const Tensor& x, const SoftplusOptions& options) {
  const double beta = options.beta, threshold = options.threshold;
  return curve_op("softplus", Curve::softplus, {beta, threshold}, x,
                  [beta, threshold](const Tensor& x, const Tensor& dy) {
                    const Tensor z = x * beta;
                    return where(z > threshold, dy, dy * sigmoid(z));
                  });
}

Tensor hardswish(const Tensor& x) {
  return curve_op("hardswish", Curve::hardswish, {}, x, [](const Tensor& x, const Tensor& dy) {
    return where(x <= -3, 0.0, where(x >= 3, dy, dy * (x / 3 + 0.5)));
  });
}

}  // namespace st
