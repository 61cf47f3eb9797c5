// The exponential and its kin: exp, expm1, tanh, sigmoid, erf, sinh, cosh.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_EXP_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_EXP_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_EXP_INL_H_
#endif

#include "spiraltorch/backend/cpu/simd/math/base-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {
namespace math_detail {

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

}  // namespace math_detail

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

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_EXP_INL_H_
