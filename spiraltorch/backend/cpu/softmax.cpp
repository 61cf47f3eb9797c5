// Softmax, its logarithm, and their gradients. A line is read two or three times while it stays in L1, and
// written there. -inf everywhere, and +inf or NaN anywhere, make a line NaN by arithmetic alone, as in
// PyTorch.
#include "spiraltorch/backend/cpu/softmax.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "spiraltorch/backend/cpu/lines-inl.h"
#include "spiraltorch/backend/cpu/lines.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

using simd::HWY_NAMESPACE::Exp;
using simd::HWY_NAMESPACE::Log;

struct Softmax {
  template <class B>
  static void apply(const B& b) {
    const auto d = b.d;
    const auto max = b.max(0);
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < b.count; ++i) {
      const auto e = Exp(d, hn::Sub(b.load(0, i, b.kLowest), max));
      sum = hn::Add(sum, e);
      b.store(i, e);
    }
    const auto scale = hn::Div(hn::Set(d, 1), b.sum(sum));
    for (int64_t i = 0; i < b.count; ++i) b.store(i, hn::Mul(b.result(i), scale));
  }
};

struct LogSoftmax {
  template <class B>
  static void apply(const B& b) {
    const auto d = b.d;
    const auto max = b.max(0);
    auto sum = hn::Zero(d);
    for (int64_t i = 0; i < b.count; ++i) sum = hn::Add(sum, Exp(d, hn::Sub(b.load(0, i, b.kLowest), max)));
    const auto log_sum = Log(d, b.sum(sum));
    // Not x - (max + log_sum): with max = 1e4 that sum would lose the logarithm's digits.
    for (int64_t i = 0; i < b.count; ++i) b.store(i, hn::Sub(hn::Sub(b.load(0, i, 0), max), log_sum));
  }
};

// dx = y (dy - sum(dy y))
struct SoftmaxBackward {
  template <class B>
  static void apply(const B& b) {
    auto dot = hn::Zero(b.d);
    for (int64_t i = 0; i < b.count; ++i) dot = hn::MulAdd(b.load(0, i, 0), b.load(1, i, 0), dot);
    dot = b.sum(dot);
    for (int64_t i = 0; i < b.count; ++i) b.store(i, hn::Mul(b.load(0, i, 0), hn::Sub(b.load(1, i, 0), dot)));
  }
};

// dx = dy - exp(y) sum(dy)
struct LogSoftmaxBackward {
  template <class B>
  static void apply(const B& b) {
    auto sum = hn::Zero(b.d);
    for (int64_t i = 0; i < b.count; ++i) sum = hn::Add(sum, b.load(1, i, 0));
    sum = b.sum(sum);
    for (int64_t i = 0; i < b.count; ++i)
      b.store(i, hn::NegMulAdd(Exp(b.d, b.load(0, i, 0)), sum, b.load(1, i, 0)));
  }
};

LineKernels softmax_kernels() { return line_kernels<Softmax>(); }
LineKernels log_softmax_kernels() { return line_kernels<LogSoftmax>(); }
LineKernels softmax_backward_kernels() { return line_kernels<SoftmaxBackward>(); }
LineKernels log_softmax_backward_kernels() { return line_kernels<LogSoftmaxBackward>(); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {

HWY_EXPORT(softmax_kernels);
HWY_EXPORT(log_softmax_kernels);
HWY_EXPORT(softmax_backward_kernels);
HWY_EXPORT(log_softmax_backward_kernels);

// Nanoseconds an element on one thread, measured for float32.
constexpr double kForwardCost = 0.5, kBackwardCost = 0.3;

void softmax(In x, int dim, Out y) {
  for_each_line(HWY_DYNAMIC_DISPATCH(softmax_kernels)(), {x}, dim, y, kForwardCost);
}

void softmax_backward(In y, In dy, int dim, Out dx) {
  for_each_line(HWY_DYNAMIC_DISPATCH(softmax_backward_kernels)(), {y, dy}, dim, dx, kBackwardCost);
}

void log_softmax(In x, int dim, Out y) {
  for_each_line(HWY_DYNAMIC_DISPATCH(log_softmax_kernels)(), {x}, dim, y, kForwardCost);
}

void log_softmax_backward(In y, In dy, int dim, Out dx) {
  for_each_line(HWY_DYNAMIC_DISPATCH(log_softmax_backward_kernels)(), {y, dy}, dim, dx, kForwardCost);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
