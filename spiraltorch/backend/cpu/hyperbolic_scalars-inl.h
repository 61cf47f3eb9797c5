// The scalar mathematics of the Poincaré ball for vectors of rows: one lane is one row, always in float64.
// Everything is a smooth function of squares, so that nothing is divided by a norm and nothing is clamped but
// the gap 1 - c|x|^2, which a stored point outside the ball would make negative. Formulas: docs/geometry.md.
#if defined(SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_SCALARS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_SCALARS_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_SCALARS_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_SCALARS_INL_H_
#endif

#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = st::simd::HWY_NAMESPACE;

// Row is the tag of float64 lanes; V is its vector.
using Row = hn::ScalableTag<double>;
using V = hn::Vec<Row>;

HWY_INLINE V constant(double value) { return hn::Set(Row(), value); }
HWY_INLINE V square(V x) { return hn::Mul(x, x); }
HWY_INLINE V product(V a, V b, V c) { return hn::Mul(hn::Mul(a, b), c); }

// 1 - c|x|^2, at least gap_floor: points on the boundary or beyond keep finite values and gradients. NaN
// stays.
HWY_INLINE V gap(V c, V xx, V floor) {
  const V value = hn::NegMulAdd(c, xx, constant(1));
  return hn::IfThenElse(hn::Lt(value, floor), floor, value);  // Max would lose NaN on the scalar target
}
template <class T>
HWY_INLINE V gap(V c, V xx) {
  return gap(c, xx, constant(gap_floor<T>()));
}

// The factor that brings a point with this gap back to the least gap of its dtype (the limit), 1 inside. NaN
// stays.
HWY_INLINE V keep_inside(V gap_of_point, V limit) {
  const V one = constant(1);
  const auto outside = hn::Lt(gap_of_point, limit);
  if (HWY_LIKELY(hn::AllFalse(Row(), outside))) return one;
  return hn::IfThenElse(outside, hn::Sqrt(hn::Div(hn::Sub(one, limit), hn::Sub(one, gap_of_point))), one);
}

// Below this square the derivatives come from their series.
constexpr double kSeries = 0x1p-6;

// Division and square root are the dearest instructions here (16 and 24 cycles a vector of AVX-512): each
// function below divides once and gets its other quotients from that reciprocal.

// T(q) = tanh(sqrt q) / sqrt q, its derivative, and sech^2 sqrt q.
struct Tanhc {
  V value, slope, sech2;
};
HWY_INLINE Tanhc tanhc(V q) {
  const Row d;
  const V z = hn::Sqrt(q), one = constant(1);
  const auto at_zero = hn::Eq(z, hn::Zero(d));
  const V e = math::Expm1(d, hn::Mul(z, constant(-2)));  // e^(-2z) - 1
  const V den = hn::Add(constant(2), e);
  const V r = hn::Div(one, hn::Mul(den, z));
  const V t = hn::IfThenElse(at_zero, one, hn::Neg(hn::Mul(e, r)));
  const V sech2 = hn::IfThenElse(at_zero, one, product(constant(4), hn::Add(one, e), square(hn::Mul(r, z))));
  const V series = math::math_detail::Polynomial(d, q, -1.0 / 3, 4.0 / 15, -17.0 / 105, 248.0 / 2835,
                                                 -1382.0 / 31185, 43688.0 / 2027025, -929569.0 / 91216125);
  const V direct = product(hn::Sub(sech2, t), constant(0.5), square(hn::Mul(r, den)));
  return {t, hn::IfThenElse(hn::Lt(q, constant(kSeries)), series, direct), sech2};
}

// (atanh(s) / s - 1) / s^2 for s^2 < 0.0403; its error is 2^-56 (scripts/minimax.py atanh_ball).
HWY_INLINE V atanh_rest(V s2) {
  return math::math_detail::Polynomial(Row(), s2, 0.33333333333333332, 0.200000000000041528,
                                       0.142857142835591927, 0.11111111536863644, 0.0909086784530501878,
                                       0.076944716244830539, 0.0660412806720903413, 0.0680998554237711331);
}

