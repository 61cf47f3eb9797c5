// The loops that the elementwise kernels are made of: a functor F over vectors, applied to whole blocks.
// F::apply(d, v...) computes one vector of floating-point lanes; F::apply(int64_t...) computes one integer.
#if defined(SPIRALTORCH_BACKEND_CPU_LOOPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_LOOPS_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_LOOPS_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_LOOPS_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "spiraltorch/backend/cpu/iterator.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// A run this long comes from memory, several streams at once: asked for this far ahead it comes sooner than
// the processor's own prefetching, which stops at every page, makes it come.
constexpr int64_t kBeyondCaches = 1 << 20;  // bytes
constexpr int64_t kPrefetch = 1024;
// A run whose operands take this much is no longer in any cache when somebody reads its result: it goes to
// memory past the caches, which saves reading what it overwrites.
constexpr int64_t kStreamed = 20 << 20;  // bytes

template <class T>
HWY_INLINE bool is_streamed(const T* out, int64_t n, std::initializer_list<const T*> in) {
  const int64_t bytes = n * static_cast<int64_t>((in.size() + 1) * sizeof(T));
  return bytes >= kStreamed && std::find(in.begin(), in.end(), out) == in.end();
}

// out[i] = apply(a[i], b[i], c[i]) for as many operands as `apply` is given pointers; the last, partial
// vector goes through a buffer, so that nothing is read or written beyond n.
template <class T, class F, class... Ins>
HWY_INLINE void map_vectors(T* out, int64_t n, const F& apply, const Ins*... in) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto vector_at = [&](int64_t i)
                             HWY_ATTR { hn::StoreU(apply(d, hn::LoadU(d, in + i)...), d, out + i); };
  int64_t i = 0;
  constexpr int64_t ahead = kPrefetch / sizeof(T);
  if (is_streamed<T>(out, n, {in...})) {
    vector_at(0);
    i = lanes - static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) / sizeof(T)) % lanes;
    for (; i + lanes <= n; i += lanes) {
      (__builtin_prefetch(in + i + ahead), ...);
      hn::Stream(apply(d, hn::LoadU(d, in + i)...), d, out + i);
    }
    hwy::FlushStream();
  } else if (n * static_cast<int64_t>(sizeof(T)) >= kBeyondCaches) {
    for (; i + lanes <= n; i += lanes) {
      (__builtin_prefetch(in + i + ahead), ...);
      __builtin_prefetch(out + i + ahead, 1);
      vector_at(i);
    }
  }
  for (; i + lanes <= n; i += lanes) vector_at(i);
  if (i == n) return;
  const auto load_tail = [&](const T* from) HWY_ATTR {
    HWY_ALIGN T buffer[hn::MaxLanes(d)] = {};
    std::memcpy(buffer, from + i, static_cast<size_t>(n - i) * sizeof(T));
    return hn::Load(d, buffer);
  };
  HWY_ALIGN T buffer[hn::MaxLanes(d)];
  hn::Store(apply(d, load_tail(in)...), d, buffer);
  std::memcpy(out + i, buffer, static_cast<size_t>(n - i) * sizeof(T));
}

template <class T, class F>
struct Apply {
  template <class D, class... V>
  HWY_INLINE auto operator()(D d, V... v) const {
    return F::apply(d, v...);
  }
};

// The three shapes of Loop (iterator.h) for a functor without parameters.
template <class F, class T>
void map1(const void* const* in, void* out, int64_t n, const void*) {
  const T* a = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = F::apply(a[i]);
  } else {
    map_vectors(y, n, Apply<T, F>(), a);
  }
}

template <class F, class T>
void map2(const void* const* in, void* out, int64_t n, const void*) {
  const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = F::apply(a[i], b[i]);
  } else {
    map_vectors(y, n, Apply<T, F>(), a, b);
  }
}

template <class F, class T>
void map3(const void* const* in, void* out, int64_t n, const void*) {
  const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]),
          *c = static_cast<const T*>(in[2]);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = F::apply(a[i], b[i], c[i]);
  } else {
    map_vectors(y, n, Apply<T, F>(), a, b, c);
  }
}

// A vector with every lane equal to `value`, held until the target's own vector type is known.
template <class T, class F>
struct ApplyRight {
  T s;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return F::apply(d, x, hn::Set(d, s));
  }
};
template <class T, class F>
struct ApplyLeft {
  T s;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    return F::apply(d, hn::Set(d, s), x);
  }
};

// x op s, and s op x, where params points to one T.
template <class F, class T>
void map_scalar_right(const void* const* in, void* out, int64_t n, const void* params) {
  const T s = *static_cast<const T*>(params);
  const T* a = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = F::apply(a[i], s);
  } else {
    map_vectors(y, n, ApplyRight<T, F>{s}, a);
  }
}

template <class F, class T>
void map_scalar_left(const void* const* in, void* out, int64_t n, const void* params) {
  const T s = *static_cast<const T*>(params);
  const T* a = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = F::apply(s, a[i]);
  } else {
    map_vectors(y, n, ApplyLeft<T, F>{s}, a);
  }
}

// A number in every lane.
template <class D>
HWY_INLINE hn::Vec<D> number(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

template <class F, class P>
struct ValueOf {
  P p;
  template <class D, class... V>
  HWY_INLINE auto operator()(D d, V... v) const {
    return F::value(d, v..., p);
  }
};
template <class F, class P>
struct GradientOf {
  P p;
  template <class D, class... V>
  HWY_INLINE auto operator()(D d, V... v) const {
    return F::gradient(d, v..., p);
  }
};

template <class Apply, class P, class T, size_t... I>
HWY_INLINE void map_with(const void* const* in, void* out, int64_t n, const P& p, std::index_sequence<I...>) {
  map_vectors(static_cast<T*>(out), n, Apply{p}, static_cast<const T*>(in[I])...);
}
template <class F, class P, int kIns, class T>
void value_loop(const void* const* in, void* out, int64_t n, const void* params) {
  map_with<ValueOf<F, P>, P, T>(in, out, n, *static_cast<const P*>(params), std::make_index_sequence<kIns>());
}
template <class F, class P, int kIns, class T>
void gradient_loop(const void* const* in, void* out, int64_t n, const void* params) {
  map_with<GradientOf<F, P>, P, T>(in, out, n, *static_cast<const P*>(params),
                                   std::make_index_sequence<kIns + 1>());
}

// The loop of F::value(d, x, ..., p), of kIns operands, or of F::gradient(d, x, ..., dy, p), of one more;
// params points to a P.
template <class F, class P, int kIns>
Loop loop_of(bool gradient, DType compute) {
  if (compute == DType::float64)
    return gradient ? &gradient_loop<F, P, kIns, double> : &value_loop<F, P, kIns, double>;
  return gradient ? &gradient_loop<F, P, kIns, float> : &value_loop<F, P, kIns, float>;
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_LOOPS_INL_H_
