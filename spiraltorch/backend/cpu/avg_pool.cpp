// Means over windows, given or adaptive: both are a table of windows for each side. Vectors run over the
// channels of a position; of an image that is row-major they have one lane.
#include "spiraltorch/backend/cpu/avg_pool.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/avg_pool.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

template <class T, class D>
void pool_rows(const AvgPool<T>& a, int64_t begin, int64_t end) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = begin; r < end; ++r) {
    const size_t i = static_cast<size_t>(r % a.y.h);
    const T* image = a.x_data + r / a.y.h * a.x.h * a.x.w * a.x.c;
    for (int64_t col = 0; col < a.y.w; ++col) {
      const size_t j = static_cast<size_t>(col);
      const int64_t n = a.count(i, j);
      const auto count = hn::Set(d, static_cast<T>(n == 0 ? 1 : n));
      for (int64_t c = 0; c < a.x.c; c += lanes) {
        auto sum = hn::Zero(d);
        for (int64_t p = a.rows.first[i]; p < a.rows.last[i]; ++p) {
          for (int64_t q = a.cols.first[j]; q < a.cols.last[j]; ++q)
            sum = hn::Add(sum, part::LoadPart(d, image + (p * a.x.w + q) * a.x.c + c, a.x.c - c, T(0)));
        }
        part::StorePart(hn::Div(sum, count), d, a.y_data + (r * a.y.w + col) * a.y.c + c, a.x.c - c);
      }
    }
  }
}

template <class T, class D>
void spread_rows(const AvgPool<T>& a, int64_t begin, int64_t end) {
  const D d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = begin; r < end; ++r) {
    const size_t i = static_cast<size_t>(r % a.x.h);
    const T* image = a.dy_data + r / a.x.h * a.y.h * a.y.w * a.y.c;
    for (int64_t col = 0; col < a.x.w; ++col) {
      const size_t j = static_cast<size_t>(col);
      for (int64_t c = 0; c < a.x.c; c += lanes) {
        auto sum = hn::Zero(d);
        for (int64_t p = a.rows.low[i]; p < a.rows.high[i]; ++p) {
          for (int64_t q = a.cols.low[j]; q < a.cols.high[j]; ++q) {
            const auto count =
                hn::Set(d, static_cast<T>(a.count(static_cast<size_t>(p), static_cast<size_t>(q))));
            const auto dy = part::LoadPart(d, image + (p * a.y.w + q) * a.y.c + c, a.x.c - c, T(0));
            sum = hn::Add(sum, hn::Div(dy, count));
          }
        }
        part::StorePart(sum, d, a.dx_data + (r * a.x.w + col) * a.x.c + c, a.x.c - c);
      }
    }
  }
}

template <class T>
AvgPoolLoops<T> loops_of(bool many) {
  if (many) return {&pool_rows<T, hn::ScalableTag<T>>, &spread_rows<T, hn::ScalableTag<T>>};
  return {&pool_rows<T, hn::CappedTag<T, 1>>, &spread_rows<T, hn::CappedTag<T, 1>>};
}
AvgPoolLoops<float> float_loops(bool many) { return loops_of<float>(many); }
AvgPoolLoops<double> double_loops(bool many) { return loops_of<double>(many); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {

Windows::Windows(const AvgPoolRule& rule, size_t side, int64_t elements, int64_t windows) {
  low.assign(static_cast<size_t>(elements), windows);
  high.assign(static_cast<size_t>(elements), 0);
  for (int64_t o = 0; o < windows; ++o) {
    int64_t begin = 0, end = 0, counted = 0;
    if (rule.adaptive) {
      begin = o * elements / windows;
      end = ((o + 1) * elements + windows - 1) / windows;
      counted = end - begin;
    } else {
      begin = o * rule.stride[side] - rule.padding[side];
      end = std::min(begin + rule.kernel[side], elements + rule.padding[side]);
      counted = end - begin;
      begin = std::max<int64_t>(begin, 0);
      end = std::max(begin, std::min(end, elements));
      if (!rule.count_include_pad) counted = end - begin;
    }
    first.push_back(begin);
    last.push_back(end);
    size.push_back(std::max<int64_t>(counted, 0));
    for (int64_t i = begin; i < end; ++i) {
      low[static_cast<size_t>(i)] = std::min(low[static_cast<size_t>(i)], o);
      high[static_cast<size_t>(i)] = o + 1;
    }
  }
}

namespace {

HWY_EXPORT(float_loops);
HWY_EXPORT(double_loops);

AvgPoolLoops<float> loops_for(TypeTag<float>, bool many) { return HWY_DYNAMIC_DISPATCH(float_loops)(many); }
AvgPoolLoops<double> loops_for(TypeTag<double>, bool many) {
  return HWY_DYNAMIC_DISPATCH(double_loops)(many);
}

// Both directions: x and y are the images, `rows_of` those whose rows are shared out.
template <class Image, class Result, class F>
void run(const Image& x, const Result& y, const AvgPoolRule& rule, bool back, const F& f) {
  const bool last = are_channels_last(x, y);
  const Planes in(*x.sizes, last), out(*y.sizes, last);
  const Windows rows(rule, 0, in.h, out.h), cols(rule, 1, in.w, out.w);
  const auto start = [&](auto tag) {
    using T = typename decltype(tag)::type;
    AvgPool<T> a{in, out, rows, cols, rule.divisor, nullptr, nullptr, nullptr, nullptr};
    const auto loops = f(tag, a, loops_for(tag, in.c > 1));
    const Planes& shared = back ? in : out;
    const int64_t work = std::max(in.h * in.w, out.h * out.w) * in.c / std::max<int64_t>(1, shared.h);
    parallel_for(shared.n * shared.h, static_cast<int64_t>(kWorkPerThread) / std::max<int64_t>(1, work),
                 [&](int64_t begin, int64_t end) { loops(a, begin, end); });
  };
  if (x.dtype == DType::float64) return start(TypeTag<double>());
  start(TypeTag<float>());
}

}  // namespace

void avg_pool2d(In x, AvgPoolRule rule, Out y) {
  run(x, y, rule, false, [&](auto tag, auto& a, const auto& loops) {
    using T = typename decltype(tag)::type;
    a.x_data = x.as<T>();
    a.y_data = y.as<T>();
    return loops.pool;
  });
}

void avg_pool2d_backward(In dy, AvgPoolRule rule, Out dx) {
  run(dx, dy, rule, true, [&](auto tag, auto& a, const auto& loops) {
    using T = typename decltype(tag)::type;
    a.dy_data = dy.as<T>();
    a.dx_data = dx.as<T>();
    return loops.spread;
  });
}

}  // namespace st::cpu
#endif  // HWY_ONCE
