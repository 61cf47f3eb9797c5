// Norms in float64, so that the square of what float32 holds neither overflows nor vanishes.
#include "spiraltorch/ops/vector_norm.h"

#include <cmath>
#include <utility>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// The norm, of a dtype that holds it, outside of autograd.
Tensor length(const Tensor& x, double p, const Axes& axes, KeepDim keep) {
  const NoGradGuard no_grad;
  if (std::isinf(p)) return p > 0 ? amax(abs(x), axes, keep) : amin(abs(x), axes, keep);
  if (p == 0) return sum(x != 0, axes, keep);
  if (p == 1) return sum(abs(x), axes, keep);
  const Tensor wide = to(x, DType::float64);
  if (p == 2) return sqrt(sum(wide * wide, axes, keep));
  return pow(sum(pow(abs(wide), p), axes, keep), 1 / p);
}

// The gradient of y = norm(x); dy and y have x's dimensions, the reduced ones with size 1. A division by a y
// of 0 is a 0.
Tensor norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, double p, const Axes& axes) {
  const auto over_power = [&](double exponent) { return where(y == 0, 0.0, dy / pow(y, exponent)); };
  if (p == 0) return {};
  if (p == 1) return sign(x) * dy;
  if (p == 2) return dy * where(y == 0, 0.0, x / y);
  if (std::isinf(p)) {
    const Tensor chosen = add(abs(x) == y, mul(isnan(x), isnan(y))).to(x.dtype());
    return sign(x) * chosen * (dy / sum(chosen, axes, keepdim));
  }
  if (p < 1) return where(x == 0, 0.0, sign(x) * pow(abs(x), p - 1)) * dy * pow(y, 1 - p);
  if (p < 2) return sign(x) * pow(abs(x), p - 1) * over_power(p - 1);
  return x * pow(abs(x), p - 2) * over_power(p - 1);
}

}  // namespace

Tensor norm(const Tensor& input, double p, const Axes& axes, KeepDim keep, std::optional<DType> dtype) {
  check_operands("norm", {{"x", input}});
  const DimSet dims = normalize_axes("norm", axes, input.dim());
  check_floating("norm", input);
  check<DTypeError>(is_floating(dtype.value_or(input.dtype())),
                    "norm: expected a floating-point dtype, got {}", dtype.value_or(input.dtype()));
  for (int d = 0; d < input.dim(); ++d) {
    check<IndexError>(!(dims >> d & 1) || input.shape()[d] > 0 || (p >= 0 && !std::isinf(p)),
                      "norm: dimension {} has size 0, and of nothing there is no norm of order {} (x: {})", d,
                      p, input.shape());
  }
  const Tensor x = to(input, dtype.value_or(input.dtype()));
  const Tensor y = to(length(x, p, axes, keep), x.dtype());
  return record("norm", y, {x}, Keep{x, y}, [p, axes, dims](const Backward& b) -> Grads {
    const Tensor x = b.kept(0);
    const Shape kept = reduced_shape(x.shape(), dims, keepdim);
    return {norm_backward(x, reshape(b.kept(1), kept), reshape(b.dy(), kept), p, axes)};
  });
}

Tensor normalize(const Tensor& x, const NormalizeOptions& options) {
  check_operands("normalize", {{"x", x}});
  const int dim = normalize_dim("normalize", options.dim, x.dim());
  check_floating("normalize", x);
  return x / clamp(norm(x, options.p, dim, keepdim), options.eps);
}

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, const CosineSimilarityOptions& options) {
  check_operands("cosine_similarity", {{"x1", x1}, {"x2", x2}});
  const Shape shape = broadcast_shapes("cosine_similarity", x1.shape(), x2.shape());
  const int dim = normalize_dim("cosine_similarity", options.dim, shape.size());
  const DType dtype = result_dtype(x1, x2);
  check<DTypeError>(is_floating(dtype), "cosine_similarity: expected floating-point tensors, got {} and {}",
                    x1.dtype(), x2.dtype());
  const auto unit = [&](const Tensor& x) {
    const Tensor wide = expand(to(x, dtype), shape), length = clone(norm(wide, 2, dim, keepdim));
    const NoGradGuard unseen;
    clamp_(length, options.eps, {});
    return std::pair(wide, length);
  };
  const auto [a, a_length] = unit(x1);
  const auto [b, b_length] = unit(x2);
  return sum((a / a_length) * (b / b_length), dim);
}

}  // namespace st
