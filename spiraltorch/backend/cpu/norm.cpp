// Batch normalisation. Statistics take one pass and accumulate in float64 what differs from the channel's
// first element, so that a mean far from zero costs no digits; the second pass finds a few channels still in
// cache.
#include "spiraltorch/backend/cpu/norm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

// One channel (along), or as many neighbouring ones as D has lanes and there are (across), as vectors of D.
template <class T, class D>
class Group {
 public:
  using V = hn::Vec<D>;
  const D d;

  Group(const BatchNorm<T>& a, int64_t channel, int64_t end)
      : a_(a), channel_(channel), width_(end - channel), along_(a.along()) {}

  // f(offset of a vector of x, how many of its lanes are there)
  template <class F>
  HWY_INLINE void each(const F& f) const {
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), step = a_.channels * a_.length;
    int64_t offset = channel_ * a_.length;
    for (int64_t r = 0; r < a_.rows; ++r, offset += step) {
      if (along_) {
        for (int64_t i = 0; i < a_.length; i += lanes) f(offset + i, a_.length - i);
      } else {
        f(offset, width_);
      }
    }
  }

  // What belongs to a channel: its value in every lane, or each lane its own.
  HWY_INLINE V channel(const T* p, double otherwise) const {
    return p ? value(p + channel_) : hn::Set(d, static_cast<hn::TFromD<D>>(otherwise));
  }
  HWY_INLINE void set_channel(T* p, V v) const { set_value(p + channel_, v); }

  // The same at the address of the group's own values.
  HWY_INLINE V value(const T* p) const {
    return along_ ? hn::Set(d, static_cast<hn::TFromD<D>>(*p)) : load(p, width_, 0);
  }
  HWY_INLINE void set_value(T* p, V v) const {
    const hn::Rebind<T, D> dt;
    const auto narrow = [&]() HWY_ATTR {
      if constexpr (std::is_same_v<T, hn::TFromD<D>>) {
        return v;
      } else {
        return hn::DemoteTo(dt, v);
      }
    }();
    part::StorePart(narrow, dt, p, along_ ? 1 : width_);
  }
  HWY_INLINE V load(const T* p, int64_t count, T fill) const {
    const hn::Rebind<T, D> dt;
    const auto v = part::LoadPart(dt, p, count, fill);
    if constexpr (std::is_same_v<T, hn::TFromD<D>>) {
      return v;
    } else {
      return hn::PromoteTo(d, v);
    }
  }
  // The sum for each channel, given that for each lane.
  HWY_INLINE V total(V v) const { return along_ ? hn::SumOfLanes(d, v) : v; }

 private:
  const BatchNorm<T>& a_;
  const int64_t channel_, width_;
  const bool along_;
};

template <class T>
using Wide = Group<T, hn::ScalableTag<double>>;
template <class T>
using Narrow = Group<T, hn::ScalableTag<T>>;

template <class T, class D>
HWY_INLINE int64_t group_step(const BatchNorm<T>& a, D d) {
  return a.along() ? 1 : static_cast<int64_t>(hn::Lanes(d));
}

