// Group normalisation: the channels of a group, neighbours in memory, by their own mean and variance, each
// channel with its own weight. A group is read twice; sums accumulate in float64 what differs from its first
// element, and statistics stay float64, so that a mean far from zero costs no digits.
#include "spiraltorch/backend/cpu/norm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/group_norm.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/backend/cpu/visit_float.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_GROUP_NORM_UNITS
#define SPIRALTORCH_BACKEND_CPU_GROUP_NORM_UNITS
namespace st::cpu {

// What the loops are given. A unit of work is one group of one sample: `width` channels, each of `length`
// elements.
template <class T>
struct GroupNorm {
  int64_t samples, groups, width, length;
  double eps;
  const T *x, *weight, *bias, *dy;
  const double *mean, *rstd;
  T *y, *dx;
  double *new_mean, *new_rstd;
  double *sums, *dots;  // of dy and of dy x_hat, for each channel of each sample

  int64_t units() const { return samples * groups; }
  int64_t channels() const { return groups * width; }
  int64_t count() const { return width * length; }  // of a unit
};

template <class T>
struct GroupNormLoops {
  void (*normalise)(const GroupNorm<T>& a, int64_t unit);
  void (*gradient)(const GroupNorm<T>& a, int64_t unit);
};

}  // namespace st::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

// f(offset of a vector in the unit, how many of its lanes are there, a function that loads what belongs to
// its channels, or takes `otherwise` where there is none) for every vector of the unit.
template <class T, class F>
HWY_INLINE void each_vector(const GroupNorm<T>& a, int64_t unit, const F& f) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), first = unit % a.groups * a.width;
  if (a.length == 1) {
    for (int64_t k = 0; k < a.width; k += lanes) {
      f(k, a.width - k, [&](const T* p, T otherwise) HWY_ATTR {
        return p ? part::LoadPart(d, p + first + k, a.width - k, T(0)) : hn::Set(d, otherwise);
      });
    }
    return;
  }
  for (int64_t k = 0; k < a.width; ++k) {
    const auto channel = [&](const T* p, T otherwise)
                             HWY_ATTR { return hn::Set(d, p ? p[first + k] : otherwise); };
    for (int64_t i = 0; i < a.length; i += lanes) f(k * a.length + i, a.length - i, channel);
  }
}

// x - mean, with the part of the mean that T does not hold.
template <class D>
class Centred {
 public:
  using T = hn::TFromD<D>;
  HWY_INLINE Centred(D d, double mean)
      : d_(d),
        mean_(hn::Set(d, static_cast<T>(mean))),
        rest_(hn::Set(d, static_cast<T>(mean - static_cast<double>(static_cast<T>(mean))))) {}
  HWY_INLINE hn::Vec<D> operator()(const T* x, int64_t valid) const {
    return hn::Sub(hn::Sub(part::LoadPart(d_, x, valid, T(0)), mean_), rest_);
  }

 private:
  D d_;
  hn::Vec<D> mean_, rest_;
};

template <class T>
void normalise(const GroupNorm<T>& a, int64_t unit) {
  const hn::ScalableTag<T> d;
  const hn::ScalableTag<double> wide;
  const int64_t count = a.count(), lanes = static_cast<int64_t>(hn::Lanes(wide));
  const T* const x = a.x + unit * count;
  T* const y = a.y + unit * count;

  const auto shift = hn::Set(wide, static_cast<double>(x[0]));
  auto sum = hn::Zero(wide), square = sum;
  for (int64_t i = 0; i < count; i += lanes) {
    const auto apart = hn::Sub(part::LoadWide(wide, x + i, count - i, x[0]), shift);
    sum = hn::Add(sum, apart);
    square = hn::MulAdd(apart, apart, square);
  }
  const double n = static_cast<double>(count), offset = hn::GetLane(hn::SumOfLanes(wide, sum)) / n;
  const double spread = hn::GetLane(hn::SumOfLanes(wide, square)) / n - offset * offset;
  const double variance = spread < 0 ? 0 : spread;  // NaN stays
  const double mean = static_cast<double>(x[0]) + offset, rstd = 1 / std::sqrt(variance + a.eps);
  a.new_mean[unit] = mean;
  a.new_rstd[unit] = rstd;

  const Centred apart(d, mean);
  const auto scale = hn::Set(d, static_cast<T>(rstd));
  each_vector(a, unit, [&](int64_t at, int64_t valid, const auto& channel) HWY_ATTR {
    const auto slope = hn::Mul(scale, channel(a.weight, T(1)));
    part::StorePart(hn::MulAdd(apart(x + at, valid), slope, channel(a.bias, T(0))), d, y + at, valid);
  });
}

