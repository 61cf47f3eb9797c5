// Hyperbolic logistic regression: logits of n points against k planes, and their gradients. With p = <x, z>,
// lambda = 2 / (1 - c|x|^2), t = 2 sqrt c r of a class and its constants C = sqrt c cosh t / |z|, S = sinh t,
// L = 2|z| / sqrt c:  y = L asinh(u), u = lambda (C p - S) + S. It runs chunk by chunk of rows:
// reference::gemm makes the products, all in float64, and one pass over them the logits or their gradients.
// Gradients of classes are summed over blocks of rows that depend on the shape alone, so the number of
// threads does not matter.
//
// Beyond |t| = kMostAngle, where cosh t = |sinh t| = e^|t| / 2 would overflow, C and S are those of the
// nearest t within: y = L (asinh(u) - E), E being what t exceeds it by, for every u has the sign of -t there.
// The derivatives by t are the same.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_mlr.cpp"
#include "spiraltorch/backend/cpu/hyperbolic_products.h"
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MLR_ONCE
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MLR_ONCE
#include <algorithm>
#include <cmath>

namespace st::cpu {

inline constexpr double kMostAngle = 256;  // e^256 squared and times lambda is far from the largest double

// The classes of a call. Arrays of a number a class are filled up with zeros to whole vectors, `padded`.
struct Classes {
  Classes(int64_t classes, int64_t features, double c_)
      : count(classes),
        padded((classes + 7) / 8 * 8),
        width(features),
        c(c_),
        memory(count * width + 6 * padded) {}
  int64_t count, padded, width;
  double c;
  Scratch<double> memory;
  double* of_dot() const { return memory.data(); }     // C
  double* shift() const { return of_dot() + padded; }  // S
  double* scale() const { return shift() + padded; }   // L
  double* norm() const { return scale() + padded; }    // |z|
  double* angle() const { return norm() + padded; }    // t
  double* excess() const { return angle() + padded; }  // E
  double* rows() const { return excess() + padded; }   // z, (count, width)
};

// Rows [first, first + count) of a call, the chunk at hand; its arrays start at its first row.
struct MlrChunk {
  const Classes* classes;
  const void* x;
  int64_t x_stride, first, count;
  double* points;      // (count, width): x
  double* lambda;      // (count)
  double* square;      // (count): |x|^2
  double* products;    // (count, classes): p
  double* d_products;  // backward: its gradient
  void* y;             // forward, (rows, classes)
  const void* dy;      // backward, (rows, classes)
  double* sums;        // backward: a block's part of dC, dS and dL, (padded) each, and of dc
  double* along;       // backward: the factor of x in dx, (count)
  double* across;      // backward: the rest of dx, (count, width)
  void* dx;            // backward
};
inline int64_t sums_size(const Classes& k) { return 3 * k.padded + 1; }

using MlrLoop = void (*)(const MlrChunk& m, int64_t begin, int64_t end);
struct MlrLoops {
  void (*widen_classes)(const In& z, const Classes& classes, double* squares);
  MlrLoop widen, forward, finish;  // of rows
  MlrLoop backward;                // of blocks of kRowBlock rows
};

}  // namespace st::cpu
#endif

// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

template <class T>
void widen_points(const MlrChunk& m, int64_t begin, int64_t end) {
  const Classes& k = *m.classes;
  for (int64_t i = begin; i < end; ++i) {
    const T* from = static_cast<const T*>(m.x) + (m.first + i) * m.x_stride;
    m.square[i] = widen_row(from, k.width, m.points + i * k.width);
    m.lambda[i] = 2 / hn::GetLane(gap<T>(constant(k.c), constant(m.square[i])));
  }
}

template <class T>
void widen_classes(const In& z, const Classes& k, double* squares) {
  for (int64_t i = 0; i < k.count; ++i) {
    squares[i] = widen_row(z.as<T>() + i * (*z.strides)[0], k.width, k.rows() + i * k.width);
  }
}

