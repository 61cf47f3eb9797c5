// What a fused optimiser step is given: a slot for each leaf, with its memory and the numbers of its rule.
// Plain values that borrow; whatever depends on the number of steps has been worked out in double.
#pragma once

#include <cstdint>

#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

/// n elements of a parameter and its gradient, contiguous, both float32 or both float64.
struct FlatLeaf {
  DType dtype = DType::float32;
  int64_t n = 0;
  void* param = nullptr;
  const void* grad = nullptr;
};

/// One leaf's step of SGD (optim/sgd.h). The buffer is null without momentum.
struct SGDSlot : FlatLeaf {
  void* momentum_buffer = nullptr;
  bool first = false;  // the buffer has no value yet
  bool nesterov = false;
  bool maximize = false;
  double lr = 0;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
};

/// One leaf's step of Adam or AdamW (optim/adam.h). max_exp_avg_sq is null without amsgrad.
struct AdamSlot : FlatLeaf {
  void* exp_avg = nullptr;
  void* exp_avg_sq = nullptr;
  void* max_exp_avg_sq = nullptr;
  bool maximize = false;
  double shrink = 1;        // the parameter's factor: AdamW's decay
  double weight_decay = 0;  // of the parameter, added to the gradient: Adam's decay
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  double step_size = 0;        // lr / (1 - beta1^t)
  double root_correction = 0;  // sqrt(1 - beta2^t)
};

/// One leaf's step of RMSprop (optim/rmsprop.h). grad_avg is null unless centered, momentum_buffer without
/// momentum.
struct RMSpropSlot : FlatLeaf {
  void* square_avg = nullptr;
  void* grad_avg = nullptr;
  void* momentum_buffer = nullptr;
  bool maximize = false;
  double lr = 0;
  double alpha = 0;
  double eps = 0;
  double momentum = 0;
  double weight_decay = 0;
};

}  // namespace st
