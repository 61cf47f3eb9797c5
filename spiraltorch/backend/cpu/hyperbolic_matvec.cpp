// The matrix product of the Poincaré ball: z = s p, p = M x, s = L(q) T(w), q = c|x|^2, w = c L^2 |p|^2. It
// runs chunk by chunk of rows, whose points and products are float64 in memory between the sweeps; the
// products are reference::gemm's. What is summed over rows is summed in their order, whatever the number of
// threads.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_matvec.cpp"
#include "spiraltorch/backend/cpu/hyperbolic_products.h"
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MATVEC_ONCE
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MATVEC_ONCE
#include <algorithm>

namespace st::cpu {

// Rows [first, first + count) of a call, the chunk at hand; its arrays start at its first row.
struct MatvecChunk {
  int64_t width, height, first, count;  // M is (height, width)
  RowSource x, c, dz;                   // dz: backward
  double* points;                       // (count, width): x
  double* products;                     // (count, height): p, in backward its gradient afterwards
  void* z;                              // forward
  double* along;                        // backward: the factor of x in dx, (count)
  double* across;                       // backward: the rest of dx, (count, width)
  void* dx;                             // backward
  double* dc;                           // backward; null where nobody asks
};
using MatvecLoop = void (*)(const MatvecChunk& k, int64_t begin, int64_t end);
struct MatvecLoops {
  MatvecLoop widen, forward, backward, finish;
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

// Where row i of a chunk stands.
template <class T>
HWY_INLINE const T* row_of(const RowSource& source, int64_t row) {
  int64_t offset;
  source.offsets.fill(row, 1, &offset);
  return static_cast<const T*>(source.data) + offset;
}

template <class T>
void widen_points(const MatvecChunk& k, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const T* from = row_of<T>(k.x, k.first + i);
    std::copy(from, from + k.width, k.points + i * k.width);
  }
}

// The scalars of kLanes rows from |x|^2 and |p|^2.
struct MatvecFactor {
  Atanhc l;
  Tanhc t;
};
template <class T>
HWY_INLINE MatvecFactor matvec_factor(V c, V xx, V pp) {
  const Atanhc l = atanhc(hn::Mul(c, xx), gap<T>(c, xx));
  return {l, tanhc(product(c, square(l.value), pp))};
}

template <class T>
void matvec_rows(const MatvecChunk& k, int64_t begin, int64_t end) {
  const Row d;
  HWY_ALIGN double c[kRowBlock] = {}, xx[kRowBlock] = {}, pp[kRowBlock] = {};
  for (int64_t at = begin; at < end; at += kRowBlock) {
    const int64_t count = std::min(kRowBlock, end - at);
    for (int64_t r = 0; r < count; ++r) {
      const double *x = k.points + (at + r) * k.width, *p = k.products + (at + r) * k.height;
      c[r] = *row_of<double>(k.c, k.first + at + r);
      xx[r] = dot_row(x, x, k.width);
      pp[r] = dot_row(p, p, k.height);
    }
    for (int64_t r = 0; r < count; r += kLanes) {
      const MatvecFactor f = matvec_factor<T>(hn::Load(d, c + r), hn::Load(d, xx + r), hn::Load(d, pp + r));
      const V inside = keep_inside(f.t.sech2, constant(ball_gap<T>()));
      hn::Store(product(f.l.value, f.t.value, inside), d, pp + r);
    }
    for (int64_t r = 0; r < count; ++r) {
      const double* p = k.products + (at + r) * k.height;
      combine_rows(pp[r], p, 0, p, k.height, static_cast<T*>(k.z) + (k.first + at + r) * k.height);
    }
  }
}

// With g the gradient of z: dp = s g + 2 c L^3 T' <g,p> p, and dx = M^T dp + 2 c ds/dq <g,p> x, where ds/dq =
// L' (T + 2 w T') = L' sech^2 sqrt w.
template <class T>
void matvec_rows_backward(const MatvecChunk& k, int64_t begin, int64_t end) {
  const Row d;
  HWY_ALIGN double c[kRowBlock] = {}, xx[kRowBlock] = {}, pp[kRowBlock] = {}, gp[kRowBlock] = {};
  for (int64_t at = begin; at < end; at += kRowBlock) {
    const int64_t count = std::min(kRowBlock, end - at);
    for (int64_t r = 0; r < count; ++r) {
      const double *x = k.points + (at + r) * k.width, *p = k.products + (at + r) * k.height;
      c[r] = *row_of<double>(k.c, k.first + at + r);
      xx[r] = dot_row(x, x, k.width);
      pp[r] = dot_row(p, p, k.height);
      gp[r] = dot_row(row_of<T>(k.dz, k.first + at + r), p, k.height);
    }
    for (int64_t r = 0; r < count; r += kLanes) {
      const V cr = hn::Load(d, c + r), xr = hn::Load(d, xx + r), pr = hn::Load(d, pp + r);
      const MatvecFactor f = matvec_factor<T>(cr, xr, pr);
      const V l = f.l.value, g = hn::Load(d, gp + r);
      const V by_q = product(g, f.l.slope, f.t.sech2), by_w = product(g, f.t.slope, product(l, l, l));
      hn::Store(hn::Mul(l, f.t.value), d, xx + r);
      hn::Store(product(constant(2), cr, by_w), d, pp + r);
      hn::Store(product(constant(2), cr, by_q), d, gp + r);
      hn::Store(hn::MulAdd(by_q, xr, hn::Mul(by_w, pr)), d, c + r);
    }
    for (int64_t r = 0; r < count; ++r) {
      double* p = k.products + (at + r) * k.height;
      combine_rows(xx[r], row_of<T>(k.dz, k.first + at + r), pp[r], p, k.height, p);
      k.along[at + r] = gp[r];
      if (k.dc) k.dc[k.first + at + r] = c[r];
    }
  }
}

template <class T>
void finish_points(const MatvecChunk& k, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    combine_rows(1, k.across + i * k.width, k.along[i], k.points + i * k.width, k.width,
                 static_cast<T*>(k.dx) + (k.first + i) * k.width);
  }
}

