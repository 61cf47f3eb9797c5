// Unscaling: the loop multiplies and compares each product with the largest number of the dtype, which Inf
// and NaN fail.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/unscale.cpp"
#include "spiraltorch/backend/cpu/unscale.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include <hwy/highway.h>

#include <atomic>
#include <cmath>
#include <limits>

#include "spiraltorch/backend/cpu/iterator.h"

#ifndef SPIRALTORCH_BACKEND_CPU_UNSCALE_PARAMS
#define SPIRALTORCH_BACKEND_CPU_UNSCALE_PARAMS
namespace st::cpu {
struct UnscaleParams {
  double factor, largest;
  std::atomic<bool>* found;
};
}  // namespace st::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void unscale_loop(const void* const* in, void* out, int64_t n, const void* params) {
  const UnscaleParams& p = *static_cast<const UnscaleParams*>(params);
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  const T factor = static_cast<T>(p.factor);
  const auto f = hn::Set(d, factor);
  const T largest = static_cast<T>(p.largest);
  const auto limit = hn::Set(d, largest);
  auto finite = hn::Le(hn::Zero(d), limit);  // true
  bool rest = true;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::Mul(hn::LoadU(d, x + i), f);
    hn::StoreU(v, d, y + i);
    finite = hn::And(finite, hn::Le(hn::Abs(v), limit));
  }
  for (; i < n; ++i) {
    y[i] = x[i] * factor;
    rest = rest && std::abs(y[i]) <= largest;
  }
  if (!rest || !hn::AllTrue(d, finite)) p.found->store(true, std::memory_order_relaxed);
}

void run_unscale(const Out& y, UnscaleParams params) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {In{y.data, y.dtype, y.sizes, y.strides}}, compute,
              compute == DType::float64 ? unscale_loop<double> : unscale_loop<float>, &params);
}

}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {
HWY_EXPORT(run_unscale);

double largest_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return std::numeric_limits<double>::max();
    case DType::float16:
      return 65504;
    case DType::bfloat16:
      return 0x1.fep127;
    default:
      return static_cast<double>(std::numeric_limits<float>::max());
  }
}

}

void unscale(Out y, double factor, Out found) {
  std::atomic<bool> seen{false};
  HWY_DYNAMIC_DISPATCH(run_unscale)(y, {factor, largest_of(y.dtype), &seen});
  if (seen.load()) *found.as<bool>() = true;
}

}  // namespace st::cpu
#endif
