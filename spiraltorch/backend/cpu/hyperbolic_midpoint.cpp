// The weighted midpoint of groups of points: m = h u, u = num / den, num = sum_i w_i lambda_i x_i,
// den = sum_i |w_i| (lambda_i - 1), h = 1 / (1 + sqrt(1 - c|u|^2)). Points are summed in blocks, of which a
// large group has several, combined in order: threads share the blocks, and after that the groups.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/hyperbolic_midpoint.cpp"
#include "spiraltorch/backend/cpu/hyperbolic_rows.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MIDPOINT_ONCE
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_MIDPOINT_ONCE
#include <algorithm>
#include <cmath>

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

// Calls f(group) for each.
template <class F>
void for_each_group(const Groups& p, const F& f) {
  parallel_for(p.groups, 1 + 32768 / (p.width * p.blocks + 64), [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) f(g);
  });
}

// num (width numbers), then den, of every group: they stand where its first block's sums did.
class Sums {
 public:
  Sums(const Groups& p, const MidpointLoops& loops)
      : stride_(p.blocks * (p.width + 1)), memory_(p.groups * stride_) {
    const int64_t size = p.width + 1;
    parallel_for(p.groups * p.blocks, block_grain(p), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        double* const to = memory_.data() + b * size;
        const int64_t first = b % p.blocks * kGroupBlock;
        std::fill(to, to + size, 0.0);
        loops.sum(p, b / p.blocks, first, std::min(first + kGroupBlock, p.points), to);
      }
    });
    for_each_group(p, [&](int64_t g) {
      double* const to = of(g);
      for (int64_t b = 1; b < p.blocks; ++b) {
        for (int64_t k = 0; k < size; ++k) to[k] += to[b * size + k];
      }
    });
  }
  double* of(int64_t group) const { return memory_.data() + group * stride_; }

 private:
  int64_t stride_;
  Scratch<double> memory_;
};

struct Half {
  double uu, root, h;  // |u|^2, sqrt(1 - c|u|^2), 1 / (1 + root)
};
// u = num / den; the origin where den is 0, which no weight but 0 gives: lambda - 1 is at least 1.
Half half_of(double c, int64_t width, const double* num, double den) {
  double uu = 0;
  for (int64_t k = 0; k < width; ++k) uu += num[k] * num[k];
  uu = den == 0 ? 0 : uu / (den * den);
  const double root = std::sqrt(std::max(0x1p-52, 1 - c * uu));
  return {uu, root, 1 / (1 + root)};
}

template <class T>
void write_midpoint(const Groups& p, int64_t g, const double* num, T* m) {
  const double c = static_cast<const double*>(p.c)[g * p.c_group], den = num[p.width];
  const Half half = half_of(c, p.width, num, den);
  // the gap of m is 2 root / (1 + root)
  const double gap = 2 * half.root * half.h;
  double scale = den == 0 ? 0 : half.h / den;
  if (gap < ball_gap<T>()) scale *= std::sqrt((1 - ball_gap<T>()) / (1 - gap));
  for (int64_t k = 0; k < p.width; ++k) m[g * p.width + k] = static_cast<T>(num[k] * scale);
}

// Replaces num by its gradient and den by that of den; returns what h adds to dc.
template <class T>
double sums_gradient(const Groups& p, int64_t g, const T* dm, double* num) {
  const double c = static_cast<const double*>(p.c)[g * p.c_group], den = num[p.width];
  if (den == 0) {
    std::fill(num, num + p.width + 1, 0.0);
    return 0;
  }
  const Half half = half_of(c, p.width, num, den);
  double gu = 0;
  for (int64_t k = 0; k < p.width; ++k) gu += static_cast<double>(dm[k]) * num[k] / den;
  const double d_square = gu * half.h * half.h / (2 * half.root);  // of c|u|^2
  double d_den = 0;
  for (int64_t k = 0; k < p.width; ++k) {
    const double u = num[k] / den;
    const double du = half.h * static_cast<double>(dm[k]) + 2 * c * d_square * u;
    d_den -= du * u / den;
    num[k] = du / den;
  }
  num[p.width] = d_den;
  return d_square * half.uu;
}

}  // namespace

void hyperbolic_midpoint(In x, In w, In c, Out m) {
  const Groups p = groups_of(x, w, c);
  const Sums sums(p, HWY_DYNAMIC_DISPATCH(midpoint_loops)(x.dtype));
  for_each_group(p, [&](int64_t g) {
    x.dtype == DType::float64 ? write_midpoint(p, g, sums.of(g), m.as<double>())
                              : write_midpoint(p, g, sums.of(g), m.as<float>());
  });
}

void hyperbolic_midpoint_backward(In x, In w, In c, In dm, Out dx, Out dw, Out dc) {
  const Groups p = groups_of(x, w, c);
  const MidpointLoops loops = HWY_DYNAMIC_DISPATCH(midpoint_loops)(x.dtype);
  const Sums sums(p, loops);
  const Scratch<double> of_groups(p.groups), of_blocks(p.groups * p.blocks);  // parts of dc
  const int64_t stride = (*dm.strides)[0];
  for_each_group(p, [&](int64_t g) {
    of_groups.data()[g] = x.dtype == DType::float64
                              ? sums_gradient(p, g, dm.as<double>() + g * stride, sums.of(g))
                              : sums_gradient(p, g, dm.as<float>() + g * stride, sums.of(g));
  });
  parallel_for(p.groups * p.blocks, block_grain(p), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t group = b / p.blocks, first = b % p.blocks * kGroupBlock;
      const double* num = sums.of(group);
      of_blocks.data()[b] = loops.gradient(p, group, first, std::min(first + kGroupBlock, p.points),
                                           {num, num[p.width]}, dx.data, dw.data);
    }
  });
  if (!dc.data) return;
  for_each_group(p, [&](int64_t g) {
    double sum = of_groups.data()[g];
    for (int64_t b = 0; b < p.blocks; ++b) sum += of_blocks.data()[g * p.blocks + b];
    dc.as<double>()[g] = sum;
  });
}

}  // namespace st::cpu
#endif
