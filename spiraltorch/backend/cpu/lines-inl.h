// Lines (lines.h) as vectors: one kernel body serves both forms. Included by kernel files, once per
// instruction set.
#if defined(SPIRALTORCH_BACKEND_CPU_LINES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_LINES_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_LINES_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_LINES_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>

#include "spiraltorch/backend/cpu/lines.h"
#include "spiraltorch/backend/cpu/simd/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The `count` vectors that are reduced together: those of one line, or, of as many neighbouring lines as
// there are lanes, one vector for each position.
template <class T, bool kAlong>
class Bundle {
 public:
  static constexpr T kLowest = -std::numeric_limits<T>::infinity();
  const hn::ScalableTag<T> d;
  const int64_t count;

  Bundle(const Lines<T>& lines, int64_t column)
      : count(kAlong ? (lines.length + lanes() - 1) / lanes() : lines.length),
        lines_(lines),
        column_(column),
        end_(kAlong ? lines.length : lines.width - column) {}

  static int64_t lanes() { return static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>())); }

  // Vector i of input k, with `fill` in the lanes beyond its end.
  HWY_INLINE auto load(int k, int64_t i, T fill) const {
    const size_t input = static_cast<size_t>(k);
    return simd::HWY_NAMESPACE::LoadPart(d, lines_.in[input] + offset(i, lines_.in_step[input]), valid(i),
                                         fill);
  }
  // Vector i of what store() wrote.
  HWY_INLINE auto result(int64_t i) const {
    return simd::HWY_NAMESPACE::LoadPart(d, lines_.out + offset(i, lines_.out_step), valid(i), T{0});
  }
  template <class V>
  HWY_INLINE void store(int64_t i, V v) const {
    simd::HWY_NAMESPACE::StorePart(v, d, lines_.out + offset(i, lines_.out_step), valid(i));
  }

  // The sum of each line, given that of its vectors.
  template <class V>
  HWY_INLINE V sum(V v) const {
    return kAlong ? hn::SumOfLanes(d, v) : v;
  }
  // The largest element of each line of input k; of a line with NaN, any number.
  HWY_INLINE auto max(int k) const {
    auto a = hn::Set(d, kLowest), b = a;
    int64_t i = 0;
    for (; i + 1 < count; i += 2) {
      a = hn::Max(a, load(k, i, kLowest));
      b = hn::Max(b, load(k, i + 1, kLowest));
    }
    if (i < count) a = hn::Max(a, load(k, i, kLowest));
    a = hn::Max(a, b);
    return kAlong ? hn::MaxOfLanes(d, a) : a;
  }

 private:
  HWY_INLINE int64_t offset(int64_t i, int64_t step) const {
    return kAlong ? i * lanes() : i * step + column_;
  }
  HWY_INLINE int64_t valid(int64_t i) const { return kAlong ? end_ - i * lanes() : end_; }

  const Lines<T>& lines_;
  const int64_t column_;
  const int64_t end_;
};

template <class F, class T>
void run_lines(const Lines<T>& lines) {
  if (lines.along) return F::apply(Bundle<T, true>(lines, 0));
  for (int64_t j = 0; j < lines.width; j += Bundle<T, false>::lanes()) F::apply(Bundle<T, false>(lines, j));
}

/// The kernels made of F::apply(const Bundle<T, kAlong>&).
template <class F>
LineKernels line_kernels() {
  return {&run_lines<F, float>, &run_lines<F, double>};
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
