// Hyperbolic logistic regression: logits of n points against k planes, and their gradients, in one pass each.
// With p = <x, z>, lambda = 2 / (1 - c|x|^2), t = 2 sqrt c r of a class and its constants C = sqrt c cosh t /
// |z|, S = sinh t, L = 2|z| / sqrt c:  y = L asinh(u), u = lambda (C p - S) + S. A tile is four rows by two
// vectors of classes; everything is float64. Gradients of classes are summed over blocks of rows that depend
// on the shape alone, so that the number of threads does not matter.
//
// Beyond |t| = kMostAngle, where cosh t = |sinh t| = e^|t| / 2 would overflow, C and S are those of the
// nearest t within: y = L (asinh(u) - E), E being what t exceeds it by, for every u has the sign of -t there.
// The derivatives by t are the same.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_mlr.cpp"
#include "spiraltorch/backend/cpu/hyperbolic.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MLR_ONCE
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MLR_ONCE
#include <algorithm>
#include <cmath>

namespace st::cpu {

inline constexpr int64_t kTileRows = 4, kBlockRows = 32;
inline constexpr double kMostAngle = 256;  // e^256 squared and times lambda is far from the largest double

// The classes of a call. Rows are filled up with zeros to `stride` elements, classes to `padded`.
struct Classes {
  Classes(int64_t classes, int64_t features, int64_t tile_size, double c_)
      : count(classes),
        padded((classes + tile_size - 1) / tile_size * tile_size),
        tile(tile_size),
        width(features),
        stride((features + 7) / 8 * 8),
        c(c_),
        memory(padded * (width + stride + 6)) {}
  int64_t count, padded, tile, width, stride;
  double c;
  Scratch<double> memory;
  double* rows() const { return memory.data(); }                // class by class
  double* turned() const { return rows() + padded * stride; }   // a tile of classes, coordinate by coordinate
  double* of_dot() const { return turned() + padded * width; }  // C
  double* shift() const { return of_dot() + padded; }           // S
  double* scale() const { return shift() + padded; }            // L
  double* norm() const { return scale() + padded; }             // |z|
  double* angle() const { return norm() + padded; }             // t
  double* excess() const { return angle() + padded; }           // E
};

// What a block of rows adds to the gradients of classes: (padded, stride), then three of (padded), then dc.
inline int64_t sums_size(const Classes& k) { return k.padded * (k.stride + 3) + 1; }

struct MlrCall {
  const void* x;
  int64_t rows, x_stride;
  const Classes* classes;
  void* y;         // forward
  const void* dy;  // backward: contiguous
  void* dx;        // null where nobody asks
};
struct MlrLoops {
  int64_t tile;
  void (*widen)(const In& z, const Classes& classes, double* squares);  // the rows of the classes
  void (*forward)(const MlrCall& m, int64_t begin, int64_t end);
  void (*backward)(const MlrCall& m, int64_t begin, int64_t end, double* sums);
};

}  // namespace st::cpu
#endif

// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kTile = 2 * kLanes;

// p[r * kTile + j] = <x_r, z_j> for four rows and a tile of classes.
HWY_INLINE void tile_dots(const double* x, int64_t stride, const double* turned, int64_t width, double* p) {
  const Row d;
  V a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  for (int64_t k = 0; k < width; ++k, turned += kTile) {
    const V z0 = hn::LoadU(d, turned), z1 = hn::LoadU(d, turned + kLanes);
    const V a = hn::Set(d, x[k]), b = hn::Set(d, x[stride + k]);
    const V c = hn::Set(d, x[2 * stride + k]), e = hn::Set(d, x[3 * stride + k]);
    a0 = hn::MulAdd(a, z0, a0), a1 = hn::MulAdd(a, z1, a1), b0 = hn::MulAdd(b, z0, b0);
    b1 = hn::MulAdd(b, z1, b1), c0 = hn::MulAdd(c, z0, c0), c1 = hn::MulAdd(c, z1, c1);
    d0 = hn::MulAdd(e, z0, d0), d1 = hn::MulAdd(e, z1, d1);
  }
  hn::Store(a0, d, p), hn::Store(a1, d, p + kLanes), hn::Store(b0, d, p + kTile);
  hn::Store(b1, d, p + kTile + kLanes), hn::Store(c0, d, p + 2 * kTile);
  hn::Store(c1, d, p + 2 * kTile + kLanes), hn::Store(d0, d, p + 3 * kTile);
  hn::Store(d1, d, p + 3 * kTile + kLanes);
}

