// Running sums and products. A line is a chain of steps; neighbouring lines are walked together, row by row.
// The loops are plain: they are compiled for every target all the same, for in code of the oldest instruction
// set each conversion to float64 waits for the one before.
#include "spiraltorch/backend/cpu/scan.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/scan.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <array>
#include <type_traits>

#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/lines.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

// What is carried along a line, from element j of the rows x.
template <bool kProduct>
struct RunningStep {
  static constexpr int kFirst = kProduct ? 1 : 0;
  static constexpr size_t kInputs = 1;
  template <class C, class T>
  static C next(C carry, const T* const* x, int64_t j) {
    if constexpr (std::is_integral_v<T>) {
      return kProduct ? wrap_mul(carry, x[0][j]) : wrap_add(carry, x[0][j]);
    } else {
      return kProduct ? carry * x[0][j] : carry + x[0][j];
    }
  }
};
using SumStep = RunningStep<false>;
using ProductStep = RunningStep<true>;
struct LinearStep {
  static constexpr int kFirst = 0;
  static constexpr size_t kInputs = 2;
  template <class C, class T>
  static C next(C carry, const T* const* x, int64_t j) {
    return x[1][j] + x[0][j] * carry;
  }
};

template <class Step, class T, bool kFromEnd>
void scan(const Lines<T>& lines) {
  using Carry = std::conditional_t<std::is_same_v<T, float>, double, T>;
  T* const y = lines.out;
  const int64_t n = lines.length;
  const auto place = [n](int64_t i) { return kFromEnd ? n - 1 - i : i; };
  if (lines.along) {
    const std::array<const T*, 2> x = lines.in;
    Carry carry = Step::kFirst;
    for (int64_t i = 0; i < n; ++i) {
      carry = Step::next(carry, x.data(), place(i));
      y[place(i)] = static_cast<T>(carry);
    }
    return;
  }
  std::array<Carry, 64 / sizeof(T)> carries;  // as many lines as for_each_line gives at most
  carries.fill(Step::kFirst);
  for (int64_t i = 0; i < n; ++i) {
    std::array<const T*, Step::kInputs> row;
    for (size_t k = 0; k < Step::kInputs; ++k) row[k] = lines.in[k] + place(i) * lines.in_step[k];
    T* out = y + place(i) * lines.out_step;
    for (int64_t j = 0; j < lines.width; ++j) {
      Carry& carry = carries[static_cast<size_t>(j)];
      carry = Step::next(carry, row.data(), j);
      out[j] = static_cast<T>(carry);
    }
  }
}

template <class Step, class T>
ScanLoop<T> scan_of(bool from_end) {
  return from_end ? scan<Step, T, true> : scan<Step, T, false>;
}
ScanLoop<float> float_sum(bool from_end) { return scan_of<SumStep, float>(from_end); }
ScanLoop<double> double_sum(bool from_end) { return scan_of<SumStep, double>(from_end); }
ScanLoop<int64_t> integer_sum(bool from_end) { return scan_of<SumStep, int64_t>(from_end); }
ScanLoop<float> float_product() { return scan<ProductStep, float, false>; }
ScanLoop<double> double_product() { return scan<ProductStep, double, false>; }
ScanLoop<int64_t> integer_product() { return scan<ProductStep, int64_t, false>; }
ScanLoop<float> float_linear(bool from_end) { return scan_of<LinearStep, float>(from_end); }
ScanLoop<double> double_linear(bool from_end) { return scan_of<LinearStep, double>(from_end); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {

HWY_EXPORT(float_sum);
HWY_EXPORT(double_sum);
HWY_EXPORT(integer_sum);
HWY_EXPORT(float_product);
HWY_EXPORT(double_product);
HWY_EXPORT(integer_product);
HWY_EXPORT(float_linear);
HWY_EXPORT(double_linear);

constexpr double kCost = 1;  // rough nanoseconds an element takes

void cumsum(In x, int dim, bool from_end, Out y) {
  const DType compute = compute_dtype(y.dtype);
  if (compute == DType::float32)
    return for_each_line(HWY_DYNAMIC_DISPATCH(float_sum)(from_end), {x}, dim, y, kCost);
  if (compute == DType::float64)
    return for_each_line(HWY_DYNAMIC_DISPATCH(double_sum)(from_end), {x}, dim, y, kCost);
  for_each_line(HWY_DYNAMIC_DISPATCH(integer_sum)(from_end), {x}, dim, y, kCost);
}

void cumprod(In x, int dim, Out y) {
  const DType compute = compute_dtype(y.dtype);
  if (compute == DType::float32)
    return for_each_line(HWY_DYNAMIC_DISPATCH(float_product)(), {x}, dim, y, kCost);
  if (compute == DType::float64)
    return for_each_line(HWY_DYNAMIC_DISPATCH(double_product)(), {x}, dim, y, kCost);
  for_each_line(HWY_DYNAMIC_DISPATCH(integer_product)(), {x}, dim, y, kCost);
}

void linear_scan(In a, In b, int dim, bool from_end, Out y) {
  const LineKernels kernels{HWY_DYNAMIC_DISPATCH(float_linear)(from_end),
                            HWY_DYNAMIC_DISPATCH(double_linear)(from_end)};
  for_each_line(kernels, {a, b}, dim, y, kCost);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
