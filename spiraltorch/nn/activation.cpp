// The activation layers: each calls its function.
#include "spiraltorch/nn/activation.h"

#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/softmax.h"

namespace st::nn {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }
Tensor Tanh::forward(const Tensor& x) { return tanh(x); }
Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }

Tensor LogSigmoid::forward(const Tensor& x) { return logsigmoid(x); }
Tensor LeakyReLU::forward(const Tensor& x) { return leaky_relu(x, {negative_slope_}); }
Tensor ELU::forward(const Tensor& x) { return elu(x, {alpha_}); }
Tensor GELU::forward(const Tensor& x) { return gelu(x, {approximate_}); }
Tensor SiLU::forward(const Tensor& x) { return silu(x); }
Tensor Softplus::forward(const Tensor& x) { return softplus(x, {beta_, threshold_}); }
Tensor Hardswish::forward(const Tensor& x) { return hardswish(x); }
Tensor Softmax::forward(const Tensor& x) { return softmax(x, dim_); }
Tensor LogSoftmax::forward(const Tensor& x) { return log_softmax(x, dim_); }

Softplus::Softplus(double beta, double threshold) : beta_(beta), threshold_(threshold) {
  check<ValueError>(beta != 0, "Softplus: beta must not be 0, got {}", beta);
}

std::string LeakyReLU::extra_repr() const { return "negative_slope=" + python_repr(negative_slope_); }
std::string ELU::extra_repr() const { return "alpha=" + python_repr(alpha_); }
std::string GELU::extra_repr() const {
  return approximate_ == Approximate::none ? "approximate='none'" : "approximate='tanh'";
}
std::string Softplus::extra_repr() const {
  return "beta=" + python_repr(beta_) + ", threshold=" + python_repr(threshold_);
}
std::string Softmax::extra_repr() const { return "dim=" + to_text(dim_); }
std::string LogSoftmax::extra_repr() const { return "dim=" + to_text(dim_); }

}  // namespace st::nn
