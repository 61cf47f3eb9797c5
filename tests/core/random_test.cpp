// Streams against PyTorch's, the saved state, the refusals, and Philox against its authors' vectors.
#include "spiraltorch/core/random.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>

#include "spiraltorch/core/error.h"
#include "spiraltorch/core/philox.h"

namespace st {
namespace {

enum class Kind {
  kSeed,
  kUniformFloat,
  kUniformDouble,
  kNormalFloat,
  kNormalDouble,
  kNormal16,
  kRandint,
  kRandperm,
  kBernoulli,
  kExponential,
  kInt63
};

struct Row {
  Kind kind;
  uint64_t n;  // or the seed
  double a, b;
  int64_t lo, hi;
  uint64_t hash;  // of the bits; 0: not compared here
};

#include "tests/core/random_reference.inc"

template <class T>
uint64_t fnv1a(const T* values, size_t n) {
  uint64_t hash = 0xCBF29CE484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(values);
  for (size_t i = 0; i < n * sizeof(T); ++i) hash = (hash ^ bytes[i]) * 0x100000001B3;
  return hash;
}

template <class T>
std::unique_ptr<T[]> filled(size_t n, auto fill) {
  auto out = std::make_unique<T[]>(n);
  fill(std::span<T>(out.get(), n));
  return out;
}

uint64_t run(const Row& row, Generator& gen) {
  const auto hash = [&]<class T>(T, auto fill) { return fnv1a(filled<T>(row.n, fill).get(), row.n); };
  switch (row.kind) {
    case Kind::kSeed:
      gen.manual_seed(row.n);
      return 0;
    case Kind::kUniformFloat:
      return hash(0.0f, [&](auto out) { uniform(out, row.a, row.b, gen); });
    case Kind::kUniformDouble:
      return hash(0.0, [&](auto out) { uniform(out, row.a, row.b, gen); });
    case Kind::kNormalFloat:
      return hash(0.0f, [&](auto out) { normal(out, row.a, row.b, gen); });
    case Kind::kNormalDouble:
      return hash(0.0, [&](auto out) { normal(out, row.a, row.b, gen); });
    case Kind::kNormal16:
      return hash(0.0f, [&](auto out) { normal_for_16_bits(out, row.a, row.b, gen); });
    case Kind::kRandint:
      return hash(int64_t{0}, [&](auto out) { randint(out, row.lo, row.hi, gen); });
    case Kind::kRandperm:
      return hash(int64_t{0}, [&](auto out) { randperm(out, gen); });
    case Kind::kBernoulli:
      return hash(false, [&](auto out) { bernoulli(out, row.a, gen); });
    case Kind::kExponential:
      return hash(0.0, [&](auto out) { exponential(out, row.a, gen); });
    case Kind::kInt63:
      return hash(int64_t{0}, [&](auto out) {
        for (int64_t& x : out) x = random_int63(gen);
      });
  }
  return 0;
}

TEST(Random, MixedCallsGiveTheBitsOfPyTorch) {
  Generator gen;
  int i = 0;
  for (const Row& row : kRows) {
    const uint64_t hash = run(row, gen);
    if (row.hash != 0) {
      EXPECT_EQ(hash, row.hash) << "row " << i << ", kind " << int(row.kind) << ", n " << row.n;
    }
    ++i;
  }
}

/// Steps of the type between two values.
template <class T>
int64_t ulps(T x, T y) {
  using I = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const auto order = [](T v) {
    const int64_t bits = std::bit_cast<I>(v);
    return bits < 0 ? std::numeric_limits<I>::min() - bits : bits;
  };
  return std::abs(order(x) - order(y));
}

template <class T, size_t N>
void expect_within(int64_t limit, const T (&expected)[N], auto fill) {
  const auto out = filled<T>(N, fill);
  for (size_t i = 0; i < N; ++i)
    EXPECT_LE(ulps(out[i], expected[i]), limit) << i << ": " << out[i] << " " << expected[i];
}

// 1 ULP where the value comes from the C library's log1p, log, sin and cos, whose versions differ; 0
// elsewhere.
TEST(Random, ShortTablesOfPyTorch) {
  Generator g(42);
  expect_within(1, kNormalFloat5, [&](auto out) { normal(out, 0, 1, g); });
  expect_within(0, kNormalFloat17, [&](auto out) { normal(out, 0, 1, g); });
  expect_within(0, kUniformFloat4, [&](auto out) { uniform(out, 0, 1, g); });
  expect_within(1, kNormalDouble3, [&](auto out) { normal(out, 0, 1, g); });
  expect_within(1, kNormalDouble19, [&](auto out) { normal(out, 0, 1, g); });
  expect_within(1, kExponential4, [&](auto out) { exponential(out, 2, g); });
  expect_within(1, kExponentialFloat4, [&](auto out) { exponential(out, 2, g); });
  const auto half =
      filled<float>(std::size(kNormalBfloat16x18), [&](auto out) { normal_for_16_bits(out, 0, 1, g); });
  for (size_t i = 0; i < std::size(kNormalBfloat16x18); ++i) {
    EXPECT_NEAR(half[i], kNormalBfloat16x18[i], std::abs(half[i]) * 0x1p-8) << i;  // bfloat16 has 8 bits
  }
  expect_within(0, kRandperm12, [&](auto out) { randperm(out, g); });
}

TEST(Random, WordsAreThoseOfTheStandardsTwister) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{5489}, uint64_t{0xFFFFFFFFFF}}) {
    Generator gen(seed);
    std::mt19937 twister(static_cast<uint32_t>(seed));
    EXPECT_EQ(gen.seed(), seed);
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(gen.random(), twister()) << i;
    const uint64_t high = twister();
    EXPECT_EQ(gen.random64(), (high << 32) | twister());
  }
  Generator gen(5489);  // [rand.predef] of the standard names the ten-thousandth
  for (int i = 1; i < 10000; ++i) gen.random();
  EXPECT_EQ(gen.random(), 4123659995u);
}

