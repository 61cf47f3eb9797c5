// Batch normalisation: checks, the fused kernels, and the gradient composed of ops for create_graph.
#include "spiraltorch/ops/norm.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/kernel_operands.h"
#include "spiraltorch/ops/layout.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// Training moves the running statistics where they are.
void check_statistics(const char* name, const Tensor& t) {
  if (!t.defined()) return;
  check_not_read_only("batch_norm", name, t);
  check<ValueError>(t.shape()[0] <= 1 || t.strides()[0] != 0,
                    "batch_norm: several places of {} {} with strides {} are one element; clone() it first",
                    name, t.shape(), t.strides());
}

void check_batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                      const Tensor& weight, const Tensor& bias, bool training) {
  check_operands("batch_norm", {{"x", x},
                                {"running_mean", running_mean, true},
                                {"running_var", running_var, true},
                                {"weight", weight, true},
                                {"bias", bias, true}});
  check<ShapeError>(x.dim() >= 2, "batch_norm: expected x of (N, C) or (N, C, d1, ...), got {}", x.shape());
  check<DTypeError>(is_floating(x.dtype()), "batch_norm: expected a floating-point tensor, got {}",
                    x.dtype());
  const int64_t channels = x.size(1);
  const auto check_channels = [&](const char* name, const Tensor& t) {
    check<ShapeError>(!t.defined() || t.shape() == Shape{channels},
                      "batch_norm: {} must have one element for each channel, ({},), and has {} (x: {})",
                      name, channels, t.defined() ? t.shape() : Shape{}, x.shape());
    check<DTypeError>(!t.defined() || is_floating(t.dtype()),
                      "batch_norm: {} is {}, expected a floating-point tensor", name,
                      t.defined() ? t.dtype() : DType::float32);
  };
  check_channels("running_mean", running_mean);
  check_channels("running_var", running_var);
  check_channels("weight", weight);
  check_channels("bias", bias);
  if (training) {  // both, before either is written to
    check_statistics("running_mean", running_mean);
    check_statistics("running_var", running_var);
  }
  check<ValueError>(
      training || (running_mean.defined() && running_var.defined()),
      "batch_norm: in evaluation mode running_mean and running_var must be given, {} is undefined",
      running_mean.defined() ? "running_var" : "running_mean");
  check<ValueError>(!training || x.numel() != channels,
                    "batch_norm: expected more than 1 value for each channel when training, got x of {}",
                    x.shape());
}

// All dimensions but that of the channels.
Axes over_batch(int64_t dim) {
  Dims dims{0};
  for (int64_t d = 2; d < dim; ++d) dims.push_back(d);
  return dims;
}

// A value for each channel, shaped to broadcast against x.
Tensor per_channel(const Tensor& t, const Tensor& x) {
  Shape shape = Dims::filled(static_cast<int>(x.dim()), 1);
  shape[1] = t.numel();
  return reshape(t, shape);
}

// The gradients as ops, for create_graph. In training the statistics are functions of x.
Grads composed_gradients(const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& mean_in,
                         const Tensor& rstd_in, const BatchNormFuncOptions& options) {
  const Axes axes = over_batch(x.dim());
  const Tensor centre = options.training ? mean(x, axes, keepdim) : per_channel(mean_in, x);
  const Tensor apart = x - centre;
  const Tensor rstd = options.training ? reciprocal(sqrt(mean(apart * apart, axes, keepdim) + options.eps))
                                       : per_channel(rstd_in, x);
  const Tensor xhat = apart * rstd;
  Tensor dx = dy;
  if (options.training) dx = dy - mean(dy, axes, keepdim) - xhat * mean(dy * xhat, axes, keepdim);
  dx = dx * rstd;
  if (weight.defined()) dx = dx * per_channel(weight, x);
  return {dx, sum(dy * xhat, axes), sum(dy, axes)};
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, const BatchNormFuncOptions& options) {
  check_batch_norm(x, running_mean, running_var, weight, bias, options.training);
  const Shape channels{x.size(1)};
  if (x.numel() == 0) {
    return record(
        "batch_norm", empty_like(x), {x, weight, bias}, {}, [channels, shape = x.shape()](const Backward& b) {
          const auto none = [&b](const Shape& s) { return zeros(s, b.dy().dtype(), b.dy().device()); };
          return Grads{none(shape), none(channels), none(channels)};
        });
  }

  const DType compute = is_reduced_floating(x.dtype()) ? DType::float32 : x.dtype();
  const Layout layout = layout_of(x);
  Tensor y = empty_image("batch_norm", x.shape(), layout, compute, x.device());
  Tensor mean = empty(channels, compute, x.device());
  const Tensor rstd = empty(channels, compute, x.device());
  {
    const NoGradGuard no_grad;
    const Tensor in = arranged(to(x, compute), layout), w = operand(weight, compute),
                 shift = operand(bias, compute);
    const Tensor moving_mean = operand(running_mean, compute), moving_var = operand(running_var, compute);
    const Kernels& k = kernels(x.device());
    if (options.training) {
      k.batch_norm(in.in(), w.in(), shift.in(), options.momentum, options.eps, out_of(moving_mean),
                   out_of(moving_var), y.out(), mean.out(), rstd.out());
      if (!moving_mean.is_same(running_mean)) running_mean.copy_(moving_mean);
      if (!moving_var.is_same(running_var)) running_var.copy_(moving_var);
    } else {
      mean = moving_mean;
      k.batch_norm_eval(in.in(), mean.in(), moving_var.in(), w.in(), shift.in(), options.eps, y.out(),
                        rstd.out());
    }
    y = to(y, x.dtype());
  }
  const Keep keep{x, weight, mean, rstd};
  return record(
      "batch_norm", y, {x, weight, bias}, keep, [options, compute, layout](const Backward& b) -> Grads {
        const Tensor x = b.kept(0), weight = b.kept(1), mean = b.kept(2), rstd = b.kept(3);
        if (grad_enabled()) return composed_gradients(x, weight, b.dy(), mean, rstd, options);
        const Tensor dweight = gradient_memory(b, 1, mean.shape(), compute, x.device()),
                     dbias = gradient_memory(b, 2, mean.shape(), compute, x.device());
        const Tensor dx =
            b.needs(0) ? empty_image("batch_norm", x.shape(), layout, compute, x.device()) : Tensor();
        const Tensor in = arranged(to(x, compute), layout), dy = arranged(to(b.dy(), compute), layout),
                     w = operand(weight, compute);
        kernels(x.device())
            .batch_norm_backward(in.in(), dy.in(), w.in(), mean.in(), rstd.in(), options.training, out_of(dx),
                                 out_of(dweight), out_of(dbias));
        return {dx, dweight, dbias};
      });
}

}  // namespace st
