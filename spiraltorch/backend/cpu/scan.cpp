// Running sums. A line is a chain of additions; neighbouring lines are walked together, row by row. The loops
// are plain: they are compiled for every target all the same, for in code of the oldest instruction set each
// conversion to float64 waits for the one before.
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

template <class T>
T added(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return wrap_add(a, b);
  } else {
    return a + b;
  }
}

template <class T, bool kFromEnd>
void scan(const Lines<T>& lines) {
  using Sum = std::conditional_t<std::is_same_v<T, float>, double, T>;
  const T* const x = lines.in[0];
  T* const y = lines.out;
  const int64_t n = lines.length;
  const auto place = [n](int64_t i) { return kFromEnd ? n - 1 - i : i; };
  if (lines.along) {
    Sum sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      sum = added<Sum>(sum, x[place(i)]);
      y[place(i)] = static_cast<T>(sum);
    }
    return;
  }
  std::array<Sum, 64 / sizeof(T)> sums{};  // as many lines as for_each_line gives at most
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + place(i) * lines.in_step[0];
    T* out = y + place(i) * lines.out_step;
    for (int64_t j = 0; j < lines.width; ++j) {
      Sum& sum = sums[static_cast<size_t>(j)];
      sum = added<Sum>(sum, row[j]);
      out[j] = static_cast<T>(sum);
    }
  }
}

template <class T>
ScanLoop<T> scan_of(bool from_end) {
  return from_end ? scan<T, true> : scan<T, false>;
}
ScanLoop<float> float_scan(bool from_end) { return scan_of<float>(from_end); }
ScanLoop<double> double_scan(bool from_end) { return scan_of<double>(from_end); }
ScanLoop<int64_t> integer_scan(bool from_end) { return scan_of<int64_t>(from_end); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {

HWY_EXPORT(float_scan);
HWY_EXPORT(double_scan);
HWY_EXPORT(integer_scan);

constexpr double kCost = 1;  // rough nanoseconds an element takes

void cumsum(In x, int dim, bool from_end, Out y) {
  const DType compute = compute_dtype(y.dtype);
  if (compute == DType::float32)
    return for_each_line(HWY_DYNAMIC_DISPATCH(float_scan)(from_end), {x}, dim, y, kCost);
  if (compute == DType::float64)
    return for_each_line(HWY_DYNAMIC_DISPATCH(double_scan)(from_end), {x}, dim, y, kCost);
  for_each_line(HWY_DYNAMIC_DISPATCH(integer_scan)(from_end), {x}, dim, y, kCost);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
