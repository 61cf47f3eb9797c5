// Elementary functions of whole vectors, float and double, over Highway: the only vector maths of the CPU
// backend.
//
// Every function takes any bit pattern and answers as C99's annex F does: NaN, infinities, signed zeros,
// subnormal arguments and results. The comments give the worst error in units in the last place (ULP) of all
// targets, measured on scalar code (without fused multiply-add), AVX2 and AVX-512: float at every
// 53rd bit pattern, double at 5 million points. tests/backend/cpu/simd/math_test.cpp enforces it with a small
// margin. Needs rounding to nearest and no flushing of subnormals. The coefficients are minimax fits of our
// own: scripts/minimax.py prints them.
//
// A kernel file is compiled once for every instruction set, and chooses among them once a kernel call:
//
//   #include "spiraltorch/backend/cpu/simd/targets.h"
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/example.cpp"  // this very file
//   #include <hwy/foreach_target.h>
//   #include <hwy/highway.h>
//   #include "spiraltorch/backend/cpu/simd/math-inl.h"
//
//   HWY_BEFORE_NAMESPACE();
//   namespace st::simd::HWY_NAMESPACE {
//   void exp_block(const float* x, float* y, size_t count) {  // count: a multiple of hn::Lanes(d)
//     const hn::ScalableTag<float> d;
//     for (size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(Exp(d, hn::LoadU(d, x + i)), d, y + i);
//   }
//   Block get_exp_block() { return &exp_block; }
//   }  // namespace st::simd::HWY_NAMESPACE
//   HWY_AFTER_NAMESPACE();
//
//   #if HWY_ONCE
//   namespace st::simd {
//   HWY_EXPORT(get_exp_block);
//   void exp_kernel(...) {
//     const Block block = HWY_DYNAMIC_DISPATCH(get_exp_block)();  // once, outside the loops
//     parallel_for(..., block(x + begin, y + begin, end - begin));
//   }
//   }  // namespace st::simd
//   #endif
//
// where `using Block = void (*)(const float*, float*, size_t);` stands in a header with an ordinary guard.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
#endif

#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "hwy/highway.h"

#if defined(__FAST_MATH__)
#error "math-inl.h needs IEEE arithmetic: compile without -ffast-math"
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

/// x = n ln 2 + r with an integer n and |r| < 0.35. |x| < 1500. n ln2_high is exact.
template <class D, class V>
HWY_INLINE void SplitByLn2(D d, V x, V& n, V& r) {
  using T = hn::TFromD<D>;
  const V rounder = hn::Set(d, kRounder<T>);
  n = hn::Sub(hn::MulAdd(x, hn::Set(d, Pick<T>(1.4426950408889634, 1.4426950408889634)), rounder), rounder);
  r = hn::NegMulAdd(n, hn::Set(d, Pick<T>(0x1.62e4p-1, 0x1.62e42fefa3800p-1)), x);
  r = hn::NegMulAdd(n, hn::Set(d, Pick<T>(0x1.7f7d1cp-20, 0x1.ef35793c76730p-45)), r);
}

/// (e^r - 1 - r) / r^2 for |r| < 0.35.
template <class D, class V>
HWY_INLINE V ExpTail(D d, V r) {
  if constexpr (kIsFloat<hn::TFromD<D>>) {
    return Polynomial(d, r, 0.4999999804, 0.1666653868, 0.04166722127, 0.008367180812, 0.001388239569);
  } else {
    return Polynomial(d, r, 0.500000000000000571, 0.166666666666665813, 0.0416666666665694238,
                      0.00833333333339414427, 0.001388888893415289, 0.00019841269711588488,
                      2.48015019867233184e-05, 2.75574110778033695e-06, 2.76274025300329696e-07,
                      2.50538106727103812e-08);
  }
}

