// Activations that have a parameter, or whose gradient needs the input: loops for y = f(x) and dx = dy f'(x).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/curve.cpp"
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

using P = CurveParameters;

// Each has the value of one vector and the gradient of one; p.a and p.b are the parameters. A NaN in x comes
// out.

struct LeakyRelu {
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P& p) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(x, number(d, p.a)));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P& p) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), dy, hn::Mul(dy, number(d, p.a)));
  }
};

struct Elu {
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P& p) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(math::Expm1(d, x), number(d, p.a)));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P& p) {
    const V below = hn::Mul(dy, hn::Mul(math::Exp(d, x), number(d, p.a)));
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), dy, below);
  }
};

struct Gelu {  // x Phi(x)
  template <class D, class V>
  static HWY_INLINE V phi(D d, V x) {
    const V half = number(d, 0.5);
    return hn::MulAdd(math::Erf(d, hn::Mul(x, number(d, 0.7071067811865476))), half, half);
  }
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P&) {
    return hn::Mul(x, phi(d, x));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P&) {
    const V bell = math::Exp(d, hn::Mul(hn::Mul(x, x), number(d, -0.5)));
    return hn::Mul(dy, hn::MulAdd(hn::Mul(x, bell), number(d, 0.3989422804014327), phi(d, x)));
  }
};

struct GeluTanh {  // x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)
  static constexpr double kScale = 0.7978845608028654, kCubic = 0.044715;
  template <class D, class V>
  static HWY_INLINE V tanh_of(D d, V x, V square) {
    const V inner = hn::MulAdd(hn::Mul(square, x), number(d, kCubic), x);
    return math::Tanh(d, hn::Mul(inner, number(d, kScale)));
  }
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P&) {
    const V half = hn::Mul(x, number(d, 0.5));
    return hn::Mul(half, hn::Add(tanh_of(d, x, hn::Mul(x, x)), number(d, 1)));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P&) {
    const V one = number(d, 1), half = number(d, 0.5), square = hn::Mul(x, x), t = tanh_of(d, x, square);
    const V du = hn::Mul(hn::MulAdd(square, number(d, 3 * kCubic), one), number(d, kScale));
    const V right = hn::Mul(hn::Mul(hn::Mul(x, half), hn::NegMulAdd(t, t, one)), du);
    return hn::Mul(dy, hn::MulAdd(hn::Add(t, one), half, right));
  }
};

struct Silu {  // x / (1 + e^-x)
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P&) {
    return hn::Mul(x, math::Sigmoid(d, x));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P&) {
    const V one = number(d, 1), s = math::Sigmoid(d, x);
    return hn::Mul(dy, hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one)));
  }
};

struct Softplus {  // log(1 + e^(a x)) / a, and x where a x > b
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P& p) {
    const V z = hn::Mul(x, number(d, p.a));
    return hn::IfThenElse(hn::Gt(z, number(d, p.b)), x,
                          hn::Div(math::Log1p(d, math::Exp(d, z)), number(d, p.a)));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P& p) {
    const V z = hn::Mul(x, number(d, p.a));
    return hn::IfThenElse(hn::Gt(z, number(d, p.b)), dy, hn::Mul(dy, math::Sigmoid(d, z)));
  }
};

struct Hardswish {  // x min(max(x + 3, 0), 6) / 6
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P&) {
    const V zero = hn::Zero(d), six = number(d, 6), up = hn::Add(x, number(d, 3));
    const V gate = hn::IfThenElse(hn::Gt(up, six), six, hn::IfThenZeroElse(hn::Lt(up, zero), up));
    return hn::Div(hn::Mul(x, gate), six);
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P&) {
    const V three = number(d, 3);
    const V slope = hn::Mul(dy, hn::Add(hn::Div(x, three), number(d, 0.5)));
    return hn::IfThenZeroElse(hn::Le(x, hn::Neg(three)), hn::IfThenElse(hn::Ge(x, three), dy, slope));
  }
};

struct LogSigmoid {  // min(x, 0) - log(1 + e^-|x|)
  template <class D, class V>
  static HWY_INLINE V value(D d, V x, const P&) {
    const V below = hn::IfThenZeroElse(hn::Gt(x, hn::Zero(d)), x);
    return hn::Sub(below, math::Log1p(d, math::Exp(d, hn::Neg(hn::Abs(x)))));
  }
  template <class D, class V>
  static HWY_INLINE V gradient(D d, V x, V dy, const P&) {
    return hn::Mul(dy, math::Sigmoid(d, hn::Neg(x)));
  }
};

Loop curve_loop(Curve f, bool gradient, DType compute) {
  switch (f) {
    case Curve::leaky_relu:
      return loop_of<LeakyRelu, P, 1>(gradient, compute);
    case Curve::elu:
      return loop_of<Elu, P, 1>(gradient, compute);
    case Curve::gelu:
      return loop_of<Gelu, P, 1>(gradient, compute);
    case Curve::gelu_tanh:
      return loop_of<GeluTanh, P, 1>(gradient, compute);
    case Curve::silu:
      return loop_of<Silu, P, 1>(gradient, compute);
    case Curve::softplus:
      return loop_of<Softplus, P, 1>(gradient, compute);
    case Curve::hardswish:
      return loop_of<Hardswish, P, 1>(gradient, compute);
    case Curve::logsigmoid:
      return loop_of<LogSigmoid, P, 1>(gradient, compute);
  }
  return nullptr;
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(curve_loop);

// Rough nanoseconds an element takes.
double cost_of(Curve f) { return f == Curve::leaky_relu || f == Curve::hardswish ? 0.4 : 1.5; }

}  // namespace

void curve(Curve f, CurveParameters parameters, In x, Out y) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {x}, compute, HWY_DYNAMIC_DISPATCH(curve_loop)(f, false, compute), &parameters, cost_of(f));
}

void curve_backward(Curve f, CurveParameters parameters, In x, In dy, Out dx) {
  const DType compute = compute_dtype(dx.dtype);
  elementwise(dx, {x, dy}, compute, HWY_DYNAMIC_DISPATCH(curve_loop)(f, true, compute), &parameters,
              cost_of(f));
}

}  // namespace st::cpu
#endif  // HWY_ONCE
