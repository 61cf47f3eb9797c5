// Convolutions.
#pragma once

#include "spiraltorch/core/pair.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct Conv1dFuncOptions {
  int64_t stride = 1;
  Padding padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;
};
struct Conv2dFuncOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
  int64_t groups = 1;
};

/// y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i s + a d - p, j s + b d - p]
/// x: (N, C, H, W) or (C, H, W)   weight: (O, C / groups, kh, kw)   bias: (O) or undefined
/// y: (N, O, H', W') with H' = floor((H + 2 p - d (kh - 1) - 1) / s) + 1; "same" padding: as x.
/// Channels of x and of y are cut into `groups`, and the g-th of y see the g-th of x alone. A float32 result
/// is channels-last in memory, a float64 one as x. Throws ShapeError where sizes do not fit and ValueError
/// for options that make no sense. Source: torch.nn.functional.conv2d.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const Conv2dFuncOptions& options = {});

/// The same along one dimension.   x: (N, C, L) or (C, L)   weight: (O, C / groups, k)   y: (N, O, L')
/// Source: torch.nn.functional.conv1d.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const Conv1dFuncOptions& options = {});

}  // namespace st
