// Dropout.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct DropoutOptions {
  double p = 0.5;
  bool training = true;
};
/// x / (1 - p), or 0 with probability p, element by element; x itself unless training. The choices come from
/// the default generator's Philox stream (core/random.h): the same seed gives the same ones on any number of
/// threads, and no other draw is moved. Throws ValueError unless p is in [0, 1], DTypeError for integers.
/// Source: torch.nn.functional.dropout; which elements are kept differs from PyTorch.
Tensor dropout(const Tensor& x, const DropoutOptions& options = {});

}  // namespace st
