// The largest of each window. Vectors run over the channels of a position; of an image that is row-major they
// have one lane. The way back asks every position which windows it is in: each element is written once, in
// one order, by one thread.
#include "spiraltorch/backend/cpu/max_pool.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/max_pool.cpp"
#include <hwy/foreach_target.h>
// foreach_target stands first
#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"
#include "spiraltorch/backend/cpu/visit_float.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {
namespace part = simd::HWY_NAMESPACE;

// Positions in a window, counted in lanes of T, from and to bytes.
template <class D>
HWY_INLINE hn::Vec<D> load_positions(D d, const uint8_t* p, int64_t count) {
  const hn::Rebind<int32_t, D> d32;
  const auto wide = hn::PromoteTo(d32, part::LoadPart(hn::Rebind<uint8_t, D>(), p, count, uint8_t{0}));
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return hn::ConvertTo(d, wide);
  } else {
    return hn::PromoteTo(d, wide);
  }
}

template <class D>
HWY_INLINE void store_positions(D, hn::Vec<D> v, uint8_t* p, int64_t count) {
  const hn::Rebind<int32_t, D> d32;
  const hn::Rebind<uint8_t, D> d8;
  const auto whole = [&]() HWY_ATTR {
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      return hn::ConvertTo(d32, v);
    } else {
      return hn::DemoteTo(d32, v);
    }
  }();
  part::StorePart(hn::DemoteTo(d8, whole), d8, p, count);
}

// Positions in a window as positions in the plane, whose window begins at (top, left).
template <class T, class D>
HWY_INLINE void store_places(D d, hn::Vec<D> v, const MaxPoolRule& rule, int64_t top, int64_t left,
                             int64_t width, int64_t* p, int64_t count) {
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  for (int64_t i = 0; i < std::min(count, static_cast<int64_t>(hn::Lanes(d))); ++i) {
    const int64_t at = static_cast<int64_t>(lanes[i]), a = at / rule.kernel[1], b = at % rule.kernel[1];
    p[i] = (top + a * rule.dilation[0]) * width + left + b * rule.dilation[1];
  }
}

// The positions [first, last) of a window's side that see the image, for a window that begins at `begin`.
struct Seen {
  int64_t first, last;
  Seen(const MaxPoolRule& rule, size_t side, int64_t begin, int64_t size) {
    const int64_t step = rule.dilation[side];
    first = begin < 0 ? (-begin + step - 1) / step : 0;
    last = begin >= size ? 0 : std::min(rule.kernel[side], (size - 1 - begin) / step + 1);
  }
};

template <class T, class D>
void pool_rows(const MaxPool<T>& a, int64_t begin, int64_t end) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const MaxPoolRule& rule = a.rule;
  const int64_t row_step = rule.dilation[0] * a.x.w * a.x.c, col_step = rule.dilation[1] * a.x.c;
  for (int64_t r = begin; r < end; ++r) {
    const int64_t top = r % a.y.h * rule.stride[0] - rule.padding[0];
    const Seen rows(rule, 0, top, a.x.h);
    const int64_t image = r / a.y.h * a.x.h * a.x.w;
    for (int64_t j = 0; j < a.y.w; ++j) {
      const int64_t left = j * rule.stride[1] - rule.padding[1];
      const Seen cols(rule, 1, left, a.x.w);
      // Where the window begins; nothing is read before the image.
      const int64_t origin = (image + top * a.x.w + left) * a.x.c, to = (r * a.y.w + j) * a.y.c;
      for (int64_t c = 0; c < a.x.c; c += lanes) {
        const int64_t count = a.x.c - c;
        V best = hn::Set(d, -std::numeric_limits<T>::infinity());
        V place = hn::Set(d, static_cast<T>(rows.first * rule.kernel[1] + cols.first));
        for (int64_t p = rows.first; p < rows.last; ++p) {
          for (int64_t q = cols.first; q < cols.last; ++q) {
            const V x = part::LoadPart(d, a.x_data + (origin + p * row_step + q * col_step + c), count, T(0));
            const auto better = hn::Or(hn::Gt(x, best), hn::IsNaN(x));
            best = hn::IfThenElse(better, x, best);
            place = hn::IfThenElse(better, hn::Set(d, static_cast<T>(p * rule.kernel[1] + q)), place);
          }
        }
        part::StorePart(best, d, a.y_data + to + c, count);
        if (a.positions) store_positions(d, place, a.positions + to + c, count);
        if (a.places) store_places<T>(d, place, rule, top, left, a.x.w, a.places + to + c, count);
      }
    }
  }
}

