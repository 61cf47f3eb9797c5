// Cross entropy, fused. With p = softmax(x), target t, w its weight, e the smoothing and s the sum over
// classes c:
//   loss = (1 - e) w_t (-log p_t) + (e / C) s(-w_c log p_c)
//   dx_c = ((1 - e) w_t + (e / C) s(w)) p_c - (1 - e) w_t [c = t] - (e / C) w_c
// Both run over x once while a target's classes stay in L1. Sums are taken in float64 over fixed blocks of
// targets.
#include "spiraltorch/backend/cpu/loss.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/loss.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/backend/cpu/visit_float.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace vec = simd::HWY_NAMESPACE;

// The vectors over which one target (along), or as many as there are lanes (across), are reduced.
template <class T, bool kAlong>
struct Bundle {
  const hn::ScalableTag<T> d;
  const Targets<T>& a;
  const int64_t first;  // of the targets
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t count = kAlong ? (a.classes + lanes - 1) / lanes : a.classes;

  HWY_INLINE int64_t offset(int64_t i) const { return kAlong ? i * lanes : i * a.step + first; }
  HWY_INLINE int64_t valid(int64_t i) const { return kAlong ? a.classes - i * lanes : a.width - first; }
  HWY_INLINE auto x(int64_t i, T fill) const { return vec::LoadPart(d, a.x + offset(i), valid(i), fill); }
  HWY_INLINE auto weight(int64_t i) const {
    if (!a.weight) return hn::Set(d, T{1});
    return kAlong ? vec::LoadPart(d, a.weight + i * lanes, valid(i), T{0}) : hn::Set(d, a.weight[i]);
  }
  HWY_INLINE auto value(const T* p) const {
    return kAlong ? hn::Set(d, *p) : vec::LoadPart(d, p + first, a.width - first, T{0});
  }
  template <class V>
  HWY_INLINE void set_value(T* p, V v) const {
    vec::StorePart(v, d, p + first, kAlong ? 1 : a.width - first);
  }
};

template <class T, bool kAlong>
void bundle_forward(const Bundle<T, kAlong>& b, bool smoothing, T* max_out, T* log_sum, T* smooth) {
  const auto d = b.d;
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  auto max = hn::Set(d, kLowest);
  for (int64_t i = 0; i < b.count; ++i) max = hn::Max(max, b.x(i, kLowest));
  if (kAlong) max = hn::MaxOfLanes(d, max);
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < b.count; ++i) sum = hn::Add(sum, vec::Exp(d, hn::Sub(b.x(i, kLowest), max)));
  if (kAlong) sum = hn::SumOfLanes(d, sum);
  b.set_value(max_out, max);
  b.set_value(log_sum, vec::Log(d, sum));
  if (!smoothing) return;
  const T top = hn::GetLane(max);
  auto below = hn::Zero(d);
  for (int64_t i = 0; i < b.count; ++i) below = hn::MulAdd(b.weight(i), hn::Sub(max, b.x(i, top)), below);
  b.set_value(smooth, kAlong ? hn::SumOfLanes(d, below) : below);
}

template <class T, bool kAlong>
void bundle_backward(const Bundle<T, kAlong>& b, const T* max_in, const T* log_sum_in, const T* likely_in,
                     const T* even_in, T* dx) {
  const auto d = b.d;
  const auto max = b.value(max_in), log_sum = b.value(log_sum_in), likely = b.value(likely_in),
             even = b.value(even_in);
  for (int64_t i = 0; i < b.count; ++i) {
    const auto p = vec::Exp(d, hn::Sub(hn::Sub(b.x(i, T{0}), max), log_sum));
    vec::StorePart(hn::NegMulAdd(even, b.weight(i), hn::Mul(likely, p)), d, dx + b.offset(i), b.valid(i));
  }
}

template <class T>
void forward(const Targets<T>& a, bool smoothing, T* max, T* log_sum, T* smooth) {
  if (a.step == 1) return bundle_forward(Bundle<T, true>{{}, a, 0}, smoothing, max, log_sum, smooth);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (int64_t j = 0; j < a.width; j += lanes) {
    bundle_forward(Bundle<T, false>{{}, a, j}, smoothing, max, log_sum, smooth);
  }
}