// mean and rstd of channels [begin, end), and the running statistics.
template <class T>
void find_statistics(const BatchNorm<T>& a, int64_t begin, int64_t end) {
  const hn::ScalableTag<double> d;
  const double count = static_cast<double>(a.rows * a.length);
  const auto one = hn::Set(d, 1.0), n = hn::Set(d, count), momentum = hn::Set(d, a.momentum);
  for (int64_t c = begin; c < end; c += group_step(a, d)) {
    const Wide<T> g(a, c, end);
    const T* const first = a.x + c * a.length;
    const auto shift = a.along() ? hn::Set(d, static_cast<double>(first[0])) : g.load(first, end - c, 0);
    auto sum = hn::Zero(d), square = sum;
    g.each([&](int64_t offset, int64_t valid) HWY_ATTR {
      // Lanes beyond the end differ by 0 from the first element.
      const auto x = hn::Sub(g.load(a.x + offset, valid, first[0]), shift);
      sum = hn::Add(sum, x);
      square = hn::MulAdd(x, x, square);
    });
    const auto offset = hn::Div(g.total(sum), n), mean = hn::Add(shift, offset);
    const auto spread = hn::NegMulAdd(hn::Mul(offset, offset), n, g.total(square));
    const auto deviations = hn::IfThenElse(hn::Lt(spread, hn::Zero(d)), hn::Zero(d), spread);  // NaN stays
    g.set_channel(a.new_mean, mean);
    g.set_channel(a.new_rstd, hn::Div(one, hn::Sqrt(hn::Add(hn::Div(deviations, n), hn::Set(d, a.eps)))));
    // A channel whose statistics are not finite leaves the running ones as they are: one Inf in one batch
    // would stay in them, and in every checkpoint, for ever.
    const auto largest = hn::Set(d, static_cast<double>(std::numeric_limits<T>::max()));
    const auto variance = hn::Div(deviations, hn::Sub(n, one));
    const auto usable = hn::And(hn::Le(hn::Abs(mean), largest), hn::Le(variance, largest));
    const auto moved = [&](T* p, hn::Vec<decltype(d)> to) HWY_ATTR {
      const auto from = g.channel(p, 0);
      const auto next = hn::MulAdd(momentum, hn::Sub(to, from), from);
      if (p) g.set_channel(p, hn::IfThenElse(usable, next, from));
    };
    moved(a.running_mean, mean);
    moved(a.running_var, variance);
  }
}

// rstd of channels [begin, end) from their variances.
template <class T>
void find_rstd(const BatchNorm<T>& a, int64_t begin, int64_t end) {
  const hn::ScalableTag<double> d;
  for (int64_t c = begin; c < end; c += group_step(a, d)) {
    const Wide<T> g(a, c, end);
    const auto var = hn::Add(g.channel(a.var, 1), hn::Set(d, a.eps));
    g.set_channel(a.new_rstd, hn::Div(hn::Set(d, 1.0), hn::Sqrt(var)));
  }
}

template <class T>
void normalise(const BatchNorm<T>& a, int64_t begin, int64_t end) {
  if (a.training) {
    find_statistics(a, begin, end);
  } else {
    find_rstd(a, begin, end);
  }
  const hn::ScalableTag<T> d;
  for (int64_t c = begin; c < end; c += group_step(a, d)) {
    const Narrow<T> g(a, c, end);
    const auto mean = g.channel(a.mean, 0), bias = g.channel(a.bias, 0);
    const auto scale = hn::Mul(g.channel(a.rstd, 1), g.channel(a.weight, 1));
    g.each([&](int64_t offset, int64_t valid) HWY_ATTR {
      const auto x = hn::Sub(g.load(a.x + offset, valid, 0), mean);
      part::StorePart(hn::MulAdd(x, scale, bias), d, a.y + offset, valid);
    });
  }
}

// dbias = sum dy, dweight = rstd sum dy (x - mean),
// dx = weight rstd (dy - dbias / n - (x - mean) rstd dweight / n), without the last two where the statistics
// were given.
template <class T>
void find_gradients(const BatchNorm<T>& a, int64_t begin, int64_t end) {
  const hn::ScalableTag<double> d;
  const hn::ScalableTag<T> dt;
  const auto n = hn::Set(d, static_cast<double>(a.rows * a.length));
  HWY_ALIGN T mean_dy[kBatchNormBlock], slope[kBatchNormBlock];
  for (int64_t c = begin; c < end; c += group_step(a, d)) {
    const Wide<T> g(a, c, end);
    const auto mean = g.channel(a.mean, 0), rstd = g.channel(a.rstd, 1);
    auto sum = hn::Zero(d), dot = sum;
    g.each([&](int64_t offset, int64_t valid) HWY_ATTR {
      const auto dy = g.load(a.dy + offset, valid, 0);
      sum = hn::Add(sum, dy);
      dot = hn::MulAdd(dy, hn::Sub(g.load(a.x + offset, valid, 0), mean), dot);
    });
    sum = g.total(sum);
    const auto dweight = hn::Mul(g.total(dot), rstd);
    if (a.dbias) g.set_channel(a.dbias, sum);
    if (a.dweight) g.set_channel(a.dweight, dweight);
    g.set_value(mean_dy + c - begin, hn::Div(sum, n));
    g.set_value(slope + c - begin, hn::Div(hn::Mul(dweight, rstd), n));
  }
  if (!a.dx) return;
  for (int64_t c = begin; c < end; c += group_step(a, dt)) {
    const Narrow<T> g(a, c, end);
    const auto mean = g.channel(a.mean, 0);
    const auto scale = hn::Mul(g.channel(a.rstd, 1), g.channel(a.weight, 1));
    const auto centre = g.value(mean_dy + c - begin), tilt = g.value(slope + c - begin);
    g.each([&](int64_t offset, int64_t valid) HWY_ATTR {
      auto dx = g.load(a.dy + offset, valid, 0);
      if (a.training) {
        const auto x = hn::Sub(g.load(a.x + offset, valid, 0), mean);
        dx = hn::NegMulAdd(x, tilt, hn::Sub(dx, centre));
      }
      part::StorePart(hn::Mul(dx, scale), dt, a.dx + offset, valid);
    });
  }
}

