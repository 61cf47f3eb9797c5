// Elementwise functions of one tensor, and their gradients.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/unary.cpp"
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
namespace {  // several kernel files have an AddOp

namespace math = st::simd::HWY_NAMESPACE;

// clang-format off
struct NegOp {
  template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Neg(x); }
  static int64_t apply(int64_t x) { return wrap_neg(x); }
};
struct AbsOp {
  template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Abs(x); }
  static int64_t apply(int64_t x) { return x < 0 ? wrap_neg(x) : x; }
};
struct SignOp {  // 0 for NaN, as PyTorch's
  template <class D, class V> static HWY_INLINE V apply(D d, V x) {
    const V zero = hn::Zero(d), one = hn::Set(d, 1);
    return hn::Sub(hn::IfThenElseZero(hn::Gt(x, zero), one), hn::IfThenElseZero(hn::Lt(x, zero), one));
  }
  static int64_t apply(int64_t x) { return (x > 0) - (x < 0); }
};
struct ReluOp {  // NaN stays
  template <class D, class V> static HWY_INLINE V apply(D d, V x) { return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x); }
  static int64_t apply(int64_t x) { return x > 0 ? x : 0; }
};
struct NotOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V x) { return hn::IfThenElseZero(hn::Eq(x, hn::Zero(d)), hn::Set(d, 1)); }
  static int64_t apply(int64_t x) { return x == 0; }
};
struct FloorOp {
  template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Floor(x); }
  static int64_t apply(int64_t x) { return x; }
};
struct CeilOp {
  template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Ceil(x); }
  static int64_t apply(int64_t x) { return x; }
};
struct RoundOp {  // half to even
  template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Round(x); }
  static int64_t apply(int64_t x) { return x; }
};
struct TruncOp {
  template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Trunc(x); }
  static int64_t apply(int64_t x) { return x; }
};
struct RsqrtOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return hn::Div(hn::Set(d, 1), hn::Sqrt(x)); } };
struct SqrtOp { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Sqrt(x); } };
struct ExpOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Exp(d, x); } };
struct LogOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Log(d, x); } };
struct Log1pOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Log1p(d, x); } };
struct Expm1Op { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Expm1(d, x); } };
struct TanhOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Tanh(d, x); } };
struct SigmoidOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Sigmoid(d, x); } };
struct SinOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Sin(d, x); } };
struct CosOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Cos(d, x); } };
struct ErfOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Erf(d, x); } };
struct AsinhOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return math::Asinh(d, x); } };
// clang-format on

template <class T>
Loop unary_loop_of(Unary op) {
  switch (op) {  // the functions that integers have, too
    case Unary::neg:
      return map1<NegOp, T>;
    case Unary::abs:
      return map1<AbsOp, T>;
    case Unary::sign:
      return map1<SignOp, T>;
    case Unary::relu:
      return map1<ReluOp, T>;
    case Unary::logical_not:
      return map1<NotOp, T>;
    case Unary::floor:
      return map1<FloorOp, T>;
    case Unary::ceil:
      return map1<CeilOp, T>;
    case Unary::round:
      return map1<RoundOp, T>;
    case Unary::trunc:
      return map1<TruncOp, T>;
    default:
      break;
  }
  if constexpr (!std::is_same_v<T, int64_t>) {
    switch (op) {
      case Unary::exp:
        return map1<ExpOp, T>;
      case Unary::log:
        return map1<LogOp, T>;
      case Unary::log1p:
        return map1<Log1pOp, T>;
      case Unary::expm1:
        return map1<Expm1Op, T>;
      case Unary::sqrt:
        return map1<SqrtOp, T>;
      case Unary::tanh:
        return map1<TanhOp, T>;
      case Unary::sigmoid:
        return map1<SigmoidOp, T>;
      case Unary::sin:
        return map1<SinOp, T>;
      case Unary::cos:
        return map1<CosOp, T>;
      case Unary::erf:
        return map1<ErfOp, T>;
      case Unary::asinh:
        return map1<AsinhOp, T>;
      case Unary::rsqrt:
        return map1<RsqrtOp, T>;
      default:
        break;
    }
  }
  return nullptr;
}

Loop unary_loop(Unary op, DType compute) {
  return visit_compute(compute, [op](auto tag) { return unary_loop_of<typename decltype(tag)::type>(op); });
}

