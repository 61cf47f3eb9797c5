// The random numbers of the library: one Mersenne twister and fills over plain spans. Streams are those of
// PyTorch 2.13 on the CPU, draw by draw, so that a seed gives the same initial weights and the same order of
// a data set.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "spiraltorch/core/mutex.h"

namespace [[gnu::visibility("default")]] st {

/// The seed of a generator that nobody has seeded: PyTorch's default_rng_seed_val, c10/core/GeneratorImpl.h.
inline constexpr uint64_t kDefaultSeed = 67280421310721;

/// MT19937 seeded with the low 32 bits of `seed`, plus the second half of a Box-Muller pair that waits for
/// the next call of `normal`. As torch.Generator on the CPU. PyTorch also has a slot for a waiting float,
/// which nothing on its CPU reads; it has no counterpart here. Source: Matsumoto and Nishimura, "Mersenne
/// twister", ACM TOMACS 8(1), 1998.
///
/// Threads: the fills below and the members that say so take `mutex()`. The single draws `random`,
/// `random64`, `next_normal` do not; who shares a generator between threads holds `mutex()` around them.
class Generator {
 public:
  explicit Generator(uint64_t seed = kDefaultSeed) { reset(seed); }
  /// A copy continues the same stream on its own. Takes other's mutex (and, on assignment, then this one's).
  Generator(const Generator& other);
  Generator& operator=(const Generator& other);

  /// Starts the stream of `seed` from its beginning and forgets the waiting normal. Takes the mutex.
  void manual_seed(uint64_t seed);
  /// The seed of the last manual_seed, all 64 bits.
  uint64_t seed() const { return seed_; }

  /// The next word.
  uint32_t random();
  /// (first word << 32) | second word.
  uint64_t random64();
  /// The next out.size() words, as many calls of random() would give them but faster.
  void random(std::span<uint32_t> out);
  /// One value of N(0, 1) in double: with u1, u2 = (random64 & (2^53 - 1)) 2^-53 and r = sqrt(-2 log1p(-u2)),
  /// the values r cos(2 pi u1) and, on the next call, r sin(2 pi u1).
  double next_normal();

  /// The stream of philox.h that belongs to this seed, of which the next `blocks` blocks of four words are
  /// the caller's: returns the offset of the first. It leaves the words of random() as they are. Takes the
  /// mutex.
  uint64_t take_philox(uint64_t blocks);

  /// Everything that decides what comes next, in kStateSize bytes, little-endian:
  ///   0 "stmt19\0\2"   8 uint64 seed   16 uint32 words used of the block (0..624)   20 uint32 a normal waits
  ///   (0, 1) 24 float64 that normal, else 0   32 uint64 Philox blocks taken   40 uint32[624] the block of
  ///   the twister, before tempering.
  /// Not PyTorch's 5,056 bytes of get_state(). Takes the mutex.
  std::vector<uint8_t> state() const;
  /// Continues from what state() gave. Takes the mutex. ValueError on anything that state() cannot have made;
  /// the generator is then as before.
  void set_state(std::span<const uint8_t> bytes);
  static constexpr size_t kStateSize = 40 + 4 * 624;

  /// Equal state: the same values from here on, and the same seed(). Takes both mutexes, one after the other.
  bool operator==(const Generator& other) const { return this == &other || state() == other.state(); }

  Mutex& mutex() const { return mutex_; }

 private:
  static constexpr uint32_t kWords = 624, kShift = 397;

  void reset(uint64_t seed);
  void refill();

  uint64_t seed_;
  uint32_t used_;  // words of block_ already given; kWords: refill first
  std::optional<double> waiting_normal_;
  uint64_t philox_taken_;
  std::array<uint32_t, kWords> block_;
  mutable Mutex mutex_;
};

/// The generator used where a caller names none: the process's, seeded with kDefaultSeed, or this thread's
/// own in the lifetime of a GeneratorGuard.
Generator& default_generator();

/// Makes a generator this thread's default_generator() for its lifetime, and restores what was before.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(Generator& generator);
  ~GeneratorGuard();
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Generator* before_;
};