// The windows that an element is in: output position and position in the window, for each element of a side.
struct Visits {
  struct Visit {
    int64_t window, position;
  };
  std::vector<Visit> visits;
  std::vector<size_t> begin;  // of each element, and the end of the last

  Visits(const MaxPoolRule& rule, size_t side, int64_t size, int64_t windows) {
    for (int64_t i = 0; i < size; ++i) {
      begin.push_back(visits.size());
      for (int64_t p = rule.kernel[side] - 1; p >= 0; --p) {
        const int64_t start = i + rule.padding[side] - p * rule.dilation[side];
        if (start < 0 || start % rule.stride[side] != 0 || start / rule.stride[side] >= windows) continue;
        visits.push_back({start / rule.stride[side], p});
      }
    }
    begin.push_back(visits.size());
  }
};

template <class T, class D>
void scatter_rows(const MaxPool<T>& a, int64_t begin, int64_t end) {
  const D d;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const Visits rows(a.rule, 0, a.x.h, a.y.h), cols(a.rule, 1, a.x.w, a.y.w);
  for (int64_t r = begin; r < end; ++r) {
    const int64_t image = r / a.x.h * a.y.h;
    const size_t i = static_cast<size_t>(r % a.x.h);
    for (int64_t j = 0; j < a.x.w; ++j) {
      const size_t at = static_cast<size_t>(j);
      for (int64_t c = 0; c < a.x.c; c += lanes) {
        const int64_t count = a.x.c - c;
        V sum = hn::Zero(d);
        for (size_t p = rows.begin[i]; p < rows.begin[i + 1]; ++p) {
          for (size_t q = cols.begin[at]; q < cols.begin[at + 1]; ++q) {
            const auto &row = rows.visits[p], &col = cols.visits[q];
            const int64_t from = ((image + row.window) * a.y.w + col.window) * a.y.c + c;
            const V here = hn::Set(d, static_cast<T>(row.position * a.rule.kernel[1] + col.position));
            const V dy = part::LoadPart(d, a.dy_data + from, count, T(0));
            const V place = load_positions(d, a.positions + from, count);
            sum = hn::Add(sum, hn::IfThenElseZero(hn::Eq(place, here), dy));
          }
        }
        part::StorePart(sum, d, a.dx_data + (r * a.x.w + j) * a.x.c + c, count);
      }
    }
  }
}

template <class T>
MaxPoolLoops<T> loops_of(bool many) {
  if (many) return {&pool_rows<T, hn::ScalableTag<T>>, &scatter_rows<T, hn::ScalableTag<T>>};
  return {&pool_rows<T, hn::CappedTag<T, 1>>, &scatter_rows<T, hn::CappedTag<T, 1>>};
}
MaxPoolLoops<float> float_loops(bool many) { return loops_of<float>(many); }
MaxPoolLoops<double> double_loops(bool many) { return loops_of<double>(many); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_loops);
HWY_EXPORT(double_loops);

MaxPoolLoops<float> loops_for(TypeTag<float>, bool many) { return HWY_DYNAMIC_DISPATCH(float_loops)(many); }
MaxPoolLoops<double> loops_for(TypeTag<double>, bool many) {
  return HWY_DYNAMIC_DISPATCH(double_loops)(many);
}

// How many rows are worth a thread, given the elements that a row reads.
int64_t grain(int64_t elements) {
  return static_cast<int64_t>(kWorkPerThread) / std::max<int64_t>(1, elements);
}

// f(plane of x, plane of y, offset of the first channel, channels) for every plane, in parallel.
template <class F>
void each_plane(const Planes& x, const Planes& y, const F& f) {
  parallel_for(x.n, grain(x.h * x.w * x.c), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) f(n * x.h * x.w * x.c, n * y.h * y.w * y.c);
  });
}

