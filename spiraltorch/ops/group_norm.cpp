// Group normalisation: checks, the fused kernels, and the gradient composed of ops for create_graph.
#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/kernel_operands.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

void check_group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias) {
  check_operands("group_norm", {{"x", x}, {"weight", weight, true}, {"bias", bias, true}});
  check_floating("group_norm", x);
  check<ShapeError>(x.dim() >= 2, "group_norm: expected x of (N, C) or (N, C, d1, ...), got {}", x.shape());
  const int64_t channels = x.size(1);
  check<ValueError>(groups >= 1, "group_norm: num_groups must be at least 1, got {}", groups);
  check<ValueError>(channels % groups == 0,
                    "group_norm: num_groups must divide the channels, got {} groups for {} channels (x: {})",
                    groups, channels, x.shape());
  const auto check_channels = [&](const char* name, const Tensor& t) {
    if (!t.defined()) return;
    check<ShapeError>(t.shape() == Shape{channels},
                      "group_norm: {} must have one element for each channel, ({},), and has {} (x: {})",
                      name, channels, t.shape(), x.shape());
    check<DTypeError>(is_floating(t.dtype()), "group_norm: {} is {}, expected a floating-point tensor", name,
                      t.dtype());
  };
  check_channels("weight", weight);
  check_channels("bias", bias);
  check<ValueError>(x.numel() != groups,
                    "group_norm: expected more than 1 value for each group, got x of {} and {} groups",
                    x.shape(), groups);
}

// The gradients as ops. x, dy: (n, c, l); weight: (c) or undefined.
Grads composed_gradients(const Tensor& x, const Tensor& weight, const Tensor& dy, int64_t groups,
                         double eps) {
  const Shape shape = x.shape(), by_group{x.size(0), groups, x.size(1) / groups, x.size(2)};
  const Dims within{2, 3};
  const auto grouped = [&](const Tensor& t) { return reshape(t, by_group); };
  const Tensor apart = grouped(x) - mean(grouped(x), within, keepdim);
  const Tensor rstd = reciprocal(sqrt(mean(apart * apart, within, keepdim) + eps));
  const Tensor xhat = apart * rstd;
  const Tensor g = grouped(weight.defined() ? dy * reshape(weight, {1, shape[1], 1}) : dy);
  const Tensor dx = (g - mean(g, within, keepdim) - xhat * mean(g * xhat, within, keepdim)) * rstd;
  return {reshape(dx, shape), sum(dy * reshape(xhat, shape), {0, 2}), sum(dy, {0, 2})};
}

}  // namespace

Tensor group_norm(const Tensor& x, int64_t num_groups, const Tensor& weight, const Tensor& bias,
                  const GroupNormFuncOptions& options) {
  check_group_norm(x, num_groups, weight, bias);
  const Shape channels{x.size(1)};
  if (x.numel() == 0) {
    return record(
        "group_norm", empty_like(x), {x, weight, bias}, {}, [channels, shape = x.shape()](const Backward& b) {
          const auto none = [&b](const Shape& s) { return zeros(s, b.dy().dtype(), b.dy().device()); };
          return Grads{none(shape), none(channels), none(channels)};
        });
  }

  const DType compute = is_reduced_floating(x.dtype()) ? DType::float32 : x.dtype();
  const Shape planes{x.size(0), x.size(1), x.numel() / (x.size(0) * x.size(1))};
  const Shape units{planes[0] * num_groups};
  const Tensor mean = empty(units, DType::float64, x.device()), rstd = empty_like(mean);
  Tensor y = empty(x.shape(), compute, x.device());
  {
    const NoGradGuard no_grad;
    const Tensor in = reshape(operand(x, compute), planes), out = reshape(y, planes);
    const Tensor w = operand(weight, compute), shift = operand(bias, compute);
    kernels(x.device())
        .group_norm(in.in(), w.in(), shift.in(), num_groups, options.eps, out.out(), mean.out(), rstd.out());
    y = to(y, x.dtype());
  }
  const Keep keep{x, weight, mean, rstd};
  return record("group_norm", y, {x, weight, bias}, keep,
                [planes, channels, compute, num_groups, eps = options.eps](const Backward& b) -> Grads {
                  const Tensor x = b.kept(0), mean = b.kept(2), rstd = b.kept(3);
                  const Tensor in = reshape(operand(x, compute), planes),
                               dy = reshape(operand(b.dy(), compute), planes);
                  const Tensor weight = operand(b.kept(1), compute);
                  if (grad_enabled()) {
                    const Grads g = composed_gradients(in, weight, dy, num_groups, eps);
                    return {reshape(g[0], x.shape()), g[1], g[2]};
                  }
                  const Tensor dx = gradient_memory(b, 0, x.shape(), compute, x.device()),
                               dweight = gradient_memory(b, 1, channels, compute, x.device()),
                               dbias = gradient_memory(b, 2, channels, compute, x.device());
                  kernels(x.device())
                      .group_norm_backward(in.in(), dy.in(), weight.in(), mean.in(), rstd.in(), num_groups,
                                           out_of(dx), out_of(dweight), out_of(dbias));
                  return {dx, dweight, dbias};
                });
}

}  // namespace st
