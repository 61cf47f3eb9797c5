// Conversions between float32 and the 16-bit types, by integers on the bits: exact, rounded to nearest even,
// and with the same NaN, on every instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/convert.cpp"
#include "spiraltorch/backend/cpu/convert.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using H = hn::Rebind<uint16_t, F>;
using Half = hn::Vec<H>;  // 16-bit patterns, one a lane of F

HWY_INLINE hn::Vec<I> bits(hn::Vec<F> x) { return hn::BitCast(I(), x); }
HWY_INLINE hn::Vec<F> number(hn::Vec<I> x) { return hn::BitCast(F(), x); }
HWY_INLINE hn::Vec<I> every(uint32_t x) { return hn::Set(I(), static_cast<int32_t>(x)); }

HWY_INLINE hn::Vec<F> from_bfloat16(Half x) { return number(hn::ShiftLeft<16>(hn::PromoteTo(I(), x))); }

HWY_INLINE Half to_bfloat16(hn::Vec<F> x) {
  const hn::RebindToUnsigned<F> d;
  const auto u = hn::BitCast(d, x);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(d, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(u, hn::Add(odd, hn::Set(d, 0x7fffu))));
  const auto is_nan = hn::RebindMask(d, hn::IsNaN(x));
  return hn::DemoteTo(H(), hn::BitCast(I(), hn::IfThenElse(is_nan, hn::Set(d, 0x7fc0u), rounded)));
}

HWY_INLINE hn::Vec<F> from_float16(Half x) {
  const auto wide = hn::PromoteTo(I(), x);
  const auto sign = hn::ShiftLeft<16>(hn::And(wide, every(0x8000)));
  const auto magnitude = hn::ShiftLeft<13>(hn::And(wide, every(0x7fff)));
  const auto normal = hn::Add(magnitude, every(112u << 23));
  // Infinity and NaN: the exponent becomes 255.
  const auto large =
      hn::IfThenElse(hn::Gt(magnitude, every(0x0f7fffff)), hn::Add(normal, every(112u << 23)), normal);
  // Subnormal: 2^-14 is added to the mantissa and taken away again.
  const auto offset = every(113u << 23);
  const auto small = bits(hn::Sub(number(hn::Add(magnitude, offset)), number(offset)));
  return number(hn::Or(sign, hn::IfThenElse(hn::Lt(magnitude, every(1u << 23)), small, large)));
}

HWY_INLINE Half to_float16(hn::Vec<F> x) {
  const auto u = bits(x);
  const auto magnitude = hn::And(u, every(0x7fffffff));
  const auto sign = hn::Xor(u, magnitude);
  const auto odd = hn::And(hn::ShiftRight<13>(magnitude), every(1));
  const auto rounded = hn::Add(magnitude, hn::Add(odd, every(0xfff)));
  auto half = hn::ShiftRight<13>(hn::Sub(rounded, every(0x38000000)));
  // Subnormal: rounded by the addition of 0.5, whose unit in the last place is 2^-24.
  const auto small = hn::Sub(bits(hn::Add(number(magnitude), hn::Set(F(), 0.5f))), every(0x3f000000));
  half = hn::IfThenElse(hn::Lt(magnitude, every(0x38800000)), small, half);
  half = hn::IfThenElse(hn::Gt(magnitude, every(0x477fefff)), every(0x7c00), half);
  half = hn::IfThenElse(hn::Gt(magnitude, every(0x7f800000)), every(0x7e00), half);
  // The sign's bit is moved without a copy of itself beside it: DemoteTo saturates.
  const auto upper = hn::And(hn::ShiftRight<16>(sign), every(0x8000));
  return hn::DemoteTo(H(), hn::Or(half, upper));
}

// The last, partial vector goes through a buffer.
template <class To, class From, class Vectors>
HWY_INLINE void convert_all(const From* x, To* y, int64_t n, const Vectors& vectors) {
  constexpr int64_t lanes = static_cast<int64_t>(hn::MaxLanes(F()));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) vectors(x + i, y + i);
  if (i == n) return;
  HWY_ALIGN From from[lanes] = {};
  HWY_ALIGN To to[lanes];
  for (int64_t k = i; k < n; ++k) from[k - i] = x[k];
  vectors(from, to);
  for (int64_t k = i; k < n; ++k) y[k] = to[k - i];
}

void widen_bfloat16(const void* x, void* y, int64_t n) {
  convert_all(static_cast<const uint16_t*>(x), static_cast<float*>(y), n,
              [](const uint16_t* from, float* to)
                  HWY_ATTR { hn::StoreU(from_bfloat16(hn::LoadU(H(), from)), F(), to); });
}
void narrow_bfloat16(const void* x, void* y, int64_t n) {
  convert_all(static_cast<const float*>(x), static_cast<uint16_t*>(y), n,
              [](const float* from, uint16_t* to)
                  HWY_ATTR { hn::StoreU(to_bfloat16(hn::LoadU(F(), from)), H(), to); });
}
void widen_float16(const void* x, void* y, int64_t n) {
  convert_all(static_cast<const uint16_t*>(x), static_cast<float*>(y), n,
              [](const uint16_t* from, float* to)
                  HWY_ATTR { hn::StoreU(from_float16(hn::LoadU(H(), from)), F(), to); });
}
void narrow_float16(const void* x, void* y, int64_t n) {
  convert_all(static_cast<const float*>(x), static_cast<uint16_t*>(y), n,
              [](const float* from, uint16_t* to)
                  HWY_ATTR { hn::StoreU(to_float16(hn::LoadU(F(), from)), H(), to); });
}

Conversion find_conversion(DType from, DType to) {
  if (from == DType::bfloat16 && to == DType::float32) return widen_bfloat16;
  if (from == DType::float32 && to == DType::bfloat16) return narrow_bfloat16;
  if (from == DType::float16 && to == DType::float32) return widen_float16;
  if (from == DType::float32 && to == DType::float16) return narrow_float16;
  return nullptr;
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {

HWY_EXPORT(find_conversion);

Conversion vector_conversion(DType from, DType to) { return HWY_DYNAMIC_DISPATCH(find_conversion)(from, to); }

}  // namespace st::cpu
#endif  // HWY_ONCE
