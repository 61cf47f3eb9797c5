// Packed panels of a and b, and a tile of y that stays in registers (Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", ACM TOMS 34(3), 2008). Operands are read through their strides
// while they are packed, so no layout costs a copy of its own.
#include "spiraltorch/backend/cpu/reference/gemm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/reference/gemm.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::reference {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile of y is kRows rows by up to kVectors vectors: 24 sums of the 32 registers, or 12 of 16.
constexpr int kRows = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 8 : 4;
constexpr int kVectors = 3;
constexpr int64_t kRowTile = 8 * kRows;                // rows of y that one unit of work covers
constexpr int64_t kMostRows = 1024, kMostCols = 3072;  // packed at once; keeps the panels in the outer caches

template <class C, class T>
HWY_INLINE C widen(T value) {
  return static_cast<C>(value);
}

// dst[p * width + j] = src[p * along + j * across] for p < depth, j < count; zeros up to width.
template <class T, class C>
void pack(const T* src, int64_t along, int64_t across, int64_t depth, int64_t count, int64_t width, C* dst) {
  if (across == 1) {
    for (int64_t p = 0; p < depth; ++p) {
      const T* from = src + p * along;
      C* to = dst + p * width;
      for (int64_t j = 0; j < count; ++j) to[j] = widen<C>(from[j]);
      for (int64_t j = count; j < width; ++j) to[j] = C{};
    }
    return;
  }
  for (int64_t j = 0; j < width; ++j) {
    if (j >= count) {
      for (int64_t p = 0; p < depth; ++p) dst[p * width + j] = C{};
    } else if (along == 1) {
      for (int64_t p = 0; p < depth; ++p) dst[p * width + j] = widen<C>(src[p + j * across]);
    } else {
      for (int64_t p = 0; p < depth; ++p) dst[p * width + j] = widen<C>(src[p * along + j * across]);
    }
  }
}

// tile (kRows, N vectors) = panel of a (depth, kRows)^T times sliver of b (depth, N vectors).
template <int N, class C>
HWY_INLINE void multiply(const C* HWY_RESTRICT a, const C* HWY_RESTRICT b, int64_t depth,
                         C* HWY_RESTRICT tile) {
  const hn::ScalableTag<C> d;
  const size_t lanes = hn::Lanes(d);
  using V = hn::Vec<decltype(d)>;
  V sum[kRows][N];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < N; ++v) sum[r][v] = hn::Zero(d);
  }
  for (int64_t p = 0; p < depth; ++p, a += kRows, b += N * lanes) {
    V right[N];
#pragma GCC unroll 3
    for (int v = 0; v < N; ++v) right[v] = hn::Load(d, b + static_cast<size_t>(v) * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V left = hn::Set(d, a[r]);
#pragma GCC unroll 3
      for (int v = 0; v < N; ++v) sum[r][v] = hn::MulAdd(left, right[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < N; ++v) hn::Store(sum[r][v], d, tile + static_cast<size_t>(r * N + v) * lanes);
  }
}

// Integers: loops that the compiler makes vectors of, where the processor multiplies 64 bits.
template <int N>
HWY_INLINE void multiply(const uint64_t* HWY_RESTRICT a, const uint64_t* HWY_RESTRICT b, int64_t depth,
                         uint64_t* HWY_RESTRICT tile) {
  const hn::ScalableTag<uint64_t> d;
  const size_t width = N * hn::Lanes(d);
  std::fill(tile, tile + kRows * width, 0);
  for (int64_t p = 0; p < depth; ++p, a += kRows, b += width) {
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t j = 0; j < width; ++j) tile[r * width + j] += a[r] * b[j];
    }
  }
}

template <class C>
HWY_INLINE void multiply(int64_t vectors, const C* a, const C* b, int64_t depth, C* tile) {
  if (vectors == 3) return multiply<3>(a, b, depth, tile);
  if (vectors == 2) return multiply<2>(a, b, depth, tile);
  multiply<1>(a, b, depth, tile);
}

// Where a tile goes: sums of type C gather in `sums` (y itself where the types agree), the last block of k
// adds the bias and rounds to T.
template <class T, class C>
struct Result {
  T* y;
  int64_t y_row, y_col;
  C* sums;
  int64_t sums_row;
  const T* bias;
  int64_t bias_stride;

  void write(const C* HWY_RESTRICT tile, int64_t width, int64_t row, int64_t rows, int64_t col, int64_t cols,
             bool first, bool last) const {
    for (int64_t r = 0; r < rows; ++r, tile += width) {
      T* to = y + (row + r) * y_row + col * y_col;
      if constexpr (std::is_same_v<T, C>) {
        if (y_col == 1) {
          write_row(tile, to, 1, col, cols, first, last);
        } else {
          write_row(tile, to, y_col, col, cols, first, last);
        }
      } else {
        C* gathered = sums + (row + r) * sums_row + col;  // not looked at where there is one block of k
        for (int64_t j = 0; j < cols; ++j) {
          C value = first ? tile[j] : static_cast<C>(gathered[j] + tile[j]);
          if (last && bias) value += widen<C>(bias[(col + j) * bias_stride]);
          if (last) {
            to[j * y_col] = static_cast<T>(value);
          } else {
            gathered[j] = value;
          }
        }
      }
    }
  }