/// e^r - 1 = r (1 + r tail) for |r| < 0.35, without its last rounding: returns 1 + r tail.
template <class D, class V>
HWY_INLINE V ExpSlope(D d, V r) {
  return hn::MulAdd(r, ExpTail(d, r), hn::Set(d, hn::TFromD<D>(1)));
}

/// e^x where it is normal with room to spare (float: |x| < 86, double: |x| < 700); no edges.
template <class D, class V>
HWY_INLINE V ExpInside(D d, V x) {
  V n, r;
  SplitByLn2(d, x, n, r);
  return hn::Mul(hn::MulAdd(r, ExpSlope(d, r), hn::Set(d, hn::TFromD<D>(1))), Pow2(d, n));
}

/// (e^x - 1) / 4 with x held below the overflow of (e^x - 1) / 2; relative precision is lost for subnormal x.
/// With s = 2^n / 4: (s - 1/4) + s r is summed with its rounding error, then the small rest s r^2 tail is
/// added.
template <class D, class V>
HWY_INLINE V QuarterExpm1(D d, V x) {
  using T = hn::TFromD<D>;
  V n, r;
  SplitByLn2(d, Clamped(d, x, Pick<T>(-25, -50), Pick<T>(89.5, 710.6)), n, r);
  V tail;
  if constexpr (kIsFloat<T>) {
    tail = Polynomial(d, r, 0.5000000047, 0.1666666635, 0.04166634871, 0.008333391638, 0.001394165236,
                      0.0001984595779);
  } else {
    tail = ExpTail(d, r);
  }
  const V s = Pow2(d, hn::Sub(n, hn::Set(d, T(2))));
  const V high = hn::Sub(s, hn::Set(d, T(0.25)));
  const V low = hn::Mul(s, r);
  const V sum = hn::Add(high, low);
  const V lost = hn::Sub(low, hn::Sub(sum, high));
  return hn::Add(sum, hn::MulAdd(hn::Mul(low, r), tail, lost));
}

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

/// a b = p + e exactly (barring underflow), double only.
template <class D, class V>
HWY_INLINE void TwoProduct(D d, V a, V b, V& p, V& e) {
  p = hn::Mul(a, b);
#if HWY_NATIVE_FMA
  (void)d;
  e = hn::MulSub(a, b, p);
#else  // Dekker's product; the factors are split by masking, which cannot overflow
  const hn::RebindToUnsigned<D> du;
  const auto mask = hn::BitCast(d, hn::Set(du, static_cast<uint64_t>(~0x7ffffffull)));
  const V a1 = hn::And(a, mask), b1 = hn::And(b, mask);
  const V a2 = hn::Sub(a, a1), b2 = hn::Sub(b, b1);
  e = hn::Add(hn::Add(hn::Add(hn::Sub(hn::Mul(a1, b1), p), hn::Mul(a1, b2)), hn::Mul(a2, b1)),
              hn::Mul(a2, b2));
#endif
}