// L(q) = atanh(sqrt q) / sqrt q and its derivative, given the gap 1 - q. With z = sqrt q,
//   2 atanh z = log((1 + z)^2 / gap) = k ln 2 + 2 atanh s,  s = ((1 + z)^2 - 2^k gap) / ((1 + z)^2 + 2^k
//   gap),
// where k, of the bits of the quotient's operands, leaves |s| < 0.201: atanh s = s + s^3 P(s^2). For k = 0, s
// is z: then L = 1 + q P(q) and L' = (1 / gap - P(q)) / 2 cancel nowhere, at 0 neither.
struct Atanhc {
  V value, slope;
};
HWY_INLINE Atanhc atanhc(V q, V gap_q) {
  const Row d;
  const hn::RebindToUnsigned<Row> du;
  const V one = constant(1), z = hn::Sqrt(hn::Min(one, q)), top = square(hn::Add(one, z));
  // the difference of two doubles' bits is 2^52 log2 of their quotient, but for 9 % of 2^52
  const auto bits = hn::BitCast(du, gap_q);
  const auto log2 = hn::Sub(hn::BitCast(du, top), bits);
  const auto rounded = hn::Add(log2, hn::Set(du, uint64_t{1} << 51));
  const auto whole = hn::And(rounded, hn::Set(du, ~((uint64_t{1} << 52) - 1)));  // k 2^52
  const V scaled = hn::BitCast(d, hn::Add(bits, whole));                         // 2^k gap
  const auto near = hn::Eq(scaled, gap_q);                                       // k = 0
  const auto digits = hn::Or(hn::ShiftRight<52>(rounded), hn::Set(du, 0x4330000000000000u));
  const V k = hn::Sub(hn::BitCast(d, digits), constant(0x1p52));
  const V den = hn::Add(top, scaled), divisor = hn::IfThenElse(near, one, z);
  const V den_z = hn::Mul(den, divisor), r = hn::Div(one, hn::Mul(den_z, gap_q));
  const V per_gap = hn::Mul(r, den_z), per_den = product(r, gap_q, divisor), per_z = product(r, gap_q, den);
  const V s = hn::IfThenElse(near, z, hn::Mul(hn::Sub(top, scaled), per_den)), s2 = square(s);
  const V p = atanh_rest(s2);
  const V bent = hn::MulAdd(s2, p, one);
  const V far = hn::Mul(hn::MulAdd(k, constant(0.34657359027997265), hn::Mul(s, bent)), per_z);
  const V value = hn::IfThenElse(near, bent, far);
  const V slope_near = hn::Mul(hn::Sub(per_gap, p), constant(0.5));
  const V slope_far = product(hn::Sub(per_gap, value), constant(0.5), square(per_z));
  return {value, hn::IfThenElse(near, slope_near, slope_far)};
}

// S(q) = asinh(u) / u with u = sqrt q, its derivative, asinh(u), u and 1 / sqrt(1 + q).
struct Asinhc {
  V value, slope, asinh, u, per_root;
};
HWY_INLINE Asinhc asinhc(V q) {
  const Row d;
  const V one = constant(1);
  const V u = hn::Sqrt(q), root = hn::Sqrt(hn::Add(one, q)), next = hn::Add(one, root);
  const auto at_zero = hn::Eq(u, hn::Zero(d));
  const V r = hn::Div(one, product(u, root, next));
  const V per_u = product(r, root, next);
  const V per_root = hn::IfThenElse(at_zero, one, product(r, u, next));
  // asinh u = log1p(u + u^2 / (1 + root))
  const V t = hn::IfThenZeroElse(at_zero, hn::MulAdd(hn::Mul(q, u), hn::Mul(r, root), u));
  const V asinh = math::Log1p(d, t);
  const V value = hn::IfThenElse(at_zero, one, hn::Mul(asinh, per_u));
  const V series =
      math::math_detail::Polynomial(d, q, -1.0 / 6, 3.0 / 20, -15.0 / 112, 35.0 / 288, -315.0 / 2816,
                                    693.0 / 6656, -1001.0 / 10240, 6435.0 / 69632, -109395.0 / 1245184);
  const V direct = product(hn::Sub(per_root, value), constant(0.5), square(per_u));
  return {value, hn::IfThenElse(hn::Lt(q, constant(kSeries)), series, direct), asinh, u, per_root};
}

