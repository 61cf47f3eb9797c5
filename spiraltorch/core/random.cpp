// The Mersenne twister, its saved state, and the fills that need only its words. The normal fills, which need
// ln, cos and sin, are in random_normal.cpp.
#include "spiraltorch/core/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>
#include <numeric>
#include <string_view>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/error.h"

namespace st {
namespace {

constexpr std::string_view kMagic{"stmt19\0\2", 8};

template <class T>
void put(uint8_t* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

template <class T>
T get(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(at[i]) << (8 * i);
  return value;
}

/// Uniform on [0, 1) with as many bits as the type has.
float unit(uint32_t word) { return static_cast<float>(word & 0xFFFFFF) * 0x1p-24f; }
double unit(uint64_t word) { return static_cast<double>(word & ((uint64_t{1} << 53) - 1)) * 0x1p-53; }

/// Calls write(i, word) for i = 0 .. n - 1 with the next n words of type W.
template <class W, class Write>
void for_each_word(size_t n, Generator& gen, Write write) {
  constexpr size_t kPerWord = std::numeric_limits<W>::digits / 32;
  std::array<uint32_t, 512> words;
  for (size_t begin = 0; begin < n;) {
    const size_t count = std::min(n - begin, words.size() / kPerWord);
    gen.random(std::span(words).first(count * kPerWord));
    for (size_t i = 0; i < count; ++i) {
      if constexpr (kPerWord == 1)
        write(begin + i, words[i]);
      else
        write(begin + i, (uint64_t{words[2 * i]} << 32) | words[2 * i + 1]);
    }
    begin += count;
  }
}

/// x = x (to - from) + from, and `from` where that rounds to `to`.
template <class T>
[[gnu::always_inline]] inline void stretch(std::span<T> x, T from, T to) {
  const T range = to - from;
  for (T& v : x) {
    const T y = std::fma(v, range, from);
    v = y == to ? from : y;
  }
}

// std::fma is a call into the C library where the compiler may not assume the instruction. Same bits, ten
// times faster.
#if defined(__x86_64__)
template <class T>
[[gnu::target("avx2,fma")]] void stretch_fma(std::span<T> x, T from, T to) {
  stretch(x, from, to);
}
template <class T>
void stretch_any(std::span<T> x, T from, T to) {
  static const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  fma ? stretch_fma(x, from, to) : stretch(x, from, to);
}
#else
template <class T>
void stretch_any(std::span<T> x, T from, T to) {
  stretch(x, from, to);
}
#endif

template <class T, class W>
void uniform_fill(std::span<T> out, double from, double to, Generator& gen) {
  const double max = std::numeric_limits<T>::max();
  check<ValueError>(std::abs(from) <= max && std::abs(to) <= max,
                    "uniform: from is {}, to is {}, expected both finite", from, to);
  check<ValueError>(from <= to, "uniform: from is {}, to is {}, expected from <= to", from, to);
  const T low = static_cast<T>(from), high = static_cast<T>(to);
  check<ValueError>(std::isfinite(high - low), "uniform: from is {}, to is {}, expected to - from finite",
                    from, to);
  const std::lock_guard lock(gen.mutex());
  constexpr size_t kChunk = 1024;  // stays in L1 between the two passes
  for (size_t begin = 0; begin < out.size(); begin += kChunk) {
    const std::span<T> part = out.subspan(begin, std::min(kChunk, out.size() - begin));
    for_each_word<W>(part.size(), gen, [&](size_t i, W word) { part[i] = unit(word); });
    if (low != 0 || high != 1) stretch_any(part, low, high);
  }
}

template <class T>
void bernoulli_fill(std::span<T> out, double p, Generator& gen) {
  check<ValueError>(p >= 0 && p <= 1, "bernoulli: p is {}, expected 0 <= p <= 1", p);
  const std::lock_guard lock(gen.mutex());
  for_each_word<uint64_t>(out.size(), gen,
                          [&](size_t i, uint64_t word) { out[i] = static_cast<T>(unit(word) < p); });
}

template <class T>
void exponential_fill(std::span<T> out, double lambda, Generator& gen) {
  check<ValueError>(lambda > 0, "exponential: lambda is {}, expected lambda > 0", lambda);
  const std::lock_guard lock(gen.mutex());
  for_each_word<uint64_t>(out.size(), gen, [&](size_t i, uint64_t word) {
    out[i] = static_cast<T>(-1.0 / lambda * std::log1p(-unit(word)));
  });
}

}  // namespace

Generator::Generator(const Generator& other) : mutex_() {
  const std::lock_guard lock(other.mutex_);
  seed_ = other.seed_, used_ = other.used_, waiting_normal_ = other.waiting_normal_;
  philox_taken_ = other.philox_taken_, block_ = other.block_;
}

Generator& Generator::operator=(const Generator& other) {
  if (this == &other) return *this;
  const std::scoped_lock lock(mutex_, other.mutex_);
  seed_ = other.seed_, used_ = other.used_, waiting_normal_ = other.waiting_normal_;
  philox_taken_ = other.philox_taken_, block_ = other.block_;
  return *this;
}

void Generator::reset(uint64_t seed) {
  seed_ = seed;
  used_ = kWords;
  waiting_normal_.reset();
  philox_taken_ = 0;
  block_[0] = static_cast<uint32_t>(seed);
  for (uint32_t i = 1; i < kWords; ++i) block_[i] = 1812433253u * (block_[i - 1] ^ (block_[i - 1] >> 30)) + i;
}

void Generator::refill() {
  const auto twist = [](uint32_t upper, uint32_t lower) {
    const uint32_t y = (upper & 0x80000000u) | (lower & 0x7FFFFFFFu);
    return (y >> 1) ^ (-(lower & 1u) & 0x9908B0DFu);
  };
  uint32_t* const x = block_.data();
  uint32_t i = 0;
  for (; i < kWords - kShift; ++i) x[i] = x[i + kShift] ^ twist(x[i], x[i + 1]);
  for (; i < kWords - 1; ++i) x[i] = x[i + kShift - kWords] ^ twist(x[i], x[i + 1]);
  x[i] = x[kShift - 1] ^ twist(x[i], x[0]);
  used_ = 0;
}

static uint32_t temper(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9D2C5680u;
  y ^= (y << 15) & 0xEFC60000u;
  return y ^ (y >> 18);
}

uint64_t Generator::take_philox(uint64_t blocks) {
  const std::lock_guard lock(mutex_);
  return std::exchange(philox_taken_, philox_taken_ + blocks);
}

uint32_t Generator::random() {
  if (used_ == kWords) refill();
  return temper(block_[used_++]);
}

uint64_t Generator::random64() {
  const uint64_t high = random();
  return (high << 32) | random();
}

void Generator::random(std::span<uint32_t> out) {
  while (!out.empty()) {
    if (used_ == kWords) refill();
    const size_t count = std::min<size_t>(kWords - used_, out.size());
    const uint32_t* const words = block_.data() + used_;
    for (size_t i = 0; i < count; ++i) out[i] = temper(words[i]);
    used_ += static_cast<uint32_t>(count);
    out = out.subspan(count);
  }
}

double Generator::next_normal() {
  if (waiting_normal_) {
    const double value = *waiting_normal_;
    waiting_normal_.reset();
    return value;
  }
  const double u1 = unit(random64()), u2 = unit(random64());
  const double r = std::sqrt(-2 * std::log1p(-u2)), t = 2 * std::numbers::pi * u1;
  waiting_normal_ = r * std::sin(t);
  return r * std::cos(t);
}

void Generator::manual_seed(uint64_t seed) {
  const std::lock_guard lock(mutex_);
  reset(seed);
}

std::vector<uint8_t> Generator::state() const {
  const std::lock_guard lock(mutex_);
  std::vector<uint8_t> bytes(kStateSize);
  std::ranges::copy(kMagic, bytes.begin());
  put(&bytes[8], seed_);
  put(&bytes[16], used_);
  put(&bytes[20], uint32_t{waiting_normal_.has_value()});
  put(&bytes[24], std::bit_cast<uint64_t>(waiting_normal_.value_or(0.0)));
  put(&bytes[32], philox_taken_);
  for (size_t i = 0; i < kWords; ++i) put(&bytes[40 + 4 * i], block_[i]);
  return bytes;
}

void Generator::set_state(std::span<const uint8_t> bytes) {
  check<ValueError>(bytes.size() == kStateSize, "Generator::set_state: state has {} bytes, expected {}",
                    bytes.size(), kStateSize);
  check<ValueError>(
      std::equal(kMagic.begin(), kMagic.end(), bytes.begin()),
      "Generator::set_state: the bytes do not begin with the mark of a generator's state, version 2");
  const uint32_t used = get<uint32_t>(&bytes[16]), waits = get<uint32_t>(&bytes[20]);
  check<ValueError>(used <= kWords, "Generator::set_state: words used is {}, expected at most {}", used,
                    kWords);
  check<ValueError>(waits <= 1, "Generator::set_state: the mark of a waiting normal is {}, expected 0 or 1",
                    waits);
  const double normal = std::bit_cast<double>(get<uint64_t>(&bytes[24]));
  check<ValueError>(
      waits ? std::isfinite(normal) : get<uint64_t>(&bytes[24]) == 0,
      "Generator::set_state: the waiting normal is {}, expected a finite value, or 0 where none waits",
      normal);
  std::array<uint32_t, kWords> block;
  for (size_t i = 0; i < kWords; ++i) block[i] = get<uint32_t>(&bytes[40 + 4 * i]);
  const bool alive =
      (block[0] >> 31) != 0 || std::any_of(block.begin() + 1, block.end(), [](uint32_t x) { return x != 0; });
  check<ValueError>(alive,
                    "Generator::set_state: every word of the twister is 0, from which only zeros come");

  const std::lock_guard lock(mutex_);
  seed_ = get<uint64_t>(&bytes[8]);
  philox_taken_ = get<uint64_t>(&bytes[32]);
  used_ = used;
  waiting_normal_ = waits ? std::optional(normal) : std::nullopt;
  block_ = block;
}

namespace {
thread_local Generator* own_generator = nullptr;
}

Generator& default_generator() {
  static Generator generator;
  return own_generator ? *own_generator : generator;
}

GeneratorGuard::GeneratorGuard(Generator& generator) : before_(own_generator) { own_generator = &generator; }
GeneratorGuard::~GeneratorGuard() { own_generator = before_; }

void manual_seed(uint64_t seed) { default_generator().manual_seed(seed); }

int64_t random_int63(Generator& gen) {
  const std::lock_guard lock(gen.mutex());
  return static_cast<int64_t>(gen.random64() & std::numeric_limits<int64_t>::max());
}

void uniform(std::span<float> out, double from, double to, Generator& gen) {
  uniform_fill<float, uint32_t>(out, from, to, gen);
}
void uniform(std::span<double> out, double from, double to, Generator& gen) {
  uniform_fill<double, uint64_t>(out, from, to, gen);
}

void randint(std::span<int64_t> out, int64_t lo, int64_t hi, Generator& gen) {
  check<ValueError>(lo < hi, "randint: lo is {}, hi is {}, expected lo < hi", lo, hi);
  const uint64_t base = static_cast<uint64_t>(lo),
                 range = static_cast<uint64_t>(hi) - base;  // modulo 2^64: no overflow
  const std::lock_guard lock(gen.mutex());
  if (range < uint64_t{1} << 28) {
    const uint32_t range32 = static_cast<uint32_t>(range);
    for_each_word<uint32_t>(out.size(), gen, [&](size_t i, uint32_t word) {
      out[i] = static_cast<int64_t>(word % range32 + base);
    });
  } else {
    for_each_word<uint64_t>(out.size(), gen, [&](size_t i, uint64_t word) {
      out[i] = static_cast<int64_t>(word % range + base);
    });
  }
}

void randperm(std::span<int64_t> out, Generator& gen) {
  const uint64_t n = out.size();
  const std::lock_guard lock(gen.mutex());
  if (n < std::numeric_limits<uint32_t>::max() / 20) {
    std::iota(out.begin(), out.end(), int64_t{0});
    if (n < 2) return;
    for_each_word<uint32_t>(n - 1, gen, [&](size_t i, uint32_t word) {
      std::swap(out[i], out[i + word % static_cast<uint32_t>(n - i)]);
    });
  } else {
    for_each_word<uint64_t>(n, gen, [&](size_t i, uint64_t word) {
      const size_t z = word % (i + 1);
      out[i] = static_cast<int64_t>(i);
      out[i] = out[z];
      out[z] = static_cast<int64_t>(i);
    });
  }
}

void bernoulli(std::span<uint8_t> out, double p, Generator& gen) { bernoulli_fill(out, p, gen); }
void bernoulli(std::span<bool> out, double p, Generator& gen) { bernoulli_fill(out, p, gen); }

void exponential(std::span<float> out, double lambda, Generator& gen) { exponential_fill(out, lambda, gen); }
void exponential(std::span<double> out, double lambda, Generator& gen) { exponential_fill(out, lambda, gen); }

}  // namespace st
