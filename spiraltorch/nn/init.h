// Initial values. The same seed gives PyTorch's: bounds are computed in double in PyTorch's order of
// operations, and draws come from the default generator.
#pragma once

#include <optional>
#include <utility>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {
namespace init {

/// Which function follows the weights; its gain keeps the variance of what flows through.
enum class Nonlinearity { linear, conv, sigmoid, tanh, relu, leaky_relu, selu };
/// Which variance is kept: that of the values (fan_in) or that of the gradients (fan_out).
enum class FanMode { fan_in, fan_out };

struct KaimingOptions {
  /// The negative slope of leaky_relu.
  double a = 0;
  FanMode mode = FanMode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};

// Each fills w, outside of autograd, and returns it.

/// U[from, to)
const Tensor& uniform_(const Tensor& w, double from = 0, double to = 1);
/// N(mean, std^2). Throws ValueError unless std >= 0.
const Tensor& normal_(const Tensor& w, double mean = 0, double std = 1);
const Tensor& constant_(const Tensor& w, Scalar value);
const Tensor& zeros_(const Tensor& w);
const Tensor& ones_(const Tensor& w);

// The next four need two dimensions or more (ValueError): (fan_out, fan_in, kernel...), both fans times the
// size of the kernel.

/// U(-b, b), b = sqrt(3) gain / sqrt(fan). Source: He et al. 2015, torch.nn.init.kaiming_uniform_.
const Tensor& kaiming_uniform_(const Tensor& w, const KaimingOptions& options = {});
/// N(0, gain^2 / fan)
const Tensor& kaiming_normal_(const Tensor& w, const KaimingOptions& options = {});
/// U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)). Source: Glorot and Bengio 2010,
/// torch.nn.init.xavier_uniform_.
const Tensor& xavier_uniform_(const Tensor& w, double gain = 1);
/// N(0, 2 gain^2 / (fan_in + fan_out))
const Tensor& xavier_normal_(const Tensor& w, double gain = 1);

/// 1, 5/3 (tanh), sqrt 2 (relu), sqrt(2 / (1 + slope^2)) (leaky_relu, slope 0.01 by default), 3/4 (selu).
double calculate_gain(Nonlinearity nonlinearity, std::optional<double> slope = {});
/// {fan_in, fan_out}
std::pair<int64_t, int64_t> calculate_fan_in_and_fan_out(const Tensor& w);

}  // namespace init
}  // namespace nn
}  // namespace st