// Writes a row as float64, filled up with zeros to `stride` elements; returns its square.
template <class T>
HWY_INLINE double widen_row(const T* from, int64_t width, int64_t stride, double* to) {
  const Row d;
  V even = hn::Zero(d), odd = even;
  int64_t j = 0;
  for (; j + 2 * kLanes <= width; j += 2 * kLanes) {
    const V a = load_row(from + j), b = load_row(from + j + kLanes);
    even = hn::MulAdd(a, a, even), odd = hn::MulAdd(b, b, odd);
    store_row(a, to + j), store_row(b, to + j + kLanes);
  }
  double rest = 0;
  for (; j < width; ++j) {
    to[j] = static_cast<double>(from[j]);
    rest += to[j] * to[j];
  }
  std::fill(to + width, to + stride, 0.0);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd))) + rest;
}

// `count` rows from row i on, filled up with zeros to whole tiles, and lambda and |x|^2 of each.
template <class T>
void widen_rows(const MlrCall& m, int64_t i, int64_t count, double* x, double* lambda, double* square) {
  const Classes& k = *m.classes;
  for (int64_t r = 0; r < count; ++r, x += k.stride) {
    square[r] = widen_row(static_cast<const T*>(m.x) + (i + r) * m.x_stride, k.width, k.stride, x);
    lambda[r] = 2 / hn::GetLane(gap<T>(constant(k.c), constant(square[r])));
  }
  for (int64_t r = count; r % kTileRows != 0; ++r, x += k.stride) std::fill(x, x + k.stride, 0.0);
}

// Both loops take a block of rows at once, and a tile of classes for all of its tiles of rows: many classes
// come from memory once a block.
template <class T>
void mlr_rows(const MlrCall& m, int64_t begin, int64_t end) {
  const Row d;
  const Classes& k = *m.classes;
  const Scratch<double> x(kBlockRows * k.stride + 1);
  HWY_ALIGN double p[kTileRows * kTile];
  double lambda[kBlockRows], square[kBlockRows];
  for (int64_t i = begin; i < end; i += kBlockRows) {
    const int64_t block = std::min(kBlockRows, end - i);
    widen_rows<T>(m, i, block, x.data(), lambda, square);
    for (int64_t at = 0; at < k.padded; at += kTile) {
      const int64_t count = std::min(kTile, k.count - at);
      for (int64_t first = 0; first < block; first += kTileRows) {
        tile_dots(x.data() + first * k.stride, k.stride, k.turned() + at * k.width, k.width, p);
        const int64_t rows = std::min(kTileRows, block - first);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < kTile; j += kLanes) {
            const V s = hn::LoadU(d, k.shift() + at + j);
            const V q = hn::MulSub(hn::LoadU(d, k.of_dot() + at + j), hn::Load(d, p + r * kTile + j), s);
            const V u = hn::MulAdd(constant(lambda[first + r]), q, s);
            const V angle = hn::Sub(asinh_slope(u).value, hn::LoadU(d, k.excess() + at + j));
            const V y = hn::Mul(hn::LoadU(d, k.scale() + at + j), angle);
            hn::Store(y, d, p + r * kTile + j);
          }
          T* y = static_cast<T*>(m.y) + (i + first + r) * k.count + at;
          for (int64_t j = 0; j < count; ++j) y[j] = static_cast<T>(p[r * kTile + j]);
        }
      }
    }
  }
}

