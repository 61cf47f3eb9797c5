// Ranges: every element is computed from its position, so that threads need nothing from each other.
#include "spiraltorch/backend/cpu/range.h"

#include <type_traits>

#include "spiraltorch/core/parallel.h"

namespace st::cpu {
namespace {

constexpr int64_t kGrain = 32768;

// y_i = f(i), converted to y's dtype.
template <class T, class F>
void generate(const Out& y, const F& f) {
  T* out = y.as<T>();
  parallel_for(numel_of(*y.sizes), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = convert<T>(f(i));
  });
}

}  // namespace

void arange(Scalar start, Scalar step, Out y) {
  visit_dtype(y.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Wide = std::conditional_t<std::is_floating_point_v<T>, double,
                                    std::conditional_t<std::is_integral_v<T>, int64_t, float>>;
    const Wide first = start.to<Wide>(), stride = step.to<Wide>();
    generate<T>(y, [=](int64_t i) { return first + static_cast<Wide>(i) * stride; });
  });
}

void linspace(double start, double end, Out y) {
  visit_dtype(y.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Wide = std::conditional_t<std::is_same_v<T, double> || std::is_integral_v<T>, double, float>;
    const int64_t n = numel_of(*y.sizes);
    const Wide first = static_cast<Wide>(start), last = static_cast<Wide>(end);
    const Wide step = n > 1 ? (last - first) / static_cast<Wide>(n - 1) : Wide{0};
    generate<T>(y, [=](int64_t i) {
      return i < n / 2 ? first + step * static_cast<Wide>(i) : last - step * static_cast<Wide>(n - 1 - i);
    });
  });
}

}  // namespace st::cpu
