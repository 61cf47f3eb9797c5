// The rule by which a result counts as right.
#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace st::test {
namespace {

double epsilon_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return std::numeric_limits<double>::epsilon();
    case DType::bfloat16:
      return 0x1p-7;
    case DType::float16:
      return 0x1p-10;
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

std::string index_text(const Shape& shape, int64_t position) {
  Dims index = shape;
  for (int d = shape.size() - 1; d >= 0; --d) {
    index[d] = position % shape[d];
    position /= shape[d];
  }
  return to_text(index);
}

double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (double v : values) {
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  }
  return largest;
}

}  // namespace

testing::AssertionResult matches(const Tensor& actual, const Expected& expected, const Tolerance& tolerance,
                                 double float64) {
  const Tensor& own = expected.own.defined() ? expected.own : expected.truth;
  if (!actual.defined()) return testing::AssertionFailure() << "undefined";
  if (actual.shape() != own.shape() || actual.dtype() != own.dtype()) {
    return testing::AssertionFailure()
           << "is " << dtype_name(actual.dtype()) << " " << to_text(actual.shape()) << ", PyTorch's is "
           << dtype_name(own.dtype()) << " " << to_text(own.shape());
  }
  if (actual.dtype() == DType::int64) {  // double would round them
    return actual.to_vector<int64_t>() == own.to_vector<int64_t>()
               ? testing::AssertionSuccess()
               : testing::AssertionFailure() << actual.to_string() << "\nPyTorch: " << own.to_string();
  }
  const std::vector<double> a = actual.to_vector<double>(), truth = expected.truth.to_vector<double>(),
                            p = own.to_vector<double>();
  std::vector<double> absolute;
  if (tolerance.scale == "absolute" && expected.absolute.defined())
    absolute = expected.absolute.to_vector<double>();
  const double largest = largest_of(truth);
  const bool floating = is_floating(actual.dtype());
  // One rounding more where PyTorch's rounded result has to stand for the truth.
  const double roundings = tolerance.k + (tolerance.k > 0 && !expected.own.defined() ? 1 : 0);
  const double relative = !floating || tolerance.k == 0      ? 0
                          : actual.dtype() == DType::float64 ? float64
                                                             : roundings * epsilon_of(actual.dtype());
  const double smallest = actual.dtype() == DType::float64   ? std::numeric_limits<double>::denorm_min()
                          : actual.dtype() == DType::float16 ? 0x1p-24
                                                             : std::numeric_limits<float>::denorm_min();
  int64_t wrong = 0;
  std::string first;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == p[i] || (std::isnan(a[i]) && std::isnan(p[i]))) continue;
    double allowed = 0;
    if (std::isfinite(p[i]) && std::isfinite(a[i])) {
      const double scale = !absolute.empty()              ? std::max(absolute[i], std::abs(truth[i]))
                           : tolerance.scale == "largest" ? largest
                                                          : std::abs(truth[i]);
      // Scales are stored as float32; one that it cannot hold says nothing.
      const double bound =
          relative * (std::isfinite(scale) ? scale : std::abs(truth[i])) + (relative > 0 ? smallest : 0);
      allowed = std::max(2 * std::abs(p[i] - truth[i]), bound);
      if (std::abs(a[i] - truth[i]) <= allowed) continue;
    }
    if (wrong++ == 0) {
      first = format_text("element {} is {}, PyTorch's {}, the truth {}: off by {}, allowed {}",
                          {index_text(actual.shape(), static_cast<int64_t>(i)), to_text(a[i]), to_text(p[i]),
                           to_text(truth[i]), to_text(std::abs(a[i] - truth[i])), to_text(allowed)});
    }
  }
  if (wrong == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << first << " (" << wrong << " of " << a.size()
                                     << " elements are wrong)";
}

}  // namespace st::test