/// log(2^k (1 + f)) = high + low to about 2^-64 relative. With s = f / (2 + f) and z = s^2 in double-double:
/// 2 atanh(s) = 2 s (1 + z (1/3 + z P(z))).
template <class D, class V>
HWY_INLINE void LogDoubleDouble(D d, V k, V f, V& high, V& low) {
  const V one = hn::Set(d, 1.0);
  const V m = hn::Add(one, f);
  const V den = hn::Add(m, one);
  const V den_low = hn::Sub(m, hn::Sub(den, one));
  const V inverse = hn::Div(one, den);
  const V s = hn::Mul(f, inverse);
  V p, e;
  TwoProduct(d, s, den, p, e);
  const V s_low = hn::Mul(inverse, hn::NegMulAdd(s, den_low, hn::Sub(hn::Sub(f, p), e)));
  V z, z_low;
  TwoProduct(d, s, s, z, z_low);
  z_low = hn::MulAdd(hn::Add(s, s), s_low, z_low);
  const V t = hn::Mul(z, Polynomial(d, z, 0.199999999999999999, 0.142857142857146899, 0.111111111108240863,
                                    0.0909090916851824666, 0.0769229739805131914, 0.066674066630973969,
                                    0.0585300733818032835, 0.0586270566282956431));
  const V third = hn::Set(d, 0x1.5555555555555p-2);
  const V q = hn::Add(third, t);
  const V q_low = hn::Add(hn::Add(hn::Sub(third, q), t), hn::Set(d, 0x1.5555555555555p-56));
  V w, w_low;
  TwoProduct(d, z, q, w, w_low);
  w_low = hn::MulAdd(z_low, q, hn::MulAdd(z, q_low, w_low));
  V v, v_low;
  TwoProduct(d, s, w, v, v_low);
  v_low = hn::MulAdd(s_low, w, hn::MulAdd(s, w_low, v_low));
  const V half = hn::Add(s, v);
  const V half_low = hn::Add(hn::Add(hn::Sub(s, half), v), hn::Add(s_low, v_low));
  const V k_ln2 = hn::Mul(k, hn::Set(d, 0x1.62e42fefa3000p-1));  // exact
  const V twice = hn::Add(half, half);
  high = hn::Add(k_ln2, twice);
  low = hn::Add(hn::Add(hn::Sub(k_ln2, high), twice),
                hn::MulAdd(k, hn::Set(d, 0x1.3de6af278ece6p-42), hn::Add(half_low, half_low)));
}

/// |x|^y for finite y and finite positive |x|, in double-double.
template <class D, class V>
HWY_INLINE V PowDouble(D d, V x, V y, bool subnormals) {
  V bias = hn::Zero(d);
  V a = hn::Abs(x);
  if (HWY_UNLIKELY(subnormals)) {
    const auto tiny = hn::Lt(a, hn::Set(d, kMinNormal<double>));
    a = hn::IfThenElse(tiny, hn::Mul(a, hn::Set(d, 0x1p54)), a);
    bias = hn::IfThenElseZero(tiny, hn::Set(d, 54.0));
  }
  V k, f, log_high, log_low, high, low, n, r;
  SplitByPow2(d, a, k, f);
  LogDoubleDouble(d, hn::Sub(k, bias), f, log_high, log_low);
  TwoProduct(d, y, log_high, high, low);
  low = hn::MulAdd(y, log_low, low);
  const auto inside = hn::Lt(hn::Abs(high), hn::Set(d, 800.0));  // beyond: overflow or zero
  high = hn::IfThenElse(inside, high, hn::CopySign(hn::Set(d, 800.0), high));
  low = hn::IfThenElseZero(inside, low);
  SplitByLn2(d, high, n, r);
  r = hn::Add(r, low);
  return ScaleByPow2(d, hn::MulAdd(r, ExpSlope(d, r), hn::Set(d, 1.0)), n);
}

/// |x|^y for x and y that were floats, as a double good to 2^-29 (2^-24 is the half unit of the float).
template <class D, class V>
HWY_INLINE V PowFloatAsDouble(D d, V x, V y) {
  V k, f, n, r;
  SplitByPow2(d, hn::Abs(x), k, f);
  const V s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0)));
  const V z = hn::Mul(s, s);
  const V p = Polynomial(d, z, 2.0, 2 * 0.333333332763017457, 2 * 0.20000061545946368,
                         2 * 0.142753494612422306, 2 * 0.11666709385014663);
  const V log = hn::MulAdd(k, hn::Set(d, 0.69314718055994531), hn::Mul(s, p));
  SplitByLn2(d, Clamped(d, hn::Mul(y, log), -200.0, 200.0), n, r);
  const V e = Polynomial(d, r, 1.0, 1.0, 0.50000000468191129, 0.16666666352386787, 0.0416663487124930526,
                         0.00833339163832350199, 0.00139416523571957281, 0.000198459577867111339);
  return hn::Mul(e, Pow2(d, n));
}