TEST(Random, WordsInBulkAreTheSameWords) {
  for (const size_t before : {0, 1, 623, 624}) {
    for (const size_t n : {0, 1, 623, 624, 625, 2000}) {
      Generator one(7), bulk(7);
      for (size_t i = 0; i < before; ++i) one.random(), bulk.random();
      std::vector<uint32_t> words(n);
      bulk.random(words);
      for (const uint32_t word : words) ASSERT_EQ(word, one.random());
      EXPECT_EQ(one, bulk);
    }
  }
}

TEST(Random, EmptySpansDrawNothing) {
  Generator gen(3);
  const Generator before = gen;
  uniform(std::span<float>(), 0, 1, gen);
  normal(std::span<double>(), 0, 1, gen);
  randint({}, 0, 3, gen);
  randperm({}, gen);
  bernoulli(std::span<bool>(), 0.5, gen);
  exponential(std::span<float>(), 1, gen);
  EXPECT_EQ(gen, before);
}

TEST(Random, UniformStaysBelowTo) {
  Generator gen(1);
  std::vector<float> x(20000);
  const float to = std::nextafter(1.0f, 2.0f);  // half of all values round up to it
  uniform(x, 1, to, gen);
  for (const float v : x) ASSERT_EQ(v, 1.0f);
  uniform(x, 2, 2, gen);
  for (const float v : x) ASSERT_EQ(v, 2.0f);
}

TEST(Random, MomentsOfTheNormal) {
  Generator gen(11);
  std::vector<float> x(1 << 20);
  normal(x, 2, 3, gen);
  double sum = 0, squares = 0;
  for (const float v : x) sum += v, squares += (v - 2.0) * (v - 2.0);
  const double n = static_cast<double>(x.size());
  EXPECT_NEAR(sum / n, 2, 5 * 3 / std::sqrt(n));  // five standard errors
  EXPECT_NEAR(squares / n, 9, 5 * 9 * std::sqrt(2.0 / n));
}

TEST(Random, StateContinuesTheStreamWithItsWaitingNormal) {
  for (const int draws : {0, 1, 3, 311, 312, 313}) {
    Generator gen(99);
    for (int i = 0; i < draws; ++i) gen.next_normal();  // an odd number leaves one waiting
    gen.random();
    const std::vector<uint8_t> state = gen.state();
    EXPECT_EQ(state.size(), Generator::kStateSize);
    Generator again(1), copy = gen;
    EXPECT_NE(again, gen);
    again.set_state(state);
    EXPECT_EQ(again, gen);
    EXPECT_EQ(again.seed(), 99u);
    EXPECT_EQ(again.state(), state);
    for (int i = 0; i < 700; ++i) {
      const double expected = gen.next_normal();
      ASSERT_EQ(again.next_normal(), expected);
      ASSERT_EQ(copy.next_normal(), expected);
    }
    copy.random();
    EXPECT_NE(copy, gen);
    copy = gen;
    EXPECT_EQ(copy, gen);
  }
}

TEST(Random, ManualSeedForgetsTheWaitingNormal) {
  Generator gen(5);
  gen.next_normal();
  gen.manual_seed(5);
  EXPECT_EQ(gen, Generator(5));
  EXPECT_NE(Generator(5), Generator(5 + (uint64_t{1} << 32)));  // same words, another seed()
}

/// The text of the ValueError that `call` throws.
std::string refusal(auto call) {
  try {
    call();
  } catch (const ValueError& error) {
    return error.what();
  }
  return "no ValueError";
}

