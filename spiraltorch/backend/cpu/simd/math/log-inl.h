// The logarithm and its kin: log, log1p, asinh, atanh.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_LOG_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_LOG_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_LOG_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_LOG_INL_H_
#endif

#include "spiraltorch/backend/cpu/simd/math/base-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {
namespace math_detail {

/// x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for a positive normal x; f is exact.
template <class D, class V>
HWY_INLINE void SplitByPow2(D d, V x, V& k, V& f) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  using U = hn::TFromD<decltype(du)>;
  constexpr int kBits = kMantissaBits<T>;
  constexpr U kOne = kIsFloat<T> ? U{0x3f800000u} : static_cast<U>(0x3ff0000000000000ull);
  constexpr U kSqrtHalf = kIsFloat<T> ? U{0x3f3504f3u} : static_cast<U>(0x3fe6a09e667f3bcdull);
  constexpr U kTwoToBits = kIsFloat<T> ? U{0x4b000000u} : static_cast<U>(0x4330000000000000ull);
  const auto bits = hn::Add(hn::BitCast(du, x), hn::Set(du, U(kOne - kSqrtHalf)));
  const auto exponent = hn::Or(hn::ShiftRight<kBits>(bits), hn::Set(du, kTwoToBits));
  k = hn::Sub(hn::BitCast(d, exponent), hn::Set(d, Pick<T>(0x1p23 + 127, 0x1p52 + 1023)));
  const auto mantissa = hn::And(bits, hn::Set(du, U((U{1} << kBits) - 1)));
  f = hn::Sub(hn::BitCast(d, hn::Add(mantissa, hn::Set(du, kSqrtHalf))), hn::Set(d, T(1)));
}

/// k ln 2 + log(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2).
/// float: f - f^2 / 2 + f^3 P(f). double: with s = f / (2 + f), log(1 + f) = 2 atanh(s) = 2 s + s^3 P(s^2),
/// where 2 s = f - s f is written f - f^2 / 2 + s f^2 / 2, so that the rounding of s matters little.
template <class D, class V>
HWY_INLINE V LogOfSplit(D d, V k, V f) {
  using T = hn::TFromD<D>;
  const V ln2_high = hn::Set(d, Pick<T>(0x1.62e4p-1, 0x1.62e42fefa3800p-1));
  const V ln2_low = hn::Set(d, Pick<T>(0x1.7f7d1cp-20, 0x1.ef35793c76730p-45));
  const V half_square = hn::Mul(hn::Mul(f, hn::Set(d, T(0.5))), f);
  V rest;
  if constexpr (kIsFloat<T>) {
    const V p = Polynomial(d, f, 0.333333126, -0.250000096, 0.2000211865, -0.1666799578, 0.1421955248,
                           -0.1240559009, 0.1188816237, -0.1167564554, 0.06746633365);
    rest = hn::Mul(hn::Mul(hn::Mul(f, f), f), p);
  } else {
    const V s = hn::Div(f, hn::Add(f, hn::Set(d, T(2))));
    const V z = hn::Mul(s, s);
    const V p = Polynomial(d, z, 2 * 0.333333333333333487, 2 * 0.199999999999489429, 2 * 0.142857143133262705,
                           2 * 0.111111055157885231, 2 * 0.0909144810920486422, 2 * 0.0766574873245448746,
                           2 * 0.0730955003129901573);
    rest = hn::Mul(s, hn::MulAdd(z, p, half_square));
  }
  const V small = hn::Sub(hn::MulAdd(k, ln2_low, rest), half_square);
  return hn::MulAdd(k, ln2_high, hn::Add(f, small));
}

/// log(1 + x) for -1 < x < inf. c, what 1 + x lost in rounding, is given back to f.
template <class D, class V>
HWY_INLINE V Log1pInside(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T(1));
  const V u = hn::Add(one, x);
  const V c = hn::Sub(x, hn::Sub(u, one));
  V k, f;
  SplitByPow2(d, u, k, f);
  const V scale = Pow2(d, hn::Max(hn::Neg(k), hn::Set(d, T(-100))));
  return LogOfSplit(d, k, hn::MulAdd(c, scale, f));
}

}  // namespace math_detail

