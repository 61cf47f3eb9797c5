// Batch normalisation in two passes: sums for each channel, then the values. Sums accumulate in float64 what
// differs from the channel's first element, so that a mean far from zero costs no digits; the parts they are
// made of depend on the shape alone, so that a result does not depend on the number of threads.
#include "spiraltorch/backend/cpu/norm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/norm.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/backend/cpu/visit_float.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

// What a pass over elements adds up for a channel, in two sums: x - first and its square, or, on the way
// back, dy and dy (x - mean).
struct Moments {
  template <class V>
  static HWY_INLINE void add(V x, V, V& sum, V& square) {
    sum = hn::Add(sum, x);
    square = hn::MulAdd(x, x, square);
  }
};
struct Slopes {
  template <class V>
  static HWY_INLINE void add(V x, V dy, V& sum, V& dot) {
    sum = hn::Add(sum, dy);
    dot = hn::MulAdd(dy, x, dot);
  }
};

// One channel whose elements are neighbours.
template <class Op, class T>
void sum_channel(const BatchNorm<T>& a, const T* from, int64_t c) {
  const hn::ScalableTag<double> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), step = a.channels * a.length;
  const auto shift = hn::Set(d, static_cast<double>(from[c]));
  auto sum = hn::Zero(d), other = sum;
  for (int64_t r = 0, at = c * a.length; r < a.rows; ++r, at += step) {
    for (int64_t i = 0; i < a.length; i += lanes) {
      const int64_t count = a.length - i;
      // Lanes beyond the end differ by 0 from the shift.
      const auto x = hn::Sub(part::LoadWide(d, a.x + at + i, count, from[c]), shift);
      Op::add(x, a.dy ? part::LoadWide(d, a.dy + at + i, count, T(0)) : x, sum, other);
    }
  }
  a.sums[c] = hn::GetLane(hn::SumOfLanes(d, sum));
  a.sums[a.channels + c] = hn::GetLane(hn::SumOfLanes(d, other));
}

// Neighbouring channels from c on, as many as N vectors have lanes, over the rows [begin, end).
template <class Op, int N, class T>
HWY_INLINE void sum_rows(const BatchNorm<T>& a, const T* from, int64_t c, int64_t begin, int64_t end,
                         double* to) {
  const hn::ScalableTag<double> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), width = a.channels - c;
  V shift[N], sum[N], other[N];
  for (int k = 0; k < N; ++k) {
    shift[k] = part::LoadWide(d, from + c + k * lanes, width - k * lanes, T(0));
    sum[k] = other[k] = hn::Zero(d);
  }
  for (int64_t r = begin; r < end; ++r) {
    const int64_t at = r * a.channels + c;
    for (int k = 0; k < N; ++k) {
      const int64_t count = N > 1 ? lanes : width;
      const V x = hn::Sub(part::LoadWide(d, a.x + at + k * lanes, count, T(0)), shift[k]);
      Op::add(x, a.dy ? part::LoadWide(d, a.dy + at + k * lanes, count, T(0)) : x, sum[k], other[k]);
    }
  }
  for (int k = 0; k < N; ++k) {
    part::StorePart(sum[k], d, to + c + k * lanes, width - k * lanes);
    part::StorePart(other[k], d, to + a.channels + c + k * lanes, width - k * lanes);
  }
}

// The sums of one unit of work.
template <class Op, class T>
void sums(const BatchNorm<T>& a, int64_t unit) {
  const T* const from = a.dy ? a.mean : a.first;
  if (a.along()) return sum_channel<Op>(a, from, unit);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<double>()));
  const int64_t begin = a.row(unit), end = a.row(unit + 1);
  double* const to = a.sums + unit * 2 * a.channels;
  int64_t c = 0;
  for (; c + 4 * lanes <= a.channels; c += 4 * lanes) sum_rows<Op, 4>(a, from, c, begin, end, to);
  for (; c < a.channels; c += lanes) sum_rows<Op, 1>(a, from, c, begin, end, to);
}

