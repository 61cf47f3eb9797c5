// Pooling: the largest element or the mean of windows.
#pragma once

#include <optional>

#include "spiraltorch/core/pair.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct MaxPool1dFuncOptions {
  /// The kernel where it is not given.
  std::optional<int64_t> stride = {};
  int64_t padding = 0;
  int64_t dilation = 1;
  bool ceil_mode = false;
};
struct MaxPool2dFuncOptions {
  /// The kernel where it is not given.
  Pair stride = {};
  Pair padding = 0;
  Pair dilation = 1;
  bool ceil_mode = false;
};

/// y[n, c, i, j] = max over a, b of x[n, c, i s + a d - p, j s + b d - p]; what lies outside is left out, NaN
/// wins.   x: (N, C, H, W) or (C, H, W)   y: (N, C, H', W'), H' = floor((H + 2 p - d (k - 1) - 1) / s) + 1
/// ceil_mode rounds up instead, but every window begins inside of the image or the padding before it. The
/// gradient goes to the first largest element. y lies in memory as x. Throws ShapeError for an x of another
/// form or too small for a window, ValueError unless 0 <= padding <= half the kernel's extent.
/// Source: torch.nn.functional.max_pool2d.
Tensor max_pool2d(const Tensor& x, Pair kernel_size, const MaxPool2dFuncOptions& options = {});
/// The same along one dimension.   x: (N, C, L) or (C, L)
Tensor max_pool1d(const Tensor& x, int64_t kernel_size, const MaxPool1dFuncOptions& options = {});
/// Both with the positions that the values come from, counted in the plane (H, W) of x: return_indices of
/// PyTorch's functions.
ValueIndex max_pool2d_with_indices(const Tensor& x, Pair kernel_size,
                                   const MaxPool2dFuncOptions& options = {});
ValueIndex max_pool1d_with_indices(const Tensor& x, int64_t kernel_size,
                                   const MaxPool1dFuncOptions& options = {});

struct AvgPool1dFuncOptions {
  /// The kernel where it is not given.
  std::optional<int64_t> stride = {};
  int64_t padding = 0;
  bool ceil_mode = false;
  /// Whether the zeros of the padding count as elements.
  bool count_include_pad = true;
};
struct AvgPool2dFuncOptions {
  /// The kernel where it is not given.
  Pair stride = {};
  Pair padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  /// What sums are divided by, instead of the number of elements.
  std::optional<int64_t> divisor_override = {};
};

/// The means of windows; shapes, memory and errors as for max_pool2d, with padding up to half the kernel.
/// Source: torch.nn.functional.avg_pool2d.
Tensor avg_pool2d(const Tensor& x, Pair kernel_size, const AvgPool2dFuncOptions& options = {});
/// The same along one dimension.   x: (N, C, L) or (C, L)
Tensor avg_pool1d(const Tensor& x, int64_t kernel_size, const AvgPool1dFuncOptions& options = {});

/// The means of as many windows as the output has elements: along a side of `in` elements, window o of `out`
/// is [floor(o in / out), ceil((o + 1) in / out)). A size of -1 is that of x (PyTorch's None).
/// Source: torch.nn.functional.adaptive_avg_pool2d.
Tensor adaptive_avg_pool2d(const Tensor& x, Pair output_size);
/// The same along one dimension.   x: (N, C, L) or (C, L)
Tensor adaptive_avg_pool1d(const Tensor& x, int64_t output_size);

}  // namespace st