// Logits of kLanes classes and one row.
struct ClassLanes {
  V of_dot, shift, scale, excess;
  explicit HWY_INLINE ClassLanes(const Classes& k, int64_t at)
      : of_dot(hn::LoadU(Row(), k.of_dot() + at)),
        shift(hn::LoadU(Row(), k.shift() + at)),
        scale(hn::LoadU(Row(), k.scale() + at)),
        excess(hn::LoadU(Row(), k.excess() + at)) {}
};

template <class T>
void mlr_rows(const MlrChunk& m, int64_t begin, int64_t end) {
  const Classes& k = *m.classes;
  const Tail<T> tail = tail_of<T>(k.count);
  const Tail<double> wide_tail = tail_of<double>(k.count);
  for (int64_t i = begin; i < end; ++i) {
    const V lambda = constant(m.lambda[i]);
    const double* p = m.products + i * k.count;
    T* y = static_cast<T*>(m.y) + (m.first + i) * k.count;
    for (int64_t at = 0; at < k.count; at += kLanes) {
      const ClassLanes z(k, at);
      const bool whole = at + kLanes <= k.count;
      const V q = hn::MulSub(z.of_dot, whole ? load_row(p + at) : wide_tail.load(p + at), z.shift);
      const V u = hn::MulAdd(lambda, q, z.shift);
      const V logit = hn::Mul(z.scale, hn::Sub(asinh_slope(u).value, z.excess));
      if (whole) {
        store_row(logit, y + at);
      } else {
        tail.store(logit, y + at);
      }
    }
  }
}

// With e = dy L / sqrt(1 + u^2), the gradient of u: dp = e lambda C, dlambda = sum_k e (C p - S), and for the
// classes dC = sum_i e lambda p, dS = -sum_i e (lambda - 1), dL = sum_i dy (asinh u - E).
template <class T>
void mlr_blocks_backward(const MlrChunk& m, int64_t begin, int64_t end) {
  const Row d;
  const Classes& k = *m.classes;
  const Tail<T> tail = tail_of<T>(k.count);
  const Tail<double> wide_tail = tail_of<double>(k.count);
  HWY_ALIGN double d_lambda[kRowBlock * kLanes];
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kRowBlock, last = std::min(first + kRowBlock, m.count);
    double *const d_dot = m.sums + block * sums_size(k), *const d_shift = d_dot + k.padded,
                  *const d_scale = d_shift + k.padded, *const dc = d_scale + k.padded;
    std::fill(d_lambda, d_lambda + kRowBlock * kLanes, 0.0);
    for (int64_t at = 0; at < k.count; at += kLanes) {
      const ClassLanes z(k, at);
      const bool whole = at + kLanes <= k.count;
      V of_dot = hn::Zero(d), of_shift = of_dot, of_scale = of_dot;
      for (int64_t i = first; i < last; ++i) {
        const double* const p = m.products + i * k.count + at;
        double *const dp = m.d_products + i * k.count + at, *const of_lambda =
                                                                d_lambda + (i - first) * kLanes;
        const T* dy = static_cast<const T*>(m.dy) + (m.first + i) * k.count + at;
        const V g = whole ? load_row(dy) : tail.load(dy);
        const V lambda = constant(m.lambda[i]), dot = whole ? load_row(p) : wide_tail.load(p);
        const V q = hn::MulSub(z.of_dot, dot, z.shift);
        const AsinhSlope v = asinh_slope(hn::MulAdd(lambda, q, z.shift));
        const V e = product(g, z.scale, v.slope), e_lambda = hn::Mul(e, lambda);
        const V to_dot = hn::Mul(e_lambda, z.of_dot);
        if (whole) {
          store_row(to_dot, dp);
        } else {
          wide_tail.store(to_dot, dp);
        }
        hn::Store(hn::MulAdd(e, q, hn::Load(d, of_lambda)), d, of_lambda);
        of_dot = hn::MulAdd(e_lambda, dot, of_dot);
        of_shift = hn::Add(of_shift, hn::Sub(e, e_lambda));
        of_scale = hn::MulAdd(g, hn::Sub(v.value, z.excess), of_scale);
      }
      hn::StoreU(of_dot, d, d_dot + at), hn::StoreU(of_shift, d, d_shift + at);
      hn::StoreU(of_scale, d, d_scale + at);
    }
    *dc = 0;
    for (int64_t i = first; i < last; ++i) {  // dlambda / d|x|^2 = c lambda^2 / 2
      const double sum = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, d_lambda + (i - first) * kLanes)));
      const double by_square = sum * m.lambda[i] * m.lambda[i];
      m.along[i] = by_square * k.c;
      *dc += by_square * m.square[i] / 2;
    }
  }
}

