// Group normalisation: every group of channels of a sample by its own mean and variance.
#pragma once

#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct GroupNormOptions {
  /// Whether there are weight and bias, one of each a channel.
  bool affine = true;
  /// Whether there is a bias, if affine.
  bool bias = true;
};

/// y = (x - mean) / sqrt(var + eps) weight + bias, with the mean and the biased variance of each of
/// num_groups groups of neighbouring channels of each sample; the same in training and in evaluation. x: (N,
/// num_channels) or (N, num_channels, d1, ...)   y: as x weight starts at 1, bias at 0. Throws ValueError
/// unless num_groups is at least 1 and divides num_channels, which is at least 1, and eps is positive and
/// finite; for an x of another form as group_norm does. Source: torch.nn.GroupNorm.
class GroupNorm final : public Layer {
 public:
  GroupNorm(std::string name, int64_t num_groups, int64_t num_channels, double eps = 1e-5,
            const GroupNormOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;

  Parameter weight, bias;  // undefined unless affine

 private:
  int64_t num_groups_, num_channels_;
  double eps_;
};
static_assert(ModuleValue<GroupNorm>);

}  // namespace nn
}  // namespace st
