// gradcheck and gradgradcheck: analytic gradients against central differences, in float64.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// A function of tensors whose gradient is to be checked.
using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs)>;

struct GradcheckOptions {
  double eps = 1e-6;   // half of the difference quotient's step
  double atol = 1e-5;  // |analytic - numeric| <= atol + rtol |numeric|
  double rtol = 1e-3;
  uint64_t seed = 0;  // of the random cotangents
};

/// Checks the gradient of every element of every input that requires one. With v a random cotangent of an
/// output y = f(x) and phi = sum(v y): d phi/dx_j by backward must equal (phi(x + eps e_j) - phi(x - eps
/// e_j)) / (2 eps). Returns true, or throws ValueError naming the output, the input, the element and both
/// numbers. Inputs that require a gradient must be float64 (DTypeError). Outputs that require none are passed
/// over; if that is all of them, none may depend on an input. Source: torch.autograd.gradcheck.
/// Differs from PyTorch: one random cotangent an output, not every row of the Jacobian.
bool gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options = {});

/// gradcheck of the gradient itself, made by grad(..., {.create_graph = true}), as a function of the inputs
/// and of the cotangents v; in its errors output i is the gradient of the i-th input that requires one, and
/// inputs after f's own are cotangents. Source: torch.autograd.gradgradcheck.
bool gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options = {});

}  // namespace st