// asinh u and its derivative 1 / sqrt(1 + u^2) with one division: with w = |u| + sqrt(1 + u^2), asinh |u| =
// k ln 2 + 2 atanh s, s = (w - 2^k) / (w + 2^k), and for k = 0 s = |u| / (1 + sqrt(1 + u^2)).
struct AsinhSlope {
  V value, slope;
};
HWY_INLINE AsinhSlope asinh_slope(V u) {
  const Row d;
  const hn::RebindToUnsigned<Row> du;
  const V one = constant(1), a = hn::Abs(u), root = hn::Sqrt(hn::MulAdd(u, u, one));
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Le(a, constant(0x1p500))))) {
    return {math::Asinh(d, u), hn::Div(one, root)};
  }
  const V w = hn::Add(a, root);
  const auto rounded =
      hn::Add(hn::Sub(hn::BitCast(du, w), hn::BitCast(du, one)), hn::Set(du, uint64_t{1} << 51));
  const auto whole = hn::And(rounded, hn::Set(du, ~((uint64_t{1} << 52) - 1)));  // k 2^52
  const V power = hn::BitCast(d, hn::Add(hn::BitCast(du, one), whole));
  const auto near = hn::Eq(power, one);
  const auto digits = hn::Or(hn::ShiftRight<52>(rounded), hn::Set(du, 0x4330000000000000u));
  const V k = hn::Sub(hn::BitCast(d, digits), constant(0x1p52));
  const V num = hn::IfThenElse(near, a, hn::Sub(w, power));
  const V den = hn::IfThenElse(near, hn::Add(one, root), hn::Add(w, power));
  const V r = hn::Div(one, hn::Mul(den, root)), s = product(num, r, root), s2 = square(s);
  const V twice = hn::Mul(hn::Add(s, s), hn::MulAdd(s2, atanh_rest(s2), one));
  return {hn::CopySign(hn::MulAdd(k, constant(0.69314718055994531), twice), u), hn::Mul(r, den)};
}

// The factor that keeps the point of_w w + of_x x, whose gap is known, inside the ball. A sum of all but
// opposite points near the boundary is less exact than its gap, so what will be stored counts as well.
HWY_INLINE V keep_sum_inside(V c, V of_w, V of_x, V gap_z, V xx, V ww, V xw, V limit) {
  const V mixed = hn::MulAdd(hn::Add(of_w, of_w), xw, hn::Mul(of_x, xx));
  const V square_z = hn::MulAdd(hn::Mul(of_w, of_w), ww, hn::Mul(of_x, mixed));
  return keep_inside(hn::Min(gap_z, hn::NegMulAdd(c, square_z, constant(1))), limit);
}

// x (+) y = (A w + c|w|^2 x) / M with w = x + y, A and B the gaps of x and y, M = A B + c|w|^2: the factors
// of w and x, with the result kept inside the ball.
struct MobiusSum {
  V w, x;
};
HWY_INLINE MobiusSum mobius_sum(V c, V a, V b, V xx, V ww, V xw, V limit) {
  const V ab = hn::Mul(a, b), cw = hn::Mul(c, ww);
  const V inverse = hn::Div(constant(1), hn::Add(ab, cw));
  const V of_w = hn::Mul(a, inverse), of_x = hn::Mul(cw, inverse);
  const V inside = keep_sum_inside(c, of_w, of_x, hn::Mul(ab, inverse), xx, ww, xw, limit);
  return {hn::Mul(of_w, inside), hn::Mul(of_x, inside)};
}

// Its gradient: with g the gradient of the sum, the vector along w is p = gw g + ww w; x has p + gx g as
// well, and a, b, c are the gradients of A, B and (at fixed A and B) c.
struct MobiusSumGrad {
  V gw, ww, gx, a, b, c;
};
HWY_INLINE MobiusSumGrad mobius_sum_grad(V c, V a, V b, V ww, V g_dot_x, V g_dot_w) {
  const V cw = hn::Mul(c, ww), inverse = hn::Div(constant(1), hn::MulAdd(a, b, cw));
  const V inverse2 = square(inverse);
  const V h = hn::Mul(inverse2, hn::NegMulAdd(b, g_dot_x, g_dot_w));  // (<g,w> - B <g,x>) / M^2
  const V dw = hn::Neg(product(c, a, h));                             // of |w|^2
  const V dm = hn::Neg(hn::Mul(inverse2, hn::MulAdd(a, g_dot_w, hn::Mul(cw, g_dot_x))));
  return {hn::Mul(a, inverse), hn::Add(dw, dw), hn::Mul(cw, inverse),
          hn::Mul(cw, h),      hn::Mul(dm, a),  hn::Neg(product(ww, a, h))};
}

