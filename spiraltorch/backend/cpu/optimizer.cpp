// A step of all leaves: each element's parameter, gradient and state are read once and written once. Every
// rounding is that of the ops in optim/*.cpp, so that `update` there is an oracle to the bit.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/optimizer.cpp"
#include "spiraltorch/backend/cpu/optimizer.h"

#include <algorithm>

#include "spiraltorch/backend/cpu/simd/targets.h"
#include "spiraltorch/core/parallel.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/simd/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace part = st::simd::HWY_NAMESPACE;

// f(first, count) for each vector of elements [begin, end); only the last may have fewer elements than lanes.
template <class D, class F>
HWY_INLINE void for_each_vector(D d, int64_t begin, int64_t end, const F& f) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; begin + lanes <= end; begin += lanes) f(begin, lanes);
  if (begin < end) f(begin, end - begin);
}

// The gradient to descend along, with the decay that belongs in it.
template <class D, class V>
HWY_INLINE V direction(D d, V grad, V param, bool maximize, double weight_decay) {
  const V g = maximize ? hn::Neg(grad) : grad;
  return weight_decay == 0 ? g : hn::MulAdd(param, hn::Set(d, static_cast<hn::TFromD<D>>(weight_decay)), g);
}

template <class T>
void sgd_range(const SGDSlot& s, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  const auto number = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const auto descent = number(-s.lr), momentum = number(s.momentum), fresh = number(1 - s.dampening);
  T* const param = static_cast<T*>(s.param);
  const T* const grad = static_cast<const T*>(s.grad);
  T* const buffer = static_cast<T*>(s.momentum_buffer);
  for_each_vector(d, begin, end, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto p = part::LoadPart(d, param + i, count, T{0});
    auto g = direction(d, part::LoadPart(d, grad + i, count, T{0}), p, s.maximize, s.weight_decay);
    if (buffer) {
      auto b = g;
      if (!s.first) b = hn::MulAdd(g, fresh, hn::Mul(part::LoadPart(d, buffer + i, count, T{0}), momentum));
      part::StorePart(b, d, buffer + i, count);
      g = s.nesterov ? hn::MulAdd(b, momentum, g) : b;
    }
    part::StorePart(hn::MulAdd(g, descent, p), d, param + i, count);
  });
}

constexpr size_t kAhead = 1024;  // bytes

// The larger one; NaN wins.
template <class V>
HWY_INLINE V larger(V a, V b) {
  return hn::IfThenElse(hn::Or(hn::IsNaN(a), hn::Ge(a, b)), a, b);
}

template <class T>
void adam_range(const AdamSlot& s, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  const auto number = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const auto beta1 = number(s.beta1), fresh1 = number(1 - s.beta1);
  const auto beta2 = number(s.beta2), fresh2 = number(1 - s.beta2);
  const auto shrink = number(s.shrink), descent = number(-s.step_size);
  const auto correction = number(s.root_correction), eps = number(s.eps);
  T *const param = static_cast<T*>(s.param), *const exp_avg = static_cast<T*>(s.exp_avg),
           *const exp_avg_sq = static_cast<T*>(s.exp_avg_sq),
           *const largest = static_cast<T*>(s.max_exp_avg_sq);
  const T* const grad = static_cast<const T*>(s.grad);
  for_each_vector(d, begin, end, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto load = [&](const T* from) HWY_ATTR {
      __builtin_prefetch(from + i + kAhead / sizeof(T));
      return part::LoadPart(d, from + i, count, T{0});
    };
    const auto p = hn::Mul(load(param), shrink);
    const auto g = direction(d, load(grad), p, s.maximize, s.weight_decay);
    const auto m = hn::MulAdd(g, fresh1, hn::Mul(load(exp_avg), beta1));
    const auto v = hn::MulAdd(hn::Mul(g, g), fresh2, hn::Mul(load(exp_avg_sq), beta2));
    part::StorePart(m, d, exp_avg + i, count);
    part::StorePart(v, d, exp_avg_sq + i, count);
    auto square = v;
    if (largest) {
      square = larger(load(largest), v);
      part::StorePart(square, d, largest + i, count);
    }
    const auto scale = hn::Add(hn::Div(hn::Sqrt(square), correction), eps);
    part::StorePart(hn::MulAdd(hn::Div(m, scale), descent, p), d, param + i, count);
  });
}

