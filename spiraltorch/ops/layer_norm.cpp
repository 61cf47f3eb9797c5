// Layer and RMS normalisation: checks, the fused kernels over rows, and the gradients composed of ops for
// create_graph.
#include <limits>

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

// bias: undefined where the op has none.
void check_row_norm(const char* op, const Tensor& x, const Shape& normalized, const Tensor& weight,
                    const Tensor& bias) {
  check_operands(op, {{"x", x}, {"weight", weight, true}, {"bias", bias, true}});
  check_floating(op, x);
  check<ShapeError>(!normalized.empty(), "{}: normalized_shape must have at least one dimension", op);
  bool ends = x.dim() >= normalized.size();
  for (int d = 1; ends && d <= normalized.size(); ++d) ends = x.size(-d) == normalized[normalized.size() - d];
  check<ShapeError>(ends, "{}: x must end in normalized_shape (x: {}, normalized_shape: {})", op, x.shape(),
                    normalized);
  const auto check_shape = [&](const char* name, const Tensor& t) {
    check<ShapeError>(!t.defined() || t.shape() == normalized,
                      "{}: {} must be of normalized_shape ({}: {}, normalized_shape: {})", op, name, name,
                      t.defined() ? t.shape() : Shape{}, normalized);
    check<DTypeError>(!t.defined() || is_floating(t.dtype()),
                      "{}: {} is {}, expected a floating-point tensor", op, name,
                      t.defined() ? t.dtype() : DType::float32);
  };
  check_shape("weight", weight);
  check_shape("bias", bias);
}

// x as a matrix of rows of normalized_shape.
Shape rows_of(const Tensor& x, const Shape& normalized) {
  const int64_t width = numel_of(normalized);
  return {width == 0 ? 0 : x.numel() / width, width};
}

// An operand seen in another shape.
Tensor operand(const Tensor& t, DType compute, const Shape& shape) {
  return t.defined() ? reshape(st::operand(t, compute), shape) : t;
}

// The gradients as ops. x, dy: (m, n); weight: (n).
Grads composed_gradients(const Tensor& x, const Tensor& weight, const Tensor& dy, double eps) {
  const Tensor apart = x - mean(x, 1, keepdim);
  const Tensor rstd = reciprocal(sqrt(mean(apart * apart, 1, keepdim) + eps));
  const Tensor xhat = apart * rstd, g = weight.defined() ? dy * weight : dy;
  const Tensor dx = (g - mean(g, 1, keepdim) - xhat * mean(g * xhat, 1, keepdim)) * rstd;
  return {dx, sum(dy * xhat, 0), sum(dy, 0)};
}

// The same around 0.
Grads composed_rms_gradients(const Tensor& x, const Tensor& weight, const Tensor& dy, double eps) {
  const Tensor rstd = reciprocal(sqrt(mean(x * x, 1, keepdim) + eps));
  const Tensor xhat = x * rstd, g = weight.defined() ? dy * weight : dy;
  return {(g - xhat * mean(g * xhat, 1, keepdim)) * rstd, sum(dy * xhat, 0)};
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                  const LayerNormFuncOptions& options) {
  check_row_norm("layer_norm", x, normalized_shape, weight, bias);
  const Shape rows = rows_of(x, normalized_shape), row{rows[1]};
  const DType compute = is_reduced_floating(x.dtype()) ? DType::float32 : x.dtype();
  const Tensor mean = empty({rows[0]}, compute, x.device()), rstd = empty({rows[0]}, compute, x.device());
  Tensor y = empty(x.shape(), compute, x.device());
  {
    const NoGradGuard no_grad;
    const Tensor in = operand(x, compute, rows), out = reshape(y, rows);
    const Tensor w = operand(weight, compute, row), shift = operand(bias, compute, row);
    kernels(x.device())
        .layer_norm(in.in(), w.in(), shift.in(), options.eps, out.out(), mean.out(), rstd.out());
    y = to(y, x.dtype());
  }
  const Keep keep{x, weight, mean, rstd};
  return record(
      "layer_norm", y, {x, weight, bias}, keep,
      [rows, row, compute, normalized_shape, eps = options.eps](const Backward& b) -> Grads {
        const Tensor x = b.kept(0), mean = b.kept(2), rstd = b.kept(3);
        const Tensor in = operand(x, compute, rows), dy = operand(b.dy(), compute, rows);
        const Tensor weight = operand(b.kept(1), compute, row);
        if (grad_enabled()) {
          const Grads g = composed_gradients(in, weight, dy, eps);
          return {reshape(g[0], x.shape()), reshape(g[1], normalized_shape), reshape(g[2], normalized_shape)};
        }
        const Tensor dx = gradient_memory(b, 0, x.shape(), compute, x.device()),
                     dweight = gradient_memory(b, 1, normalized_shape, compute, x.device()),
                     dbias = gradient_memory(b, 2, normalized_shape, compute, x.device());
        kernels(x.device())
            .layer_norm_backward(in.in(), dy.in(), weight.in(), mean.in(), rstd.in(), out_of(dx),
                                 out_of(dweight), out_of(dbias));
        return {dx, dweight, dbias};
      });
}

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                std::optional<double> eps) {
  check_row_norm("rms_norm", x, normalized_shape, weight, {});
  const Shape rows = rows_of(x, normalized_shape), row{rows[1]};
  const DType compute = is_reduced_floating(x.dtype()) ? DType::float32 : x.dtype();
  const double added = eps.value_or(compute == DType::float64 ? std::numeric_limits<double>::epsilon()
                                                              : std::numeric_limits<float>::epsilon());
  const Tensor rstd = empty({rows[0]}, compute, x.device());
  Tensor y = empty(x.shape(), compute, x.device());
  {
    const NoGradGuard no_grad;
    const Tensor in = operand(x, compute, rows), w = operand(weight, compute, row), out = reshape(y, rows);
    kernels(x.device()).rms_norm(in.in(), w.in(), added, out.out(), rstd.out());
    y = to(y, x.dtype());
  }
  return record("rms_norm", y, {x, weight}, Keep{x, weight, rstd},
                [rows, row, compute, normalized_shape, added](const Backward& b) -> Grads {
                  const Tensor x = b.kept(0), rstd = b.kept(2);
                  const Tensor in = operand(x, compute, rows), dy = operand(b.dy(), compute, rows);
                  const Tensor weight = operand(b.kept(1), compute, row);
                  if (grad_enabled()) {
                    const Grads g = composed_rms_gradients(in, weight, dy, added);
                    return {reshape(g[0], x.shape()), reshape(g[1], normalized_shape)};
                  }
                  const Tensor dx = gradient_memory(b, 0, x.shape(), compute, x.device()),
                               dweight = gradient_memory(b, 1, normalized_shape, compute, x.device());
                  kernels(x.device())
                      .rms_norm_backward(in.in(), dy.in(), weight.in(), rstd.in(), out_of(dx),
                                         out_of(dweight));
                  return {dx, dweight};
                });
}

}  // namespace st
