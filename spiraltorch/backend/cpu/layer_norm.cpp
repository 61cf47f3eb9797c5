// Layer normalisation: every row of x (m, n) by its own mean and variance. A row is read three times, from
// memory once; what differs from its mean is summed, so that a mean far from zero costs no digits. Gradients
// of weight and bias are summed over blocks of rows that depend on the shape alone. RMS normalisation is the
// same around 0 instead of the mean.
#include "spiraltorch/backend/cpu/norm.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/layer_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/backend/cpu/visit_float.h"
#include "spiraltorch/core/parallel.h"

#ifndef SPIRALTORCH_BACKEND_CPU_LAYER_NORM_ROWS
#define SPIRALTORCH_BACKEND_CPU_LAYER_NORM_ROWS
namespace st::cpu {

// What the loops are given; they work on rows [begin, end). dweight and dbias are (n) and are added to.
template <class T>
struct LayerNorm {
  int64_t n;
  bool centred;  // around the mean, else around 0, and mean and new_mean are null
  double eps;
  const T *x, *weight, *bias, *dy, *mean, *rstd;
  T *y, *new_mean, *new_rstd, *dx;
};

template <class T>
struct LayerNormLoops {
  void (*normalise)(const LayerNorm<T>& a, int64_t begin, int64_t end);
  void (*gradients)(const LayerNorm<T>& a, int64_t begin, int64_t end, T* dweight, T* dbias);
};

}  // namespace st::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

// The sum over a row of f(i, how many lanes are there), vectors that are zero beyond the end. Two chains: one
// would wait for itself.
template <class D, class F>
HWY_INLINE hn::Vec<D> sum_of(D d, int64_t n, const F& f) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = hn::Add(a, f(i, lanes));
    b = hn::Add(b, f(i + lanes, lanes));
  }
  for (; i < n; i += lanes) a = hn::Add(a, f(i, n - i));
  return hn::SumOfLanes(d, hn::Add(a, b));
}

template <class T>
void normalise(const LayerNorm<T>& a, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), n = a.n;
  const auto count = hn::Set(d, static_cast<T>(n));
  for (int64_t r = begin; r < end; ++r) {
    const T* const x = a.x + r * n;
    T* const y = a.y + r * n;
    const auto load = [&](int64_t i, int64_t valid, T fill)
                          HWY_ATTR { return part::LoadPart(d, x + i, valid, fill); };
    auto mean = hn::Zero(d);
    if (a.centred) {
      mean =
          hn::Div(sum_of(d, n, [&](int64_t i, int64_t valid) HWY_ATTR { return load(i, valid, 0); }), count);
      // What the rounding of a large sum has cost is seen from there.
      const T first = hn::GetLane(mean);
      mean = hn::Add(mean, hn::Div(sum_of(d, n,
                                          [&](int64_t i, int64_t valid)
                                              HWY_ATTR { return hn::Sub(load(i, valid, first), mean); }),
                                   count));
    }
    const T centre = hn::GetLane(mean);
    const auto square = sum_of(d, n, [&](int64_t i, int64_t valid) HWY_ATTR {
      const auto apart = hn::Sub(load(i, valid, centre), mean);
      return hn::Mul(apart, apart);
    });
    const T variance = hn::GetLane(hn::Div(square, count));
    const T rstd = static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + a.eps));
    if (a.centred) a.new_mean[r] = centre;
    a.new_rstd[r] = rstd;
    const auto scale = hn::Set(d, rstd);
    for (int64_t i = 0; i < n; i += lanes) {
      auto z = hn::Mul(hn::Sub(load(i, n - i, 0), mean), scale);
      if (a.weight) z = hn::Mul(z, part::LoadPart(d, a.weight + i, n - i, T{0}));
      if (a.bias) z = hn::Add(z, part::LoadPart(d, a.bias + i, n - i, T{0}));
      part::StorePart(z, d, y + i, n - i);
    }
  }
}

// With g = dy weight and x_hat = (x - mean) rstd:
// dx = rstd (g - mean(g) - x_hat mean(g x_hat)), dweight += dy x_hat, dbias += dy; around 0 mean and mean(g)
// are 0.
template <class T>
void gradients(const LayerNorm<T>& a, int64_t begin, int64_t end, T* dweight, T* dbias) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), n = a.n;
  const auto count = hn::Set(d, static_cast<T>(n));
  for (int64_t r = begin; r < end; ++r) {
    const T *const x = a.x + r * n, *const dy = a.dy + r * n;
    const T zero = a.centred ? a.mean[r] : T(0);
    const auto mean = hn::Set(d, zero), rstd = hn::Set(d, a.rstd[r]);
    const auto apart = [&](int64_t i, int64_t valid) HWY_ATTR {
      return hn::Mul(hn::Sub(part::LoadPart(d, x + i, valid, zero), mean), rstd);
    };
    const auto slope = [&](int64_t i, int64_t valid) HWY_ATTR {
      const auto g = part::LoadPart(d, dy + i, valid, T{0});
      return a.weight ? hn::Mul(g, part::LoadPart(d, a.weight + i, valid, T{0})) : g;
    };
    if (dweight || dbias) {
      for (int64_t i = 0; i < n; i += lanes) {
        const auto g = part::LoadPart(d, dy + i, n - i, T{0});
        if (dweight) {
          const auto w = part::LoadPart(d, dweight + i, n - i, T{0});
          part::StorePart(hn::MulAdd(g, apart(i, n - i), w), d, dweight + i, n - i);
        }
        if (dbias)
          part::StorePart(hn::Add(part::LoadPart(d, dbias + i, n - i, T{0}), g), d, dbias + i, n - i);
      }
    }
    if (!a.dx) continue;
    const auto centre = a.centred ? hn::Div(sum_of(d, n, slope), count) : hn::Zero(d);
    const auto tilt = hn::Div(
        sum_of(d, n,
               [&](int64_t i, int64_t valid) HWY_ATTR { return hn::Mul(slope(i, valid), apart(i, valid)); }),
        count);
    for (int64_t i = 0; i < n; i += lanes) {
      const auto z = hn::NegMulAdd(apart(i, n - i), tilt, hn::Sub(slope(i, n - i), centre));
      part::StorePart(hn::Mul(z, rstd), d, a.dx + r * n + i, n - i);
    }
  }
}

