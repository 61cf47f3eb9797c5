// Linear: the layer that every other one is written after.
#pragma once

#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct LinearOptions {
  bool bias = true;
};

/// y = x W^T + b on the last dimension.   x: (..., in_features)   y: (..., out_features)
/// weight (out_features, in_features) and bias (out_features) start in U(-1/sqrt(in), 1/sqrt(in)).
/// Throws ValueError unless both sizes are at least 1. Source: torch.nn.Linear.
class Linear final : public Layer {
 public:
  Linear(std::string name, int64_t in_features, int64_t out_features, const LinearOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Draws weight and bias anew.
  void reset_parameters();

  Parameter weight, bias;
};
static_assert(ModuleValue<Linear>);

}  // namespace nn
}  // namespace st
