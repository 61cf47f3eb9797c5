// Two passes: the mean, then what is left of it, both in float64. Gradients take the
// deviations anew, which costs a pass and keeps nothing but x.
#include "spiraltorch/ops/variance.h"

#include <algorithm>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// What is reduced, and what the sum of squares is divided by.
struct Rule {
  Axes axes;
  Shape kept;      // of the result with keepdim
  double count;    // elements of x for one of the result
  double freedom;  // count - correction, or 0
};

Rule checked_rule(const char* op, const Tensor& x, const Axes& axes, const VarOptions& options) {
  check_operands(op, {{"x", x}});
  check_floating(op, x);
  const DimSet dims = normalize_axes(op, axes, x.dim());
  double count = 1;
  for (int d = 0; d < x.dim(); ++d) {
    if (dims >> d & 1) count *= static_cast<double>(x.shape()[d]);
  }
  return {axes, reduced_shape(x.shape(), dims, keepdim), count, std::max(count - options.correction, 0.0)};
}

// In float64 and outside of autograd.
VarMean moments(const Tensor& x, const Rule& rule, KeepDim keep) {
  const NoGradGuard no_grad;
  const Tensor mean = st::mean(x, rule.axes, keepdim, DType::float64), d = x - mean;
  const Tensor var = sum(mul_(d, d), rule.axes, keep) / rule.freedom;
  return {var, reshape(mean, var.shape())};
}

// dx from the gradient of the variance.
Tensor variance_backward(const Tensor& dv, const Tensor& x, const Rule& rule) {
  return reshape(dv, rule.kept) * (2 / rule.freedom) * (x - mean(x, rule.axes, keepdim, DType::float64));
}

}  // namespace

Tensor var(const Tensor& x, const Axes& axes, KeepDim keep, const VarOptions& options) {
  const Rule rule = checked_rule("var", x, axes, options);
  return record("var", to(moments(x, rule, keep).var, x.dtype()), {x}, Keep{x},
                [rule](const Backward& b) -> Grads { return {variance_backward(b.dy(), b.kept(0), rule)}; });
}

Tensor std(const Tensor& x, const Axes& axes, KeepDim keep, const VarOptions& options) {
  const Rule rule = checked_rule("std", x, axes, options);
  const Tensor y = to(sqrt(moments(x, rule, keep).var), x.dtype());
  return record("std", y, {x}, Keep{x, y}, [rule](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), y = b.kept(1);
    return {variance_backward(where(y == 0, 0.0, b.dy() / (y * 2)), x, rule)};
  });
}

VarMean var_mean(const Tensor& x, const Axes& axes, KeepDim keep, const VarOptions& options) {
  const Rule rule = checked_rule("var_mean", x, axes, options);
  const VarMean wide = moments(x, rule, keep);
  VarMean y{to(wide.var, x.dtype()), to(wide.mean, x.dtype())};
  record("var_mean", {y.var, y.mean}, {x}, Keep{x}, [rule](const Backward& b) -> Grads {
    const Tensor x = b.kept(0);
    Tensor dx;
    if (b.has_dy(0)) dx = variance_backward(b.dy(0), x, rule);
    if (b.has_dy(1)) {
      const Tensor share = expand(reshape(b.dy(1), rule.kept) / rule.count, x.shape());
      dx = dx.defined() ? dx + share : share;
    }
    return {dx};
  });
  return y;
}

}  // namespace st
