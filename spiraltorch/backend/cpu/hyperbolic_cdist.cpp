// All-pairs distances. The columns' points are turned once, in float64, so that a lane is a column; then
// every row runs on its own, over blocks of columns that stay in L1. The gradient runs the same loop for x
// and, with the two sides exchanged, for y: no sum depends on the number of threads.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_cdist.cpp"
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_CDIST_ONCE
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_CDIST_ONCE
#include <algorithm>

namespace st::cpu {

inline constexpr int64_t kColumns = 32;

// One side's points as columns: blocks of kColumns points, coordinate by coordinate, and their squares. The
// last block is filled up with the origin.
struct Columns {
  explicit Columns(const In& y)
      : count((*y.sizes)[0]),
        blocks((count + kColumns - 1) / kColumns),
        width((*y.sizes)[1]),
        points(blocks * kColumns * width),
        squares(blocks * kColumns) {}
  int64_t count, blocks, width;
  Scratch<double> points, squares;
};

// |x|^2, for both sides in one order, so that the distances of x from itself are symmetric to the last bit.
template <class T>
double square_of(const T* x, int64_t width) {
  double sum = 0;
  for (int64_t k = 0; k < width; ++k) sum += static_cast<double>(x[k]) * static_cast<double>(x[k]);
  return sum;
}

// One call: rows x against columns; number (i, j) of dz lies at i * row_stride + j * column_stride.
struct Pairs {
  const void* x;
  int64_t x_stride;  // between rows
  const Columns* columns;
  double c;
  void* z;  // forward: contiguous
  const void* dz;
  int64_t row_stride, column_stride;
  void* dx;
  double* dc;  // a number a row, null where nobody asks
};
using PairsLoop = void (*)(const Pairs& p, int64_t begin, int64_t end);

}  // namespace st::cpu
#endif

// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

// squares[j] = |x - y_j|^2 for one block of columns.
HWY_INLINE void squared_distances(const double* x, const double* block, int64_t width, double* squares) {
  const Row d;
  constexpr int64_t kStep = 4 * kLanes;
  static_assert(kColumns % kStep == 0);
  for (int64_t j = 0; j < kColumns; j += kStep) {
    V s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    const double* y = block + j;
    for (int64_t k = 0; k < width; ++k, y += kColumns) {
      const V xk = hn::Set(d, x[k]);
      const V w0 = hn::Sub(xk, hn::LoadU(d, y)), w1 = hn::Sub(xk, hn::LoadU(d, y + kLanes));
      const V w2 = hn::Sub(xk, hn::LoadU(d, y + 2 * kLanes)), w3 = hn::Sub(xk, hn::LoadU(d, y + 3 * kLanes));
      s0 = hn::MulAdd(w0, w0, s0), s1 = hn::MulAdd(w1, w1, s1);
      s2 = hn::MulAdd(w2, w2, s2), s3 = hn::MulAdd(w3, w3, s3);
    }
    hn::Store(s0, d, squares + j), hn::Store(s1, d, squares + j + kLanes);
    hn::Store(s2, d, squares + j + 2 * kLanes), hn::Store(s3, d, squares + j + 3 * kLanes);
  }
}

template <class T>
void cdist_rows(const Pairs& p, int64_t begin, int64_t end) {
  const Row d;
  const int64_t width = p.columns->width;
  const Scratch<double> x(width);
  HWY_ALIGN double ww[kColumns], out[kColumns];
  const V c = constant(p.c), root_c = hn::Sqrt(c);
  for (int64_t i = begin; i < end; ++i) {
    const T* from = static_cast<const T*>(p.x) + i * p.x_stride;
    std::copy(from, from + width, x.data());
    const double xx = square_of(from, width);
    const V a = gap<T>(c, constant(xx));
    T* z = static_cast<T*>(p.z) + i * p.columns->count;
    for (int64_t b = 0; b < p.columns->blocks; ++b) {
      squared_distances(x.data(), p.columns->points.data() + b * width * kColumns, width, ww);
      const double* yy = p.columns->squares.data() + b * kColumns;
      for (int64_t j = 0; j < kColumns; j += kLanes) {
        hn::Store(distance(c, root_c, a, gap<T>(c, hn::LoadU(d, yy + j)), hn::Load(d, ww + j)), d, out + j);
      }
      const int64_t count = std::min(kColumns, p.columns->count - b * kColumns);
      for (int64_t j = 0; j < count; ++j) z[b * kColumns + j] = static_cast<T>(out[j]);
    }
  }
}

