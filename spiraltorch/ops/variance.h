// Variance and standard deviation over one dimension, several, or all.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct VarOptions {
  double correction = 1;
};
/// sum (x - mean)^2 / (n - correction) over n elements; NaN or infinity where n <= correction. Deviations are
/// taken and summed in float64: no digits are lost beside a large mean.   dx = 2 dy (x - mean) / (n -
/// correction).   Throws DTypeError for integers. Source: torch.var.
Tensor var(const Tensor& x, const Axes& dims = {}, KeepDim keep = false, const VarOptions& options = {});
/// Its square root; the gradient is 0 where that is 0. Written x.std() or st::std(x): under `using namespace
/// st` a plain std means the standard library's namespace, too. Source: torch.std.
Tensor std(const Tensor& x, const Axes& dims = {}, KeepDim keep = false, const VarOptions& options = {});

struct VarMean {
  Tensor var;
  Tensor mean;
};
/// Both. Source: torch.var_mean.
VarMean var_mean(const Tensor& x, const Axes& dims = {}, KeepDim keep = false,
                 const VarOptions& options = {});

}  // namespace st