// to_j += sum over the four rows r of g[r * kTile + j] x_r, for the first `count` classes.
HWY_INLINE void add_rows(const double* g, int64_t count, const double* x, int64_t stride, double* to) {
  const Row d;
  for (int64_t j = 0; j < count; ++j, to += stride) {
    const V a = hn::Set(d, g[j]), b = hn::Set(d, g[kTile + j]);
    const V c = hn::Set(d, g[2 * kTile + j]), e = hn::Set(d, g[3 * kTile + j]);
    for (int64_t i = 0; i < stride; i += kLanes) {
      const V first = hn::MulAdd(a, hn::LoadU(d, x + i), hn::LoadU(d, to + i));
      const V second =
          hn::MulAdd(c, hn::LoadU(d, x + 2 * stride + i), hn::Mul(b, hn::LoadU(d, x + stride + i)));
      hn::StoreU(hn::Add(hn::MulAdd(e, hn::LoadU(d, x + 3 * stride + i), first), second), d, to + i);
    }
  }
}

// dx_r += sum over the first `count` classes j of g[r * kTile + j] z_j, for the four rows.
HWY_INLINE void add_classes(const double* g, int64_t count, const double* z, int64_t stride, double* dx) {
  const Row d;
  for (int64_t i = 0; i < stride; i += kLanes) {
    V a = hn::LoadU(d, dx + i), b = hn::LoadU(d, dx + stride + i);
    V c = hn::LoadU(d, dx + 2 * stride + i), e = hn::LoadU(d, dx + 3 * stride + i);
    for (int64_t j = 0; j < count; ++j) {
      const V v = hn::LoadU(d, z + j * stride + i);
      a = hn::MulAdd(hn::Set(d, g[j]), v, a), b = hn::MulAdd(hn::Set(d, g[kTile + j]), v, b);
      c = hn::MulAdd(hn::Set(d, g[2 * kTile + j]), v, c), e = hn::MulAdd(hn::Set(d, g[3 * kTile + j]), v, e);
    }
    hn::StoreU(a, d, dx + i), hn::StoreU(b, d, dx + stride + i);
    hn::StoreU(c, d, dx + 2 * stride + i), hn::StoreU(e, d, dx + 3 * stride + i);
  }
}

HWY_INLINE void add_to(double* to, V v) { hn::StoreU(hn::Add(hn::LoadU(Row(), to), v), Row(), to); }

// With e = dy L / sqrt(1 + u^2), the gradient of u: dp = e lambda C, dlambda = sum_k e (C p - S), and for the
// classes dC = sum_i e lambda p, dS = -sum_i e (lambda - 1), dL = sum_i dy
// (asinh u - E).
template <class T>
void mlr_rows_backward(const MlrCall& m, int64_t begin, int64_t end, double* sums) {
  const Row d;
  const Classes& k = *m.classes;
  const int64_t size = kBlockRows * k.stride;
  const Scratch<double> x(2 * size + 1);
  double *dx = x.data() + size, *d_dot = sums + k.padded * k.stride, *d_shift = d_dot + k.padded,
         *d_scale = d_shift + k.padded, *dc = d_scale + k.padded;
  HWY_ALIGN double p[kTileRows * kTile], g[kTileRows * kTile], d_lambda[kBlockRows * kLanes];
  double lambda[kBlockRows], square[kBlockRows];
  for (int64_t i = begin; i < end; i += kBlockRows) {
    const int64_t block = std::min(kBlockRows, end - i);
    widen_rows<T>(m, i, block, x.data(), lambda, square);
    std::fill(dx, dx + size, 0.0);
    std::fill(d_lambda, d_lambda + kBlockRows * kLanes, 0.0);
    for (int64_t at = 0; at < k.padded; at += kTile) {
      const int64_t count = std::min(kTile, k.count - at);
      for (int64_t first = 0; first < block; first += kTileRows) {
        const double* const x_tile = x.data() + first * k.stride;
        tile_dots(x_tile, k.stride, k.turned() + at * k.width, k.width, p);
        const int64_t rows = std::min(kTileRows, block - first);
        std::fill(g, g + kTileRows * kTile, 0.0);
        for (int64_t r = 0; r < rows; ++r) {
          const T* dy = static_cast<const T*>(m.dy) + (i + first + r) * k.count + at;
          for (int64_t j = 0; j < count; ++j) g[r * kTile + j] = static_cast<double>(dy[j]);
        }
        for (int64_t r = 0; r < rows; ++r) {
          const V l = constant(lambda[first + r]);
          for (int64_t j = 0; j < kTile; j += kLanes) {
            const V dot = hn::Load(d, p + r * kTile + j), gj = hn::Load(d, g + r * kTile + j);
            const V s = hn::LoadU(d, k.shift() + at + j), cj = hn::LoadU(d, k.of_dot() + at + j);
            const V q = hn::MulSub(cj, dot, s), u = hn::MulAdd(l, q, s);
            const AsinhSlope v = asinh_slope(u);
            const V e = product(gj, hn::LoadU(d, k.scale() + at + j), v.slope);
            hn::Store(product(e, l, cj), d, g + r * kTile + j);
            add_to(d_lambda + (first + r) * kLanes, hn::Mul(e, q));
            add_to(d_dot + at + j, product(e, l, dot));
            add_to(d_shift + at + j, hn::Mul(e, hn::Sub(constant(1), l)));
            add_to(d_scale + at + j, hn::Mul(gj, hn::Sub(v.value, hn::LoadU(d, k.excess() + at + j))));
          }
        }
        if (m.dx) add_classes(g, count, k.rows() + at * k.stride, k.stride, dx + first * k.stride);
        add_rows(g, count, x_tile, k.stride, sums + at * k.stride);
      }
    }
    for (int64_t r = 0; r < block; ++r) {  // dlambda / d|x|^2 = c lambda^2 / 2
      const double sum = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, d_lambda + r * kLanes)));
      const double by_square = sum * lambda[r] * lambda[r];
      *dc += by_square * square[r] / 2;
      if (!m.dx) continue;
      T* to = static_cast<T*>(m.dx) + (i + r) * k.width;
      for (int64_t j = 0; j < k.width; ++j) {
        const int64_t from = r * k.stride + j;
        to[j] = static_cast<T>(dx[from] + by_square * k.c * x.data()[from]);
      }
    }
  }
}

