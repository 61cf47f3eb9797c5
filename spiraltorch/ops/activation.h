// Activation functions.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// max(x, 0); the gradient at 0 is 0. Source: torch.relu.
Tensor relu(const Tensor& x);
/// (e^x - e^-x) / (e^x + e^-x). Source: torch.tanh.
Tensor tanh(const Tensor& x);
/// 1 / (1 + e^-x). Source: torch.sigmoid.
Tensor sigmoid(const Tensor& x);

/// log(1 / (1 + e^-x)), without overflow. Source: torch.nn.functional.logsigmoid.
Tensor logsigmoid(const Tensor& x);

// These are for floating-point tensors (DTypeError).

struct LeakyReluOptions {
  double negative_slope = 0.01;
};
/// x where x > 0, else negative_slope x. Source: torch.nn.functional.leaky_relu.
Tensor leaky_relu(const Tensor& x, const LeakyReluOptions& options = {});

struct EluOptions {
  double alpha = 1;
};
/// x where x > 0, else alpha (e^x - 1). Source: torch.nn.functional.elu.
Tensor elu(const Tensor& x, const EluOptions& options = {});

/// The exact form of gelu, or the one by tanh.
enum class Approximate { none, tanh };
struct GeluOptions {
  Approximate approximate = Approximate::none;
};
/// x (1 + erf(x / sqrt 2)) / 2; by tanh: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Source:
/// torch.nn.functional.gelu.
Tensor gelu(const Tensor& x, const GeluOptions& options = {});

/// x / (1 + e^-x). Source: torch.nn.functional.silu.
Tensor silu(const Tensor& x);

struct SoftplusOptions {
  double beta = 1;
  double threshold = 20;
};
/// log(1 + e^(beta x)) / beta; x where beta x > threshold. Source: torch.nn.functional.softplus.
Tensor softplus(const Tensor& x, const SoftplusOptions& options = {});

/// x min(max(x + 3, 0), 6) / 6. Source: torch.nn.functional.hardswish.
Tensor hardswish(const Tensor& x);

}  // namespace st