LayerNormLoops<float> float_loops() { return {&normalise<float>, &gradients<float>}; }
LayerNormLoops<double> double_loops() { return {&normalise<double>, &gradients<double>}; }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_loops);
HWY_EXPORT(double_loops);

LayerNormLoops<float> loops_for(TypeTag<float>) { return HWY_DYNAMIC_DISPATCH(float_loops)(); }
LayerNormLoops<double> loops_for(TypeTag<double>) { return HWY_DYNAMIC_DISPATCH(double_loops)(); }

constexpr double kCost = 0.6;        // nanoseconds an element
constexpr int64_t kMostBlocks = 64;  // of rows, each with sums of its own
constexpr int64_t kBlockRows = 16;   // at least

// dweight and dbias: sums over each block of rows, then over the blocks.
template <class T>
void sum_gradients(const LayerNorm<T>& a, int64_t rows, LayerNormLoops<T> loops, T* dweight, T* dbias) {
  const int64_t blocks = std::clamp<int64_t>(rows / kBlockRows, 1, kMostBlocks), n = a.n;
  const int64_t each = (rows + blocks - 1) / blocks;
  const Scratch<T> memory(blocks * n * 2);
  T *const weights = memory.data(), *const biases = weights + blocks * n;
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(kWorkPerThread / kCost) / (each * n + 1));
  parallel_for(blocks, grain, [&](int64_t begin, int64_t end) {
    for (; begin < end; ++begin) {
      T *const w = dweight ? weights + begin * n : nullptr, *const b = dbias ? biases + begin * n : nullptr;
      if (w) std::fill_n(w, n, T{0});
      if (b) std::fill_n(b, n, T{0});
      loops.gradients(a, std::min(begin * each, rows), std::min((begin + 1) * each, rows), w, b);
    }
  });
  const auto combine = [&](const T* parts, T* out) {
    if (!out) return;
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (int64_t k = 0; k < blocks; ++k) sum += static_cast<double>(parts[k * n + i]);
      out[i] = static_cast<T>(sum);
    }
  };
  combine(weights, dweight);
  combine(biases, dbias);
}

void normalise_rows(In x, In weight, In bias, bool centred, double eps, Out y, Out mean, Out rstd) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    LayerNorm<T> a{};
    a.n = (*x.sizes)[1];
    a.centred = centred;
    a.eps = eps;
    a.x = x.as<T>();
    a.weight = weight.as<T>();
    a.bias = bias.as<T>();
    a.y = y.as<T>();
    a.new_mean = mean.as<T>();
    a.new_rstd = rstd.as<T>();
    const auto loops = loops_for(tag);
    const int64_t grain = static_cast<int64_t>(kWorkPerThread / kCost) / (a.n + 1) + 1;
    parallel_for((*x.sizes)[0], grain, [&](int64_t begin, int64_t end) { loops.normalise(a, begin, end); });
  });
}

void row_gradients(In x, In dy, In weight, bool centred, In mean, In rstd, Out dx, Out dweight, Out dbias) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    LayerNorm<T> a{};
    a.n = (*x.sizes)[1];
    a.centred = centred;
    a.x = x.as<T>();
    a.dy = dy.as<T>();
    a.weight = weight.as<T>();
    a.mean = mean.as<T>();
    a.rstd = rstd.as<T>();
    a.dx = dx.as<T>();
    sum_gradients(a, (*x.sizes)[0], loops_for(tag), dweight.as<T>(), dbias.as<T>());
  });
}

}  // namespace

void layer_norm(In x, In weight, In bias, double eps, Out y, Out mean, Out rstd) {
  normalise_rows(x, weight, bias, true, eps, y, mean, rstd);
}

void layer_norm_backward(In x, In dy, In weight, In mean, In rstd, Out dx, Out dweight, Out dbias) {
  row_gradients(x, dy, weight, true, mean, rstd, dx, dweight, dbias);
}

void rms_norm(In x, In weight, double eps, Out y, Out rstd) {
  normalise_rows(x, weight, {}, false, eps, y, {}, rstd);
}

void rms_norm_backward(In x, In dy, In weight, In rstd, Out dx, Out dweight) {
  row_gradients(x, dy, weight, false, {}, rstd, dx, dweight, {});
}

}  // namespace st::cpu
#endif  // HWY_ONCE
