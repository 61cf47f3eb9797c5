// Losses of one element x and its target t, and their gradients in x: one pass over memory each.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/point_loss.cpp"
#include "spiraltorch/backend/cpu/elementwise.h"
#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/loops-inl.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

namespace math = st::simd::HWY_NAMESPACE;

// 0 for NaN, as PyTorch's sign.
template <class D, class V>
HWY_INLINE V sign_of(D d, V x) {
  const V zero = hn::Zero(d), one = number(d, 1);
  return hn::Sub(hn::IfThenElseZero(hn::Gt(x, zero), one), hn::IfThenElseZero(hn::Lt(x, zero), one));
}

// The larger of x and `bound`; NaN stays.
template <class D, class V>
HWY_INLINE V at_least(D d, V x, double bound) {
  const V least = number(d, bound);
  return hn::IfThenElse(hn::Lt(x, least), least, x);
}

struct L1 {
  template <class D, class V>
  static HWY_INLINE V value(D, V x, V t, double) {
    return hn::Abs(hn::Sub(x, t));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V t, V dy, double) {
    return hn::Mul(dy, sign_of(d, hn::Sub(x, t)));
  }
};

struct SmoothL1 {  // |x - t| - beta / 2, and (x - t)^2 / (2 beta) where |x - t| < beta
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, V t, double beta) {
    const V a = hn::Abs(hn::Sub(x, t)), b = number(d, beta), half = number(d, 0.5);
    const V curved = hn::Div(hn::Mul(hn::Mul(a, half), a), b);
    return hn::IfThenElse(hn::Lt(a, b), curved, hn::NegMulAdd(half, b, a));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V t, V dy, double beta) {
    const V z = hn::Sub(x, t), b = number(d, beta);
    return hn::Mul(dy, hn::IfThenElse(hn::Ge(hn::Abs(z), b), sign_of(d, z), hn::Div(z, b)));
  }
};

constexpr double kLeastSpread = 1e-12f;  // of x (1 - x): PyTorch's, a float

struct BinaryCrossEntropy {  // -t log x - (1 - t) log(1 - x), logarithms at least -100
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, V t, double) {
    const V one = number(d, 1);
    const V yes = at_least(d, math::Log(d, x), -100), no = at_least(d, math::Log1p(d, hn::Neg(x)), -100);
    return hn::MulSub(hn::Sub(t, one), no, hn::Mul(t, yes));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V t, V dy, double) {
    const V spread = at_least(d, hn::Mul(hn::Sub(number(d, 1), x), x), kLeastSpread);
    return hn::Div(hn::Mul(dy, hn::Sub(x, t)), spread);
  }
};

struct WithLogits {  // x (1 - t) or, below zero, -x t; + log(1 + e^-|x|)
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, V t, double) {
    const V side = hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Sub(number(d, 1), t), hn::Neg(t));
    return hn::MulAdd(x, side, math::Log1p(d, math::Exp(d, hn::Neg(hn::Abs(x)))));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V t, V dy, double) {
    return hn::Mul(dy, hn::Sub(math::Sigmoid(d, x), t));
  }
};

struct KlDiv {  // t (log t - x), with 0 log 0 = 0
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, V t, double) {
    const V entropy = hn::IfThenZeroElse(hn::Eq(t, hn::Zero(d)), hn::Mul(t, math::Log(d, t)));
    return hn::NegMulAdd(t, x, entropy);
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D, V, V t, V dy, double) {
    return hn::Neg(hn::Mul(dy, t));
  }
};

struct KlDivLog {  // e^t (t - x)
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, V t, double) {
    return hn::Mul(math::Exp(d, t), hn::Sub(t, x));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V, V t, V dy, double) {
    return hn::Neg(hn::Mul(dy, math::Exp(d, t)));
  }
};

Loop point_loss_loop(PointLoss f, bool gradient, DType compute) {
  switch (f) {
    case PointLoss::l1:
      return loop_of<L1, double, 2>(gradient, compute);
    case PointLoss::smooth_l1:
      return loop_of<SmoothL1, double, 2>(gradient, compute);
    case PointLoss::binary_cross_entropy:
      return loop_of<BinaryCrossEntropy, double, 2>(gradient, compute);
    case PointLoss::binary_cross_entropy_with_logits:
      return loop_of<WithLogits, double, 2>(gradient, compute);
    case PointLoss::kl_div:
      return loop_of<KlDiv, double, 2>(gradient, compute);
    case PointLoss::kl_div_log:
      return loop_of<KlDivLog, double, 2>(gradient, compute);
  }
  return nullptr;
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(point_loss_loop);

// Rough nanoseconds an element takes.
double cost_of(PointLoss f) { return f == PointLoss::l1 || f == PointLoss::smooth_l1 ? 0.4 : 1.5; }

}  // namespace

void point_loss(PointLoss f, double beta, In x, In target, Out y) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {x, target}, compute, HWY_DYNAMIC_DISPATCH(point_loss_loop)(f, false, compute), &beta,
              cost_of(f));
}

void point_loss_backward(PointLoss f, double beta, In x, In target, In dy, Out dx) {
  const DType compute = compute_dtype(dx.dtype);
  elementwise(dx, {x, target, dy}, compute, HWY_DYNAMIC_DISPATCH(point_loss_loop)(f, true, compute), &beta,
              cost_of(f));
}

}  // namespace st::cpu
#endif  // HWY_ONCE