template <class T>
void finish_points(const MlrChunk& m, int64_t begin, int64_t end) {
  const int64_t width = m.classes->width;
  for (int64_t i = begin; i < end; ++i) {
    combine_rows(1, m.across + i * width, m.along[i], m.points + i * width, width,
                 static_cast<T*>(m.dx) + (m.first + i) * width);
  }
}

template <class T>
constexpr MlrLoops kLoops{widen_classes<T>, widen_points<T>, mlr_rows<T>, finish_points<T>,
                          mlr_blocks_backward<T>};
MlrLoops mlr_loops(DType dtype) { return dtype == DType::float64 ? kLoops<double> : kLoops<float>; }

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

// A call: its classes, and the memory of a chunk.
struct Mlr {
  // p (rows, classes) keeps the products for backward, or is null
  Mlr(const In& x, const In& z, const In& r, double c, double* p)
      : loops(HWY_DYNAMIC_DISPATCH(mlr_loops)(x.dtype)),
        classes((*z.sizes)[0], (*z.sizes)[1], c),
        rows((*x.sizes)[0]),
        most(chunk_rows(rows, classes.count + 2 * classes.width)),
        kept(p),
        points(most * classes.width),
        numbers(2 * most),
        products(kept ? 0 : most * classes.count) {
    fill_classes(z, r);
    chunk.classes = &classes;
    chunk.x = x.data, chunk.x_stride = (*x.strides)[0];
    chunk.points = points.data();
    chunk.lambda = numbers.data(), chunk.square = numbers.data() + most;
  }

  void fill_classes(const In& z, const In& r) const {
    const Classes& k = classes;
    const double root_c = std::sqrt(k.c);
    std::fill(k.of_dot(), k.of_dot() + 6 * k.padded, 0.0);
    loops.widen_classes(z, k, k.norm());
    for (int64_t i = 0; i < k.count; ++i) {
      const double norm = std::sqrt(k.norm()[i]), t = 2 * root_c * number_at(r, i);
      k.norm()[i] = norm;
      k.angle()[i] = t;
      if (norm == 0) continue;  // a class without a plane: its logits and their gradients are 0
      const double within = std::clamp(t, -kMostAngle, kMostAngle);  // NaN stays
      k.of_dot()[i] = root_c * std::cosh(within) / norm;
      k.shift()[i] = std::sinh(within);
      k.scale()[i] = 2 * norm / root_c;
      k.excess()[i] = t - within;
    }
  }

  void run(MlrLoop loop, int64_t work) const {
    parallel_for(chunk.count, 1 + 65536 / (work + 1),
                 [&](int64_t begin, int64_t end) { loop(chunk, begin, end); });
  }
  // Calls f for every chunk, whose points and products are there; with `computed` the kept ones, as they are.
  template <class F>
  void for_each_chunk(bool computed, const F& f) {
    const int64_t width = classes.width;
    for (chunk.first = 0; chunk.first < rows; chunk.first += most) {
      chunk.count = std::min(most, rows - chunk.first);
      chunk.products = kept ? kept + chunk.first * classes.count : products.data();
      run(loops.widen, width);
      if (!computed) {
        multiply({chunk.points, width, 1}, {classes.rows(), 1, width}, chunk.count, classes.count, width,
                 chunk.products);
      }
      f();
    }
  }

  MlrLoops loops;
  Classes classes;
  int64_t rows, most;
  double* kept;
  Scratch<double> points, numbers, products;
  MlrChunk chunk = {};
};

