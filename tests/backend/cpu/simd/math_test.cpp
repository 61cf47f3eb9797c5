// Accuracy and edges of simd/math-inl.h on every instruction set that this processor has: float against
// double libm over all exponents, double against long double libm, and the special values of C99's annex F.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/backend/cpu/simd/math_test.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "spiraltorch/backend/cpu/simd/math-inl.h"

#ifndef SPIRALTORCH_TESTS_SIMD_MATH_TEST_ONCE
#define SPIRALTORCH_TESTS_SIMD_MATH_TEST_ONCE
namespace st::simd {

enum class Fn { exp, log, tanh, sigmoid, log1p, expm1, erf, sin, cos, asinh, atanh, sinh, cosh, pow };

/// z[i] = fn(x[i]) or fn(x[i], y[i]); count is a multiple of 64 elements.
template <class T>
using Map = void (*)(Fn fn, const T* x, const T* y, T* z, size_t count);

/// The maps of one target. `narrow` works on vectors of one and of two lanes.
struct Maps {
  Map<float> f32, f32_narrow;
  Map<double> f64, f64_narrow;
};

}  // namespace st::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {

template <class D, class T = hn::TFromD<D>>
void map_with(D d, Fn fn, const T* x, const T* y, T* z, size_t count) {
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, x + i);
    auto r = v;
    switch (fn) {
      case Fn::exp:
        r = Exp(d, v);
        break;
      case Fn::log:
        r = Log(d, v);
        break;
      case Fn::tanh:
        r = Tanh(d, v);
        break;
      case Fn::sigmoid:
        r = Sigmoid(d, v);
        break;
      case Fn::log1p:
        r = Log1p(d, v);
        break;
      case Fn::expm1:
        r = Expm1(d, v);
        break;
      case Fn::pow:
        r = Pow(d, v, hn::LoadU(d, y + i));
        break;
      case Fn::erf:
        r = Erf(d, v);
        break;
      case Fn::sin:
        r = Sin(d, v);
        break;
      case Fn::cos:
        r = Cos(d, v);
        break;
      case Fn::asinh:
        r = Asinh(d, v);
        break;
      case Fn::atanh:
        r = Atanh(d, v);
        break;
      case Fn::sinh:
        r = Sinh(d, v);
        break;
      case Fn::cosh:
        r = Cosh(d, v);
        break;
    }
    hn::StoreU(r, d, z + i);
  }
}

template <class T>
void map_full(Fn fn, const T* x, const T* y, T* z, size_t count) {
  map_with(hn::ScalableTag<T>(), fn, x, y, z, count);
}

template <class T>
void map_narrow(Fn fn, const T* x, const T* y, T* z, size_t count) {
  const size_t half = count / 2;
  map_with(hn::CappedTag<T, 1>(), fn, x, y, z, half);
  map_with(hn::CappedTag<T, 2>(), fn, x + half, y + half, z + half, count - half);
}