/// default_generator().manual_seed(seed), as torch.manual_seed.
void manual_seed(uint64_t seed);

/// random64 & (2^63 - 1): what PyTorch's DataLoader draws as a base seed (torch.empty((),
/// dtype=int64).random_()). Takes gen's mutex.
int64_t random_int63(Generator& gen);

// Every fill takes gen's mutex once, checks its arguments before it draws, and draws nothing for an empty
// span.

/// out_i ~ U[from, to): x (to - from) + from with one rounding (a fused multiply-add), where x is (word &
/// (2^24 - 1)) 2^-24 for float, (random64 & (2^53 - 1)) 2^-53 for double. A value that rounds up to `to`
/// becomes `from`. torch.Tensor.uniform_. ValueError unless from <= to and both, and to - from, are finite in
/// the type of `out`.
void uniform(std::span<float> out, double from, double to, Generator& gen);
void uniform(std::span<double> out, double from, double to, Generator& gen);

/// out_i ~ N(mean, std^2), torch.Tensor.normal_ of a contiguous tensor. ValueError unless std >= 0.
/// Fewer than 16: gen.next_normal() std + mean in double. Otherwise out is filled from U[0, 1) and then, in
/// each block of 16, with j < 8, u1 = 1 - x_j, u2 = x_{j+8}, r = sqrt(-2 ln u1), t = 2 pi u2:
///   x_j = r cos t std + mean,   x_{j+8} = r sin t std + mean;
/// if 16 does not divide the size, the last 16 values are drawn anew and overwrite what was there. A waiting
/// normal is neither used nor forgotten by that path. float: ln, cos and sin are Cephes' single-precision
/// polynomials, as in PyTorch's AVX2 kernel, evaluated with fused multiply-adds: the same bits as there, on
/// every processor. double: those of the C library.
void normal(std::span<float> out, double mean, double std, Generator& gen);
void normal(std::span<double> out, double mean, double std, Generator& gen);
/// What normal_ of a bfloat16 or float16 tensor holds before it is rounded to 16 bits: as the float above,
/// but the size % 16 values that the last block overwrites are never drawn.
void normal_for_16_bits(std::span<float> out, double mean, double std, Generator& gen);

/// out_i uniform on lo .. hi - 1: word % (hi - lo) + lo; random64 in place of word once hi - lo >= 2^28,
/// which keeps the bias of the remainder below 7 %. torch.randint, whose values and draws are the same for
/// every dtype. ValueError unless lo < hi.
void randint(std::span<int64_t> out, int64_t lo, int64_t hi, Generator& gen);

/// A uniform permutation of 0 .. n - 1, n = out.size(). torch.randperm, the same for every dtype:
/// for i = 0 .. n - 2 swap p_i with p_{i + word % (n - i)}; from n = 214,748,364 on, p grown from the left
/// with z = random64 % (i + 1), p_i = p_z, p_z = i.
void randperm(std::span<int64_t> out, Generator& gen);

/// out_i = 1 with probability p, else 0: (random64 & (2^53 - 1)) 2^-53 < p. torch.Tensor.bernoulli_(p), any
/// dtype. ValueError unless 0 <= p <= 1. A tensor of probabilities draws otherwise in PyTorch: float ones
/// compare uniform(span<float>) on [0, 1), double ones uniform(span<double>).
void bernoulli(std::span<uint8_t> out, double p, Generator& gen);
void bernoulli(std::span<bool> out, double p, Generator& gen);

/// out_i ~ lambda exp(-lambda x): -log1p(-u) / lambda with u = (random64 & (2^53 - 1)) 2^-53, in double.
/// torch.Tensor.exponential_. ValueError unless lambda > 0.
void exponential(std::span<float> out, double lambda, Generator& gen);
void exponential(std::span<double> out, double lambda, Generator& gen);

}  // namespace st
