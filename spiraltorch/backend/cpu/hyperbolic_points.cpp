// Maps of the Poincaré ball that give points or tangent vectors by addition and the exponential map. Names:
// A, B the gaps of the two points, w their sum or difference, g the gradient of the result.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_points.cpp"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

// -2c times the gradient of a gap: the factor of the point itself.
HWY_INLINE V through_gap(V c, V d_gap) { return hn::Mul(hn::Mul(constant(-2), c), d_gap); }

// z = x (+) y
struct MobiusAdd {
  enum { X, Y, W };
  static constexpr int kInputs = 2, kNumbers = 0;
  static constexpr Extra kExtra = Extra::sum;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 4> kDots = {{{X, X}, {Y, Y}, {W, W}, {X, W}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const MobiusSum z =
        mobius_sum(r.c, r.gap(r.dot[0]), r.gap(r.dot[1]), r.dot[0], r.dot[2], r.dot[3], r.limit);
    r.factor[0][X] = z.x;
    r.factor[0][W] = z.w;
  }
};
struct MobiusAddGrad {
  enum { X, Y, G, W };
  static constexpr int kInputs = 3, kNumbers = 1;
  static constexpr Extra kExtra = Extra::sum;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 5> kDots = {{{X, X}, {Y, Y}, {W, W}, {G, X}, {G, W}}};
  static constexpr std::array<unsigned, 2> kOut = {bit(X) | bit(G) | bit(W), bit(Y) | bit(G) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const V xx = r.dot[0], yy = r.dot[1];
    const MobiusSumGrad m = mobius_sum_grad(r.c, r.gap(xx), r.gap(yy), r.dot[2], r.dot[3], r.dot[4]);
    r.factor[0][G] = hn::Add(m.gw, m.gx);
    r.factor[0][W] = r.factor[1][W] = m.ww;
    r.factor[1][G] = m.gw;
    r.factor[0][X] = through_gap(r.c, m.a);
    r.factor[1][Y] = through_gap(r.c, m.b);
    r.number[0] = hn::NegMulAdd(xx, m.a, hn::NegMulAdd(yy, m.b, m.c));
  }
};

// z = exp_x(v) = x (+) tau v; the products of the first sweep stand behind those of the second.
struct Expmap {
  enum { X, Y, W };  // Y is v
  static constexpr int kInputs = 2, kNumbers = 0;
  static constexpr Extra kExtra = Extra::step;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 2> kStepDots = {{{X, X}, {Y, Y}}};
  static constexpr std::array<Dot, 2> kDots = {{{W, W}, {X, W}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(W)};
  static HWY_INLINE void step(Lanes& r) { r.along = exp_step(r.c, r.gap(r.dot[2]), r.dot[3], r.floor); }
  static HWY_INLINE void apply(Lanes& r) {
    const V xx = r.dot[2];
    const MobiusSum z = mobius_sum(r.c, r.gap(xx), r.along.b, xx, r.dot[0], r.dot[1], r.limit);
    r.factor[0][X] = z.x;
    r.factor[0][W] = z.w;
  }
};
struct ExpmapGrad {
  enum { X, Y, G, W };  // Y is v
  static constexpr int kInputs = 3, kNumbers = 1;
  static constexpr Extra kExtra = Extra::step;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 2> kStepDots = Expmap::kStepDots;
  static constexpr std::array<Dot, 5> kDots = {{{W, W}, {G, X}, {G, W}, {G, Y}, {W, Y}}};
  static constexpr std::array<unsigned, 2> kOut = {bit(X) | bit(G) | bit(W), bit(Y) | bit(G) | bit(W)};
  static HWY_INLINE void step(Lanes& r) { r.along = exp_step(r.c, r.gap(r.dot[5]), r.dot[6], r.floor); }
  static HWY_INLINE void apply(Lanes& r) {
    const V xx = r.dot[5], vv = r.dot[6], a = r.gap(xx);
    const ExpStep& u = r.along;
    const MobiusSumGrad m = mobius_sum_grad(r.c, a, u.b, r.dot[0], r.dot[1], r.dot[2]);
    const V d_tau = hn::MulAdd(m.gw, r.dot[3], hn::Mul(m.ww, r.dot[4]));  // <p, v>
    // T' / A moves tau with q; the gap of tau v is sech^2 sqrt q, with derivative -T sech^2
    const V d_t = hn::Mul(d_tau, u.per_a);
    const V d_q = hn::NegMulAdd(m.b, hn::Mul(u.t.value, u.t.sech2), hn::Mul(d_t, u.t.slope));
    const V d_a = hn::NegMulAdd(hn::MulAdd(d_tau, u.tau, product(constant(2), d_q, u.q)), u.per_a, m.a);
    const V q_v = hn::Mul(d_q, square(u.per_a));  // d_q dq/d|v|^2 = c q_v
    r.factor[0][G] = hn::Add(m.gw, m.gx);
    r.factor[0][W] = m.ww;
    r.factor[0][X] = through_gap(r.c, d_a);
    r.factor[1][G] = hn::Mul(u.tau, m.gw);
    r.factor[1][W] = hn::Mul(u.tau, m.ww);
    r.factor[1][Y] = product(constant(2), r.c, q_v);
    r.number[0] = hn::NegMulAdd(xx, d_a, hn::MulAdd(vv, q_v, m.c));
  }
};

// log_x(y) = F (A w - c|w|^2 x), w = y - x, F = H(delta) / B, H = (asinh u / u) / sqrt(1 + u^2), u^2 = delta
// = c|w|^2 / (A B).
struct LogFactor {
  V per_a, per_b, h, slope, per_next;
};
HWY_INLINE LogFactor log_factor(V c, V a, V b, V ww) {
  const V per_ab = hn::Div(constant(1), hn::Mul(a, b));
  const Asinhc s = asinhc(product(c, ww, per_ab));
  const V h = hn::Mul(s.value, s.per_root), per_next = square(s.per_root);  // 1 / (1 + delta)
  // H' = S' / sqrt(1 + delta) - H / (2 (1 + delta)): both terms are negative
  const V slope = hn::NegMulAdd(hn::Mul(h, constant(0.5)), per_next, hn::Mul(s.slope, s.per_root));
  return {hn::Mul(b, per_ab), hn::Mul(a, per_ab), h, slope, per_next};
}
struct Logmap {
  enum { X, Y, W };
  static constexpr int kInputs = 2, kNumbers = 0;
  static constexpr Extra kExtra = Extra::difference;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 3> kDots = {{{X, X}, {Y, Y}, {W, W}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const V a = r.gap(r.dot[0]), b = r.gap(r.dot[1]), ww = r.dot[2];
    const LogFactor l = log_factor(r.c, a, b, ww);
    const V f = hn::Mul(l.h, l.per_b);
    r.factor[0][W] = hn::Mul(f, a);
    r.factor[0][X] = hn::Neg(product(f, r.c, ww));
  }
};
struct LogmapGrad {
  enum { X, Y, G, W };
  static constexpr int kInputs = 3, kNumbers = 1;
  static constexpr Extra kExtra = Extra::difference;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 5> kDots = MobiusAddGrad::kDots;
  static constexpr std::array<unsigned, 2> kOut = {bit(X) | bit(G) | bit(W), bit(Y) | bit(G) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const V c = r.c, xx = r.dot[0], yy = r.dot[1], ww = r.dot[2], gx = r.dot[3], gw = r.dot[4];
    const V a = r.gap(xx), b = r.gap(yy), one = constant(1);
    const LogFactor l = log_factor(c, a, b, ww);
    const V f = hn::Mul(l.h, l.per_b), cw = hn::Mul(c, ww);
    // K = H + delta H' = (1 + H) / (2 (1 + delta)): the sums below in which H and delta H' would cancel
    const V k = product(hn::Add(one, l.h), constant(0.5), l.per_next);
    const V d_f = hn::NegMulAdd(cw, gx, hn::Mul(a, gw));
    const V d_fb = hn::Mul(d_f, l.per_b);
    const V d_a = hn::MulAdd(f, gw, product(d_fb, hn::Sub(l.h, k), l.per_a));
    const V d_b = hn::Neg(product(d_fb, k, l.per_b));
    // of |w|^2, without its factor c
    const V d_w = hn::Mul(hn::Sub(product(gw, l.slope, l.per_b), hn::Mul(gx, k)), l.per_b);
    const V w_factor = product(constant(2), c, d_w), g_factor = hn::Mul(f, a);
    r.factor[1][G] = g_factor;
    r.factor[1][W] = w_factor;
    r.factor[1][Y] = through_gap(c, d_b);
    r.factor[0][G] = hn::Neg(hn::MulAdd(f, cw, g_factor));
    r.factor[0][W] = hn::Neg(w_factor);
    r.factor[0][X] = through_gap(c, d_a);
    r.number[0] = hn::MulAdd(ww, d_w, hn::Neg(hn::MulAdd(xx, d_a, hn::Mul(yy, d_b))));
  }
};

// A row times a function of its square: z = f(c|x|^2) x. dx = f g + 2 c f' <g,x> x, dc = f' |x|^2 <g,x>.
// Forward keeps f and f'.
template <class Factor>
struct Radial {
  enum { X };
  static constexpr int kInputs = 1, kNumbers = 2;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 1> kDots = {{{X, X}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X)};
  static HWY_INLINE void apply(Lanes& r) { r.factor[0][X] = Factor::value(r, r.number[0], r.number[1]); }
};
struct RadialKept {
  enum { X, G };
  static constexpr int kInputs = 2, kNumbers = 0;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 1> kDots = {{{X, G}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(G)};
  static HWY_INLINE void apply(Lanes& r) {  // s and g are the two numbers that forward kept
    r.factor[0][G] = r.s;
    r.factor[0][X] = hn::Mul(hn::Add(r.c, r.c), hn::Mul(r.g, r.dot[0]));
  }
};
template <class Factor>
struct RadialGrad {
  enum { X, G };
  static constexpr int kInputs = 2, kNumbers = 2;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 2> kDots = {{{X, X}, {G, X}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(G)};
  static HWY_INLINE void apply(Lanes& r) {
    V f, slope, by_s;
    Factor::gradient(r, f, slope, by_s);
    const V t = hn::Mul(slope, r.dot[1]);
    r.factor[0][G] = f;
    r.factor[0][X] = product(constant(2), r.c, t);
    r.number[0] = hn::Mul(t, r.dot[0]);
    r.number[1] = hn::Mul(by_s, r.dot[1]);
  }
};

// Of each factor: its gradient, f, f' and the derivative by s; and the value, which is f with the length of
// the result held inside the ball.
struct Expmap0 {  // tanh(z) / z, z = sqrt c |v|
  static HWY_INLINE V value(const Lanes& r, V& f, V& slope) {
    const Tanhc t = tanhc(hn::Mul(r.c, r.dot[0]));
    f = t.value;
    slope = t.slope;
    return hn::Mul(f, keep_inside(t.sech2, r.limit));
  }
  static HWY_INLINE void gradient(const Lanes& r, V& f, V& slope, V& by_s) {
    value(r, f, slope);
    by_s = hn::Zero(Row());
  }
};
struct Logmap0 {  // atanh(z) / z
  static HWY_INLINE V value(const Lanes& r, V& f, V& slope) {
    const Atanhc l = atanhc(hn::Mul(r.c, r.dot[0]), r.gap(r.dot[0]));
    slope = l.slope;
    return f = l.value;
  }
  static HWY_INLINE void gradient(const Lanes& r, V& f, V& slope, V& by_s) {
    value(r, f, slope);
    by_s = hn::Zero(Row());
  }
};
struct MobiusScalarMul {  // tanh(s atanh z) / z = s L(q) T(m), m = s^2 q L^2
  static HWY_INLINE V value(const Lanes& r, V& f, V& slope) {
    V by_s;
    const V sech2 = gradient(r, f, slope, by_s);
    return hn::Mul(f, keep_inside(sech2, r.limit));
  }
  static HWY_INLINE V gradient(const Lanes& r, V& f, V& slope, V& by_s) {
    const V s = r.s, q = hn::Mul(r.c, r.dot[0]), gap_x = r.gap(r.dot[0]);
    const Atanhc l = atanhc(q, gap_x);
    const V sl = hn::Mul(s, l.value);
    const Tanhc t = tanhc(hn::Mul(q, square(sl)));
    f = hn::Mul(sl, t.value);
    // dm/dq = s^2 L / (1 - q), for L + 2 q L' = 1 / (1 - q)
    const V m_q = hn::Div(hn::Mul(s, sl), gap_x);
    slope = hn::MulAdd(hn::Mul(s, l.slope), t.value, product(sl, t.slope, m_q));
    by_s = hn::Mul(l.value, t.sech2);  // T + 2 m T' = sech^2
    return t.sech2;
  }
};

RowMap points_map(HyperbolicMap map, DType dtype, Pass pass) {
  switch (map) {
    case HyperbolicMap::mobius_add:
      return pick_map<MobiusAdd, MobiusAddGrad>(dtype, pass);
    case HyperbolicMap::mobius_scalar_mul:
      return pick_map<Radial<MobiusScalarMul>, RadialGrad<MobiusScalarMul>, RadialKept>(dtype, pass);
    case HyperbolicMap::expmap:
      return pick_map<Expmap, ExpmapGrad>(dtype, pass);
    case HyperbolicMap::logmap:
      return pick_map<Logmap, LogmapGrad>(dtype, pass);
    case HyperbolicMap::expmap0:
      return pick_map<Radial<Expmap0>, RadialGrad<Expmap0>, RadialKept>(dtype, pass);
    case HyperbolicMap::logmap0:
      return pick_map<Radial<Logmap0>, RadialGrad<Logmap0>, RadialKept>(dtype, pass);
    default:
      return {};
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {
HWY_EXPORT(points_map);
}

RowMap hyperbolic_points_map(HyperbolicMap map, DType dtype, Pass pass) {
  return HWY_DYNAMIC_DISPATCH(points_map)(map, dtype, pass);
}

}  // namespace st::cpu
#endif
