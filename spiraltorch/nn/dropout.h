// Dropout as a layer.
#pragma once

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// In training x / (1 - p), or 0 with probability p, element by element; in evaluation x itself. Throws
/// ValueError unless p is in [0, 1]. Source: torch.nn.Dropout; which elements are kept differs
/// (ops/dropout.h).
class Dropout final : public Layer {
 public:
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  double p_;
};
static_assert(ModuleValue<Dropout>);

}  // namespace nn
}  // namespace st
