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

}  // namespace st
