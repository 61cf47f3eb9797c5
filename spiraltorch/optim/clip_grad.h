// Gradients kept within bounds, between backward and step.
#pragma once

#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct ClipGradNormOptions {
  /// The p of the norm; infinity for the largest absolute value.
  double norm_type = 2;
  /// A norm of NaN or infinity is an error and leaves the gradients as they are.
  bool error_if_nonfinite = false;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), where norm is that of all of them as one vector,
/// and returns the norm before, a 0-dim tensor of the gradients' dtype on the first one's device; of 16 bits,
/// norms are accumulated in float32. Parameters without a gradient do not count. Throws ValueError
/// unless max_norm >= 0 and norm_type > 0. Source: torch.nn.utils.clip_grad_norm_.
Tensor clip_grad_norm_(const std::vector<Tensor>& params, double max_norm,
                       const ClipGradNormOptions& options = {});

/// Every element of every gradient into [-clip_value, clip_value]. Throws ValueError unless clip_value >= 0.
/// Source: torch.nn.utils.clip_grad_value_.
void clip_grad_value_(const std::vector<Tensor>& params, double clip_value);

}  // namespace st
