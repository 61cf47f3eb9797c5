// Elementwise functions of one tensor: signs, rounding, exponentials, roots, trigonometry. Declared in
// arithmetic.h.
#include <numbers>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/unary.h"

namespace st {

Tensor neg(const Tensor& x) {
  check_operands("neg", {{"x", x}});
  check<DTypeError>(x.dtype() != DType::bool_, "neg: bool tensors have no negative; use logical_not (x: {})",
                    x.shape());
  const Tensor y = empty_like(x);
  kernels(x.device()).unary(Unary::neg, x.in(), y.out());
  return record("neg", y, {x}, {}, [](const Backward& b) -> Grads { return {-b.dy()}; });
}

Tensor abs(const Tensor& x) {
  check_operands("abs", {{"x", x}});
  check<DTypeError>(x.dtype() != DType::bool_, "abs: bool tensors are not supported (x: {})", x.shape());
  return unary_op("abs", Unary::abs, x, x.dtype(), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) { return dy * sign(kept); });
}

namespace {

// y = op(x) of x's dtype, constant between jumps.
Tensor step_function(const char* name, Unary op, const Tensor& x) {
  check_operands(name, {{"x", x}});
  const Tensor y = empty_like(x);
  kernels(x.device()).unary(op, x.in(), y.out());
  return record(name, y, {x}, {}, [](const Backward& b) -> Grads { return {zeros_like(b.dy())}; });
}

Tensor rounding(const char* name, Unary op, const Tensor& x) {
  check_operands(name, {{"x", x}});
  check<DTypeError>(x.dtype() != DType::bool_, "{}: bool tensors are not supported (x: {})", name, x.shape());
  return step_function(name, op, x);
}

}  // namespace

Tensor sign(const Tensor& x) { return step_function("sign", Unary::sign, x); }
Tensor floor(const Tensor& x) { return rounding("floor", Unary::floor, x); }
Tensor ceil(const Tensor& x) { return rounding("ceil", Unary::ceil, x); }
Tensor round(const Tensor& x) { return rounding("round", Unary::round, x); }
Tensor trunc(const Tensor& x) { return rounding("trunc", Unary::trunc, x); }

Tensor square(const Tensor& x) {
  check_operands("square", {{"x", x}});
  return pow(x, 2);
}

Tensor exp(const Tensor& x) {
  return unary_op("exp", Unary::exp, x, floating_result("exp", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * y; });
}

Tensor expm1(const Tensor& x) {
  return unary_op("expm1", Unary::expm1, x, floating_result("expm1", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * (y + 1); });
}

Tensor sqrt(const Tensor& x) {
  return unary_op("sqrt", Unary::sqrt, x, floating_result("sqrt", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy / (y * 2); });
}

Tensor rsqrt(const Tensor& x) {
  return unary_op("rsqrt", Unary::rsqrt, x, floating_result("rsqrt", x), Kept::output,
                  [](const Tensor& y, const Tensor& dy) { return dy * (y * y * y) * -0.5; });
}

Tensor log(const Tensor& x) {
  return unary_op("log", Unary::log, x, floating_result("log", x), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) { return dy / kept; });
}

Tensor log1p(const Tensor& x) {
  return unary_op("log1p", Unary::log1p, x, floating_result("log1p", x), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) { return dy / (kept + 1); });
}

Tensor sin(const Tensor& x) {
  return unary_op("sin", Unary::sin, x, floating_result("sin", x), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) { return dy * cos(kept); });
}

Tensor cos(const Tensor& x) {
  return unary_op("cos", Unary::cos, x, floating_result("cos", x), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) { return -(dy * sin(kept)); });
}

Tensor asinh(const Tensor& x) {
  return unary_op("asinh", Unary::asinh, x, floating_result("asinh", x), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) { return dy / sqrt(kept * kept + 1); });
}

Tensor erf(const Tensor& x) {
  return unary_op("erf", Unary::erf, x, floating_result("erf", x), Kept::input,
                  [](const Tensor& kept, const Tensor& dy) {
                    return dy * exp(-(kept * kept)) * (2 * std::numbers::inv_sqrtpi);
                  });
}

Tensor clamp(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max) {
  check_operands("clamp", {{"x", x}});
  check<ValueError>(min || max, "clamp: at least one of min and max must be given");
  DType dtype = x.dtype();
  if (min) dtype = promote(dtype, *min);
  if (max) dtype = promote(dtype, *max);
  check<DTypeError>(dtype != DType::bool_, "clamp: bool tensors are not supported (x: {})", x.shape());
  const auto [lower, upper] = clamp_bounds(dtype, min, max);
  const Scalar lo = lower, hi = upper;
  const Tensor y = empty_like(x, dtype);
  kernels(x.device()).clamp(x.in(), lo, hi, y.out());
  return record("clamp", y, {x}, Keep{x}, [lo, hi](const Backward& b) -> Grads {
    const Tensor x = b.kept(0), &dy = b.dy();
    if (grad_enabled()) return {dy * (x >= lo).to(dy.dtype()) * (x <= hi).to(dy.dtype())};
    const Tensor dx = empty_like(dy);
    kernels(x.device()).clamp_backward(x.in(), dy.in(), lo, hi, dx.out());
    return {dx};
  });
}

}  // namespace st
