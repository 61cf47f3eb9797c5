// Layer normalisation: every row by its own mean and variance.
#pragma once

#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct LayerNormOptions {
  /// Whether there are weight and bias.
  bool elementwise_affine = true;
  /// Whether there is a bias, if affine.
  bool bias = true;
};

/// y = (x - mean) / sqrt(var + eps_eff) weight + bias, with the mean and the biased variance over the last
/// dimensions, `normalized_shape`; one number is the last dimension alone.   x: (..., normalized_shape)
/// eps_eff = eps (1 + 0.1 sqrt(-curvature)): the further space is curved, the more of it; 0 leaves eps as it
/// is. weight starts at 1, bias at 0. Throws ValueError unless the sizes are at least 1, curvature <= 0 and
/// finite, eps > 0 and finite. Source: torch.nn.LayerNorm, which has no curvature.
class LayerNorm final : public Layer {
 public:
  LayerNorm(std::string name, int64_t features, double curvature = 0, double eps = 1e-5,
            const LayerNormOptions& options = {});
  LayerNorm(std::string name, const Shape& normalized_shape, double curvature = 0, double eps = 1e-5,
            const LayerNormOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// What is added to the variance.
  double effective_eps() const;

  Parameter weight, bias;  // undefined unless affine

 private:
  Shape normalized_shape_;
  double curvature_, eps_;
};
static_assert(ModuleValue<LayerNorm>);

}  // namespace nn
}  // namespace st
