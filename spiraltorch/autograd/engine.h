// backward and grad: the gradients of outputs with respect to leaves or to given tensors.
#pragma once

#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct BackwardOptions {
  /// d(something)/d(output), of the output's shape; ones if it has one element.
  Tensor gradient = {};
  /// Keeps what the graph needs, so that backward can run again.
  bool retain_graph = false;
  /// Records the backward pass itself, for second derivatives. Implies retain_graph.
  bool create_graph = false;
};

struct GradOptions {
  /// d(something)/d(output) for each output; undefined ones and a missing list stand for ones.
  std::vector<Tensor> grad_outputs = {};
  bool retain_graph = false;
  bool create_graph = false;
  /// An input that the outputs do not depend on gives an undefined gradient; otherwise it is an error.
  bool allow_unused = false;
};

/// The gradients of the sum of `outputs` with respect to `inputs`, as torch.autograd.grad; no grad() is
/// touched. Throws ValueError if an input does not require a gradient or is not reached.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

/// Adds the gradients of the sum of `outputs` to the grad() of every leaf, as torch.autograd.backward.
void backward(const std::vector<Tensor>& outputs, const GradOptions& options = {});

}  // namespace st
