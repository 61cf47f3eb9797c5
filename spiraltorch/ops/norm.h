// Normalisations.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct BatchNormFuncOptions {
  bool training = false;
  double momentum = 0.1;
  double eps = 1e-5;
};

/// y = (x - mean) / sqrt(var + eps) * weight + bias for each channel (dimension 1).   x: (N, C) or (N, C, d1,
/// ...) Training: mean and biased variance of the batch; running_mean and running_var, where defined, move to
/// (1 - momentum) running + momentum batch, with the unbiased variance. Else: the running statistics.
/// Throws ValueError in training for one value a channel, and for running statistics that cannot be written
/// to (read-only, expanded): then neither has moved. Source: torch.nn.functional.batch_norm.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight = {}, const Tensor& bias = {},
                  const BatchNormFuncOptions& options = {});

struct LayerNormFuncOptions {
  double eps = 1e-5;
};

/// y = (x - mean) / sqrt(var + eps) * weight + bias, with the mean and the biased variance over the last
/// dimensions, which are `normalized_shape`. weight and bias have that shape or are undefined. Throws
/// ShapeError where x does not end in normalized_shape, or that is empty. Source:
/// torch.nn.functional.layer_norm.
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, const LayerNormFuncOptions& options = {});

}  // namespace st
