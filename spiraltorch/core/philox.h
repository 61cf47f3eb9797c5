// Philox4x32-10, a generator with no state: output = function(key, counter). Any element of a stream can be
// made by any thread in any order, which is what dropout needs to give the same bits on every thread count.
#pragma once

#include <array>
#include <cstdint>

namespace [[gnu::visibility("default")]] st {

/// Ten rounds of Philox-4x32 on the 128-bit `counter` under the 64-bit `key`, low word first in both. One
/// round is
///   (c0, c1, c2, c3) -> (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)),
/// after which the key moves on by the Weyl constants. Four independent uniform 32-bit words come out.
/// Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = kM0 * counter[0], p1 = kM1 * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

/// Words 4 offset ... 4 offset + 3 of the stream that belongs to (seed, stream): the key is `seed`, the low
/// half of the counter `offset`, its high half `stream`. Streams never overlap.
constexpr std::array<uint32_t, 4> philox(uint64_t seed, uint64_t offset, uint64_t stream = 0) {
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  return philox4x32({low(offset), low(offset >> 32), low(stream), low(stream >> 32)},
                    {low(seed), low(seed >> 32)});
}

/// A uniform float in [0, 1) from one word: its upper 24 bits times 2^-24.
constexpr float philox_uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

}  // namespace st