// --- gradients: dx from what was kept (x or y) and dy ---
// clang-format off
struct AbsGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V x, V dy) { return hn::Mul(dy, SignOp::apply(d, x)); }
};
struct ExpGrad {
  template <class D, class V> static HWY_INLINE V apply(D, V y, V dy) { return hn::Mul(dy, y); }
};
struct LogGrad {
  template <class D, class V> static HWY_INLINE V apply(D, V x, V dy) { return hn::Div(dy, x); }
};
struct Log1pGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V x, V dy) { return hn::Div(dy, hn::Add(x, hn::Set(d, 1))); }
};
struct Expm1Grad {
  template <class D, class V> static HWY_INLINE V apply(D d, V y, V dy) { return hn::Mul(dy, hn::Add(y, hn::Set(d, 1))); }
};
struct SqrtGrad {
  template <class D, class V> static HWY_INLINE V apply(D, V y, V dy) { return hn::Div(dy, hn::Add(y, y)); }
};
struct RsqrtGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V y, V dy) { return hn::Mul(dy, hn::Mul(hn::Set(d, -0.5f), hn::Mul(y, hn::Mul(y, y)))); }
};
struct TanhGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V y, V dy) { return hn::Mul(dy, hn::NegMulAdd(y, y, hn::Set(d, 1))); }
};
struct SigmoidGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V y, V dy) { return hn::Mul(hn::Mul(dy, hn::Sub(hn::Set(d, 1), y)), y); }
};
struct ReluGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V y, V dy) { return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), dy); }
};
struct SinGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V x, V dy) { return hn::Mul(dy, math::Cos(d, x)); }
};
struct CosGrad {
  template <class D, class V> static HWY_INLINE V apply(D d, V x, V dy) { return hn::Neg(hn::Mul(dy, math::Sin(d, x))); }
};
struct AsinhGrad {  // 1 / sqrt(1 + x^2), for large x as 1 / |x|: x^2 may overflow
  template <class D, class V> static HWY_INLINE V apply(D d, V x, V dy) {
    const auto one = hn::Set(d, 1), a = hn::Abs(x), big = hn::Set(d, static_cast<hn::TFromD<D>>(1e10));
    return hn::Div(dy, hn::IfThenElse(hn::Gt(a, big), a, hn::Sqrt(hn::MulAdd(x, x, one))));
  }
};
struct ErfGrad {  // 2 / sqrt(pi) e^(-x^2)
  template <class D, class V> static HWY_INLINE V apply(D d, V x, V dy) {
    return hn::Mul(dy, hn::Mul(hn::Set(d, static_cast<hn::TFromD<D>>(1.1283791670955126)), math::Exp(d, hn::Neg(hn::Mul(x, x)))));
  }
};
// clang-format on

template <class T>
Loop unary_backward_loop_of(Unary op) {
  switch (op) {
    case Unary::abs:
      return map2<AbsGrad, T>;
    case Unary::exp:
      return map2<ExpGrad, T>;
    case Unary::log:
      return map2<LogGrad, T>;
    case Unary::log1p:
      return map2<Log1pGrad, T>;
    case Unary::expm1:
      return map2<Expm1Grad, T>;
    case Unary::sqrt:
      return map2<SqrtGrad, T>;
    case Unary::tanh:
      return map2<TanhGrad, T>;
    case Unary::sigmoid:
      return map2<SigmoidGrad, T>;
    case Unary::relu:
      return map2<ReluGrad, T>;
    case Unary::sin:
      return map2<SinGrad, T>;
    case Unary::cos:
      return map2<CosGrad, T>;
    case Unary::erf:
      return map2<ErfGrad, T>;
    case Unary::asinh:
      return map2<AsinhGrad, T>;
    case Unary::rsqrt:
      return map2<RsqrtGrad, T>;
    default:
      return nullptr;
  }
}

Loop unary_backward_loop(Unary op, DType compute) {
  return compute == DType::float64 ? unary_backward_loop_of<double>(op) : unary_backward_loop_of<float>(op);
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(unary_loop);
HWY_EXPORT(unary_backward_loop);

// Rough nanoseconds an element takes.
double cost_of(Unary op) {
  switch (op) {
    case Unary::neg:
    case Unary::abs:
    case Unary::sign:
    case Unary::relu:
    case Unary::logical_not:
    case Unary::floor:
    case Unary::ceil:
    case Unary::round:
    case Unary::trunc:
      return 0.3;
    case Unary::sin:
    case Unary::cos:
    case Unary::erf:
    case Unary::asinh:
      return 2;
    default:
      return 1;
  }
}

}  // namespace

void unary(Unary op, In x, Out y) {
  const DType compute = compute_dtype(op == Unary::logical_not ? x.dtype : y.dtype);
  elementwise(y, {x}, compute, HWY_DYNAMIC_DISPATCH(unary_loop)(op, compute), nullptr, cost_of(op));
}

void unary_backward(Unary op, In kept, In dy, Out dx) {
  const DType compute = compute_dtype(dx.dtype);
  elementwise(dx, {kept, dy}, compute, HWY_DYNAMIC_DISPATCH(unary_backward_loop)(op, compute), nullptr, 0.4);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