TEST(Random, RefusesAStateThatIsNotOne) {
  Generator gen(5);
  gen.next_normal();
  const Generator before = gen;
  const std::vector<uint8_t> good = gen.state();
  const auto refused = [&](auto spoil) {
    std::vector<uint8_t> bad = good;
    spoil(bad);
    const std::string text = refusal([&] { gen.set_state(bad); });
    EXPECT_EQ(gen, before);
    return text;
  };
  const auto has = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(refused([](auto& s) { s.clear(); }), "state has 0 bytes, expected 2536");
  has(refused([](auto& s) { s.push_back(0); }), "2537");
  has(refused([](auto& s) { s[7] = 1; }), "version 2");
  has(refused([](auto& s) { s[16] = 0x71, s[17] = 2; }), "words used is 625");
  has(refused([](auto& s) { s[20] = 2; }), "is 2, expected 0 or 1");
  has(refused([](auto& s) { s[20] = 0; }), "waiting normal is");
  has(refused([](auto& s) { s[31] = 0x7F, s[30] = 0xF8; }), "waiting normal is nan");
  has(refused([](auto& s) { std::fill(s.begin() + 32, s.end(), uint8_t{0}); }), "every word");
}

TEST(Random, RefusalsNameTheValueAndDrawNothing) {
  Generator gen(5);
  const Generator before = gen;
  std::vector<float> f(3);
  std::vector<double> d(3);
  std::vector<int64_t> i(3);
  std::vector<uint8_t> b(3);
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(refusal([&] { uniform(f, 1, 0, gen); }), "uniform: from is 1, to is 0, expected from <= to");
  EXPECT_EQ(refusal([&] { uniform(d, nan, 0, gen); }), "uniform: from is nan, to is 0, expected both finite");
  EXPECT_EQ(refusal([&] { uniform(d, 0, inf, gen); }), "uniform: from is 0, to is inf, expected both finite");
  EXPECT_EQ(refusal([&] { uniform(f, 0, 1e39, gen); }),
            "uniform: from is 0, to is 1e+39, expected both finite");
  EXPECT_EQ(refusal([&] { uniform(f, -3e38, 3e38, gen); }),
            "uniform: from is -3e+38, to is 3e+38, expected to - from finite");
  EXPECT_EQ(refusal([&] { normal(f, 0, -1, gen); }), "normal: std is -1, expected std >= 0");
  EXPECT_EQ(refusal([&] { normal(d, 0, nan, gen); }), "normal: std is nan, expected std >= 0");
  EXPECT_EQ(refusal([&] { normal_for_16_bits(f, 0, -2, gen); }), "normal: std is -2, expected std >= 0");
  EXPECT_EQ(refusal([&] { randint(i, 3, 3, gen); }), "randint: lo is 3, hi is 3, expected lo < hi");
  EXPECT_EQ(refusal([&] { bernoulli(b, 1.5, gen); }), "bernoulli: p is 1.5, expected 0 <= p <= 1");
  EXPECT_EQ(refusal([&] { bernoulli(b, nan, gen); }), "bernoulli: p is nan, expected 0 <= p <= 1");
  EXPECT_EQ(refusal([&] { exponential(d, 0, gen); }), "exponential: lambda is 0, expected lambda > 0");
  EXPECT_EQ(gen, before);
}

TEST(Random, DefaultGeneratorIsOne) {
  EXPECT_EQ(&default_generator(), &default_generator());
  manual_seed(123);
  EXPECT_EQ(default_generator(), Generator(123));
  EXPECT_EQ(Generator().seed(), 67280421310721u);
}

TEST(Random, FillsOfTwoThreadsDoNotMix) {
  Generator gen(8), serial(8);
  std::vector<float> one(64000), two(64000), expected(128000);
  std::thread other([&] { uniform(two, 0, 1, gen); });
  uniform(one, 0, 1, gen);
  other.join();
  uniform(expected, 0, 1, serial);
  EXPECT_EQ(gen, serial);
  if (one[0] != expected[0]) std::swap(one, two);  // either may have come first
  one.insert(one.end(), two.begin(), two.end());
  EXPECT_EQ(one, expected);
}

// The vectors "philox4x32 10" of the authors' own library, Random123, tests/kat_vectors.
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  constexpr uint32_t kOnes = 0xFFFFFFFF;
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  static_assert(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
                Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
  static_assert(philox4x32({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}) ==
                Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
  EXPECT_EQ(philox(0x299F31D0A4093822, 0x85A308D3243F6A88, 0x0370734413198A2E),
            (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
  EXPECT_EQ(philox_uniform(0xFFFFFFFF), 1 - 0x1p-24f);
  EXPECT_EQ(philox_uniform(0xFF), 0.0f);
}

}  // namespace
}  // namespace st
