// Two forms, after the layout of W: rows contiguous, four dot products at a time; columns contiguous, four
// columns at a time added to sums that stay in the first cache. Both read W in the order of memory.
#include "spiraltorch/backend/cpu/matvec.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/matvec.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kUnit = 64;      // rows that one thread takes at least; a cache line of float32 sums
constexpr int64_t kColumn = 1024;  // rows of a column that are summed at once

template <class D, class T>
HWY_INLINE hn::Vec<D> load(D d, const T* from) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    const hn::Rebind<uint16_t, D> half;
    const hn::Rebind<uint32_t, D> whole;
    const uint16_t* bits = reinterpret_cast<const uint16_t*>(from);
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(whole, hn::LoadU(half, bits))));
  } else {
    return hn::LoadU(d, from);
  }
}

template <class T, class C>
struct Problem {
  const T* w;
  int64_t w_row, w_col, cols;
  const C* x;  // contiguous
  int64_t x_vector;
  T* y;
  int64_t y_vector, y_row;
  const T* bias;
  int64_t bias_stride;

  void write(int64_t vector, int64_t row, C sum) const {
    if (bias) sum += static_cast<C>(bias[row * bias_stride]);
    y[vector * y_vector + row * y_row] = static_cast<T>(sum);
  }
};

// Rows `row` .. row + R - 1 with N vectors.
template <int R, int N, class T, class C>
HWY_INLINE void dots(const Problem<T, C>& p, int64_t row) {
  const hn::ScalableTag<C> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const T* w = p.w + row * p.w_row;
  V sum[R][N];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) sum[r][v] = hn::Zero(d);
  }
  int64_t j = 0;
  for (; j + lanes <= p.cols; j += lanes) {
    V x[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) x[v] = hn::LoadU(d, p.x + v * p.x_vector + j);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const V left = load(d, w + r * p.w_row + j);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) sum[r][v] = hn::MulAdd(left, x[v], sum[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) {
      C total = hn::GetLane(hn::SumOfLanes(d, sum[r][v]));
      for (int64_t tail = j; tail < p.cols; ++tail) {
        total += static_cast<C>(w[r * p.w_row + tail]) * p.x[v * p.x_vector + tail];
      }
      p.write(v, row + r, total);
    }
  }
}

template <int N, class T, class C>
void dot_rows(const Problem<T, C>& p, int64_t begin, int64_t end) {
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) dots<4, N>(p, row);
  for (; row < end; ++row) dots<1, N>(p, row);
}

// sums += x_0 w_0 + ... over K columns of n rows.
template <int K, class T, class C>
HWY_INLINE void add_columns(const T* w, int64_t w_col, const C* x, int64_t n, C* sums) {
  const hn::ScalableTag<C> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto sum = hn::LoadU(d, sums + i);
#pragma GCC unroll 4
    for (int c = 0; c < K; ++c) sum = hn::MulAdd(hn::Set(d, x[c]), load(d, w + c * w_col + i), sum);
    hn::StoreU(sum, d, sums + i);
  }
  for (; i < n; ++i) {
    for (int c = 0; c < K; ++c) sums[i] += x[c] * static_cast<C>(w[c * w_col + i]);
  }
}

template <class T, class C>
void sum_columns(const Problem<T, C>& p, int64_t begin, int64_t end) {
  alignas(64) C sums[kColumn];
  for (int64_t row = begin; row < end; row += kColumn) {
    const int64_t n = std::min(kColumn, end - row);
    std::fill(sums, sums + n, C{});
    const T* w = p.w + row;
    int64_t j = 0;
    for (; j + 4 <= p.cols; j += 4) add_columns<4>(w + j * p.w_col, p.w_col, p.x + j, n, sums);
    for (; j < p.cols; ++j) add_columns<1>(w + j * p.w_col, p.w_col, p.x + j, n, sums);
    for (int64_t i = 0; i < n; ++i) p.write(0, row + i, sums[i]);
  }
}

template <class T, class C>
void run(const MatVec& m) {
  const T* x = static_cast<const T*>(m.x);
  Problem<T, C> p{static_cast<const T*>(m.w),
                  m.w_row,
                  m.w_col,
                  m.cols,
                  nullptr,
                  m.x_vector,
                  static_cast<T*>(m.y),
                  m.y_vector,
                  m.y_row,
                  static_cast<const T*>(m.bias),
                  m.bias_stride};
  const bool plain = std::is_same_v<T, C> && m.x_col == 1;
  const Scratch<C> packed(plain ? 0 : m.count * m.cols);
  if constexpr (std::is_same_v<T, C>) p.x = x;
  if (!plain) {
    for (int64_t v = 0; v < m.count; ++v) {
      for (int64_t j = 0; j < m.cols; ++j) {
        packed.data()[v * m.cols + j] = static_cast<C>(x[v * m.x_vector + j * m.x_col]);
      }
    }
    p.x = packed.data();
    p.x_vector = m.cols;
  }
  const bool rows_contiguous = m.w_col == 1 || m.cols == 1;
  const int64_t grain = std::max<int64_t>(1, 32768 / (kUnit * std::max<int64_t>(m.cols, 1)));
  parallel_for((m.rows + kUnit - 1) / kUnit, grain, [&](int64_t first, int64_t last) {
    const int64_t begin = first * kUnit, end = std::min(last * kUnit, m.rows);
    if (!rows_contiguous) return sum_columns(p, begin, end);
    if (m.count == 1) return dot_rows<1>(p, begin, end);
    if (m.count == 2) return dot_rows<2>(p, begin, end);
    if (m.count == 3) return dot_rows<3>(p, begin, end);
    dot_rows<4>(p, begin, end);
  });
}

void matvec_of_target(const MatVec& m) {
  if (m.dtype == DType::float32) return run<float, float>(m);
  if (m.dtype == DType::float64) return run<double, double>(m);
  run<bfloat16, float>(m);
}

}  // namespace HWY_NAMESPACE
}  // namespace st::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
HWY_EXPORT(matvec_of_target);

bool matvec(const MatVec& m) {
  const bool type = m.dtype == DType::float32 || m.dtype == DType::float64 || m.dtype == DType::bfloat16;
  const bool rows_contiguous = m.w_col == 1 || m.cols == 1, columns_contiguous = m.w_row == 1 || m.rows == 1;
  const bool layout = rows_contiguous ? m.count <= kMostVectors : columns_contiguous && m.count == 1;
  if (!type || !layout) return false;
  HWY_DYNAMIC_DISPATCH(matvec_of_target)(m);
  return true;
}

}  // namespace st::cpu
#endif