/// DemoteTo that overflows to infinity on every target.
template <class DF, class DD, class V>
HWY_INLINE hn::Vec<DF> DemoteToFloat(DF df, [[maybe_unused]] DD dd, V v) {
  const auto result = hn::DemoteTo(df, v);
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128  // these saturate at the largest float
  const auto over = hn::IfThenElseZero(hn::Ge(v, hn::Set(dd, 0x1.ffffffp127)), hn::Set(dd, 1.0));
  const auto is_over = hn::Gt(hn::DemoteTo(df, over), hn::Zero(df));
  return hn::IfThenElse(is_over, hn::Set(df, kInfinity<float>), result);
#else
  return result;
#endif
}

/// |x|^y through vectors of double, two if the doubles of all lanes do not fit in one.
template <class D, class V>
HWY_INLINE V PowFloat(D d, V x, V y) {
  if constexpr (hn::MaxLanes(D()) * sizeof(double) <= HWY_MAX_BYTES) {
    const hn::Rebind<double, D> dd;
    return DemoteToFloat(d, dd, PowFloatAsDouble(dd, hn::PromoteTo(dd, x), hn::PromoteTo(dd, y)));
  } else {
#if HWY_TARGET != HWY_SCALAR  // which has one lane and no halves
    const hn::Half<D> dh;
    const hn::Repartition<double, D> dd;
    const auto low = PowFloatAsDouble(dd, hn::PromoteTo(dd, hn::LowerHalf(dh, x)),
                                      hn::PromoteTo(dd, hn::LowerHalf(dh, y)));
    const auto high = PowFloatAsDouble(dd, hn::PromoteTo(dd, hn::UpperHalf(dh, x)),
                                       hn::PromoteTo(dd, hn::UpperHalf(dh, y)));
    return hn::Combine(d, DemoteToFloat(dh, dd, high), DemoteToFloat(dh, dd, low));
#endif
  }
}

/// The edges of pow (C99 F.9.4.4), given the magnitude |x|^y of the ordinary cases.
template <class D, class V>
HWY_INLINE V PowEdges(D d, V x, V y, V magnitude) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T(1)), zero = hn::Zero(d), infinity = hn::Set(d, kInfinity<T>);
  const V a = hn::Abs(x);
  const auto extreme = hn::Or(hn::Or(hn::Eq(a, zero), hn::Eq(a, infinity)), hn::Eq(hn::Abs(y), infinity));
  const auto shrinks = hn::Xor(hn::Gt(a, one), hn::Gt(y, zero));
  V limit = hn::IfThenElse(shrinks, zero, infinity);
  limit = hn::IfThenElse(hn::Eq(a, one), one, limit);
  V result = hn::IfThenElse(extreme, limit, magnitude);
  const V half = hn::Mul(y, hn::Set(d, T(0.5)));
  const auto fraction = hn::Ne(hn::Round(y), y);
  const auto odd = hn::AndNot(fraction, hn::Ne(hn::Round(half), half));
  result = hn::IfThenElse(odd, hn::CopySign(result, x), result);
  const auto negative = hn::And(hn::Lt(x, zero), hn::Lt(a, infinity));
  const auto invalid = hn::Or(hn::And(negative, fraction), hn::Or(hn::IsNaN(x), hn::IsNaN(y)));
  result = hn::IfThenElse(invalid, hn::Set(d, kNaN<T>), result);
  return hn::IfThenElse(hn::Or(hn::Eq(y, zero), hn::Eq(x, one)), one, result);
}

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

/// sqrt(x), correctly rounded by the processor.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sqrt(D /*d*/, V x) {
  return hn::Sqrt(x);
}

