// The activation functions as layers. They have no parameters and take no name.
#pragma once

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// max(x, 0). Source: torch.nn.ReLU.
class ReLU final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<ReLU>);

/// tanh x. Source: torch.nn.Tanh.
class Tanh final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<Tanh>);

/// 1 / (1 + e^-x). Source: torch.nn.Sigmoid.
class Sigmoid final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<Sigmoid>);

}  // namespace nn
}  // namespace st