BatchNormLoops<float> float_loops() { return {&normalise<float>, &find_gradients<float>}; }
BatchNormLoops<double> double_loops() { return {&normalise<double>, &find_gradients<double>}; }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_loops);
HWY_EXPORT(double_loops);

BatchNormLoops<float> loops_for(TypeTag<float>) { return HWY_DYNAMIC_DISPATCH(float_loops)(); }
BatchNormLoops<double> loops_for(TypeTag<double>) { return HWY_DYNAMIC_DISPATCH(double_loops)(); }

template <class F>
void visit_float(DType dtype, const F& f) {
  if (dtype == DType::float64) return f(TypeTag<double>());
  f(TypeTag<float>());
}

// `loops` over blocks of channels, in parallel.
template <class T, class Loops>
void run(BatchNorm<T> a, In x, Loops loops) {
  a.rows = (*x.sizes)[0];
  a.channels = (*x.sizes)[1];
  a.length = 1;
  for (int d = 2; d < x.sizes->size(); ++d) a.length *= (*x.sizes)[d];
  const int64_t width = a.along() ? 1 : kBatchNormBlock;
  constexpr double kCost = 0.5;  // nanoseconds an element
  const int64_t grain =
      static_cast<int64_t>(kWorkPerThread / kCost) / std::max<int64_t>(a.rows * a.length * width, 1);
  parallel_for((a.channels + width - 1) / width, grain, [&](int64_t begin, int64_t end) {
    for (; begin < end; ++begin) loops(a, begin * width, std::min((begin + 1) * width, a.channels));
  });
}

}  // namespace

void batch_norm(In x, In weight, In bias, double momentum, double eps, Out running_mean, Out running_var,
                Out y, Out mean, Out rstd) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    BatchNorm<T> a{};
    a.training = true;
    a.momentum = momentum;
    a.eps = eps;
    a.x = x.as<T>();
    a.weight = weight.as<T>();
    a.bias = bias.as<T>();
    a.running_mean = running_mean.as<T>();
    a.running_var = running_var.as<T>();
    a.y = y.as<T>();
    a.mean = a.new_mean = mean.as<T>();
    a.rstd = a.new_rstd = rstd.as<T>();
    run(a, x, loops_for(tag).normalise);
  });
}

void batch_norm_eval(In x, In mean, In var, In weight, In bias, double eps, Out y, Out rstd) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    BatchNorm<T> a{};
    a.eps = eps;
    a.x = x.as<T>();
    a.mean = mean.as<T>();
    a.var = var.as<T>();
    a.weight = weight.as<T>();
    a.bias = bias.as<T>();
    a.y = y.as<T>();
    a.rstd = a.new_rstd = rstd.as<T>();
    run(a, x, loops_for(tag).normalise);
  });
}

void batch_norm_backward(In x, In dy, In weight, In mean, In rstd, bool training, Out dx, Out dweight,
                         Out dbias) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    BatchNorm<T> a{};
    a.training = training;
    a.x = x.as<T>();
    a.dy = dy.as<T>();
    a.weight = weight.as<T>();
    a.mean = mean.as<T>();
    a.rstd = rstd.as<T>();
    a.dx = dx.as<T>();
    a.dweight = dweight.as<T>();
    a.dbias = dbias.as<T>();
    run(a, x, loops_for(tag).gradients);
  });
}

}  // namespace st::cpu
#endif  // HWY_ONCE