// From the sums over all rows, d_rows = sum dp x and sums: dz = d_rows + z (2 dL / (sqrt c |z|) - dC C /
// |z|^2), the gradient of r, and what classes add to dc.
template <class T>
double finish(const Classes& k, const double* d_rows, const double* sums, T* dz, T* dr) {
  const double *d_dot = sums, *d_shift = d_dot + k.padded, *d_scale = d_shift + k.padded;
  const double root_c = std::sqrt(k.c);
  double dc = d_scale[k.padded];
  for (int64_t i = 0; i < k.count; ++i) {
    const double norm = k.norm()[i];
    const double sinh_part = norm == 0 ? 0 : root_c * k.shift()[i] / norm;
    const double cosh_t = norm == 0 ? 0 : k.of_dot()[i] * norm / root_c;
    const double along = norm == 0 ? 0 : (2 / root_c * d_scale[i] - d_dot[i] * k.of_dot()[i] / norm) / norm;
    const double d_angle = d_dot[i] * sinh_part + d_shift[i] * cosh_t;
    if (dz) {
      for (int64_t j = i * k.width; j < (i + 1) * k.width; ++j) {
        dz[j] = static_cast<T>(d_rows[j] + along * k.rows()[j]);
      }
    }
    if (dr) dr[i] = static_cast<T>(2 * root_c * d_angle);
    dc += (d_angle * k.angle()[i] + d_dot[i] * k.of_dot()[i] - d_scale[i] * k.scale()[i]) / (2 * k.c);
  }
  return dc;
}

}  // namespace

void hyperbolic_mlr(In x, In z, In r, double c, Out y, Out p) {
  Mlr call(x, z, r, c, p.as<double>());
  call.chunk.y = y.data;
  call.for_each_chunk(false, [&] { call.run(call.loops.forward, 16 * call.classes.padded); });
}

void hyperbolic_mlr_backward(In x, In z, In r, double c, In p, In dy, Out dx, Out dz, Out dr, Out dc) {
  Mlr call(x, z, r, c, const_cast<double*>(p.as<double>()));  // which is read only
  const Classes& k = call.classes;
  MlrChunk& m = call.chunk;
  const int64_t most_blocks = (call.most + kRowBlock - 1) / kRowBlock, size = sums_size(k);
  const int64_t elements = dz.data ? k.count * k.width : 0;
  const Scratch<double> block_sums(most_blocks * size), sums(size), along(call.most);
  const Scratch<double> d_products(call.most * k.count);
  const Scratch<double> across(dx.data ? call.most * k.width : 0), part(elements), d_rows(elements);
  std::fill(sums.data(), sums.data() + size, 0.0);
  std::fill(d_rows.data(), d_rows.data() + elements, 0.0);
  m.dy = dy.data, m.dx = dx.data, m.d_products = d_products.data();
  m.sums = block_sums.data(), m.along = along.data(), m.across = across.data();
  call.for_each_chunk(p.defined(), [&] {
    const int64_t blocks = (m.count + kRowBlock - 1) / kRowBlock;
    parallel_for(blocks, 1 + 1024 / (k.padded + 1),
                 [&](int64_t begin, int64_t end) { call.loops.backward(m, begin, end); });
    for (int64_t b = 0; b < blocks; ++b) {
      for (int64_t i = 0; i < size; ++i) sums.data()[i] += m.sums[b * size + i];
    }
    if (dx.data) {
      multiply({m.d_products, k.count, 1}, {k.rows(), k.width, 1}, m.count, k.width, k.count, m.across);
      call.run(call.loops.finish, k.width);
    }
    if (dz.data) {
      multiply({m.d_products, 1, k.count}, {m.points, k.width, 1}, k.count, k.width, m.count, part.data());
      for (int64_t i = 0; i < elements; ++i) d_rows.data()[i] += part.data()[i];
    }
  });
  const double by_c = x.dtype == DType::float64
                          ? finish(k, d_rows.data(), sums.data(), dz.as<double>(), dr.as<double>())
                          : finish(k, d_rows.data(), sums.data(), dz.as<float>(), dr.as<float>());
  if (dc.data) *dc.as<double>() = by_c;
}

}  // namespace st::cpu
#endif