// f(offset of a vector, how many of its lanes are there, a function that loads what belongs to its channels)
// for every vector of one unit of work.
template <class T, class F>
HWY_INLINE void each_vector(const BatchNorm<T>& a, int64_t unit, const F& f) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  if (a.along()) {
    const auto channel = [&](const T* p) HWY_ATTR { return hn::Set(d, p[unit]); };
    const int64_t step = a.channels * a.length;
    for (int64_t r = 0, at = unit * a.length; r < a.rows; ++r, at += step) {
      for (int64_t i = 0; i < a.length; i += lanes) f(at + i, a.length - i, channel);
    }
    return;
  }
  for (int64_t r = a.row(unit); r < a.row(unit + 1); ++r) {
    for (int64_t c = 0; c < a.channels; c += lanes) {
      const int64_t count = a.channels - c;
      f(r * a.channels + c, count,
        [&](const T* p) HWY_ATTR { return part::LoadPart(d, p + c, count, T(0)); });
    }
  }
}

// y = (x - mean) scale + bias
template <class T>
void normalise(const BatchNorm<T>& a, int64_t unit) {
  const hn::ScalableTag<T> d;
  each_vector(a, unit, [&](int64_t at, int64_t count, const auto& channel) HWY_ATTR {
    const auto x = hn::Sub(part::LoadPart(d, a.x + at, count, T(0)), channel(a.mean));
    part::StorePart(hn::MulAdd(x, channel(a.scale), channel(a.bias)), d, a.y + at, count);
  });
}

// dx = scale (dy - centre - (x - mean) tilt), without the last two where the statistics were given.
template <class T>
void gradient(const BatchNorm<T>& a, int64_t unit) {
  const hn::ScalableTag<T> d;
  each_vector(a, unit, [&](int64_t at, int64_t count, const auto& channel) HWY_ATTR {
    auto dx = part::LoadPart(d, a.dy + at, count, T(0));
    if (a.training) {
      const auto x = hn::Sub(part::LoadPart(d, a.x + at, count, T(0)), channel(a.mean));
      dx = hn::NegMulAdd(x, channel(a.tilt), hn::Sub(dx, channel(a.centre)));
    }
    part::StorePart(hn::Mul(dx, channel(a.scale)), d, a.dx + at, count);
  });
}

template <class T>
BatchNormLoops<T> loops_of() {
  return {&sums<Moments, T>, &normalise<T>, &sums<Slopes, T>, &gradient<T>};
}
BatchNormLoops<float> float_loops() { return loops_of<float>(); }
BatchNormLoops<double> double_loops() { return loops_of<double>(); }

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

// The call for x: sizes, and the memory of what belongs to a channel.
template <class T>
struct Call : BatchNorm<T> {
  Scratch<T> values;  // four for each channel: scale, bias or centre, tilt, first element
  Scratch<double> memory;

  explicit Call(In x) : Call(x, size_of(x)) {}

  // What the parts add up to: the k-th sum of a channel.
  double total(int k, int64_t c) const {
    double sum = 0;
    for (int64_t p = 0; p < (this->along() ? 1 : this->parts); ++p)
      sum += this->sums[(p * 2 + k) * this->channels + c];
    return sum;
  }
  double count() const { return static_cast<double>(this->rows * this->length); }

  // Runs `loop` over all units, in parallel.
  void run(void (*loop)(const BatchNorm<T>&, int64_t)) const {
    const int64_t units = this->along() ? this->channels : this->parts;
    constexpr double kCost = 0.5;  // nanoseconds an element
    const int64_t unit = this->rows * this->length * this->channels / units + 1;
    const int64_t grain = static_cast<int64_t>(kWorkPerThread / kCost) / unit;
    parallel_for(units, grain, [&](int64_t begin, int64_t end) {
      for (; begin < end; ++begin) loop(*this, begin);
    });
  }

 private:
  // Row-major (n, c, length), or channels-last, which is (n length, c).
  static BatchNorm<T> size_of(In x) {
    BatchNorm<T> a{};
    a.rows = (*x.sizes)[0], a.channels = (*x.sizes)[1], a.length = 1;
    for (int d = 2; d < x.sizes->size(); ++d) a.length *= (*x.sizes)[d];
    if (a.channels == 1 || (*x.strides)[1] == 1) a.rows *= a.length, a.length = 1;
    if (a.channels == 1) std::swap(a.rows, a.length);  // one channel, all its elements in a row
    a.parts = std::clamp<int64_t>(a.rows * a.channels >> 14, 1, 64);
    a.x = x.as<T>();
    return a;
  }
  Call(In, const BatchNorm<T>& sizes)
      : BatchNorm<T>(sizes), values(4 * sizes.channels), memory(2 * sizes.parts * sizes.channels) {
    const int64_t n = sizes.channels;
    this->scale = values.data(), this->bias = this->centre = values.data() + n;
    this->tilt = values.data() + 2 * n, this->first = values.data() + 3 * n;
    this->sums = memory.data();
    for (int64_t c = 0; c < n; ++c) this->first[c] = this->x[c * this->length];
  }
};