Maps get_maps() { return {map_full<float>, map_narrow<float>, map_full<double>, map_narrow<double>}; }

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::simd {
namespace {

HWY_EXPORT(get_maps);

struct Target {
  std::string name;
  Maps maps;
};

/// One entry for every target that was compiled and that this processor runs.
std::vector<Target> targets() {
  std::vector<Target> result;
  for (int64_t bits = hwy::SupportedTargets() & HWY_TARGETS; bits != 0; bits &= bits - 1) {
    const int64_t target = bits & -bits;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    result.push_back({hwy::TargetName(target), HWY_DYNAMIC_DISPATCH(get_maps)()});
    hwy::SetSupportedTargetsForTest(0);
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return result;
}

/// The type that references are computed in.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

template <class W>
W sigmoid(W x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

template <class W>
W reference(Fn fn, W x, W y) {
  switch (fn) {
    case Fn::exp:
      return std::exp(x);
    case Fn::log:
      return std::log(x);
    case Fn::tanh:
      return std::tanh(x);
    case Fn::sigmoid:
      return sigmoid(x);
    case Fn::log1p:
      return std::log1p(x);
    case Fn::expm1:
      return std::expm1(x);
    case Fn::pow:
      return std::pow(x, y);
    case Fn::erf:
      return std::erf(x);
    case Fn::sin:
      return std::sin(x);
    case Fn::cos:
      return std::cos(x);
    case Fn::asinh:
      return std::asinh(x);
    case Fn::atanh:
      return std::atanh(x);
    case Fn::sinh:
      return std::sinh(x);
    case Fn::cosh:
      return std::cosh(x);
  }
  return 0;
}

struct Case {
  Fn fn;
  const char* name;
  double float_ulp,
      double_ulp;  // bounds, a little above what was measured (math-inl.h gives the measured worst)
};

/// In the order of Fn; pow, the only one of two arguments, is the last.
constexpr std::array kCases = {
    Case{Fn::exp, "exp", 1.3, 1.25},     Case{Fn::log, "log", 0.9, 0.9},
    Case{Fn::tanh, "tanh", 1.5, 1.45},   Case{Fn::sigmoid, "sigmoid", 1.9, 1.85},
    Case{Fn::log1p, "log1p", 1.5, 1.5},  Case{Fn::expm1, "expm1", 1.35, 1.75},
    Case{Fn::erf, "erf", 1.35, 1.3},     Case{Fn::sin, "sin", 1, 1},
    Case{Fn::cos, "cos", 1, 1.05},       Case{Fn::asinh, "asinh", 1.85, 1.85},
    Case{Fn::atanh, "atanh", 2.2, 2.15}, Case{Fn::sinh, "sinh", 2.3, 2.35},
    Case{Fn::cosh, "cosh", 1.75, 1.65},  Case{Fn::pow, "pow", 0.55, 1.45},
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

/// Distance of got from the exact value in units of T's spacing there. Infinity counts as the next power of
/// two; a NaN, a wrong sign of zero or an infinity that should be finite is infinitely wrong.
template <class T, class W>
double ulp_error(T got, W exact) {
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : kWrong;
  if (std::signbit(got) != std::signbit(exact)) return kWrong;
  const T rounded = static_cast<T>(exact);
  if (got == rounded && (got == 0 || std::isinf(got))) return 0;
  const W top = std::ldexp(W(1), Limits::max_exponent);
  const W a = std::min(std::abs(exact), top);
  const W b = std::isinf(got) ? top : std::abs(static_cast<W>(got));
  const int exponent = a == 0 ? Limits::min_exponent
                              : std::clamp(std::ilogb(a) + 1, Limits::min_exponent, Limits::max_exponent);
  return static_cast<double>(std::ldexp(std::abs(a - b), Limits::digits - exponent));
}

template <class T>
struct Worst {
  double ulp = 0;
  T x = 0, y = 0, got = 0;
};

/// Runs fn over x (and y) on every target, adding what is worst to `worst`, one entry a target.
template <class T>
void measure(Fn fn, const std::vector<Target>& all, const std::vector<T>& x, const std::vector<T>& y,
             std::vector<Worst<T>>& worst, bool narrow = false) {
  const size_t count = x.size();
  std::vector<Wide<T>> exact(count);
  std::vector<T> got(count);
  for (size_t i = 0; i < count; ++i) exact[i] = reference<Wide<T>>(fn, x[i], y[i]);
  worst.resize(all.size());
  for (size_t t = 0; t < all.size(); ++t) {
    const Maps& maps = all[t].maps;
    if constexpr (std::is_same_v<T, float>) {
      (narrow ? maps.f32_narrow : maps.f32)(fn, x.data(), y.data(), got.data(), count);
    } else {
      (narrow ? maps.f64_narrow : maps.f64)(fn, x.data(), y.data(), got.data(), count);
    }
    for (size_t i = 0; i < count; ++i) {
      if (got[i] == static_cast<T>(exact[i]) && got[i] != 0 && worst[t].ulp > 0.5)
        continue;  // half a unit at most
      const double ulp = ulp_error(got[i], exact[i]);
      if (ulp > worst[t].ulp) worst[t] = {ulp, x[i], y[i], got[i]};
    }
  }
}

template <class T>
void expect_within(const Case& c, const std::vector<Target>& all, const std::vector<Worst<T>>& worst) {
  const bool is_float = std::is_same_v<T, float>;
  const double bound = is_float ? c.float_ulp : c.double_ulp;
  for (size_t t = 0; t < all.size(); ++t) {
    const Worst<T>& w = worst[t];
    char line[200];
    std::snprintf(line, sizeof line, "%-7s %-6s %-6s worst %6.3f ULP at x = %.17g (%a), y = %.17g: %.17g",
                  c.name, is_float ? "float" : "double", all[t].name.c_str(), w.ulp, static_cast<double>(w.x),
                  static_cast<double>(w.x), static_cast<double>(w.y), static_cast<double>(w.got));
    if (std::getenv("SPIRALTORCH_TEST_PRINT_ULP")) std::puts(line);
    EXPECT_LE(w.ulp, bound) << line;
  }
}

template <class T>
std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> v = {T(0),
                      Limits::denorm_min(),
                      3 * Limits::denorm_min(),
                      Limits::min() / 2,
                      std::nextafter(Limits::min(), T(0)),
                      Limits::min(),
                      Limits::epsilon() / 4,
                      Limits::epsilon(),
                      T(1e-5),
                      T(0.25),
                      T(0.5),
                      T(1) / 3,
                      T(0.5625),
                      std::nextafter(T(1), T(0)),
                      T(1),
                      std::nextafter(T(1), T(2)),
                      T(1.5),
                      T(2),
                      T(2.5),
                      T(3),
                      T(4),
                      T(5),
                      T(6),
                      T(33),
                      T(64),
                      T(127),
                      T(128),
                      T(1e4),
                      T(12867),
                      T(12868),
                      T(1e5),
                      1 / Limits::epsilon() - 1,
                      1 / Limits::epsilon(),
                      1 / Limits::epsilon() + 1,
                      2 / Limits::epsilon() - 1,
                      2 / Limits::epsilon(),
                      T(1e20),
                      std::sqrt(Limits::max()),
                      std::nextafter(Limits::max(), T(0)),
                      Limits::max(),
                      Limits::infinity(),
                      Limits::quiet_NaN()};
  // Thresholds of overflow and underflow, and multiples of pi/2 as near as T comes.
  for (double edge : {86.0,     87.33654, 87.68,  88.0,  88.72283, 88.7229, 89.4159, 89.416, 89.5,
                      90.0,     103.2789, 103.97, 104.0, 105.0,    708.0,   708.39,  709.78, 709.79,
                      710.4758, 710.476,  710.6,  720.0, 745.1,    745.13,  746.0,   750.0}) {
    v.push_back(static_cast<T>(edge));
  }
  for (int k = 1; k < 40; ++k) v.push_back(static_cast<T>(k * 1.57079632679489661923L));
  const size_t count = v.size();
  for (size_t i = 0; i < count; ++i) v.push_back(-v[i]);
  return v;
}

/// Fills up to a multiple of 128 elements, which is what the maps want.
template <class T>
void pad(std::vector<T>& x, std::vector<T>& y) {
  while (x.size() % 128 != 0) x.push_back(x.back()), y.push_back(y.back());
}

template <class T>
std::vector<T> uniform_values(size_t count, double low, double high, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<T> v(count);
  for (T& e : v) e = static_cast<T>(uniform(random));
  return v;
}

/// Values whose exponents, from 2^low to 2^high, are equally likely, of both signs.
template <class T>
std::vector<T> exponent_values(size_t count, double low, double high, std::mt19937_64& random) {
  std::vector<T> v = uniform_values<T>(count, low, high, random);
  for (T& e : v) e = static_cast<T>((random() & 1 ? 1 : -1) * std::exp2(static_cast<long double>(e)));
  return v;
}

class SimdMath : public testing::TestWithParam<Case> {};
class SimdMathUnary : public SimdMath {};

TEST_P(SimdMathUnary, FloatOverAllBitPatterns) {
  const Case c = GetParam();
  const std::vector<Target> all = targets();
  std::vector<Worst<float>> worst;
  constexpr uint64_t kStep = 2039;  // a prime: every low bit pattern of the mantissa occurs
  constexpr size_t kBlock = 8192;
  std::vector<float> x(kBlock), y(kBlock, 0.0f);
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32);) {
    for (float& e : x) {
      const uint32_t word = static_cast<uint32_t>(std::min(bits, uint64_t{0xffffffff}));
      std::memcpy(&e, &word, sizeof e);
      bits += kStep;
    }
    measure(c.fn, all, x, y, worst);
  }
  expect_within(c, all, worst);
}

// Where the function bends, more densely than the exponents above.
TEST_P(SimdMathUnary, FloatNearZero) {
  const Case c = GetParam();
  const std::vector<Target> all = targets();
  std::vector<Worst<float>> worst;
  std::mt19937_64 random(1);
  for (double range : {1.0, 10.0, 100.0}) {
    const std::vector<float> x = uniform_values<float>(1 << 18, -range, range, random), y(x.size());
    measure(c.fn, all, x, y, worst);
  }
  expect_within(c, all, worst);
}

TEST_P(SimdMathUnary, Double) {
  const Case c = GetParam();
  if (LDBL_MANT_DIG < 64) GTEST_SKIP() << "long double is no wider than double here";
  const std::vector<Target> all = targets();
  std::vector<Worst<double>> worst;
  std::mt19937_64 random(2);
  constexpr size_t kCount = 1 << 16;
  for (const auto& x :
       {exponent_values<double>(kCount, -1074, 1024, random),
        exponent_values<double>(kCount, -30, 20, random), uniform_values<double>(kCount, -1, 1, random),
        uniform_values<double>(kCount, -10, 10, random), uniform_values<double>(kCount, -760, 760, random)}) {
    measure(c.fn, all, x, std::vector<double>(x.size()), worst);
  }
  expect_within(c, all, worst);
}

template <class T>
void check_special_values(const Case& c) {
  const std::vector<Target> all = targets();
  for (const bool narrow : {false, true}) {
    std::vector<Worst<T>> worst;
    std::vector<T> x = special_values<T>(), y(x.size());
    if (c.fn == Fn::pow) {
      const std::vector<T> v = x;
      x.clear(), y.clear();
      for (T a : v) {
        for (T b : v) x.push_back(a), y.push_back(b);
      }
    }
    pad(x, y);
    measure(c.fn, all, x, y, worst, narrow);
    expect_within(c, all, worst);
    // A vector that holds a single odd lane: the others must not suffer, nor it.
    std::vector<T> lonely_x(x.size(), T(0.75)), lonely_y(y.size(), T(1.25));
    for (size_t i = 0; i < x.size(); i += 17) lonely_x[i] = x[i], lonely_y[i] = y[i];
    measure(c.fn, all, lonely_x, lonely_y, worst, narrow);
    expect_within(c, all, worst);
  }
}

TEST_P(SimdMath, FloatSpecialValues) { check_special_values<float>(GetParam()); }

TEST_P(SimdMath, DoubleSpecialValues) {
  if (LDBL_MANT_DIG < 64) GTEST_SKIP() << "long double is no wider than double here";
  check_special_values<double>(GetParam());
}

const auto name_of = [](const testing::TestParamInfo<Case>& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Functions, SimdMath, testing::ValuesIn(kCases), name_of);
INSTANTIATE_TEST_SUITE_P(Functions, SimdMathUnary, testing::ValuesIn(kCases.begin(), kCases.end() - 1),
                         name_of);

// x and y so that x^y covers the whole range of results, also near x = 1, with integer y, and with subnormal
// x.
template <class T>
void check_pow(size_t count) {
  const Case c = kCases.back();
  const std::vector<Target> all = targets();
  std::vector<Worst<T>> worst;
  std::mt19937_64 random(3);
  const double top = std::numeric_limits<T>::max_exponent;
  for (int kind = 0; kind < 5; ++kind) {
    std::vector<T> x = exponent_values<T>(count, -top - 20, top, random), y(count);
    if (kind == 1) x = uniform_values<T>(count, 0, 4, random);
    if (kind == 2) x = exponent_values<T>(count, -0.01, 0.01, random);
    const std::vector<T> goal = uniform_values<T>(count, -top * 1.2, top * 1.1, random);
    for (size_t i = 0; i < count; ++i) {
      if (kind == 0 || kind == 2) x[i] = std::abs(x[i]);
      y[i] = static_cast<T>(goal[i] / std::log2(std::abs(x[i])));  // |x|^y = 2^goal
      if (kind == 3) y[i] = std::round(y[i]);
      if (kind == 4) y[i] = static_cast<T>(static_cast<int>(random() % 9)) / 2 - 2;
    }
    measure(Fn::pow, all, x, y, worst);
  }
  expect_within(c, all, worst);
}

TEST(SimdMathPow, FloatOnPairs) { check_pow<float>(1 << 17); }

TEST(SimdMathPow, DoubleOnPairs) {
  if (LDBL_MANT_DIG < 64) GTEST_SKIP() << "long double is no wider than double here";
  check_pow<double>(1 << 15);
}

// The edges of C99 F.9.4.4 word by word, so that they do not rest on the C library alone.
TEST(SimdMathPow, EdgesOfC99) {
  constexpr double kInf = std::numeric_limits<double>::infinity(),
                   kNaN = std::numeric_limits<double>::quiet_NaN();
  const double table[][3] = {{kNaN, 0, 1},       {-kInf, -0.0, 1},    {1, kNaN, 1},      {1, -kInf, 1},
                             {-1, kInf, 1},      {-1, -kInf, 1},      {-2, 0.5, kNaN},   {-8, 1.0 / 3, kNaN},
                             {0.0, -3, kInf},    {-0.0, -3, -kInf},   {-0.0, -2, kInf},  {-0.0, -2.5, kInf},
                             {0.0, 3, 0.0},      {-0.0, 3, -0.0},     {-0.0, 2, 0.0},    {-0.0, 2.5, 0.0},
                             {0.5, -kInf, kInf}, {2, -kInf, 0},       {-0.5, kInf, 0},   {-2, kInf, kInf},
                             {-kInf, -3, -0.0},  {-kInf, -2, 0},      {-kInf, -2.5, 0},  {-kInf, 3, -kInf},
                             {-kInf, 2, kInf},   {-kInf, 2.5, kInf},  {kInf, -0.5, 0},   {kInf, 0.5, kInf},
                             {0.0, -kInf, kInf}, {-0.0, -kInf, kInf}, {-0.0, kInf, 0.0}, {kNaN, 1, kNaN},
                             {2, kNaN, kNaN},    {0, kNaN, kNaN},     {-2, 3, -8},       {-2, -1, -0.5}};
  const size_t count = 128;
  ASSERT_LE(std::size(table), count);
  std::vector<double> x(count, 1), y(count, 1), z(count);
  std::vector<float> xf(count, 1), yf(count, 1), zf(count);
  for (size_t i = 0; i < std::size(table); ++i) {
    x[i] = table[i][0], y[i] = table[i][1];
    xf[i] = static_cast<float>(x[i]), yf[i] = static_cast<float>(y[i]);
  }
  for (const Target& target : targets()) {
    target.maps.f64(Fn::pow, x.data(), y.data(), z.data(), count);
    target.maps.f32(Fn::pow, xf.data(), yf.data(), zf.data(), count);
    for (size_t i = 0; i < std::size(table); ++i) {
      EXPECT_EQ(ulp_error(z[i], table[i][2]), 0)
          << target.name << " pow(" << x[i] << ", " << y[i] << ") = " << z[i];
      EXPECT_EQ(ulp_error(zf[i], table[i][2]), 0)
          << target.name << " powf(" << x[i] << ", " << y[i] << ") = " << zf[i];
    }
  }
}

// Edges by value: a reference that were wrong in the same way would not be noticed above.
TEST(SimdMathEdges, ByValue) {
  constexpr double kInf = std::numeric_limits<double>::infinity(),
                   kNaN = std::numeric_limits<double>::quiet_NaN();
  struct Edge {
    Fn fn;
    double x, expected;
  };
  const Edge table[] = {
      {Fn::exp, kNaN, kNaN},    {Fn::exp, kInf, kInf},   {Fn::exp, -kInf, 0.0},     {Fn::exp, -0.0, 1},
      {Fn::exp, 1e30, kInf},    {Fn::exp, -1e30, 0.0},   {Fn::log, 0.0, -kInf},     {Fn::log, -0.0, -kInf},
      {Fn::log, -1, kNaN},      {Fn::log, -kInf, kNaN},  {Fn::log, kInf, kInf},     {Fn::log, kNaN, kNaN},
      {Fn::log, 1, 0.0},        {Fn::tanh, -0.0, -0.0},  {Fn::tanh, kInf, 1},       {Fn::tanh, -kInf, -1},
      {Fn::tanh, kNaN, kNaN},   {Fn::sigmoid, kInf, 1},  {Fn::sigmoid, -kInf, 0.0}, {Fn::sigmoid, kNaN, kNaN},
      {Fn::sigmoid, 0, 0.5},    {Fn::log1p, -1, -kInf},  {Fn::log1p, -2, kNaN},     {Fn::log1p, kInf, kInf},
      {Fn::log1p, -0.0, -0.0},  {Fn::log1p, kNaN, kNaN}, {Fn::expm1, -0.0, -0.0},   {Fn::expm1, kInf, kInf},
      {Fn::expm1, -kInf, -1},   {Fn::expm1, kNaN, kNaN}, {Fn::erf, -0.0, -0.0},     {Fn::erf, kInf, 1},
      {Fn::erf, -kInf, -1},     {Fn::erf, kNaN, kNaN},   {Fn::sin, -0.0, -0.0},     {Fn::sin, kInf, kNaN},
      {Fn::sin, kNaN, kNaN},    {Fn::cos, -0.0, 1},      {Fn::cos, -kInf, kNaN},    {Fn::cos, kNaN, kNaN},
      {Fn::asinh, -0.0, -0.0},  {Fn::asinh, kInf, kInf}, {Fn::asinh, -kInf, -kInf}, {Fn::asinh, kNaN, kNaN},
      {Fn::atanh, -0.0, -0.0},  {Fn::atanh, 1, kInf},    {Fn::atanh, -1, -kInf},    {Fn::atanh, 1.5, kNaN},
      {Fn::atanh, -kInf, kNaN}, {Fn::atanh, kNaN, kNaN}, {Fn::sinh, -0.0, -0.0},    {Fn::sinh, kInf, kInf},
      {Fn::sinh, -kInf, -kInf}, {Fn::sinh, kNaN, kNaN},  {Fn::cosh, 0, 1},          {Fn::cosh, -kInf, kInf},
      {Fn::cosh, kNaN, kNaN},
  };
  std::vector<double> x(128), z(128);
  std::vector<float> xf(128), zf(128);
  for (const Target& target : targets()) {
    for (const Edge& edge : table) {
      std::fill(x.begin(), x.end(), edge.x);
      std::fill(xf.begin(), xf.end(), static_cast<float>(edge.x));
      target.maps.f64(edge.fn, x.data(), x.data(), z.data(), x.size());
      target.maps.f32(edge.fn, xf.data(), xf.data(), zf.data(), xf.size());
      const char* name = kCases[static_cast<size_t>(edge.fn)].name;
      EXPECT_EQ(ulp_error(z[77], edge.expected), 0)
          << target.name << " " << name << "(" << edge.x << ") = " << z[77];
      EXPECT_EQ(ulp_error(zf[77], edge.expected), 0)
          << target.name << " " << name << "f(" << edge.x << ") = " << zf[77];
    }
  }
}

}  // namespace
}  // namespace st::simd
#endif  // HWY_ONCE
