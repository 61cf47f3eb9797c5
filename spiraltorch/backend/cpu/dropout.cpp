// Dropout: Philox blocks of four words beside the elements, several blocks to a vector. Which element is kept
// depends on its place alone, so any number of threads gives the same bits.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/dropout.cpp"
#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/random.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/philox.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

#if HWY_TARGET == HWY_SCALAR
void fill_words(uint64_t seed, uint64_t offset, int64_t blocks, uint32_t* out) {
  for (int64_t i = 0; i < blocks; ++i) {
    const auto words = philox(seed, offset + static_cast<uint64_t>(i));
    std::copy(words.begin(), words.end(), out + 4 * i);
  }
}
#else
// The words of `blocks` blocks from `offset` on, as philox(seed, offset + i) gives them. Room for a whole
// vector of blocks is needed beyond the end.
void fill_words(uint64_t seed, uint64_t offset, int64_t blocks, uint32_t* out) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Repartition<uint32_t, decltype(d)> d32;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto low = hn::Set(d, 0xFFFFFFFFu);
  const auto m0 = hn::BitCast(d32, hn::Set(d, 0xD2511F53u)), m1 = hn::BitCast(d32, hn::Set(d, 0xCD9E8D57u));
  const auto product = [&](auto a, auto m) HWY_ATTR { return hn::MulEven(hn::BitCast(d32, a), m); };
  for (int64_t i = 0; i < blocks; i += lanes) {
    const auto counter = hn::Add(hn::Set(d, offset + static_cast<uint64_t>(i)), hn::Iota(d, 0));
    // Each lane holds one 32-bit word in its lower half.
    auto c0 = hn::And(counter, low), c1 = hn::ShiftRight<32>(counter), c2 = hn::Zero(d), c3 = hn::Zero(d);
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const auto p0 = product(c0, m0), p1 = product(c2, m1);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, k0));
      c1 = hn::And(p1, low);
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, k1));
      c3 = hn::And(p0, low);
      k0 += 0x9E3779B9, k1 += 0xBB67AE85;
    }
    HWY_ALIGN uint64_t front[hn::MaxLanes(d)], back[hn::MaxLanes(d)];
    hn::Store(hn::Or(c0, hn::ShiftLeft<32>(c1)), d, front);
    hn::Store(hn::Or(c2, hn::ShiftLeft<32>(c3)), d, back);
    for (int64_t j = 0; j < lanes; ++j) {
      uint32_t* const words = out + 4 * (i + j);
      words[0] = static_cast<uint32_t>(front[j]), words[1] = static_cast<uint32_t>(front[j] >> 32);
      words[2] = static_cast<uint32_t>(back[j]), words[3] = static_cast<uint32_t>(back[j] >> 32);
    }
  }
}
#endif

// y = x scale where the upper 24 bits of the word are at least `least`, else 0. The compiler makes vectors of
// it.
template <class T>
void choose(const T* x, const uint32_t* words, uint32_t least, T scale, T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T kept = x[i] * scale;
    y[i] = (words[i] >> 8) >= least ? kept : T{0};
  }
}

DropoutLoops loops() { return {&fill_words, &choose<float>, &choose<double>}; }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {

HWY_EXPORT(loops);

void dropout(In x, double p, uint64_t seed, uint64_t offset, Out y) {
  constexpr int64_t kBlock = 1024, kRoom = 64;  // elements; and what whole vectors write beyond them
  constexpr double kCost = 1;                   // nanoseconds an element
  const int64_t count = numel_of(*y.sizes), item = static_cast<int64_t>(item_size(x.dtype));
  const DType compute = compute_dtype(x.dtype);
  const auto least = static_cast<uint32_t>(std::ceil(p * 0x1p24));
  const double scale = p < 1 ? 1 / (1 - p) : 0;
  const auto found = HWY_DYNAMIC_DISPATCH(loops)();
  const auto run = [&](int64_t begin, int64_t end) {
    alignas(64) uint32_t words[kBlock + kRoom];
    alignas(64) float from[kBlock], to[kBlock];
    for (int64_t at = begin * kBlock; at < std::min(end * kBlock, count); at += kBlock) {
      const int64_t n = std::min(kBlock, count - at);
      found.words(seed, offset + static_cast<uint64_t>(at / 4), (n + 3) / 4, words);
      if (x.dtype == DType::float32) {
        found.floats(x.as<float>() + at, words, least, static_cast<float>(scale), y.as<float>() + at, n);
      } else if (x.dtype == DType::float64) {
        found.doubles(x.as<double>() + at, words, least, scale, y.as<double>() + at, n);
      } else {
        pack(x.dtype, static_cast<const char*>(x.data) + at * item, 1, compute, from, n);
        found.floats(from, words, least, static_cast<float>(scale), to, n);
        unpack(compute, to, y.dtype, static_cast<char*>(y.data) + at * item, 1, n);
      }
    }
  };
  parallel_for((count + kBlock - 1) / kBlock, static_cast<int64_t>(kWorkPerThread / kCost) / kBlock, run);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
