// sin and cos.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_TRIG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_TRIG_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_TRIG_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_TRIG_INL_H_
#endif

#include <cmath>
#include <cstddef>

#include "spiraltorch/backend/cpu/simd/math/base-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {
namespace math_detail {

/// Largest |x| for which the vector reduction of sin and cos is exact enough: 2^13 pi/2 and 2^20 pi/2.
template <class T>
inline constexpr T kTrigLimit = Pick<T>(12867, 1647099);

/// sin(x + quarter pi/2) for |x| <= kTrigLimit. Cody and Waite: x - n pi/2 with pi/2 in parts short enough
/// that their products with n are exact; the last rounding error is carried as r_low.
template <int kQuarter, class D, class V>
HWY_INLINE V SinInside(D d, V x) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  using U = hn::TFromD<decltype(du)>;
  const V rounder = hn::Set(d, kRounder<T>);
  const V rounded = hn::MulAdd(x, hn::Set(d, Pick<T>(0.63661977236758134, 0.63661977236758134)), rounder);
  const V n = hn::Sub(rounded, rounder);
  V high = hn::NegMulAdd(n, hn::Set(d, Pick<T>(0x1.92p+0, 0x1.921fb54400000p+0)), x);
  if constexpr (kIsFloat<T>) high = hn::NegMulAdd(n, hn::Set(d, T(0x1.fb4p-12)), high);
  const V part = hn::Mul(n, hn::Set(d, Pick<T>(0x1.444p-24, 0x1.0b4611a600000p-34)));
  const V reduced = hn::Sub(high, part);
  const V lost = hn::Sub(part, hn::Sub(high, reduced));
  const V last = hn::MulAdd(n, hn::Set(d, Pick<T>(0x1.68c234p-39, 0x1.3198a2e037073p-69)), lost);
  const V r = hn::Sub(reduced, last);
  const V r_low = hn::Sub(hn::Sub(reduced, r), last);

  const V z = hn::Mul(r, r);
  V sin_p, cos_p;
  if constexpr (kIsFloat<T>) {
    sin_p = Polynomial(d, z, -0.1666665424, 0.008332137132, -0.0001951202753);
    cos_p = Polynomial(d, z, 0.04166664504, -0.00138872842, 2.442943841e-5);
  } else {
    sin_p = Polynomial(d, z, -0.166666666666666285, 0.00833333333332154414, -0.000198412698291137072,
                       2.75573134512308331e-06, -2.50507203856933363e-08, 1.58946035572319929e-10);
    cos_p = Polynomial(d, z, 0.0416666666666665883, -0.0013888888888872237, 0.0000248015872883279399,
                       -2.7557314024734633e-07, 2.08756794160321666e-09, -1.13574067731655228e-11);
  }
  const V sin_r = hn::Add(r, hn::MulAdd(hn::Mul(r, z), sin_p, r_low));
  const V one = hn::Set(d, T(1));
  const V half_square = hn::Mul(z, hn::Set(d, T(0.5)));
  const V w = hn::Sub(one, half_square);
  const V w_lost = hn::Sub(hn::Sub(one, w), half_square);
  const V cos_r = hn::Add(w, hn::Add(w_lost, hn::MulAdd(hn::Mul(z, z), cos_p, hn::Neg(hn::Mul(r, r_low)))));

  auto quadrant = hn::BitCast(du, rounded);
  if constexpr (kQuarter != 0) quadrant = hn::Add(quadrant, hn::Set(du, U{kQuarter}));
  const auto swap = hn::RebindMask(d, hn::TestBit(quadrant, hn::Set(du, U{1})));
  const auto sign = hn::ShiftLeft<sizeof(T) * 8 - 2>(hn::And(quadrant, hn::Set(du, U{2})));
  return hn::Xor(hn::IfThenElse(swap, cos_r, sin_r), hn::BitCast(d, sign));
}

/// Replaces the lanes of y whose |x| is beyond limit (or NaN) by the C library's function: rare and slow.
template <class D, class V, class F>
HWY_NOINLINE V ByLane(D d, V x, V y, hn::TFromD<D> limit, F function) {
  using T = hn::TFromD<D>;
  HWY_ALIGN T in[hn::MaxLanes(D())];
  HWY_ALIGN T out[hn::MaxLanes(D())];
  hn::Store(x, d, in);
  hn::Store(y, d, out);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    if (!(std::abs(in[i]) <= limit)) out[i] = static_cast<T>(function(static_cast<double>(in[i])));
  }
  return hn::Load(d, out);
}

template <int kQuarter, class D, class V>
HWY_INLINE V SinCos(D d, V x) {
  using T = hn::TFromD<D>;
  V y = SinInside<kQuarter>(d, x);
  if constexpr (kQuarter == 0) y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // sin(-0) = -0
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Le(hn::Abs(x), hn::Set(d, kTrigLimit<T>))))) {
    y = ByLane(d, x, y, kTrigLimit<T>,
               kQuarter == 0 ? static_cast<double (*)(double)>(std::sin)
                             : static_cast<double (*)(double)>(std::cos));
  }
  return y;
}

}  // namespace math_detail

/// sin x. Reduction by pi/2 in parts and a polynomial up to |x| = 12867 (float) or 1647099 (double); a lane
/// beyond goes through the C library, one by one. sin(inf) = NaN.
/// Worst ULP: float 0.92, double 0.89.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sin(D d, V x) {
  return math_detail::SinCos<0>(d, x);
}

/// cos x, as sin.
/// Worst ULP: float 0.92, double 0.96.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cos(D d, V x) {
  return math_detail::SinCos<1>(d, x);
}

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_TRIG_INL_H_
