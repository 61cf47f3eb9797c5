// Maps of the Poincaré ball that come from its metric: distances, parallel transport, inner products, scales.
// Names as in hyperbolic_points.cpp.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_metric.cpp"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

HWY_INLINE V twice(V x) { return hn::Add(x, x); }

// d(x, y)
struct Dist {
  enum { X, Y, W };
  static constexpr int kInputs = 2, kNumbers = 1;
  static constexpr Extra kExtra = Extra::difference;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 3> kDots = {{{X, X}, {Y, Y}, {W, W}}};
  static constexpr std::array<unsigned, 0> kOut = {};
  static HWY_INLINE void apply(Lanes& r) {
    r.number[0] = distance(r.c, r.root_c, r.gap(r.dot[0]), r.gap(r.dot[1]), r.dot[2]);
  }
};
struct DistGrad {
  enum { X, Y, W };
  static constexpr int kInputs = 2, kNumbers = 1;
  static constexpr Extra kExtra = Extra::difference;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 3> kDots = Dist::kDots;
  static constexpr std::array<unsigned, 2> kOut = {bit(X) | bit(W), bit(Y) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const V xx = r.dot[0], yy = r.dot[1], a = r.gap(xx), b = r.gap(yy);
    const DistanceGrad d = distance_grad(r.c, r.root_c, a, b, r.dot[2]);
    const V w = hn::Mul(r.g, d.w);
    r.factor[0][X] = hn::Mul(r.g, d.x);
    r.factor[0][W] = hn::Neg(w);
    r.factor[1][Y] = hn::Mul(r.g, d.y);
    r.factor[1][W] = w;
    r.number[0] = r.g;
    if (r.wants_c) r.number[0] = hn::Mul(r.g, distance_by_c(r.c, r.root_c, xx, yy, a, b, r.dot[2]));
  }
};

// d(0, x) = 2 |x| atanh(z) / z, z = sqrt c |x|; its derivative by |x| is 2 / A.
struct Dist0 {
  enum { X };
  static constexpr int kInputs = 1, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 1> kDots = {{{X, X}}};
  static constexpr std::array<unsigned, 0> kOut = {};
  static HWY_INLINE void apply(Lanes& r) {
    const V xx = r.dot[0];
    r.number[0] = hn::Mul(twice(hn::Sqrt(xx)), atanhc(hn::Mul(r.c, xx), r.gap(xx)).value);
  }
};
struct Dist0Grad {
  enum { X };
  static constexpr int kInputs = 1, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 1> kDots = Dist0::kDots;
  static constexpr std::array<unsigned, 1> kOut = {bit(X)};
  static HWY_INLINE void apply(Lanes& r) {
    const V xx = r.dot[0], norm = hn::Sqrt(xx), a = r.gap(xx);
    const V slope = hn::Div(twice(r.g), hn::Mul(a, norm));
    r.factor[0][X] = hn::IfThenZeroElse(hn::Eq(norm, hn::Zero(Row())), slope);
    r.number[0] = hn::Mul(twice(r.g), product(norm, xx, atanhc(hn::Mul(r.c, xx), a).slope));
  }
};

