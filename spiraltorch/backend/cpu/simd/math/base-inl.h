// What all vector functions are made of: constants that differ by type, polynomials, powers of two.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_BASE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_BASE_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_BASE_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_BASE_INL_H_
#endif

#include <limits>
#include <type_traits>

#include <hwy/highway.h>

#if defined(__FAST_MATH__)
#error "vector maths needs IEEE arithmetic: compile without -ffast-math"
#endif

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

namespace math_detail {

template <class T>
inline constexpr bool kIsFloat = std::is_same_v<T, float>;
template <class T>
inline constexpr int kMantissaBits = kIsFloat<T> ? 23 : 52;
template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
template <class T>
inline constexpr T kMinNormal = std::numeric_limits<T>::min();

/// A constant that differs between float and double.
template <class T>
constexpr T Pick(double for_float, double for_double) {
  return static_cast<T>(kIsFloat<T> ? for_float : for_double);
}

/// c0 + c1 x + c2 x^2 + ... by Horner's rule.
template <class D, class V, class... C>
HWY_INLINE V Horner(D d, [[maybe_unused]] V x, double c0, C... c) {
  const V constant = hn::Set(d, static_cast<hn::TFromD<D>>(c0));
  if constexpr (sizeof...(C) == 0) {
    return constant;
  } else {
    return hn::MulAdd(Horner(d, x, c...), x, constant);
  }
}

/// The same as (c0 + c1 x) + x^2 ((c2 + c3 x) + x^2 (...)), which shortens the chain of dependent
/// instructions by half.
template <class D, class V, class... C>
HWY_INLINE V HornerOfPairs(D d, V x, V square, double c0, double c1, C... c) {
  const V pair = Horner(d, x, c0, c1);
  if constexpr (sizeof...(C) == 0) {
    return pair;
  } else if constexpr (sizeof...(C) == 1) {
    return hn::MulAdd(Horner(d, x, c...), square, pair);
  } else {
    return hn::MulAdd(HornerOfPairs(d, x, square, c...), square, pair);
  }
}

/// c0 + c1 x + c2 x^2 + ...; measured, pairs pay from about seven coefficients on.
template <class D, class V, class... C>
HWY_INLINE V Polynomial(D d, V x, C... c) {
  if constexpr (sizeof...(C) < 7) {
    return Horner(d, x, c...);
  } else {
    return HornerOfPairs(d, x, hn::Mul(x, x), c...);
  }
}

/// Adding it to |v| < 2^(mantissa - 1) rounds v to an integer, which then stands in the low bits of the sum.
template <class T>
inline constexpr T kRounder = Pick<T>(0x1.8p23, 0x1.8p52);

template <class D, class V>
HWY_INLINE V RoundSmall(D d, V x) {
  const V rounder = hn::Set(d, kRounder<hn::TFromD<D>>);
  return hn::Sub(hn::Add(x, rounder), rounder);
}

/// 2^n for an integer n with a normal result.
template <class D, class V>
HWY_INLINE V Pow2(D d, V n) {
  using T = hn::TFromD<D>;
  const hn::RebindToUnsigned<D> du;
  const V biased = hn::Add(n, hn::Set(d, kRounder<T> + Pick<T>(127, 1023)));
  return hn::BitCast(d, hn::ShiftLeft<kMantissaBits<T>>(hn::BitCast(du, biased)));
}

/// x 2^n where the result may be subnormal or overflow, |n| <= 2 x the largest exponent, 0.5 < x < 2.
template <class D, class V>
HWY_INLINE V ScaleByPow2(D d, V x, V n) {
  const V n1 = RoundSmall(d, hn::Mul(n, hn::Set(d, hn::TFromD<D>(0.5))));
  return hn::Mul(hn::Mul(x, Pow2(d, n1)), Pow2(d, hn::Sub(n, n1)));
}

template <class D, class V>
HWY_INLINE V Clamped(D d, V x, hn::TFromD<D> low, hn::TFromD<D> high) {
  return hn::Min(hn::Max(x, hn::Set(d, low)), hn::Set(d, high));
}

}  // namespace math_detail

/// sqrt(x), correctly rounded by the processor.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sqrt(D /*d*/, V x) {
  return hn::Sqrt(x);
}

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_BASE_INL_H_