  HWY_INLINE void write_row(const C* HWY_RESTRICT tile, C* HWY_RESTRICT to, int64_t step, int64_t col,
                            int64_t cols, bool first, bool last) const {
    if (first) {
      for (int64_t j = 0; j < cols; ++j) to[j * step] = tile[j];
    } else {
      for (int64_t j = 0; j < cols; ++j) to[j * step] += tile[j];
    }
    if (last && bias) {
      for (int64_t j = 0; j < cols; ++j) to[j * step] += widen<C>(bias[(col + j) * bias_stride]);
    }
  }
};

// T in memory, C in registers.
template <class T, class C>
void run(const Gemm& g) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<C>()));
  const int64_t width = kVectors * lanes;
  // A sliver of b, depth x width, is read again for every panel of a: it takes 24 of the 32 KB of a first
  // cache.
  const int64_t depth = std::min<int64_t>(24 * 1024 / (width * static_cast<int64_t>(sizeof(C))), 256);
  const T* a = static_cast<const T*>(g.a);
  const T* b = static_cast<const T*>(g.b);
  const bool one_block = g.k <= depth;
  const bool gathers = !std::is_same_v<T, C> && !one_block;
  const Scratch<C> sums(gathers ? g.m * g.n : 0);
  const int64_t most_rows = std::min(kMostRows, (g.m + kRows - 1) / kRows * kRows);
  const int64_t most_cols = std::min(kMostCols / width * width, (g.n + lanes - 1) / lanes * lanes);
  const int64_t most_depth = std::min(depth, g.k);
  const Scratch<C> a_panels(most_rows * most_depth), b_slivers(most_cols * most_depth);
  const Result<T, C> result{static_cast<T*>(g.y),          g.y_row,      g.y_col, sums.data(), g.n,
                            static_cast<const T*>(g.bias), g.bias_stride};

  for (int64_t col = 0; col < g.n; col += most_cols) {
    const int64_t cols = std::min(most_cols, g.n - col), slivers = (cols + width - 1) / width;
    for (int64_t first_k = 0; first_k == 0 || first_k < g.k; first_k += depth) {
      const int64_t kc = std::min(depth, g.k - first_k);
      const bool first = first_k == 0, last = first_k + kc >= g.k;
      for (int64_t row = 0; row < g.m; row += most_rows) {
        const int64_t rows = std::min(most_rows, g.m - row), panels = (rows + kRows - 1) / kRows;
        const auto vectors_of = [&](int64_t sliver) {
          return std::min<int64_t>(kVectors, (cols - sliver * width + lanes - 1) / lanes);
        };
        // What is packed: the panels of a, and with the first of them the slivers of b.
        const int64_t packed_slivers = row == 0 ? slivers : 0;
        const int64_t pack_grain = std::max<int64_t>(1, 32768 / (kc * width + 1));
        parallel_for(packed_slivers + panels, pack_grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            if (i < packed_slivers) {
              const int64_t j = i * width, count = std::min(width, cols - j);
              pack(b + first_k * g.b_row + (col + j) * g.b_col, g.b_row, g.b_col, kc, count,
                   vectors_of(i) * lanes, b_slivers.data() + j * kc);
            } else {
              const int64_t r = (i - packed_slivers) * kRows, count = std::min<int64_t>(kRows, rows - r);
              pack(a + (row + r) * g.a_row + first_k * g.a_col, g.a_col, g.a_row, kc, count, int64_t{kRows},
                   a_panels.data() + r * kc);
            }
          }
        });
        // One unit of work: a sliver of b with kRowTile rows of a.
        const int64_t row_tiles = (rows + kRowTile - 1) / kRowTile;
        const int64_t unit = std::min(rows, kRowTile) * std::min(cols, width) * kc;
        const int64_t grain = std::max<int64_t>(1, 131072 / (unit + 1));
        parallel_for(row_tiles * slivers, grain, [&](int64_t begin, int64_t end) {
          alignas(64) C tile[kRows * kVectors * hn::MaxLanes(hn::ScalableTag<C>())];
          for (int64_t i = begin; i < end; ++i) {
            const int64_t j = i % slivers * width, vectors = vectors_of(i % slivers);
            const int64_t count = std::min(width, cols - j);
            const int64_t row_end = std::min(rows, (i / slivers + 1) * kRowTile);
            for (int64_t r = i / slivers * kRowTile; r < row_end; r += kRows) {
              multiply(vectors, a_panels.data() + r * kc, b_slivers.data() + j * kc, kc, tile);
              result.write(tile, vectors * lanes, row + r, std::min<int64_t>(kRows, rows - r), col + j, count,
                           first, last);
            }
          }
        });
      }
    }
  }
}

void gemm_of_target(const Gemm& g) {
  switch (g.dtype) {
    case DType::float64:
      return run<double, double>(g);
    case DType::float32:
      return run<float, float>(g);
    case DType::bfloat16:
      return run<bfloat16, float>(g);
    case DType::float16:
      return run<float16, float>(g);
    case DType::int64:
      return run<uint64_t, uint64_t>(g);  // as unsigned numbers, which may wrap around
    case DType::int32:
      return run<uint32_t, uint64_t>(g);
    case DType::uint8:
      return run<uint8_t, uint64_t>(g);
    case DType::bool_:
      break;
  }
  fail<DTypeError>("matmul: no product of {} matrices", g.dtype);
}

}  // namespace HWY_NAMESPACE
}  // namespace st::cpu::reference
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu::reference {
HWY_EXPORT(gemm_of_target);

void gemm(const Gemm& g) {
  if (g.m > 0 && g.n > 0) HWY_DYNAMIC_DISPATCH(gemm_of_target)(g);
}

}  // namespace st::cpu::reference
#endif