// dx_i = sum_j dz_ij (kw_ij (x_i - y_j) + kx_ij x_i)
template <class T>
void cdist_rows_backward(const Pairs& p, int64_t begin, int64_t end) {
  const Row d;
  const int64_t width = p.columns->width;
  const Scratch<double> both(2 * width);
  double *const x = both.data(), *const dx = x + width;
  HWY_ALIGN double ww[kColumns], g[kColumns];
  const V c = constant(p.c), root_c = hn::Sqrt(c);
  for (int64_t i = begin; i < end; ++i) {
    const T* from = static_cast<const T*>(p.x) + i * p.x_stride;
    std::copy(from, from + width, x);
    const V xx = constant(square_of(from, width)), a = gap<T>(c, xx);
    std::fill(dx, dx + width, 0.0);
    V along = hn::Zero(d), by_c = hn::Zero(d);
    for (int64_t b = 0; b < p.columns->blocks; ++b) {
      const double* points = p.columns->points.data() + b * width * kColumns;
      const double* squares = p.columns->squares.data() + b * kColumns;
      squared_distances(x, points, width, ww);
      const int64_t count = std::min(kColumns, p.columns->count - b * kColumns);
      const T* dz = static_cast<const T*>(p.dz) + i * p.row_stride + b * kColumns * p.column_stride;
      for (int64_t j = 0; j < count; ++j) g[j] = static_cast<double>(dz[j * p.column_stride]);
      std::fill(g + count, g + kColumns, 0.0);
      for (int64_t j = 0; j < kColumns; j += kLanes) {
        const V yy = hn::LoadU(d, squares + j), gj = hn::Load(d, g + j);
        const V bj = gap<T>(c, yy), w = hn::Load(d, ww + j);
        const DistanceGrad k = distance_grad(c, root_c, a, bj, w);
        hn::Store(hn::Mul(gj, k.w), d, g + j);
        along = hn::MulAdd(gj, k.x, along);
        if (p.dc) by_c = hn::MulAdd(gj, distance_by_c(c, root_c, xx, yy, a, bj, w), by_c);
      }
      for (int64_t k = 0; k < width; ++k) {
        const V xk = constant(x[k]);
        V sum = hn::Zero(d);
        for (int64_t j = 0; j < kColumns; j += kLanes) {
          sum = hn::MulAdd(hn::Load(d, g + j), hn::Sub(xk, hn::LoadU(d, points + k * kColumns + j)), sum);
        }
        dx[k] += hn::GetLane(hn::SumOfLanes(d, sum));
      }
    }
    const double radial = hn::GetLane(hn::SumOfLanes(d, along));
    if (p.dx) {
      T* to = static_cast<T*>(p.dx) + i * width;
      for (int64_t k = 0; k < width; ++k) to[k] = static_cast<T>(dx[k] + radial * x[k]);
    }
    if (p.dc) p.dc[i] = hn::GetLane(hn::SumOfLanes(d, by_c));
  }
}

PairsLoop pairs_loop(DType dtype, bool backward) {
  if (dtype == DType::float64) return backward ? cdist_rows_backward<double> : cdist_rows<double>;
  return backward ? cdist_rows_backward<float> : cdist_rows<float>;
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(pairs_loop);

template <class T>
void turn_rows(const In& y, const Columns& columns) {
  const int64_t width = columns.width, stride = (*y.strides)[0];
  parallel_for(columns.blocks, 1 + 16384 / (kColumns * (width + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      double* to = columns.points.data() + b * width * kColumns;
      for (int64_t j = 0; j < kColumns; ++j) {
        const int64_t row = b * kColumns + j;
        const T* from = y.as<T>() + row * stride;
        const bool filled = row < columns.count;
        for (int64_t k = 0; k < width; ++k) {
          to[k * kColumns + j] = filled ? static_cast<double>(from[k]) : 0.0;
        }
        columns.squares.data()[row] = filled ? square_of(from, width) : 0.0;
      }
    }
  });
}

void turn(const In& y, const Columns& columns) {
  y.dtype == DType::float64 ? turn_rows<double>(y, columns) : turn_rows<float>(y, columns);
}

void run(const In& x, const Pairs& p, bool backward) {
  const PairsLoop loop = HWY_DYNAMIC_DISPATCH(pairs_loop)(x.dtype, backward);
  const int64_t work = p.columns->blocks * kColumns * (p.columns->width + 16);
  parallel_for((*x.sizes)[0], 1 + 65536 / (work + 1),
               [&](int64_t begin, int64_t end) { loop(p, begin, end); });
}

}  // namespace

void hyperbolic_cdist(In x, In y, double c, Out z) {
  const Columns columns(y);
  turn(y, columns);
  run(x, {x.data, (*x.strides)[0], &columns, c, z.data, nullptr, 0, 0, nullptr, nullptr}, false);
}

void hyperbolic_cdist_backward(In x, In y, double c, In dz, Out dx, Out dy, Out dc) {
  const int64_t row = (*dz.strides)[0], column = (*dz.strides)[1];
  if (dx.data || dc.data) {
    const Columns columns(y);
    turn(y, columns);
    run(x, {x.data, (*x.strides)[0], &columns, c, nullptr, dz.data, row, column, dx.data, dc.as<double>()},
        true);
  }
  if (dy.data) {
    const Columns columns(x);
    turn(x, columns);
    run(y, {y.data, (*y.strides)[0], &columns, c, nullptr, dz.data, column, row, dy.data, nullptr}, true);
  }
}

}  // namespace st::cpu
#endif
