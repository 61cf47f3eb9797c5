// Flatten: the step from feature maps to a linear layer.
#pragma once

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// Dimensions start_dim..end_dim become one; by default all but the batch's.   x: (N, C, H, W)   y: (N, C H
/// W) Throws IndexError where x lacks one of them. Source: torch.nn.Flatten.
class Flatten final : public Layer {
 public:
  explicit Flatten(int64_t start_dim = 1, int64_t end_dim = -1) : start_dim_(start_dim), end_dim_(end_dim) {}
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  int64_t start_dim_, end_dim_;
};
static_assert(ModuleValue<Flatten>);

}  // namespace nn
}  // namespace st