// exp_x(v) = x (+) tau v with tau = T(q) / A, q = c|v|^2 / A^2; b is the gap of tau v, sech^2 sqrt q.
struct ExpStep {
  V tau, per_a, q, b;
  Tanhc t;
};
HWY_INLINE ExpStep exp_step(V c, V a, V vv, V floor) {
  const V per_a = hn::Div(constant(1), a);
  const V q = product(c, vv, square(per_a));
  const Tanhc t = tanhc(q);
  return {hn::Mul(t.value, per_a), per_a, q, hn::Max(floor, t.sech2), t};
}

// Transport of v from x to y: (B / A) gyr[y, -x] v = rho v + eta (alpha w + gamma x), w = y - x,
//   rho = B / A, eta = 2 rho / M, M = A B + c|w|^2,
//   alpha = -c ((B + c|w|^2) <v,x> + c|x|^2 <v,w>), gamma = c (A <v,w> - c|w|^2 <v,x>).
struct TransportTerms {
  V a, b, cw, m, rho, eta, alpha, gamma;
};
// From the gaps a and b of x and y, and cw = c|w|^2.
HWY_INLINE TransportTerms transport_of_gaps(V c, V a, V b, V xx, V cw, V vx, V vw) {
  TransportTerms t;
  t.a = a;
  t.b = b;
  t.cw = cw;
  t.m = hn::MulAdd(t.a, t.b, t.cw);
  t.rho = hn::Div(t.b, t.a);
  t.eta = hn::Div(hn::Add(t.rho, t.rho), t.m);
  t.alpha = hn::Neg(hn::Mul(c, hn::MulAdd(hn::Add(t.b, t.cw), vx, product(c, xx, vw))));
  t.gamma = hn::Mul(c, hn::NegMulAdd(t.cw, vx, hn::Mul(t.a, vw)));
  return t;
}
// d = (2 / sqrt c) asinh sqrt delta, delta = c|w|^2 / (A B), w = y - x: exactly 0 for equal points.
// root_c = sqrt c is the same for many rows.
HWY_INLINE V distance(V c, V root_c, V a, V b, V ww) {
  const V delta = hn::Div(hn::Mul(c, ww), hn::Mul(a, b));
  return hn::Div(hn::Mul(constant(2), asinhc(delta).asinh), root_c);
}

// Its gradients: dx = x * x - w * w, dy = y * y + w * w (factor * vector); 0 for equal points.
struct DistanceGrad {
  V x, y, w;
};
HWY_INLINE DistanceGrad distance_grad(V c, V root_c, V a, V b, V ww) {
  const V one = constant(1), per_ab = hn::Div(one, hn::Mul(a, b));
  const V delta = product(c, ww, per_ab), s = hn::Sqrt(hn::Mul(delta, hn::Add(one, delta)));
  const V scale = hn::Div(hn::Add(root_c, root_c), s);  // 2 sqrt c / sqrt(delta (1 + delta))
  const V safe = hn::IfThenZeroElse(hn::Eq(s, hn::Zero(Row())), hn::Mul(scale, per_ab));
  const V along = hn::Mul(safe, delta);
  return {hn::Mul(along, b), hn::Mul(along, a), safe};
}
// dd/dc = (2 delta^(3/2) S'(delta) / c + (u / sqrt(1 + delta)) (|x|^2 / A + |y|^2 / B)) / sqrt c
HWY_INLINE V distance_by_c(V c, V root_c, V xx, V yy, V a, V b, V ww) {
  const V delta = hn::Div(hn::Mul(c, ww), hn::Mul(a, b));
  const Asinhc s = asinhc(delta);
  const V bend = hn::Div(product(hn::Add(delta, delta), s.u, s.slope), c);
  const V stretch = hn::Add(hn::Div(xx, a), hn::Div(yy, b));
  return hn::Div(hn::MulAdd(hn::Mul(s.u, s.per_root), stretch, bend), root_c);
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_SCALARS_INL_H_