// Where element (i, j) of the output came from, as an offset in its plane of x.
template <class Index>
struct Source {
  const Index* index;
  MaxPoolRule rule;
  Planes x, y;

  int64_t operator()(int64_t from, int64_t i, int64_t j, int64_t c) const {
    const int64_t at = index[from];
    if constexpr (sizeof(Index) == 8) return at * x.c + c;
    const int64_t row = i * rule.stride[0] - rule.padding[0] + at / rule.kernel[1] * rule.dilation[0];
    const int64_t col = j * rule.stride[1] - rule.padding[1] + at % rule.kernel[1] * rule.dilation[1];
    return (row * x.w + col) * x.c + c;
  }
  // f(element of the output, its source), for those of one plane.
  template <class F>
  void each(int64_t y_plane, const F& f) const {
    int64_t at = y_plane;
    for (int64_t i = 0; i < y.h; ++i) {
      for (int64_t j = 0; j < y.w; ++j) {
        for (int64_t c = 0; c < y.c; ++c, ++at) f(at, (*this)(at, i, j, c));
      }
    }
  }
};

template <class F>
void visit_source(In index, const MaxPoolRule& rule, const Planes& x, const Planes& y, const F& f) {
  if (index.dtype == DType::int64) return f(Source<int64_t>{index.as<int64_t>(), rule, x, y});
  f(Source<uint8_t>{index.as<uint8_t>(), rule, x, y});
}

}  // namespace

void max_pool2d(In x, MaxPoolRule rule, Out y, Out index) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool last = are_channels_last(x, y);
    MaxPool<T> a{rule, Planes(*x.sizes, last), Planes(*y.sizes, last)};
    a.x_data = x.as<T>();
    a.y_data = y.as<T>();
    if (index.defined() && index.dtype == DType::int64) {
      a.places = index.as<int64_t>();
    } else if (index.defined()) {
      a.positions = index.as<uint8_t>();
    }
    const auto loop = loops_for(tag, a.x.c > 1).pool;
    const int64_t window = std::min(rule.kernel[0], a.x.h) * std::min(rule.kernel[1], a.x.w);
    parallel_for(a.y.n * a.y.h, grain(a.y.w * a.y.c * window),
                 [&](int64_t begin, int64_t end) { loop(a, begin, end); });
  });
}

void max_pool2d_scatter(In dy, In index, MaxPoolRule rule, Out dx) {
  visit_float(dy.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool last = are_channels_last(dx, dy);
    MaxPool<T> a{rule, Planes(*dx.sizes, last), Planes(*dy.sizes, last)};
    if (index.dtype == DType::uint8) {
      a.positions = const_cast<uint8_t*>(index.as<uint8_t>());
      a.dy_data = dy.as<T>();
      a.dx_data = dx.as<T>();
      const auto loop = loops_for(tag, a.x.c > 1).scatter;
      parallel_for(a.x.n * a.x.h, grain(a.x.w * a.x.c),
                   [&](int64_t begin, int64_t end) { loop(a, begin, end); });
      return;
    }
    visit_source(index, rule, a.x, a.y, [&](const auto& source) {
      each_plane(a.x, a.y, [&](int64_t x_plane, int64_t y_plane) {
        T* plane = dx.as<T>() + x_plane;
        std::fill_n(plane, a.x.h * a.x.w * a.x.c, T(0));
        source.each(y_plane, [&](int64_t at, int64_t from) { plane[from] += dy.as<T>()[at]; });
      });
    });
  });
}

void max_pool2d_gather(In x, In index, MaxPoolRule rule, Out y) {
  visit_float(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool last = are_channels_last(x, y);
    const Planes from(*x.sizes, last), to(*y.sizes, last);
    visit_source(index, rule, from, to, [&](const auto& source) {
      each_plane(from, to, [&](int64_t x_plane, int64_t y_plane) {
        const T* plane = x.as<T>() + x_plane;
        source.each(y_plane, [&](int64_t at, int64_t place) { y.as<T>()[at] = plane[place]; });
      });
    });
  });
}

}  // namespace st::cpu
#endif  // HWY_ONCE