template <class T>
constexpr MatvecLoops kLoops{widen_points<T>, matvec_rows<T>, matvec_rows_backward<T>, finish_points<T>};
MatvecLoops matvec_loops(DType dtype) { return dtype == DType::float64 ? kLoops<double> : kLoops<float>; }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(matvec_loops);

// A call: M as float64, and the memory of a chunk.
struct Matvec {
  Matvec(const In& m, const In& x, const In& c)
      : loops(HWY_DYNAMIC_DISPATCH(matvec_loops)(x.dtype)),
        width((*m.sizes)[1]),
        height((*m.sizes)[0]),
        rows(rows_in(x)),
        most(chunk_rows(rows, width + height)),
        matrix(height * width),
        points(most * width),
        products(most * height) {
    m.dtype == DType::float64 ? convert(m.as<double>(), height * width, matrix.data())
                              : convert(m.as<float>(), height * width, matrix.data());
    chunk.width = width, chunk.height = height;
    chunk.x = RowSource(x), chunk.c = RowSource(c);
    chunk.points = points.data(), chunk.products = products.data();
  }

  void run(MatvecLoop loop) const {
    parallel_for(chunk.count, row_grain(width + height),
                 [&](int64_t begin, int64_t end) { loop(chunk, begin, end); });
  }
  // Calls f for every chunk, whose points and products are there.
  template <class F>
  void for_each_chunk(const F& f) {
    for (chunk.first = 0; chunk.first < rows; chunk.first += most) {
      chunk.count = std::min(most, rows - chunk.first);
      run(loops.widen);
      multiply({chunk.points, width, 1}, {matrix.data(), 1, width}, chunk.count, height, width,
               chunk.products);
      f();
    }
  }

  MatvecLoops loops;
  int64_t width, height, rows, most;
  Scratch<double> matrix, points, products;
  MatvecChunk chunk = {};
};

}  // namespace

void hyperbolic_matvec(In m, In x, In c, Out z) {
  Matvec call(m, x, c);
  call.chunk.z = z.data;
  call.for_each_chunk([&] { call.run(call.loops.forward); });
}

void hyperbolic_matvec_backward(In m, In x, In c, In dz, Out dm, Out dx, Out dc) {
  Matvec call(m, x, c);
  MatvecChunk& k = call.chunk;
  const int64_t width = call.width, height = call.height, size = height * width;
  const Scratch<double> along(call.most), across(dx.data ? call.most * width : 0);
  const Scratch<double> part(dm.data ? size : 0), sum(dm.data ? size : 0);
  k.dz = RowSource(dz);
  k.along = along.data(), k.across = across.data();
  k.dx = dx.data, k.dc = dc.as<double>();
  if (dm.data) std::fill(sum.data(), sum.data() + size, 0.0);
  call.for_each_chunk([&] {
    call.run(call.loops.backward);
    if (dx.data) {
      multiply({k.products, height, 1}, {call.matrix.data(), width, 1}, k.count, width, height, k.across);
      call.run(call.loops.finish);
    }
    if (dm.data) {
      multiply({k.products, 1, height}, {k.points, width, 1}, height, width, k.count, part.data());
      for (int64_t i = 0; i < size; ++i) sum.data()[i] += part.data()[i];
    }
  });
  if (!dm.data) return;
  m.dtype == DType::float64 ? convert(sum.data(), size, dm.as<double>())
                            : convert(sum.data(), size, dm.as<float>());
}

}  // namespace st::cpu
#endif
