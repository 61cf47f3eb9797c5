// Rows between float64 and their dtype, for the maps that hyperbolic_products.h multiplies for.
#if defined(SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PRODUCTS_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PRODUCTS_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PRODUCTS_INL_H_
#endif

#include "spiraltorch/backend/cpu/hyperbolic_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {

// <a, b> of rows of this width.
template <class T>
HWY_INLINE double dot_row(const T* a, const double* b, int64_t width) {
  V sum = hn::Zero(Row());
  int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) sum = hn::MulAdd(load_row(a + j), load_row(b + j), sum);
  if (j < width) sum = hn::MulAdd(tail_of<T>(width).load(a + j), tail_of<double>(width).load(b + j), sum);
  return hn::GetLane(hn::SumOfLanes(Row(), sum));
}

// Writes a row as float64; returns its square.
template <class T>
HWY_INLINE double widen_row(const T* from, int64_t width, double* to) {
  std::copy(from, from + width, to);
  return dot_row(from, to, width);
}

// to = s a + t b
template <class A, class B>
HWY_INLINE void combine_rows(double s, const A* a, double t, const double* b, int64_t width, B* to) {
  const V of_a = constant(s), of_b = constant(t);
  int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    store_row(hn::MulAdd(of_a, load_row(a + j), hn::Mul(of_b, load_row(b + j))), to + j);
  }
  if (j < width) {
    const V v =
        hn::MulAdd(of_a, tail_of<A>(width).load(a + j), hn::Mul(of_b, tail_of<double>(width).load(b + j)));
    tail_of<B>(width).store(v, to + j);
  }
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_HYPERBOLIC_PRODUCTS_INL_H_
