// RMS normalisation: every row by the root of its mean square.
#pragma once

#include <optional>
#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct RMSNormOptions {
  /// Whether there is a weight.
  bool elementwise_affine = true;
};

/// y = x / sqrt(mean(x^2) + eps) weight, with the mean over the last dimensions, `normalized_shape`; one
/// number is the last dimension alone. Without eps it is the type's own, 2^-23 for float32. x: (...,
/// normalized_shape)   weight starts at 1. Throws ValueError unless the sizes are at least 1 and eps is
/// positive and finite. Source: torch.nn.RMSNorm.
class RMSNorm final : public Layer {
 public:
  RMSNorm(std::string name, int64_t features, std::optional<double> eps = {},
          const RMSNormOptions& options = {});
  RMSNorm(std::string name, const Shape& normalized_shape, std::optional<double> eps = {},
          const RMSNormOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;

  Parameter weight;  // undefined unless affine

 private:
  Shape normalized_shape_;
  std::optional<double> eps_;
};
static_assert(ModuleValue<RMSNorm>);

}  // namespace nn
}  // namespace st
