// spiraltorch inspect: what a safetensors file holds.
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "apps/spiraltorch/command.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/io/safetensors.h"

namespace tool {
namespace {

struct Statistics {
  double mean = 0, deviation = 0, least = 0, largest = 0;  // of the finite elements
  int64_t finite = 0, nan = 0, infinite = 0;
};

Statistics statistics(const st::Tensor& x) {
  Statistics s;
  double sum = 0, squares = 0;
  const std::vector<double> values = x.to_vector<double>();
  for (const double v : values) {
    s.nan += std::isnan(v) ? 1 : 0;
    s.infinite += std::isinf(v) ? 1 : 0;
    if (!std::isfinite(v)) continue;
    s.least = s.finite == 0 ? v : std::min(s.least, v);
    s.largest = s.finite == 0 ? v : std::max(s.largest, v);
    ++s.finite;
    sum += v;
  }
  if (s.finite == 0) return s;
  s.mean = sum / static_cast<double>(s.finite);
  for (const double v : values) squares += std::isfinite(v) ? (v - s.mean) * (v - s.mean) : 0;
  s.deviation = std::sqrt(squares / static_cast<double>(s.finite));
  return s;
}

}  // namespace

void inspect(const InspectRequest& request) {
  const st::StateDict state = st::io::load_safetensors(request.file);
  size_t name_width = 4, shape_width = 5;
  for (const auto& [name, x] : state) {
    name_width = std::max(name_width, name.size());
    shape_width = std::max(shape_width, st::to_text(x.shape()).size());
  }
  fmt::print("{:<{}}  {:<{}}  {:<8}  {:>11} {:>11} {:>11} {:>11}\n", "name", name_width, "shape", shape_width,
             "dtype", "mean", "std", "min", "max");
  int64_t elements = 0, bad_tensors = 0;
  for (const auto& [name, x] : state) {
    const Statistics s = statistics(x);
    fmt::print("{:<{}}  {:<{}}  {:<8}", name, name_width, st::to_text(x.shape()), shape_width,
               st::to_text(x.dtype()));
    if (s.finite > 0) {
      fmt::print("  {:>11.4g} {:>11.4g} {:>11.4g} {:>11.4g}", s.mean, s.deviation, s.least, s.largest);
    } else {
      fmt::print("  {:>11} {:>11} {:>11} {:>11}", "-", "-", "-", "-");
    }
    if (s.nan > 0) fmt::print("  NaN: {}", s.nan);
    if (s.infinite > 0) fmt::print("  Inf: {}", s.infinite);
    fmt::print("\n");
    elements += x.numel();
    bad_tensors += s.nan + s.infinite > 0 ? 1 : 0;
  }
  fmt::print("{} tensors, {} elements\n", state.size(), elements);
  if (bad_tensors > 0)
    fmt::print("{} of them with NaN or Inf; mean, std, min and max are of the others\n", bad_tensors);
  for (const auto& [key, text] : state.metadata) fmt::print("metadata {}: {}\n", key, text);
}

}  // namespace tool
