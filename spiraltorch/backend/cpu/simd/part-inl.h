// Loads and stores of part of a vector, for the last elements of a row: nothing outside is touched.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_PART_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_PART_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_PART_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_PART_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace st::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The first `count` elements at p, or as many as there are lanes, and `fill` in the other lanes.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadPart(D d, const T* p, int64_t count, T fill) {
  if (count >= static_cast<int64_t>(hn::Lanes(d))) return hn::LoadU(d, p);
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(hn::Set(d, fill), d, lanes);
  for (int64_t i = 0; i < count; ++i) lanes[i] = p[i];
  return hn::Load(d, lanes);
#else
  const auto mask = hn::FirstN(d, static_cast<size_t>(count));
  return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, p), hn::Set(d, fill));
#endif
}

/// The same as float64, whatever floating type is stored.
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadWide(D d, const T* p, int64_t count, T fill) {
  const auto v = LoadPart(hn::Rebind<T, D>(), p, count, fill);
  if constexpr (std::is_same_v<T, double>) {
    return v;
  } else {
    return hn::PromoteTo(d, v);
  }
}

/// The first `count` lanes, or all of them, to p.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void StorePart(hn::Vec<D> v, D d, T* p, int64_t count) {
  if (count >= static_cast<int64_t>(hn::Lanes(d))) return hn::StoreU(v, d, p);
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  for (int64_t i = 0; i < count; ++i) p[i] = lanes[i];
#else
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, p);
#endif
}

/// The first n lanes, for many loads and stores of the same n: nothing beyond them is touched, the others are
/// 0.
template <class D>
struct Part {
  using T = hn::TFromD<D>;
  size_t n;
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2  // AVX2's masks are safe for float and double
  hn::Mask<D> mask;
  explicit HWY_INLINE Part(size_t count) : n(count), mask(hn::FirstN(D(), count)) {}
  HWY_INLINE hn::Vec<D> load(const T* p) const { return hn::MaskedLoad(mask, D(), p); }
  HWY_INLINE void store(hn::Vec<D> v, T* p) const { hn::BlendedStore(v, mask, D(), p); }
#else
  explicit HWY_INLINE Part(size_t count) : n(count) {}
  HWY_INLINE hn::Vec<D> load(const T* p) const {
    HWY_ALIGN T buffer[hn::MaxLanes(D())] = {};
    std::memcpy(buffer, p, n * sizeof(T));
    return hn::Load(D(), buffer);
  }
  HWY_INLINE void store(hn::Vec<D> v, T* p) const {
    HWY_ALIGN T buffer[hn::MaxLanes(D())];
    hn::Store(v, D(), buffer);
    std::memcpy(p, buffer, n * sizeof(T));
  }
#endif
};

}  // namespace st::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