template <class T>
void set_scale(const Call<T>& a, const T* rstd, In weight, In bias) {
  for (int64_t c = 0; c < a.channels; ++c) {
    a.scale[c] = rstd[c] * (weight.defined() ? weight.as<T>()[c] : T(1));
    a.bias[c] = bias.defined() ? bias.as<T>()[c] : T(0);
  }
}

// A channel whose statistics are not finite leaves the running ones as they are: one Inf in one batch would
// stay in them, and in every checkpoint, for ever.
template <class T>
void move_running(double momentum, double mean, double variance, int64_t c, Out running_mean,
                  Out running_var) {
  constexpr double largest = static_cast<double>(std::numeric_limits<T>::max());
  if (!(std::abs(mean) <= largest && variance <= largest)) return;
  const auto move = [&](Out running, double to) {
    if (!running.defined()) return;
    const double from = static_cast<double>(running.as<T>()[c]);
    running.as<T>()[c] = static_cast<T>(from + momentum * (to - from));
  };
  move(running_mean, mean);
  move(running_var, variance);
}

}  // namespace

void batch_norm(In x, In weight, In bias, double momentum, double eps, Out running_mean, Out running_var,
                Out y, Out mean, Out rstd) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Call<T> a(x);
    const auto loops = loops_for(tag);
    a.run(loops.sums);
    const double n = a.count();
    for (int64_t c = 0; c < a.channels; ++c) {
      const double offset = a.total(0, c) / n, centre = static_cast<double>(a.first[c]) + offset;
      const double spread = a.total(1, c) - offset * offset * n;
      const double deviations = spread < 0 ? 0 : spread;  // NaN stays
      mean.as<T>()[c] = static_cast<T>(centre);
      rstd.as<T>()[c] = static_cast<T>(1 / std::sqrt(deviations / n + eps));
      move_running<T>(momentum, centre, deviations / (n - 1), c, running_mean, running_var);
    }
    set_scale(a, rstd.as<T>(), weight, bias);
    a.mean = mean.as<T>();
    a.y = y.as<T>();
    a.run(loops.normalise);
  });
}

void batch_norm_eval(In x, In mean, In var, In weight, In bias, double eps, Out y, Out rstd) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Call<T> a(x);
    for (int64_t c = 0; c < a.channels; ++c)
      rstd.as<T>()[c] = static_cast<T>(1 / std::sqrt(static_cast<double>(var.as<T>()[c]) + eps));
    set_scale(a, rstd.as<T>(), weight, bias);
    a.mean = mean.as<T>();
    a.y = y.as<T>();
    a.run(loops_for(tag).normalise);
  });
}

// dbias = sum dy, dweight = rstd sum dy (x - mean),
// dx = weight rstd (dy - dbias / n - (x - mean) rstd dweight / n), without the last two where the statistics
// were given.
void batch_norm_backward(In x, In dy, In weight, In mean, In rstd, bool training, Out dx, Out dweight,
                         Out dbias) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Call<T> a(x);
    a.training = training;
    a.dy = dy.as<T>();
    a.mean = mean.as<T>();
    a.dx = dx.as<T>();
    const auto loops = loops_for(tag);
    a.run(loops.gradient_sums);
    set_scale(a, rstd.as<T>(), weight, {});
    for (int64_t c = 0; c < a.channels; ++c) {
      const double sum = a.total(0, c), r = static_cast<double>(rstd.as<T>()[c]), slope = a.total(1, c) * r;
      if (dbias.defined()) dbias.as<T>()[c] = static_cast<T>(sum);
      if (dweight.defined()) dweight.as<T>()[c] = static_cast<T>(slope);
      a.centre[c] = static_cast<T>(sum / a.count());
      a.tilt[c] = static_cast<T>(slope * r / a.count());
    }
    if (a.dx) a.run(loops.gradient);
  });
}

}  // namespace st::cpu
#endif  // HWY_ONCE