/// e^x = 2^n e^r, n = round(x / ln 2), a polynomial for e^r. Overflows to inf, underflows gradually.
/// Worst ULP: float 1.21, double 1.17.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  V n, r;
  SplitByLn2(d, Clamped(d, x, Pick<T>(-105, -750), Pick<T>(90, 720)), n, r);
  const V y = ScaleByPow2(d, hn::MulAdd(r, ExpSlope(d, r), hn::Set(d, T(1))), n);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

/// e^x - 1 without cancellation near 0; -1 for very negative x. Overflows to inf.
/// Worst ULP: float 1.20, double 1.63.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V y = hn::Mul(QuarterExpm1(d, x), hn::Set(d, T(4)));
  return hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Set(d, Pick<T>(0x1p-26, 0x1p-55))), y,
                        x);  // -0, subnormal, NaN
}

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

/// tanh x: x + x^3 P(x^2) for |x| <= 0.5625, else 1 - 2 / (e^(2 |x|) + 1) with the sign of x.
/// Worst ULP: float 1.33, double 1.32.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x), one = hn::Set(d, T(1)), two = hn::Set(d, T(2));
  const V z = hn::Mul(x, x);
  V p;
  if constexpr (kIsFloat<T>) {
    p = Polynomial(d, z, -0.3333331389, 0.1333245227, -0.05383742958, 0.02100745635, -0.006179806543);
  } else {
    p = Polynomial(d, z, -0.333333333333317795, 0.133333333330935268, -0.0539682538398527268,
                   0.0218694851236526678, -0.00886318324494123222, 0.003591630119246165,
                   -0.00145277932571925757, 0.000577854162173548956, -0.000208229621507151872,
                   0.0000496037507020441264);
  }
  const V near = hn::MulAdd(hn::Mul(a, z), p, a);
  V n, r;
  SplitByLn2(d, hn::Mul(hn::Min(a, hn::Set(d, Pick<T>(10, 20))), two), n, r);
  const V s = Pow2(d, n);
  const V den = hn::MulAdd(s, hn::Mul(r, ExpSlope(d, r)), hn::Add(s, one));
  const V far = hn::Sub(one, hn::Div(two, den));
  return hn::CopySign(hn::IfThenElse(hn::Gt(a, hn::Set(d, T(0.5625))), far, near), x);
}

/// 1 / (1 + e^-x). With e^-x = 2^n (1 + t) and n = i + j it is 2^-i / (2^-i + 2^j + 2^j t): nothing
/// overflows, and the result underflows gradually as e^x does.
/// Worst ULP: float 1.77, double 1.71.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  V n, r;
  SplitByLn2(d, hn::Neg(Clamped(d, x, Pick<T>(-105, -750), Pick<T>(105, 750))), n, r);
  const V i = RoundSmall(d, hn::Mul(n, hn::Set(d, T(0.5))));
  const V a = Pow2(d, hn::Neg(i)), b = Pow2(d, hn::Sub(n, i));
  const V sum = hn::Add(a, b);
  const V lost = hn::Sub(a, hn::Sub(sum, b));
  const V den = hn::Add(sum, hn::MulAdd(b, hn::Mul(r, ExpSlope(d, r)), lost));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Div(a, den));
}