template <class T>
void backward(const Targets<T>& a, const T* max, const T* log_sum, const T* likely, const T* even, T* dx) {
  if (a.step == 1) return bundle_backward(Bundle<T, true>{{}, a, 0}, max, log_sum, likely, even, dx);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (int64_t j = 0; j < a.width; j += lanes) {
    bundle_backward(Bundle<T, false>{{}, a, j}, max, log_sum, likely, even, dx);
  }
}

CrossEntropyLoops<float> float_loops() { return {&forward<float>, &backward<float>}; }
CrossEntropyLoops<double> double_loops() { return {&forward<double>, &backward<double>}; }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_loops);
HWY_EXPORT(double_loops);

CrossEntropyLoops<float> loops_for(TypeTag<float>) { return HWY_DYNAMIC_DISPATCH(float_loops)(); }
CrossEntropyLoops<double> loops_for(TypeTag<double>) { return HWY_DYNAMIC_DISPATCH(double_loops)(); }

constexpr int64_t kBlock = 64;  // targets whose losses are summed first
constexpr double kCost = 1;     // nanoseconds an element of x

// One call: the shape, the weights, and blocks of targets.
template <class T>
class CrossEntropy {
 public:
  CrossEntropy(In x, In target, In weight, CrossEntropyRule rule)
      : x_(x.as<T>()),
        weight_(weight.as<T>()),
        target_(target.as<int64_t>()),
        rule_(rule),
        classes_((*x.sizes)[1]) {
    rows_ = (*x.sizes)[0];
    for (int d = 2; d < x.sizes->size(); ++d) columns_ *= (*x.sizes)[d];
    row_blocks_ = columns_ > 1 ? (columns_ + kBlock - 1) / kBlock : 1;
    blocks_ = columns_ > 1 ? rows_ * row_blocks_ : (rows_ + kBlock - 1) / kBlock;
    if (columns_ == 0) blocks_ = 0;
    for (int64_t c = 0; rule.label_smoothing > 0 && c < classes_; ++c) all_weights_ += class_weight(c);
  }

  int64_t targets() const { return rows_ * columns_; }
  int64_t blocks() const { return blocks_; }

  // f(block, first target, number of targets), in parallel. The targets of a block lie in one row, or there
  // is one a row.
  template <class F>
  void each_block(const F& f) const {
    const int64_t grain =
        static_cast<int64_t>(kWorkPerThread / kCost) / std::max<int64_t>(classes_ * kBlock, 1);
    parallel_for(blocks_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        if (columns_ > 1) {
          const int64_t from = b % row_blocks_ * kBlock;
          f(b, b / row_blocks_ * columns_ + from, std::min(kBlock, columns_ - from));
        } else {
          f(b, b * kBlock, std::min(kBlock, rows_ - b * kBlock));
        }
      }
    });
  }

  // f(Targets, offset in x, number of the first target) for what the loops take at a time of a block.
  template <class F>
  void each_group(int64_t first, int64_t count, const F& f) const {
    if (columns_ > 1) {
      const int64_t offset = first / columns_ * classes_ * columns_ + first % columns_;
      return f(Targets<T>{classes_, columns_, count, x_ + offset, weight_}, offset, int64_t{0});
    }
    for (int64_t j = 0; j < count; ++j) {
      const int64_t offset = (first + j) * classes_;
      f(Targets<T>{classes_, 1, 1, x_ + offset, weight_}, offset, j);
    }
  }

  // Where x of target t and its class lies.
  int64_t offset_of(int64_t t) const {
    return (t / columns_ * classes_ + target_[t]) * columns_ + t % columns_;
  }
  bool is_ignored(int64_t t) const { return target_[t] == rule_.ignore_index; }
  double class_weight(int64_t c) const { return weight_ ? static_cast<double>(weight_[c]) : 1; }
  double weight_of(int64_t t) const { return is_ignored(t) ? 0 : class_weight(target_[t]); }
  // What multiplies -log p of the class, and the sum of -w log p of all classes.
  double of_class(int64_t t) const { return (1 - rule_.label_smoothing) * weight_of(t); }
  double of_all(int64_t t) const {
    return is_ignored(t) ? 0 : rule_.label_smoothing / static_cast<double>(classes_);
  }
  double all_weights() const { return all_weights_; }
  bool smoothing() const { return rule_.label_smoothing > 0; }
  const T* x() const { return x_; }

 private:
  const T* x_;
  const T* weight_;
  const int64_t* target_;
  CrossEntropyRule rule_;
  int64_t rows_, classes_, columns_ = 1, row_blocks_, blocks_;
  double all_weights_ = 0;
};

