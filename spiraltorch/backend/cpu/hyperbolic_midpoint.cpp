// The weighted midpoint of groups of points: m = h u, u = num / den, num = sum_i w_i lambda_i x_i,
// den = sum_i |w_i| (lambda_i - 1), h = 1 / (1 + sqrt(1 - c|u|^2)). A group is summed in blocks of rows that
// are combined in order, so that neither many small groups nor one large one leaves threads idle.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_midpoint.cpp"
#include "spiraltorch/backend/cpu/hyperbolic.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MIDPOINT_ONCE
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MIDPOINT_ONCE
#include <algorithm>
#include <cmath>
#include <memory>

namespace st::cpu {

inline constexpr int64_t kGroupBlock = 256;

// Groups of points and their weights; block b of group g covers points [b kGroupBlock, ...).
struct Groups {
  int64_t groups, points, width, blocks;
  const void *x, *w, *c;
  int64_t x_group, x_point, w_group, w_point, c_group;  // strides
};

// The gradient of one group: of num (width numbers), of den and, beside what points add, of c.
struct GroupGrad {
  const double* num;
  double den;
};

// Adds num (width numbers) and den of points [begin, end) of a group.
using SumLoop = void (*)(const Groups& p, int64_t group, int64_t begin, int64_t end, double* num);
// Writes dx and dw (contiguous, null where nobody asks) of points [begin, end); returns their part of dc.
using PointsGradLoop = double (*)(const Groups& p, int64_t group, int64_t begin, int64_t end,
                                  const GroupGrad& grad, void* dx, void* dw);
struct MidpointLoops {
  SumLoop sum;
  PointsGradLoop gradient;
};

}  // namespace st::cpu
#endif

// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

template <class T>
HWY_INLINE double lambda_of(double c, double xx) {
  return 2 / std::max(gap_floor<T>(), 1 - c * xx);
}

template <class T>
void sum_points(const Groups& p, int64_t group, int64_t begin, int64_t end, double* num) {
  const double c = static_cast<const double*>(p.c)[group * p.c_group];
  const Tail<T> tail = tail_of<T>(p.width);
  const Tail<double> wide_tail = tail_of<double>(p.width);
  for (int64_t i = begin; i < end; ++i) {
    const T* x = static_cast<const T*>(p.x) + group * p.x_group + i * p.x_point;
    const double w = static_cast<double>(static_cast<const T*>(p.w)[group * p.w_group + i * p.w_point]);
    V sum = hn::Zero(Row());
    int64_t j = 0;
    for (; j + kLanes <= p.width; j += kLanes) sum = hn::MulAdd(load_row(x + j), load_row(x + j), sum);
    if (j < p.width) sum = hn::MulAdd(tail.load(x + j), tail.load(x + j), sum);
    const double lambda = lambda_of<T>(c, hn::GetLane(hn::SumOfLanes(Row(), sum)));
    const V factor = constant(w * lambda);
    for (j = 0; j + kLanes <= p.width; j += kLanes) {
      store_row(hn::MulAdd(factor, load_row(x + j), load_row(num + j)), num + j);
    }
    if (j < p.width) {
      wide_tail.store(hn::MulAdd(factor, tail.load(x + j), wide_tail.load(num + j)), num + j);
    }
    num[p.width] += std::abs(w) * (lambda - 1);
  }
}