template <class T>
void widen_classes(const In& z, const Classes& k, double* squares) {
  for (int64_t i = 0; i < k.count; ++i) {
    squares[i] = widen_row(z.as<T>() + i * (*z.strides)[0], k.width, k.stride, k.rows() + i * k.stride);
  }
}

MlrLoops mlr_loops(DType dtype) {
  if (dtype == DType::float64) {
    return {kTile, widen_classes<double>, mlr_rows<double>, mlr_rows_backward<double>};
  }
  return {kTile, widen_classes<float>, mlr_rows<float>, mlr_rows_backward<float>};
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(mlr_loops);

double number_at(const In& x, int64_t i) {
  return x.dtype == DType::float64 ? x.as<double>()[i] : static_cast<double>(x.as<float>()[i]);
}

void fill_classes(const In& z, const In& r, const MlrLoops& loops, const Classes& k) {
  const double root_c = std::sqrt(k.c);
  std::fill(k.rows() + k.count * k.stride, k.rows() + k.padded * k.stride, 0.0);
  std::fill(k.of_dot(), k.of_dot() + 6 * k.padded, 0.0);
  loops.widen(z, k, k.norm());
  for (int64_t i = 0; i < k.count; ++i) {
    const double norm = std::sqrt(k.norm()[i]), t = 2 * root_c * number_at(r, i);
    k.norm()[i] = norm;
    k.angle()[i] = t;
    if (norm == 0) continue;  // a class without a plane: its logits and their gradients are 0
    const double within = std::clamp(t, -kMostAngle, kMostAngle);  // NaN stays
    k.of_dot()[i] = root_c * std::cosh(within) / norm;
    k.shift()[i] = std::sinh(within);
    k.excess()[i] = t - within;
    k.scale()[i] = 2 * norm / root_c;
  }
  double* to = k.turned();
  for (int64_t at = 0; at < k.padded; at += k.tile) {
    const double* from = k.rows() + at * k.stride;
    for (int64_t j = 0; j < k.width; ++j) {
      for (int64_t i = 0; i < k.tile; ++i) *to++ = from[i * k.stride + j];
    }
  }
}

// From the sums over all rows: dz = sum dp x + z (2 dL / (sqrt c |z|) - dC C / |z|^2), the gradient of r, and
// what the class adds to dc.
template <class T>
void finish(const Classes& k, const double* sums, T* dz, T* dr, double& dc) {
  const double *d_dot = sums + k.padded * k.stride, *d_shift = d_dot + k.padded,
               *d_scale = d_shift + k.padded;
  const double root_c = std::sqrt(k.c);
  dc = d_scale[k.padded];
  for (int64_t i = 0; i < k.count; ++i) {
    const double norm = k.norm()[i];
    const double sinh_part = norm == 0 ? 0 : root_c * k.shift()[i] / norm;
    const double cosh_t = norm == 0 ? 0 : k.of_dot()[i] * norm / root_c;
    const double along = norm == 0 ? 0 : (2 / root_c * d_scale[i] - d_dot[i] * k.of_dot()[i] / norm) / norm;
    const double d_angle = d_dot[i] * sinh_part + d_shift[i] * cosh_t;
    if (dz) {
      for (int64_t j = 0; j < k.width; ++j) {
        dz[i * k.width + j] = static_cast<T>(sums[i * k.stride + j] + along * k.rows()[i * k.stride + j]);
      }
    }
    if (dr) dr[i] = static_cast<T>(2 * root_c * d_angle);
    dc += (d_angle * k.angle()[i] + d_dot[i] * k.of_dot()[i] - d_scale[i] * k.scale()[i]) / (2 * k.c);
  }
}

MlrCall call_of(const In& x, const Classes& classes) {
  return {x.data, (*x.sizes)[0], (*x.strides)[0], &classes, nullptr, nullptr, nullptr};
}

int64_t work_of_row(const Classes& k) { return k.padded * (k.width + 64) + 1; }

}  // namespace

