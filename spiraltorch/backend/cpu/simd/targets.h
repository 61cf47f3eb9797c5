// Which instruction sets a kernel file is compiled for. Include it before any header of Highway.
//
// Release builds compile every kernel for AVX2, AVX3 (AVX-512 F, BW, DQ, VL) and, because Highway insists on
// a target that the compiler may use unasked, for plain scalar code; the processor is asked once, at run
// time. Processors without AVX2 (before 2013) run the scalar code: a target of their own would cost every
// cold build a quarter of its time. On ARM the only target is NEON.
//
// Dev and sanitizer builds compile one target: -march=native -DHWY_COMPILE_ONLY_STATIC. HWY_EXPORT and
// HWY_DYNAMIC_DISPATCH then mean that one target; no source changes.
#pragma once

#if defined(HIGHWAY_HWY_DETECT_TARGETS_H_)
#error \
    "include spiraltorch/backend/cpu/simd/targets.h before <hwy/...>: Highway has already chosen its targets"
#endif

#if !defined(HWY_DISABLED_TARGETS)
#define HWY_DISABLED_TARGETS                                                                        \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | \
   HWY_WASM_EMU256)
#endif
