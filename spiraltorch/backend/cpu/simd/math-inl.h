// Elementary functions of whole vectors, float and double, over Highway: the only vector maths of the CPU
// backend.
//
// Every function takes any bit pattern and answers as C99's annex F does: NaN, infinities, signed zeros,
// subnormal arguments and results. The comments give the worst error in units in the last place (ULP) of all
// targets, measured on scalar code (without fused multiply-add), AVX2 and AVX-512: float at every
// 53rd bit pattern, double at 5 million points. tests/backend/cpu/simd/math_test.cpp enforces it with a small
// margin. Needs rounding to nearest and no flushing of subnormals. The coefficients are minimax fits of our
// own: scripts/minimax.py prints them.
//
// A kernel file is compiled once for every instruction set, and chooses among them once a kernel call:
//
//   #include "spiraltorch/backend/cpu/simd/targets.h"
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/example.cpp"  // this very file
//   #include <hwy/foreach_target.h>
//   #include <hwy/highway.h>
//   #include "spiraltorch/backend/cpu/simd/math-inl.h"
//
//   HWY_BEFORE_NAMESPACE();
//   namespace st::simd::HWY_NAMESPACE {
//   void exp_block(const float* x, float* y, size_t count) {  // count: a multiple of hn::Lanes(d)
//     const hn::ScalableTag<float> d;
//     for (size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(Exp(d, hn::LoadU(d, x + i)), d, y + i);
//   }
//   Block get_exp_block() { return &exp_block; }
//   }  // namespace st::simd::HWY_NAMESPACE
//   HWY_AFTER_NAMESPACE();
//
//   #if HWY_ONCE
//   namespace st::simd {
//   HWY_EXPORT(get_exp_block);
//   void exp_kernel(...) {
//     const Block block = HWY_DYNAMIC_DISPATCH(get_exp_block)();  // once, outside the loops
//     parallel_for(..., block(x + begin, y + begin, end - begin));
//   }
//   }  // namespace st::simd
//   #endif
//
// where `using Block = void (*)(const float*, float*, size_t);` stands in a header with an ordinary guard.
#if defined(SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
#endif

#include "spiraltorch/backend/cpu/simd/math/exp-inl.h"
#include "spiraltorch/backend/cpu/simd/math/log-inl.h"
#include "spiraltorch/backend/cpu/simd/math/pow-inl.h"
#include "spiraltorch/backend/cpu/simd/math/trig-inl.h"

#endif  // SPIRALTORCH_BACKEND_CPU_SIMD_MATH_INL_H_