template <class T>
double points_gradient(const Groups& p, int64_t group, int64_t begin, int64_t end, const GroupGrad& grad,
                       void* dx, void* dw) {
  const double c = static_cast<const double*>(p.c)[group * p.c_group];
  const Tail<T> tail = tail_of<T>(p.width);
  const Tail<double> wide_tail = tail_of<double>(p.width);
  double dc = 0;
  for (int64_t i = begin; i < end; ++i) {
    const T* x = static_cast<const T*>(p.x) + group * p.x_group + i * p.x_point;
    const double w = static_cast<double>(static_cast<const T*>(p.w)[group * p.w_group + i * p.w_point]);
    V sum_xx = hn::Zero(Row()), sum_gx = sum_xx;
    int64_t j = 0;
    for (; j + kLanes <= p.width; j += kLanes) {
      const V e = load_row(x + j);
      sum_xx = hn::MulAdd(e, e, sum_xx);
      sum_gx = hn::MulAdd(e, load_row(grad.num + j), sum_gx);
    }
    if (j < p.width) {
      const V e = tail.load(x + j);
      sum_xx = hn::MulAdd(e, e, sum_xx);
      sum_gx = hn::MulAdd(e, wide_tail.load(grad.num + j), sum_gx);
    }
    const double xx = hn::GetLane(hn::SumOfLanes(Row(), sum_xx));
    const double gx = hn::GetLane(hn::SumOfLanes(Row(), sum_gx));
    const double lambda = lambda_of<T>(c, xx), sign = w < 0 ? -1 : w > 0 ? 1 : 0;
    const double d_lambda = w * gx + std::abs(w) * grad.den;
    dc += d_lambda * lambda * lambda * xx / 2;
    if (dw)
      static_cast<T*>(dw)[group * p.points + i] =
          static_cast<T>(lambda * gx + sign * (lambda - 1) * grad.den);
    if (!dx) continue;
    T* to = static_cast<T*>(dx) + (group * p.points + i) * p.width;
    const V along_num = constant(w * lambda), along_x = constant(c * lambda * lambda * d_lambda);
    for (j = 0; j + kLanes <= p.width; j += kLanes) {
      store_row(hn::MulAdd(along_x, load_row(x + j), hn::Mul(along_num, load_row(grad.num + j))), to + j);
    }
    if (j < p.width) {
      const V v = hn::MulAdd(along_x, tail.load(x + j), hn::Mul(along_num, wide_tail.load(grad.num + j)));
      tail.store(v, to + j);
    }
  }
  return dc;
}

MidpointLoops midpoint_loops(DType dtype) {
  if (dtype == DType::float64) return {sum_points<double>, points_gradient<double>};
  return {sum_points<float>, points_gradient<float>};
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(midpoint_loops);

Groups groups_of(const In& x, const In& w, const In& c) {
  Groups p;
  p.groups = (*x.sizes)[0], p.points = (*x.sizes)[1], p.width = (*x.sizes)[2];
  p.blocks = std::max<int64_t>(1, (p.points + kGroupBlock - 1) / kGroupBlock);
  p.x = x.data, p.w = w.data, p.c = c.data;
  p.x_group = (*x.strides)[0], p.x_point = (*x.strides)[1];
  p.w_group = (*w.strides)[0], p.w_point = (*w.strides)[1], p.c_group = (*c.strides)[0];
  return p;
}

int64_t block_grain(const Groups& p) {
  return 1 + 32768 / (std::min(p.points, kGroupBlock) * (p.width + 16) + 1);
}

// num (width numbers), then den, of every group.
std::unique_ptr<double[]> sums_of(const Groups& p, const MidpointLoops& loops) {
  const int64_t size = p.width + 1;
  std::unique_ptr<double[]> sums(new double[static_cast<size_t>(p.groups * p.blocks * size)]());
  parallel_for(p.groups * p.blocks, block_grain(p), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b % p.blocks * kGroupBlock;
      loops.sum(p, b / p.blocks, first, std::min(first + kGroupBlock, p.points), sums.get() + b * size);
    }
  });
  for (int64_t g = 0; g < p.groups && p.blocks > 0; ++g) {
    double* to = sums.get() + g * size;
    const double* from = sums.get() + g * p.blocks * size;
    for (int64_t k = 0; k < size; ++k) {
      double sum = 0;
      for (int64_t b = 0; b < p.blocks; ++b) sum += from[b * size + k];
      to[k] = sum;
    }
  }
  return sums;
}

struct Half {
  double uu, root, h;  // |u|^2, sqrt(1 - c|u|^2), 1 / (1 + root)
};
// u = num / den; the origin where den is 0: no weight at all, or all of it there.
Half half_of(double c, int64_t width, const double* num, double den) {
  double uu = 0;
  for (int64_t k = 0; k < width; ++k) uu += num[k] * num[k];
  uu = den == 0 ? 0 : uu / (den * den);
  const double root = std::sqrt(std::max(0x1p-52, 1 - c * uu));
  return {uu, root, 1 / (1 + root)};
}