template <class T>
void run_forward(const CrossEntropy<T>& a, const CrossEntropyLoops<T>& loops, bool mean, Out loss, T* max,
                 Out total) {
  T* const log_sum = max + a.targets();
  const bool each = !loss.sizes->empty();
  std::vector<std::array<double, 2>> sums(static_cast<size_t>(a.blocks()));  // losses and weights
  a.each_block([&](int64_t block, int64_t first, int64_t count) {
    T smooth[kBlock] = {};
    a.each_group(first, count, [&](const Targets<T>& targets, int64_t, int64_t j) {
      loops.forward(targets, a.smoothing(), max + first + j, log_sum + first + j, smooth + j);
    });
    double sum = 0, weights = 0;
    for (int64_t j = 0; j < count; ++j) {
      const int64_t t = first + j;
      double value = 0;
      if (!a.is_ignored(t)) {
        const double below = static_cast<double>(max[t]) - static_cast<double>(a.x()[a.offset_of(t)]);
        value = a.of_class(t) * (below + static_cast<double>(log_sum[t]));
        if (a.smoothing()) {
          value += a.of_all(t) *
                   (static_cast<double>(smooth[j]) + a.all_weights() * static_cast<double>(log_sum[t]));
        }
      }
      if (each) loss.as<T>()[t] = static_cast<T>(value);
      sum += value;
      weights += a.weight_of(t);
    }
    sums[static_cast<size_t>(block)] = {sum, weights};
  });
  double sum = 0, weights = 0;
  for (const auto& [s, w] : sums) {
    sum += s;
    weights += w;
  }
  *total.as<double>() = weights;
  if (!each) *loss.as<T>() = static_cast<T>(mean ? sum / weights : sum);
}

template <class T>
void run_backward(const CrossEntropy<T>& a, const CrossEntropyLoops<T>& loops, double divisor, const T* max,
                  In dy, T* dx) {
  const T* const log_sum = max + a.targets();
  const bool each = !dy.sizes->empty();
  a.each_block([&](int64_t, int64_t first, int64_t count) {
    // An ignored target has no share, not even of a dy that is not finite.
    const auto share = [&](int64_t t, double coefficient) {
      const double g = static_cast<double>(dy.as<T>()[each ? t : 0]) / divisor;
      return a.is_ignored(t) ? T{0} : static_cast<T>(g * coefficient);
    };
    T likely[kBlock], even[kBlock];
    for (int64_t j = 0; j < count; ++j) {
      const int64_t t = first + j;
      likely[j] = share(t, a.of_class(t) + a.of_all(t) * a.all_weights());
      even[j] = share(t, a.of_all(t));
    }
    a.each_group(first, count, [&](const Targets<T>& targets, int64_t offset, int64_t j) {
      loops.backward(targets, max + first + j, log_sum + first + j, likely + j, even + j, dx + offset);
    });
    for (int64_t t = first; t < first + count; ++t) {
      if (!a.is_ignored(t)) dx[a.offset_of(t)] -= share(t, a.of_class(t));
    }
  });
}

}  // namespace

void check_target(In target, int64_t classes, int64_t ignore_index) {
  const int64_t count = numel_of(*target.sizes);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t t = target.as<int64_t>()[i];
    check<IndexError>((t >= 0 && t < classes) || t == ignore_index,
                      "cross_entropy: target {} is out of range: there are {} classes, and {} is ignored", t,
                      classes, ignore_index);
  }
}

void cross_entropy(In x, In target, In weight, CrossEntropyRule rule, Out loss, Out statistics, Out total) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_forward(CrossEntropy<T>(x, target, weight, rule), loops_for(tag), rule.mean, loss, statistics.as<T>(),
                total);
  });
}

void cross_entropy_backward(In x, In target, In weight, CrossEntropyRule rule, In statistics, In total, In dy,
                            Out dx) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const double divisor = rule.mean ? *total.as<double>() : 1;
    run_backward(CrossEntropy<T>(x, target, weight, rule), loops_for(tag), divisor, statistics.as<T>(), dy,
                 dx.as<T>());
  });
}

}  // namespace st::cpu
#endif  // HWY_ONCE
