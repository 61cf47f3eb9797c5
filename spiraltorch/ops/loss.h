// Losses.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// What a loss does with its elements: nothing, their mean, their sum.
enum class Reduction { none, mean, sum };

struct CrossEntropyOptions {
  Tensor weight = {};  // of each class (C)
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0.0;
};

/// -log softmax(logits)[target], fused.   logits: (C), (N, C) or (N, C, d1, ...)   target: int64 classes of
/// shape (), (N) or (N, d1, ...), or probabilities of the logits' shape and dtype. mean = sum_n w[y_n] nll_n
/// / sum_n w[y_n] over what is not ignored; all ignored: NaN. With label smoothing e: (1 - e) nll + e / C
/// sum_c -w_c log p_c. Probabilities divide by N alone. Throws IndexError for a class outside [0, C) that is
/// not ignore_index. Source: torch.nn.functional.cross_entropy.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

struct LossOptions {
  Reduction reduction = Reduction::mean;
};
/// (x - y)^2. Source: torch.nn.functional.mse_loss.
Tensor mse_loss(const Tensor& input, const Tensor& target, const LossOptions& options = {});

}  // namespace st