/// 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x: x + x P(x^2) for |x| <= 1, else 1 - e^-Q(|x|)
/// with the sign of x, Q a polynomial in |x| - 1 for -log(erfc).
/// Worst ULP: float 1.20, double 1.17.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x), one = hn::Set(d, T(1));
  const V z = hn::Mul(x, x);
  const V u = hn::Sub(hn::Min(a, hn::Set(d, Pick<T>(4, 6))), one);
  V p, q;
  if constexpr (kIsFloat<T>) {
    p = Polynomial(d, z, 0.1283791657, -0.3761262582, 0.1128358515, -0.02685381188, 0.005188327595,
                   -0.0008010192872, 7.853859024e-5);
    q = Polynomial(d, u, 1.849605516, 2.638966816, 0.8431183367, 0.04150068743, -0.009890890578,
                   0.001826162226, -0.0001855737315);
  } else {
    p = Polynomial(d, z, 0.128379167095512574, -0.376126389031837476, 0.112837916709548575,
                   -0.0268661706450728958, 0.00522397762478087489, -0.000854832697874261692,
                   0.00012055331036912361, -0.0000149255935071443201, 1.64609728203612651e-06,
                   -1.63500252512635374e-07, 1.46578799956829341e-08, -1.13656664249787676e-09,
                   5.94526234016587664e-11);
    q = Polynomial(
        d, u, 1.84960550993324825, 2.63896751423479117, 0.843107256358493322, 0.0415610980462721387,
        -0.0100338254302970446, 0.00197790298386366403, -0.000237324486286176577, -2.62712590607478002e-05,
        2.71435862972556604e-05, -9.58230293901388705e-06, 2.02591480723361158e-06, -1.1049663268418916e-07,
        -1.2092473643355035e-07, 6.4764756657460009e-08, -2.00926602241970875e-08, 4.41381172187084093e-09,
        -6.98203615092833636e-10, 7.60654351906563354e-11, -5.11247234533377466e-12, 1.59521138278442831e-13);
  }
  const V near = hn::MulAdd(x, p, x);
  const V far = hn::CopySign(hn::Sub(one, ExpInside(d, hn::Neg(q))), x);
  return hn::IfThenElse(hn::Gt(a, one), far, near);
}

/// x^y = e^(y log |x|) with the sign of x if y is odd; every edge of C99: pow(x, 0) = pow(1, NaN) = 1, a
/// negative x to a power that is no integer is NaN. float computes in double, double in double-double. A
/// vector with x <= 0 or with a lane that is not finite takes a slower branch.
/// Worst ULP: float 0.52, double 1.31.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Pow(D d, V x, V y) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V infinity = hn::Set(d, kInfinity<T>);
  const auto ordinary = hn::And(hn::And(hn::Ge(x, hn::Set(d, kMinNormal<T>)), hn::Lt(x, infinity)),
                                hn::Lt(hn::Abs(y), infinity));
  const bool edges = !hn::AllTrue(d, ordinary);
  V result;
  if constexpr (kIsFloat<T>) {
    result = PowFloat(d, x, y);
  } else {
    result = PowDouble(d, x, y, edges);
  }
  if (HWY_UNLIKELY(edges)) result = PowEdges(d, x, y, result);
  return result;
}

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

/// (e^x - e^-x) / 2 = (E + E / (E + 1)) / 2, E = e^|x| - 1, with the sign of x.
/// Worst ULP: float 2.12, double 2.17.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sinh(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  const V a = hn::Abs(x), one = hn::Set(d, T(1));
  const V quarter = QuarterExpm1(d, a);
  const V half = hn::Add(quarter, hn::Div(quarter, hn::MulAdd(quarter, hn::Set(d, T(4)), one)));
  const V y = hn::CopySign(hn::Add(half, half), x);
  return hn::IfThenElse(hn::Gt(a, hn::Set(d, Pick<T>(0x1p-26, 0x1p-55))), y, x);  // -0, subnormal, NaN
}

/// (e^x + e^-x) / 2.
/// Worst ULP: float 1.61, double 1.53.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cosh(D d, V x) {
  using namespace math_detail;
  using T = hn::TFromD<D>;
  V n, r;
  SplitByLn2(d, hn::Min(hn::Abs(x), hn::Set(d, Pick<T>(89.5, 710.6))), n, r);
  const V scale = Pow2(d, hn::Sub(n, hn::Set(d, T(2))));
  const V quarter = hn::Mul(hn::MulAdd(r, ExpSlope(d, r), hn::Set(d, T(1))), scale);
  const V half = hn::Add(quarter, hn::Div(hn::Set(d, T(0.0625)), quarter));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Add(half, half));
}

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
