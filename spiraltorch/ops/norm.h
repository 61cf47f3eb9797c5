// Normalisations.
#pragma once

#include <optional>

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

struct GroupNormFuncOptions {
  double eps = 1e-5;
};

/// y = (x - mean) / sqrt(var + eps) * weight + bias, with the mean and the biased variance of each group of
/// C / num_groups neighbouring channels (dimension 1) of each sample.   x: (N, C) or (N, C, d1, ...)
/// weight, bias: (C,) or undefined. y is row-major. Throws ShapeError for other shapes, ValueError unless
/// num_groups divides C, and for one sample with one value a group. Source:
/// torch.nn.functional.group_norm.
Tensor group_norm(const Tensor& x, int64_t num_groups, const Tensor& weight = {}, const Tensor& bias = {},
                  const GroupNormFuncOptions& options = {});

struct LayerNormFuncOptions {
  double eps = 1e-5;
};

/// y = (x - mean) / sqrt(var + eps) * weight + bias, with the mean and the biased variance over the last
/// dimensions, which are `normalized_shape`. weight and bias have that shape or are undefined. Throws
/// ShapeError where x does not end in normalized_shape, or that is empty. Source:
/// torch.nn.functional.layer_norm.
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, const LayerNormFuncOptions& options = {});

/// y = x / sqrt(mean(x^2) + eps) * weight, with the mean over the last dimensions, which are
/// `normalized_shape`. weight has that shape or is undefined. Without eps it is the type's own, 2^-52 for
/// float64 and 2^-23 for the others. Throws ShapeError where x does not end in normalized_shape, or that is
/// empty. Source: Zhang and Sennrich 2019, torch.nn.functional.rms_norm.
Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = {});

}  // namespace st