HWY_INLINE TransportTerms transport_terms(const Lanes& r, V xx, V yy, V ww, V vx, V vw) {
  return transport_of_gaps(r.c, r.gap(xx), r.gap(yy), xx, hn::Mul(r.c, ww), vx, vw);
}
struct Transport {
  enum { X, Y, U, W };  // U is the vector that moves
  static constexpr int kInputs = 3, kNumbers = 0;
  static constexpr Extra kExtra = Extra::difference;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 5> kDots = {{{X, X}, {Y, Y}, {W, W}, {U, X}, {U, W}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(U) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const TransportTerms t = transport_terms(r, r.dot[0], r.dot[1], r.dot[2], r.dot[3], r.dot[4]);
    r.factor[0][U] = t.rho;
    r.factor[0][W] = hn::Mul(t.eta, t.alpha);
    r.factor[0][X] = hn::Mul(t.eta, t.gamma);
  }
};
struct TransportGrad {
  enum { X, Y, U, G, W };
  static constexpr int kInputs = 4, kNumbers = 1;
  static constexpr Extra kExtra = Extra::difference;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 8> kDots = {
      {{X, X}, {Y, Y}, {W, W}, {U, X}, {U, W}, {G, X}, {G, W}, {G, U}}};
  static constexpr std::array<unsigned, 3> kOut = {
      bit(X) | bit(U) | bit(G) | bit(W), bit(Y) | bit(U) | bit(G) | bit(W), bit(X) | bit(G) | bit(W)};
  static HWY_INLINE void apply(Lanes& r) {
    const V c = r.c, xx = r.dot[0], yy = r.dot[1], ww = r.dot[2], vx = r.dot[3], vw = r.dot[4];
    const V gx = r.dot[5], gw = r.dot[6], gv = r.dot[7];
    const TransportTerms t = transport_terms(r, xx, yy, ww, vx, vw);
    const V d_alpha = hn::Mul(t.eta, gw), d_gamma = hn::Mul(t.eta, gx);
    const V turned = hn::Div(hn::MulAdd(t.alpha, gw, hn::Mul(t.gamma, gx)), t.m);
    const V d_rho = hn::Add(gv, twice(turned)), d_m = hn::Neg(hn::Mul(t.eta, turned));
    // of <v,x> and <v,w>, each without its factor c
    const V e_vx = hn::Neg(hn::MulAdd(hn::Add(t.b, t.cw), d_alpha, hn::Mul(t.cw, d_gamma)));
    const V e_vw = hn::NegMulAdd(hn::Mul(c, xx), d_alpha, hn::Mul(t.a, d_gamma));
    const V d_vx = hn::Mul(c, e_vx), d_vw = hn::Mul(c, e_vw);
    // of |w|^2, without its factor c; c|x|^2 in alpha counts as 1 - A
    const V e_ww = hn::Sub(d_m, product(c, vx, hn::Add(d_alpha, d_gamma)));
    const V d_a = hn::Add(product(c, vw, hn::Add(d_alpha, d_gamma)),
                          hn::NegMulAdd(hn::Div(t.rho, t.a), d_rho, hn::Mul(t.b, d_m)));
    const V d_b = hn::Add(hn::Sub(hn::Mul(t.a, d_m), product(c, vx, d_alpha)), hn::Div(d_rho, t.a));
    const V w_of_y = twice(hn::Mul(c, e_ww));
    r.factor[2][G] = t.rho;
    r.factor[2][X] = d_vx;
    r.factor[2][W] = d_vw;
    r.factor[1][G] = hn::Mul(t.eta, t.alpha);
    r.factor[1][U] = d_vw;
    r.factor[1][W] = w_of_y;
    r.factor[1][Y] = hn::Mul(hn::Mul(constant(-2), c), d_b);
    r.factor[0][G] = hn::Mul(t.eta, hn::Sub(t.gamma, t.alpha));
    r.factor[0][U] = hn::Sub(d_vx, d_vw);
    r.factor[0][W] = hn::Neg(w_of_y);
    r.factor[0][X] = hn::Mul(hn::Mul(constant(-2), c), d_a);
    const V direct = hn::MulAdd(vx, e_vx, hn::MulAdd(vw, e_vw, hn::Mul(ww, e_ww)));
    r.number[0] = hn::NegMulAdd(xx, d_a, hn::NegMulAdd(yy, d_b, direct));
  }
};

// One row times a power of the other's gap: z = s(A) v. Slope is s'(A).
template <class Scale>
struct Scaled {
  enum { X, U };
  static constexpr int kInputs = 2, kNumbers = 0;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 1> kDots = {{{X, X}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(U)};
  static HWY_INLINE void apply(Lanes& r) { r.factor[0][U] = Scale::value(r.gap(r.dot[0])); }
};
template <class Scale>
struct ScaledGrad {
  enum { X, U, G };
  static constexpr int kInputs = 3, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 2> kDots = {{{X, X}, {G, U}}};
  static constexpr std::array<unsigned, 2> kOut = {bit(X), bit(G)};
  static HWY_INLINE void apply(Lanes& r) {
    const V a = r.gap(r.dot[0]);
    const V d_a = hn::Mul(Scale::slope(a), r.dot[1]);
    r.factor[1][G] = Scale::value(a);
    r.factor[0][X] = hn::Mul(hn::Mul(constant(-2), r.c), d_a);
    r.number[0] = hn::Neg(hn::Mul(d_a, r.dot[0]));
  }
};
struct FromOrigin {
  static HWY_INLINE V value(V a) { return a; }
  static HWY_INLINE V slope(V) { return constant(1); }
};
struct ToOrigin {
  static HWY_INLINE V value(V a) { return hn::Div(constant(1), a); }
  static HWY_INLINE V slope(V a) { return hn::Div(constant(-1), square(a)); }
};
struct InverseMetric {  // 1 / lambda^2
  static HWY_INLINE V value(V a) { return hn::Mul(square(a), constant(0.25)); }
  static HWY_INLINE V slope(V a) { return hn::Mul(a, constant(0.5)); }
};

// lambda = 2 / A. The gradient of A is -g lambda^2 / 2.
struct Lambda {
  enum { X };
  static constexpr int kInputs = 1, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 1> kDots = Dist0::kDots;
  static constexpr std::array<unsigned, 0> kOut = {};
  static HWY_INLINE void apply(Lanes& r) { r.number[0] = hn::Div(constant(2), r.gap(r.dot[0])); }
};
struct LambdaGrad {
  enum { X };
  static constexpr int kInputs = 1, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 1> kDots = Dist0::kDots;
  static constexpr std::array<unsigned, 1> kOut = {bit(X)};
  static HWY_INLINE void apply(Lanes& r) {
    const V t = hn::Div(twice(r.g), square(r.gap(r.dot[0])));
    r.factor[0][X] = twice(hn::Mul(t, r.c));
    r.number[0] = hn::Mul(t, r.dot[0]);
  }
};

// <u, v>_x = lambda^2 <u, v>
struct Inner {
  enum { X, U, Y };
  static constexpr int kInputs = 3, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 2> kDots = {{{X, X}, {U, Y}}};
  static constexpr std::array<unsigned, 0> kOut = {};
  static HWY_INLINE void apply(Lanes& r) {
    r.number[0] = hn::Div(hn::Mul(constant(4), r.dot[1]), square(r.gap(r.dot[0])));
  }
};
struct InnerGrad {
  enum { X, U, Y };
  static constexpr int kInputs = 3, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 2> kDots = Inner::kDots;
  static constexpr std::array<unsigned, 3> kOut = {bit(X), bit(Y), bit(U)};
  static HWY_INLINE void apply(Lanes& r) {
    const V a = r.gap(r.dot[0]);
    const V scale = hn::Div(hn::Mul(constant(4), r.g), square(a));
    const V t = hn::Div(hn::Mul(twice(scale), r.dot[1]), a);  // minus the gradient of A
    r.factor[1][Y] = r.factor[2][U] = scale;
    r.factor[0][X] = twice(hn::Mul(t, r.c));
    r.number[0] = hn::Mul(t, r.dot[0]);
  }
};

// What is no point comes back to the limit along its radius. Points stay bit for bit: half of the limit is
// point_gap, which the limit's own points have after rounding.
HWY_INLINE hn::Mask<Row> is_outside(const Lanes& r, V q) {
  return hn::Gt(q, hn::NegMulAdd(constant(0.5), r.limit, constant(1)));
}
HWY_INLINE V to_limit(const Lanes& r, V q) { return hn::Sqrt(hn::Div(hn::Sub(constant(1), r.limit), q)); }
struct Project {
  enum { X };
  static constexpr int kInputs = 1, kNumbers = 0;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = false;
  static constexpr std::array<Dot, 1> kDots = Dist0::kDots;
  static constexpr std::array<unsigned, 1> kOut = {bit(X)};
  static HWY_INLINE void apply(Lanes& r) {
    const V q = hn::Mul(r.c, r.dot[0]);
    r.factor[0][X] = hn::IfThenElse(is_outside(r, q), to_limit(r, q), constant(1));
  }
};
struct ProjectGrad {
  enum { X, G };
  static constexpr int kInputs = 2, kNumbers = 1;
  static constexpr Extra kExtra = Extra::none;
  static constexpr bool kGradient = true;
  static constexpr std::array<Dot, 2> kDots = {{{X, X}, {G, X}}};
  static constexpr std::array<unsigned, 1> kOut = {bit(X) | bit(G)};
  static HWY_INLINE void apply(Lanes& r) {
    const V q = hn::Mul(r.c, r.dot[0]), f = to_limit(r, q);
    const auto outside = is_outside(r, q);
    const V along = hn::Mul(f, r.dot[1]);
    r.factor[0][G] = hn::IfThenElse(outside, f, constant(1));
    r.factor[0][X] = hn::IfThenElseZero(outside, hn::Neg(hn::Div(along, r.dot[0])));
    r.number[0] = hn::IfThenElseZero(outside, hn::Div(along, hn::Mul(constant(-2), r.c)));
  }
};

RowMap metric_map(HyperbolicMap map, DType dtype, Pass pass) {
  switch (map) {
    case HyperbolicMap::dist:
      return pick_map<Dist, DistGrad>(dtype, pass);
    case HyperbolicMap::dist0:
      return pick_map<Dist0, Dist0Grad>(dtype, pass);
    case HyperbolicMap::transport:
      return pick_map<Transport, TransportGrad>(dtype, pass);
    case HyperbolicMap::transport0:
      return pick_map<Scaled<FromOrigin>, ScaledGrad<FromOrigin>>(dtype, pass);
    case HyperbolicMap::transport0_back:
      return pick_map<Scaled<ToOrigin>, ScaledGrad<ToOrigin>>(dtype, pass);
    case HyperbolicMap::egrad2rgrad:
      return pick_map<Scaled<InverseMetric>, ScaledGrad<InverseMetric>>(dtype, pass);
    case HyperbolicMap::lambda_x:
      return pick_map<Lambda, LambdaGrad>(dtype, pass);
    case HyperbolicMap::inner:
      return pick_map<Inner, InnerGrad>(dtype, pass);
    case HyperbolicMap::project:
      return pick_map<Project, ProjectGrad>(dtype, pass);
    default:
      return {};
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {
HWY_EXPORT(metric_map);
}

RowMap hyperbolic_metric_map(HyperbolicMap map, DType dtype, Pass pass) {
  return HWY_DYNAMIC_DISPATCH(metric_map)(map, dtype, pass);
}

}  // namespace st::cpu
#endif
