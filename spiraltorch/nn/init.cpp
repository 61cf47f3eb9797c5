// Initial values: bounds in double, in PyTorch's order of operations, so that weights are the same to the
// bit.
#include "spiraltorch/nn/init.h"

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn::init {
namespace {

std::pair<int64_t, int64_t> fans(const char* op, const Tensor& w) {
  check_operands(op, {{"w", w}});
  check<ValueError>(w.dim() >= 2, "{}: a fan needs a tensor of 2 or more dimensions, this one is {}", op,
                    w.shape());
  int64_t kernel = 1;
  for (int64_t d = 2; d < w.dim(); ++d) kernel *= w.size(d);
  return {w.size(1) * kernel, w.size(0) * kernel};
}

std::pair<int64_t, int64_t> fans_to_fill(const char* op, const Tensor& w) {
  const auto result = fans(op, w);
  check_floating(op, w);
  check_not_read_only(op, "w", w);
  check_not_expanded(op, w);
  return result;
}

double kaiming_std(const char* op, const Tensor& w, const KaimingOptions& options) {
  const auto [fan_in, fan_out] = fans_to_fill(op, w);
  const double fan = static_cast<double>(options.mode == FanMode::fan_in ? fan_in : fan_out);
  return calculate_gain(options.nonlinearity, options.a) / std::sqrt(fan);
}

double xavier_std(const char* op, const Tensor& w, double gain) {
  const auto [fan_in, fan_out] = fans_to_fill(op, w);
  return gain * std::sqrt(2.0 / static_cast<double>(fan_in + fan_out));
}

const Tensor& fill(const char* op, const Tensor& w, Scalar value) {
  check_operands(op, {{"w", w}});
  check_not_read_only(op, "w", w);
  const NoGradGuard guard;
  return w.fill_(value);
}

}  // namespace

double calculate_gain(Nonlinearity nonlinearity, std::optional<double> slope) {
  switch (nonlinearity) {
    case Nonlinearity::tanh:
      return 5.0 / 3;
    case Nonlinearity::relu:
      return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: {
      const double s = slope.value_or(0.01);
      return std::sqrt(2.0 / (1 + s * s));
    }
    case Nonlinearity::selu:
      return 3.0 / 4;
    case Nonlinearity::linear:
    case Nonlinearity::conv:
    case Nonlinearity::sigmoid:
      break;
  }
  return 1;
}

std::pair<int64_t, int64_t> calculate_fan_in_and_fan_out(const Tensor& w) {
  return fans("calculate_fan_in_and_fan_out", w);
}

const Tensor& uniform_(const Tensor& w, double from, double to) {
  const NoGradGuard guard;
  return w.uniform_(from, to);
}

const Tensor& normal_(const Tensor& w, double mean, double std) {
  const NoGradGuard guard;
  return w.normal_(mean, std);
}

const Tensor& constant_(const Tensor& w, Scalar value) { return fill("constant_", w, value); }
const Tensor& zeros_(const Tensor& w) { return fill("zeros_", w, 0); }
const Tensor& ones_(const Tensor& w) { return fill("ones_", w, 1); }

const Tensor& kaiming_uniform_(const Tensor& w, const KaimingOptions& options) {
  const double std = kaiming_std("kaiming_uniform_", w, options);
  if (w.numel() == 0) return w;
  const double bound = std::sqrt(3.0) * std;
  return init::uniform_(w, -bound, bound);
}

const Tensor& kaiming_normal_(const Tensor& w, const KaimingOptions& options) {
  const double std = kaiming_std("kaiming_normal_", w, options);
  return w.numel() == 0 ? w : init::normal_(w, 0, std);
}

const Tensor& xavier_uniform_(const Tensor& w, double gain) {
  const double std = xavier_std("xavier_uniform_", w, gain);
  if (w.numel() == 0) return w;
  const double bound = std::sqrt(3.0) * std;
  return init::uniform_(w, -bound, bound);
}

const Tensor& xavier_normal_(const Tensor& w, double gain) {
  const double std = xavier_std("xavier_normal_", w, gain);
  return w.numel() == 0 ? w : init::normal_(w, 0, std);
}

}  // namespace st::nn::init