template <class T>
void rmsprop_range(const RMSpropSlot& s, int64_t begin, int64_t end) {
  const hn::ScalableTag<T> d;
  const auto number = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const auto alpha = number(s.alpha), fresh = number(1 - s.alpha), eps = number(s.eps);
  const auto momentum = number(s.momentum), descent = number(-s.lr);
  T *const param = static_cast<T*>(s.param), *const square_avg = static_cast<T*>(s.square_avg),
           *const grad_avg = static_cast<T*>(s.grad_avg), *const buffer = static_cast<T*>(s.momentum_buffer);
  const T* const grad = static_cast<const T*>(s.grad);
  for_each_vector(d, begin, end, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto load = [&](const T* from) HWY_ATTR { return part::LoadPart(d, from + i, count, T{0}); };
    const auto p = load(param), g = direction(d, load(grad), p, s.maximize, s.weight_decay);
    const auto v = hn::MulAdd(hn::Mul(g, g), fresh, hn::Mul(load(square_avg), alpha));
    part::StorePart(v, d, square_avg + i, count);
    auto square = v;
    if (grad_avg) {
      const auto m = hn::MulAdd(g, fresh, hn::Mul(load(grad_avg), alpha));
      part::StorePart(m, d, grad_avg + i, count);
      square = hn::Sub(v, hn::Mul(m, m));
    }
    auto step = hn::Div(g, hn::Add(hn::Sqrt(square), eps));
    if (buffer) {
      step = hn::Add(hn::Mul(load(buffer), momentum), step);
      part::StorePart(step, d, buffer + i, count);
    }
    part::StorePart(hn::MulAdd(step, descent, p), d, param + i, count);
  });
}

void sgd_slot(const SGDSlot& s, int64_t begin, int64_t end) {
  s.dtype == DType::float64 ? sgd_range<double>(s, begin, end) : sgd_range<float>(s, begin, end);
}

void adam_slot(const AdamSlot& s, int64_t begin, int64_t end) {
  s.dtype == DType::float64 ? adam_range<double>(s, begin, end) : adam_range<float>(s, begin, end);
}

void rmsprop_slot(const RMSpropSlot& s, int64_t begin, int64_t end) {
  s.dtype == DType::float64 ? rmsprop_range<double>(s, begin, end) : rmsprop_range<float>(s, begin, end);
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(sgd_slot);
HWY_EXPORT(adam_slot);
HWY_EXPORT(rmsprop_slot);

// The elements of all slots, one after the other, shared out over the threads.
template <class Slot>
void for_all(std::span<const Slot> slots, void (*step)(const Slot&, int64_t, int64_t)) {
  constexpr int64_t kGrain = 16384;  // some 20 microseconds of work
  int64_t total = 0;
  for (const Slot& slot : slots) total += slot.n;
  parallel_for(total, kGrain, [&](int64_t begin, int64_t end) {
    int64_t first = 0;
    for (const Slot& slot : slots) {
      const int64_t from = std::max(begin - first, int64_t{0}), to = std::min(end - first, slot.n);
      if (from < to) step(slot, from, to);
      first += slot.n;
    }
  });
}

}  // namespace

void sgd(std::span<const SGDSlot> slots) { for_all(slots, &HWY_DYNAMIC_DISPATCH(sgd_slot)); }

void adam(std::span<const AdamSlot> slots) { for_all(slots, &HWY_DYNAMIC_DISPATCH(adam_slot)); }

void rmsprop(std::span<const RMSpropSlot> slots) { for_all(slots, &HWY_DYNAMIC_DISPATCH(rmsprop_slot)); }

}  // namespace st::cpu
#endif  // HWY_ONCE
