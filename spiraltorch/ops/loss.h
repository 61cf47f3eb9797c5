// Losses.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// What a loss does with its elements: nothing, their mean, their sum; or, for kl_div alone, their sum
/// divided by the size of the first dimension.
enum class Reduction { none, mean, sum, batchmean };

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
/// not ignore_index, DTypeError for a weight of another dtype than the logits (except beside probabilities).
/// Source: torch.nn.functional.cross_entropy.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

struct LossOptions {
  Reduction reduction = Reduction::mean;
};
/// (x - y)^2. Source: torch.nn.functional.mse_loss.
Tensor mse_loss(const Tensor& input, const Tensor& target, const LossOptions& options = {});

// In what follows a pair of tensors is promoted to one dtype, which must be floating-point (DTypeError), and
// is broadcast where nothing else is said.

/// |x - y|. Source: torch.nn.functional.l1_loss.
Tensor l1_loss(const Tensor& input, const Tensor& target, const LossOptions& options = {});

struct SmoothL1Options {
  Reduction reduction = Reduction::mean;
  double beta = 1;
};
/// (x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2. Throws ValueError for beta < 0.
/// Source: torch.nn.functional.smooth_l1_loss.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, const SmoothL1Options& options = {});

struct NLLOptions {
  Tensor weight = {};  // of each class (C)
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
};
/// -w[y] x[y] of log-probabilities.   x: (C), (N, C) or (N, C, d1, ...)   target: int64 or uint8 classes of
/// shape (), (N) or (N, d1, ...). mean divides by the sum of the weights of what is not ignored; all ignored:
/// NaN. Throws IndexError for a class outside [0, C) that is not ignore_index, DTypeError for a weight of
/// another dtype than x. Source: torch.nn.functional.nll_loss.
Tensor nll_loss(const Tensor& input, const Tensor& target, const NLLOptions& options = {});

struct BinaryCrossEntropyOptions {
  Tensor weight = {};  // broadcast to the elements
  Reduction reduction = Reduction::mean;
};
/// w (-y log x - (1 - y) log(1 - x)), logarithms at least -100. mean divides by the number of elements.
/// Throws ShapeError unless x and y have one shape, ValueError for an x outside [0, 1]. Source:
/// torch.nn.functional.binary_cross_entropy.
Tensor binary_cross_entropy(const Tensor& input, const Tensor& target,
                            const BinaryCrossEntropyOptions& options = {});

struct BinaryCrossEntropyWithLogitsOptions {
  Tensor weight = {};  // broadcast to the elements
  Reduction reduction = Reduction::mean;
  Tensor pos_weight = {};  // broadcast to the elements
};
/// The same of sigmoid(x), computed as max(x, 0) - x y + log(1 + e^-|x|); with pos_weight p the part of y is
/// multiplied by p: (1 - y) x + (1 + (p - 1) y) log(1 + e^-x). Throws ShapeError unless x and y have one
/// shape. Source: torch.nn.functional.binary_cross_entropy_with_logits.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BinaryCrossEntropyWithLogitsOptions& options = {});

struct KLDivOptions {
  Reduction reduction = Reduction::mean;
  bool log_target = false;
};
/// y (log y - x) of log-probabilities x; with log_target e^y (y - x). `mean` is that of the elements; the
/// divergence itself, averaged over the batch (the first dimension of x, if it has one), is `batchmean`.
/// Source: torch.nn.functional.kl_div.
Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivOptions& options = {});

}  // namespace st
