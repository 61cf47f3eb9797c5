// The innermost loops of reductions, for contiguous elements of type T and an accumulator of type Acc: down
// rows into a row of accumulators, and along a row into one. Included by reduce.cpp, once per instruction
// set.
#if defined(SPIRALTORCH_BACKEND_CPU_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_REDUCE_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_REDUCE_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_REDUCE_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "spiraltorch/backend/cpu/reduce.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// int64_t wraps around, as in PyTorch; as a signed number it would be undefined.
template <class Acc>
using Wrapping = std::conditional_t<std::is_same_v<Acc, int64_t>, uint64_t, Acc>;

// What is folded: the neutral element, and the fold of two vectors and of two numbers.
struct Add {
  template <class Acc>
  static constexpr Acc kNeutral = 0;
  template <class V>
  static HWY_INLINE V fold(V a, V b) {
    return hn::Add(a, b);
  }
  template <class Acc>
  static Acc fold_one(Acc a, Acc b) {
    return static_cast<Acc>(static_cast<Wrapping<Acc>>(a) + static_cast<Wrapping<Acc>>(b));
  }
};

struct Multiply {
  template <class Acc>
  static constexpr Acc kNeutral = 1;
  template <class V>
  static HWY_INLINE V fold(V a, V b) {
    return hn::Mul(a, b);
  }
  template <class Acc>
  static Acc fold_one(Acc a, Acc b) {
    return static_cast<Acc>(static_cast<Wrapping<Acc>>(a) * static_cast<Wrapping<Acc>>(b));
  }
};

// The larger (smaller) of two; NaN wins.
template <bool kMax>
struct Larger {
  template <class Acc>
  static constexpr Acc kNeutral = std::numeric_limits<Acc>::has_infinity
                                      ? (kMax ? -1 : 1) * std::numeric_limits<Acc>::infinity()
                                      : (kMax ? std::numeric_limits<Acc>::lowest()
                                              : std::numeric_limits<Acc>::max());
  template <class V>
  static HWY_INLINE V fold(V a, V b) {
    return hn::IfThenElse(hn::Or(kMax ? hn::Gt(b, a) : hn::Lt(b, a), hn::IsNaN(b)), b, a);
  }
  template <class Acc>
  static Acc fold_one(Acc a, Acc b) {
    return (kMax ? b > a : b < a) || b != b ? b : a;
  }
};

// Elements at p as accumulators.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_as(D d, const T* p) {
  if constexpr (std::is_same_v<hn::TFromD<D>, T>) {
    return hn::LoadU(d, p);
  } else {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<T, D>(), p));
  }
}

// acc[j] = fold(acc[j], x[r * step + j]) for all rows r and all j < n. Four rows at a time: the accumulators
// are read and written once for them.
template <class F, class T, class Acc>
void fold_down(Acc* HWY_RESTRICT acc, const T* HWY_RESTRICT x, int64_t step, int64_t rows, int64_t n) {
  const hn::ScalableTag<Acc> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; rows >= 4; rows -= 4, x += 4 * step) {
    const T *x1 = x + step, *x2 = x1 + step, *x3 = x2 + step;
    int64_t j = 0;
    for (; j + lanes <= n; j += lanes) {
      const auto front = F::fold(load_as(d, x + j), load_as(d, x1 + j));
      const auto back = F::fold(load_as(d, x2 + j), load_as(d, x3 + j));
      hn::StoreU(F::fold(hn::LoadU(d, acc + j), F::fold(front, back)), d, acc + j);
    }
    for (; j < n; ++j) {
      const Acc front = F::fold_one(Acc{x[j]}, Acc{x1[j]}), back = F::fold_one(Acc{x2[j]}, Acc{x3[j]});
      acc[j] = F::fold_one(acc[j], F::fold_one(front, back));
    }
  }
  for (; rows > 0; --rows, x += step) {
    int64_t j = 0;
    for (; j + lanes <= n; j += lanes) {
      hn::StoreU(F::fold(hn::LoadU(d, acc + j), load_as(d, x + j)), d, acc + j);
    }
    for (; j < n; ++j) acc[j] = F::fold_one(acc[j], Acc{x[j]});
  }
}