void hyperbolic_mlr(In x, In z, In r, double c, Out y) {
  const MlrLoops loops = HWY_DYNAMIC_DISPATCH(mlr_loops)(x.dtype);
  const Classes classes((*z.sizes)[0], (*z.sizes)[1], loops.tile, c);
  fill_classes(z, r, loops, classes);
  MlrCall call = call_of(x, classes);
  call.y = y.data;
  const int64_t tiles = (call.rows + kTileRows - 1) / kTileRows;
  parallel_for(tiles, 1 + 32768 / work_of_row(classes), [&](int64_t begin, int64_t end) {
    loops.forward(call, begin * kTileRows, std::min(end * kTileRows, call.rows));
  });
}

void hyperbolic_mlr_backward(In x, In z, In r, double c, In dy, Out dx, Out dz, Out dr, Out dc) {
  const MlrLoops loops = HWY_DYNAMIC_DISPATCH(mlr_loops)(x.dtype);
  const Classes classes((*z.sizes)[0], (*z.sizes)[1], loops.tile, c);
  fill_classes(z, r, loops, classes);
  MlrCall call = call_of(x, classes);
  call.dy = dy.data;
  call.dx = dx.data;
  // blocks of rows with sums of their own: long enough that these do not cost more than the rows
  const int64_t size = sums_size(classes), wanted = std::clamp<int64_t>(call.rows / 128, 1, 16);
  const int64_t rows =
      std::max<int64_t>(1, (call.rows + wanted * kTileRows - 1) / (wanted * kTileRows)) * kTileRows;
  const int64_t blocks = std::max<int64_t>(1, (call.rows + rows - 1) / rows);
  const Scratch<double> sums(blocks * size);
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      double* const to = sums.data() + b * size;
      std::fill(to, to + size, 0.0);
      loops.backward(call, b * rows, std::min((b + 1) * rows, call.rows), to);
    }
  });
  for (int64_t b = 1; b < blocks; ++b) {
    for (int64_t i = 0; i < size; ++i) sums.data()[i] += sums.data()[b * size + i];
  }
  double by_c = 0;
  x.dtype == DType::float64 ? finish(classes, sums.data(), dz.as<double>(), dr.as<double>(), by_c)
                            : finish(classes, sums.data(), dz.as<float>(), dr.as<float>(), by_c);
  if (dc.data) *dc.as<double>() = by_c;
}

}  // namespace st::cpu
#endif
