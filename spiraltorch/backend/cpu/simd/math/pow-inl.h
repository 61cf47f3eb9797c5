// x^y: float in double, double in double-double.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_POW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_POW_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_POW_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_POW_INL_H_
#endif

#include "spiraltorch/backend/cpu/simd/math/exp-inl.h"
#include "spiraltorch/backend/cpu/simd/math/log-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {
namespace math_detail {

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

}  // namespace math_detail

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

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_POW_INL_H_
