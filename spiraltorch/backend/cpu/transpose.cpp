// Tiles of 64 bytes by 64: a cache line on either side, transposed in 16-byte vectors, which every processor
// has. Written with the compiler's vector types: no instruction set is chosen at run time here.
#include "spiraltorch/backend/cpu/transpose.h"

#include <algorithm>
#include <cstring>
#include <utility>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace st::cpu {
namespace {

constexpr size_t kLine = 64;    // bytes of a cache line: the side of a tile
constexpr size_t kVector = 16;  // bytes of the vectors that every processor has

template <class T>
using Vector [[gnu::vector_size(kVector)]] = T;

// a0 b0 a1 b1 ... of the lower (Upper = 0) or upper halves of a and b.
template <size_t Upper, class V, size_t... I>
V interleave(V a, V b, std::index_sequence<I...>) {
  constexpr size_t n = sizeof...(I);
  return __builtin_shufflevector(a, b, static_cast<int>(I / 2 + Upper * n / 2 + I % 2 * n)...);
}

// Transposes an n x n square of vectors of n items: log2 n rounds that interleave row i with row i + n / 2.
template <class T>
void transpose_square(const std::byte* x, std::byte* y) {
  constexpr size_t n = kVector / sizeof(T);
  using V = Vector<T>;
  constexpr auto lanes = std::make_index_sequence<n>();
  V a[n], b[n];
  for (size_t i = 0; i < n; ++i) std::memcpy(&a[i], x + i * kLine, kVector);
#pragma GCC unroll 4
  for (size_t round = 1; round < n; round *= 2) {
#pragma GCC unroll 8
    for (size_t i = 0; i < n / 2; ++i) {
      b[2 * i] = interleave<0>(a[i], a[i + n / 2], lanes);
      b[2 * i + 1] = interleave<1>(a[i], a[i + n / 2], lanes);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < n; ++i) a[i] = b[i];
  }
  for (size_t i = 0; i < n; ++i) std::memcpy(y + i * kLine, &a[i], kVector);
}

// Writes a line past the caches, so that it need not be read first. Processors without such stores write it
// as ever.
void stream_line(const std::byte* from, void* to) {
#ifdef __SSE2__
  for (size_t i = 0; i < kLine / kVector; ++i) {
    const __m128i vector = _mm_load_si128(reinterpret_cast<const __m128i*>(from) + i);
    _mm_stream_si128(static_cast<__m128i*>(to) + i, vector);
  }
#else
  std::memcpy(to, from, kLine);
#endif
}

// Makes what was streamed visible to other threads.
void finish_stream() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

// A tile is staged in two small squares of its own: lines that lie a power of two apart share one set of the
// first-level cache, which would lose them before their second use. The tiles further along x are on their
// way meanwhile: no hardware prefetcher sees so many rows coming.
template <class T>
void transpose_tile(const T* x, int64_t x_pitch, T* y, int64_t y_pitch, bool stream) {
  constexpr size_t side = kLine / sizeof(T), n = kVector / sizeof(T);
  alignas(kLine) std::byte in[side * kLine], out[side * kLine];
  for (size_t i = 0; i < side; ++i) {
    const T* line = x + static_cast<int64_t>(i) * x_pitch;
    std::memcpy(in + i * kLine, line, kLine);
    __builtin_prefetch(line + 5 * side);
  }
  for (size_t i = 0; i < side; i += n) {
    for (size_t j = 0; j < side; j += n) {
      transpose_square<T>(in + i * kLine + j * sizeof(T), out + j * kLine + i * sizeof(T));
    }
  }
  for (size_t i = 0; i < side; ++i) {
    T* line = y + static_cast<int64_t>(i) * y_pitch;
    if (stream) {
      stream_line(out + i * kLine, line);
    } else {
      std::memcpy(line, out + i * kLine, kLine);
    }
  }
}

template <class T>
void transpose_edge(const T* x, int64_t x_pitch, T* y, int64_t y_pitch, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) y[r * y_pitch + c] = x[c * x_pitch + r];
  }
}

template <class T>
void transpose(const void* from, int64_t x_pitch, void* to, int64_t y_pitch, int64_t rows, int64_t cols,
               bool stream) {
  constexpr int64_t side = kLine / sizeof(T);
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  const auto vectors = [](auto bytes) { return static_cast<size_t>(bytes) % kVector == 0; };
  stream = stream && vectors(reinterpret_cast<uintptr_t>(y)) && vectors(y_pitch * int64_t{sizeof(T)});
  for (int64_t c = 0; c < cols; c += side) {
    for (int64_t r = 0; r < rows; r += side) {
      const T* xt = x + c * x_pitch + r;
      T* yt = y + r * y_pitch + c;
      if (rows - r >= side && cols - c >= side) {
        transpose_tile(xt, x_pitch, yt, y_pitch, stream);
      } else {
        transpose_edge(xt, x_pitch, yt, y_pitch, std::min(side, rows - r), std::min(side, cols - c));
      }
    }
  }
  if (stream) finish_stream();
}

}  // namespace

void transpose_block(size_t item, const void* x, int64_t x_pitch, void* y, int64_t y_pitch, int64_t rows,
                     int64_t cols, bool stream) {
  switch (item) {
    case 1:
      return transpose<uint8_t>(x, x_pitch, y, y_pitch, rows, cols, stream);
    case 2:
      return transpose<uint16_t>(x, x_pitch, y, y_pitch, rows, cols, stream);
    case 4:
      return transpose<uint32_t>(x, x_pitch, y, y_pitch, rows, cols, stream);
    default:
      return transpose<uint64_t>(x, x_pitch, y, y_pitch, rows, cols, stream);
  }
}

}  // namespace st::cpu
