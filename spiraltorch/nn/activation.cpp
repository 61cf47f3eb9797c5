// The activation layers: each calls its function.
#include "spiraltorch/nn/activation.h"

#include "spiraltorch/ops/activation.h"

namespace st::nn {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }
Tensor Tanh::forward(const Tensor& x) { return tanh(x); }
Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }

}  // namespace st::nn