// The fold of acc and n elements, in four chains: one would wait for itself.
template <class F, class T, class Acc>
Acc fold_along(Acc acc, const T* x, int64_t n) {
  const hn::ScalableTag<Acc> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  if (n >= lanes) {
    auto a = hn::Set(d, F::template kNeutral<Acc>), b = a, c = a, e = a;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      a = F::fold(a, load_as(d, x + i));
      b = F::fold(b, load_as(d, x + i + lanes));
      c = F::fold(c, load_as(d, x + i + 2 * lanes));
      e = F::fold(e, load_as(d, x + i + 3 * lanes));
    }
    for (; i + lanes <= n; i += lanes) a = F::fold(a, load_as(d, x + i));
    HWY_ALIGN Acc folded[hn::MaxLanes(d)];
    hn::Store(F::fold(F::fold(a, b), F::fold(c, e)), d, folded);
    for (int64_t j = 0; j < lanes; ++j) acc = F::fold_one(acc, folded[j]);
  }
  for (; i < n; ++i) acc = F::fold_one(acc, Acc{x[i]});
  return acc;
}

// The sum of acc and a long row of float32: four vectors are added before they become float64, since that
// conversion takes longer than reading from the caches (2 cycles for 8 on Zen 4). Each sum of two is rounded
// by 2^-24 of itself at most, together with a deviation of 2^-24 sqrt(2/3 sum x^2): what rounding x to
// float32 itself may have cost. Finite neighbours can overflow; so a row that is not finite is added again
// without.
inline double add_neighbours_along(double acc, const float* x, int64_t n) {
  constexpr int64_t kLong = 1 << 13;
  if (n < kLong) return fold_along<Add>(acc, x, n);
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto four = [&](const float* p) HWY_ATTR {
    const auto front = hn::Add(hn::LoadU(df, p), hn::LoadU(df, p + lanes));
    const auto back = hn::Add(hn::LoadU(df, p + 2 * lanes), hn::LoadU(df, p + 3 * lanes));
    return hn::PromoteTo(d, hn::Add(front, back));
  };
  auto a = hn::Zero(d), b = a, c = a, e = a;
  int64_t i = 0;
  for (; i + 16 * lanes <= n; i += 16 * lanes) {
    a = hn::Add(a, four(x + i));
    b = hn::Add(b, four(x + i + 4 * lanes));
    c = hn::Add(c, four(x + i + 8 * lanes));
    e = hn::Add(e, four(x + i + 12 * lanes));
  }
  const double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
  return std::isfinite(sum) ? fold_along<Add>(acc + sum, x + i, n - i) : fold_along<Add>(acc, x, n);
}

// fold_down and fold_along for integers and for bool, where the compiler may reorder and so makes the vectors
// itself.
template <class F, class T>
void fold_integers_down(T* HWY_RESTRICT acc, const T* HWY_RESTRICT x, int64_t step, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < n; ++j) acc[j] = F::fold_one(acc[j], x[r * step + j]);
  }
}

template <class F, class T>
T fold_integers_along(T acc, const T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) acc = F::fold_one(acc, x[i]);
  return acc;
}

template <class F, class T, class Acc>
Fold<T, Acc> make_fold() {
  if constexpr (std::is_integral_v<T>) {
    return {F::template kNeutral<T>, &fold_integers_down<F, T>, &fold_integers_down<F, T>,
            &fold_integers_along<F, T>};
  } else if constexpr (std::is_same_v<F, Add> && std::is_same_v<T, float> && std::is_same_v<Acc, double>) {
    return {F::template kNeutral<Acc>, &fold_down<F, T, Acc>, &fold_down<F, Acc, Acc>, &add_neighbours_along};
  } else {
    return {F::template kNeutral<Acc>, &fold_down<F, T, Acc>, &fold_down<F, Acc, Acc>,
            &fold_along<F, T, Acc>};
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
