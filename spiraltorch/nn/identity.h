// Identity: a place in a network that does nothing, to be filled or left.
#pragma once

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// y = x, the same tensor, of any shape and dtype. Source: torch.nn.Identity, which takes any arguments.
class Identity final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<Identity>);

}  // namespace nn
}  // namespace st