// The sums of dy and of dy x_hat, x_hat = (x - mean) rstd, for each channel of the unit.
template <class T>
void sum_channels(const GroupNorm<T>& a, int64_t unit) {
  const hn::ScalableTag<double> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const T *const x = a.x + unit * a.count(), *const dy = a.dy + unit * a.count();
  double *const sums = a.sums + unit * a.width, *const dots = a.dots + unit * a.width;
  const auto mean = hn::Set(d, a.mean[unit]), rstd = hn::Set(d, a.rstd[unit]);
  // Beyond the end, where dy counts as 0, x must be finite: it is the mean.
  const auto xhat = [&](int64_t at, int64_t valid) HWY_ATTR {
    return hn::Mul(hn::Sub(part::LoadWide(d, x + at, valid, static_cast<T>(a.mean[unit])), mean), rstd);
  };
  if (a.length == 1) {
    for (int64_t k = 0; k < a.width; k += lanes) {
      const int64_t valid = a.width - k;
      const auto g = part::LoadWide(d, dy + k, valid, T(0));
      part::StorePart(g, d, sums + k, valid);
      part::StorePart(hn::Mul(g, xhat(k, valid)), d, dots + k, valid);
    }
    return;
  }
  for (int64_t k = 0; k < a.width; ++k) {
    auto sum = hn::Zero(d), dot = sum;
    for (int64_t i = 0; i < a.length; i += lanes) {
      const int64_t at = k * a.length + i, valid = a.length - i;
      const auto g = part::LoadWide(d, dy + at, valid, T(0));
      sum = hn::Add(sum, g);
      dot = hn::MulAdd(g, xhat(at, valid), dot);
    }
    sums[k] = hn::GetLane(hn::SumOfLanes(d, sum));
    dots[k] = hn::GetLane(hn::SumOfLanes(d, dot));
  }
}

// With g = dy weight: dx = rstd (g - mean(g) - x_hat mean(g x_hat)).
template <class T>
void gradient(const GroupNorm<T>& a, int64_t unit) {
  const hn::ScalableTag<T> d;
  sum_channels(a, unit);
  if (!a.dx) return;
  const int64_t first = unit % a.groups * a.width;
  double sum = 0, dot = 0;
  for (int64_t k = 0; k < a.width; ++k) {
    const double weight = a.weight ? static_cast<double>(a.weight[first + k]) : 1;
    sum += weight * a.sums[unit * a.width + k];
    dot += weight * a.dots[unit * a.width + k];
  }
  const double n = static_cast<double>(a.count()), r = a.rstd[unit];
  const auto centre = hn::Set(d, static_cast<T>(sum / n)), tilt = hn::Set(d, static_cast<T>(r * dot / n));
  const Centred apart(d, a.mean[unit]);
  const auto rstd = hn::Set(d, static_cast<T>(r));
  const int64_t start = unit * a.count();
  each_vector(a, unit, [&](int64_t at, int64_t valid, const auto& channel) HWY_ATTR {
    const auto g = part::LoadPart(d, a.dy + start + at, valid, T(0));
    const auto slope = hn::MulSub(g, channel(a.weight, T(1)), centre);
    const auto z = hn::NegMulAdd(apart(a.x + start + at, valid), tilt, slope);
    part::StorePart(hn::Mul(z, rstd), d, a.dx + start + at, valid);
  });
}