template <class T>
void write_midpoints(const Groups& p, const double* sums, T* m) {
  for (int64_t g = 0; g < p.groups; ++g) {
    const double c = static_cast<const double*>(p.c)[g * p.c_group];
    const double* num = sums + g * (p.width + 1);
    const double den = num[p.width];
    const Half half = half_of(c, p.width, num, den);
    // the gap of m is 2 root / (1 + root)
    const double gap = 2 * half.root * half.h;
    double scale = den == 0 ? 0 : half.h / den;
    if (gap < ball_gap<T>()) scale *= std::sqrt((1 - ball_gap<T>()) / (1 - gap));
    for (int64_t k = 0; k < p.width; ++k) m[g * p.width + k] = static_cast<T>(num[k] * scale);
  }
}

// Replaces num of every group by the gradient of num and den by that of den; dc gets the part of h.
template <class T>
void sums_gradient(const Groups& p, const T* dm, int64_t group_stride, double* sums, double* dc) {
  for (int64_t g = 0; g < p.groups; ++g) {
    const double c = static_cast<const double*>(p.c)[g * p.c_group];
    double* num = sums + g * (p.width + 1);
    const double den = num[p.width];
    const Half half = half_of(c, p.width, num, den);
    const T* from = dm + g * group_stride;
    double gu = 0;
    for (int64_t k = 0; k < p.width; ++k) gu += den == 0 ? 0 : static_cast<double>(from[k]) * num[k] / den;
    const double d_square = gu * half.h * half.h / (2 * half.root);  // of c|u|^2
    if (dc) dc[g] = d_square * half.uu;
    double d_den = 0;
    for (int64_t k = 0; k < p.width; ++k) {
      const double u = den == 0 ? 0 : num[k] / den;
      const double du = half.h * static_cast<double>(from[k]) + 2 * c * d_square * u;
      d_den -= den == 0 ? 0 : du * u / den;
      num[k] = den == 0 ? 0 : du / den;
    }
    num[p.width] = d_den;
  }
}

}  // namespace

void hyperbolic_midpoint(In x, In w, In c, Out m) {
  const Groups p = groups_of(x, w, c);
  const auto sums = sums_of(p, HWY_DYNAMIC_DISPATCH(midpoint_loops)(x.dtype));
  x.dtype == DType::float64 ? write_midpoints(p, sums.get(), m.as<double>())
                            : write_midpoints(p, sums.get(), m.as<float>());
}

void hyperbolic_midpoint_backward(In x, In w, In c, In dm, Out dx, Out dw, Out dc) {
  const Groups p = groups_of(x, w, c);
  const MidpointLoops loops = HWY_DYNAMIC_DISPATCH(midpoint_loops)(x.dtype);
  const auto sums = sums_of(p, loops);
  const int64_t stride = (*dm.strides)[0];
  x.dtype == DType::float64 ? sums_gradient(p, dm.as<double>(), stride, sums.get(), dc.as<double>())
                            : sums_gradient(p, dm.as<float>(), stride, sums.get(), dc.as<double>());
  const auto parts = std::make_unique<double[]>(static_cast<size_t>(p.groups * p.blocks));
  parallel_for(p.groups * p.blocks, block_grain(p), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t group = b / p.blocks, first = b % p.blocks * kGroupBlock;
      const double* num = sums.get() + group * (p.width + 1);
      parts[static_cast<size_t>(b)] = loops.gradient(p, group, first, std::min(first + kGroupBlock, p.points),
                                                     {num, num[p.width]}, dx.data, dw.data);
    }
  });
  if (!dc.data) return;
  for (int64_t b = 0; b < p.groups * p.blocks; ++b) {
    dc.as<double>()[b / p.blocks] += parts[static_cast<size_t>(b)];
  }
}

}  // namespace st::cpu
#endif