/// Natural logarithm: x = 2^k (1 + f), k ln 2 + log(1 + f). log(0) = -inf, log(x < 0) = NaN.
/// A vector with a lane that is not positive, normal and finite takes a slower branch.
/// Worst ULP: float 0.82, double 0.80.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V min_normal = hn::Set(d, kMinNormal<T>), infinity = hn::Set(d, kInfinity<T>);
  const bool edges = !hn::AllTrue(d, hn::And(hn::Ge(x, min_normal), hn::Lt(x, infinity)));
  V u = x, k, f;
  if (HWY_UNLIKELY(edges)) {
    u = hn::IfThenElse(hn::Lt(x, min_normal), hn::Mul(x, hn::Set(d, Pick<T>(0x1p24, 0x1p54))), x);
  }
  SplitByPow2(d, u, k, f);
  if (HWY_UNLIKELY(edges)) {
    k = hn::Sub(k, hn::IfThenElseZero(hn::Lt(x, min_normal), hn::Set(d, Pick<T>(24, 54))));
  }
  V y = LogOfSplit(d, k, f);
  if (HWY_UNLIKELY(edges)) {
    y = hn::IfThenElse(hn::Lt(x, infinity), y, x);  // inf, NaN
    y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, kNaN<T>), y);
    y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -kInfinity<T>), y);
  }
  return y;
}

/// log(1 + x) without cancellation near 0. log1p(-1) = -inf, log1p(x < -1) = NaN.
/// Worst ULP: float 1.37, double 1.35.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1p(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V minus_one = hn::Set(d, T(-1)), infinity = hn::Set(d, kInfinity<T>);
  V y = hn::CopySign(Log1pInside(d, x), x);
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::And(hn::Gt(x, minus_one), hn::Lt(x, infinity))))) {
    y = hn::IfThenElse(hn::Lt(x, infinity), y, x);
    y = hn::IfThenElse(hn::Lt(x, minus_one), hn::Set(d, kNaN<T>), y);
    y = hn::IfThenElse(hn::Eq(x, minus_one), hn::Neg(infinity), y);
  }
  return y;
}

/// log(x + sqrt(x^2 + 1)) = log1p(|x| + x^2 / (1 + sqrt(x^2 + 1))) with the sign of x; log(2 |x|) where x^2
/// is large.
/// Worst ULP: float 1.71, double 1.72.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Asinh(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x), one = hn::Set(d, T(1));
  const V square = hn::Mul(a, a);
  const auto large = hn::Gt(a, hn::Set(d, Pick<T>(0x1p30, 0x1p60)));
  V t = hn::Add(a, hn::Div(square, hn::Add(one, hn::Sqrt(hn::Add(square, one)))));
  t = hn::IfThenElse(large, a, t);
  V y = Log1pInside(d, t);
  y = hn::Add(y, hn::IfThenElseZero(large, hn::Set(d, Pick<T>(0.69314718055994531, 0.69314718055994531))));
  y = hn::CopySign(y, x);
  return hn::IfThenElse(hn::Lt(a, hn::Set(d, kInfinity<T>)), y, x);
}

/// log((1 + x) / (1 - x)) / 2 = log1p(2 |x| / (1 - |x|)) / 2 with the sign of x. atanh(+-1) = +-inf, NaN
/// beyond.
/// Worst ULP: float 2.01, double 1.98.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Atanh(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x), one = hn::Set(d, T(1));
  const V t = hn::Div(hn::Add(a, a), hn::Sub(one, a));
  V y = hn::Mul(Log1pInside(d, t), hn::Set(d, T(0.5)));
  if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(a, one)))) {
    y = hn::IfThenElse(hn::Eq(a, one), hn::Set(d, kInfinity<T>), y);
    y = hn::IfThenElse(hn::Le(a, one), y, hn::Set(d, kNaN<T>));
  }
  return hn::CopySign(y, x);
}

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_LOG_INL_H_
