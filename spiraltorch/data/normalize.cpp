// Normalize, composed of ops: two passes over a batch, in a worker thread as a rule.
#include "spiraltorch/data/normalize.h"

#include <cmath>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace data {
namespace {

// (C, 1, 1), in the type and on the device of the images: torchvision rounds mean and std to it too.
Tensor per_channel(const std::vector<double>& values, const Tensor& x) {
  return view(to(to(tensor(values), x.dtype()), x.device()), {static_cast<int64_t>(values.size()), 1, 1});
}

}  // namespace

Normalize::Normalize(std::vector<double> mean, std::vector<double> std)
    : mean_(std::move(mean)), std_(std::move(std)) {
  check<ValueError>(!mean_.empty() && mean_.size() == std_.size(),
                    "Normalize: mean and std need one value a channel, they have {} and {}", mean_.size(),
                    std_.size());
  for (size_t c = 0; c < mean_.size(); ++c) {
    check<ValueError>(std::isfinite(mean_[c]), "Normalize: mean of channel {} is {}, which is not finite", c,
                      mean_[c]);
    check<ValueError>(std_[c] > 0 && std::isfinite(std_[c]),
                      "Normalize: std of channel {} is {}, a finite number above 0 is needed", c, std_[c]);
  }
}

Tensor Normalize::operator()(const Tensor& x) const {
  check_operands("Normalize", {{"x", x}});
  const int64_t channels = static_cast<int64_t>(mean_.size());
  check<DTypeError>(x.is_floating_point(), "Normalize: x is {}, a floating type is needed", x.dtype());
  check<ShapeError>(x.dim() >= 3 && (channels == 1 || x.size(-3) == channels),
                    "Normalize: x of shape {} is no (..., C, H, W) with {} channels", x.shape(), channels);
  return div(sub(x, per_channel(mean_, x)), per_channel(std_, x));
}

}  // namespace data
}  // namespace st