GroupNormLoops<float> float_loops() { return {&normalise<float>, &gradient<float>}; }
GroupNormLoops<double> double_loops() { return {&normalise<double>, &gradient<double>}; }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_loops);
HWY_EXPORT(double_loops);

GroupNormLoops<float> loops_for(TypeTag<float>) { return HWY_DYNAMIC_DISPATCH(float_loops)(); }
GroupNormLoops<double> loops_for(TypeTag<double>) { return HWY_DYNAMIC_DISPATCH(double_loops)(); }

template <class T>
GroupNorm<T> call_for(In x, int64_t groups) {
  GroupNorm<T> a{};
  a.samples = (*x.sizes)[0], a.groups = groups;
  a.width = (*x.sizes)[1] / groups, a.length = (*x.sizes)[2];
  a.x = x.as<T>();
  return a;
}

// Runs `loop` over all units, in parallel.
template <class T>
void run(void (*loop)(const GroupNorm<T>&, int64_t), const GroupNorm<T>& a) {
  constexpr double kCost = 0.7;  // nanoseconds an element
  const int64_t grain = static_cast<int64_t>(kWorkPerThread / kCost) / (a.count() + 1) + 1;
  parallel_for(a.units(), grain, [&](int64_t begin, int64_t end) {
    for (; begin < end; ++begin) loop(a, begin);
  });
}

// dbias = sum dy, dweight = sum dy x_hat: over the samples, in their order, some channels at a time.
template <class T>
void add_samples(const GroupNorm<T>& a, T* dweight, T* dbias) {
  constexpr int64_t kBlock = 64;
  const int64_t channels = a.channels(), blocks = (channels + kBlock - 1) / kBlock;
  const auto add = [&](const double* parts, int64_t first, int64_t count, T* out) {
    if (!out) return;
    double sums[kBlock] = {};
    for (int64_t s = 0; s < a.samples; ++s) {
      const double* const row = parts + s * channels + first;
      for (int64_t c = 0; c < count; ++c) sums[c] += row[c];
    }
    for (int64_t c = 0; c < count; ++c) out[first + c] = static_cast<T>(sums[c]);
  };
  parallel_for(blocks, 16384 / (kBlock * a.samples) + 1, [&](int64_t begin, int64_t end) {
    for (; begin < end; ++begin) {
      const int64_t first = begin * kBlock, count = std::min(kBlock, channels - first);
      add(a.sums, first, count, dbias);
      add(a.dots, first, count, dweight);
    }
  });
}

}  // namespace

void group_norm(In x, In weight, In bias, int64_t groups, double eps, Out y, Out mean, Out rstd) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    GroupNorm<T> a = call_for<T>(x, groups);
    a.eps = eps;
    a.weight = weight.as<T>();
    a.bias = bias.as<T>();
    a.y = y.as<T>();
    a.new_mean = mean.as<double>();
    a.new_rstd = rstd.as<double>();
    run(loops_for(tag).normalise, a);
  });
}

void group_norm_backward(In x, In dy, In weight, In mean, In rstd, int64_t groups, Out dx, Out dweight,
                         Out dbias) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    GroupNorm<T> a = call_for<T>(x, groups);
    const int64_t planes = a.samples * a.channels();
    const Scratch<double> memory(2 * planes);
    a.dy = dy.as<T>();
    a.weight = weight.as<T>();
    a.mean = mean.as<double>();
    a.rstd = rstd.as<double>();
    a.dx = dx.as<T>();
    a.sums = memory.data();
    a.dots = memory.data() + planes;
    run(loops_for(tag).gradient, a);
    add_samples(a, dweight.as<T>(), dbias.as<T>());
  });
}

}  // namespace st::cpu
#endif  // HWY_ONCE
