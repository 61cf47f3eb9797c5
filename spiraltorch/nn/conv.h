// Convolutions as layers.
#pragma once

#include <string>

#include "spiraltorch/core/pair.h"
#include "spiraltorch/nn/module.h"
#include "spiraltorch/ops/join.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct Conv1dOptions {
  int64_t stride = 1;
  Padding padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::zeros;
};
struct Conv2dOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::zeros;
};

/// conv1d (ops/conv.h) with weight (out_channels, in_channels / groups, k) and bias (out_channels), which
/// start in U(-b, b), b = 1 / sqrt(in_channels / groups k).   x: (N, in_channels, L) or (in_channels, L)
/// A padding_mode other than zeros shows entries of x there (pad in ops/join.h).
/// Throws ValueError for sizes below 1 and channels that cannot be cut into groups. Source: torch.nn.Conv1d.
class Conv1d final : public Layer {
 public:
  Conv1d(std::string name, int64_t in_channels, int64_t out_channels, int64_t kernel_size,
         const Conv1dOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Draws weight and bias anew.
  void reset_parameters();

  Parameter weight, bias;

 private:
  Conv1dOptions options_;
};
static_assert(ModuleValue<Conv1d>);

/// conv2d (ops/conv.h) with weight (out_channels, in_channels / groups, kh, kw) and bias (out_channels),
/// which start in U(-b, b), b = 1 / sqrt(in_channels / groups kh kw).   x: (N, in_channels, H, W) or
/// (in_channels, H, W)   padding_mode and errors as Conv1d. Source: torch.nn.Conv2d.
class Conv2d final : public Layer {
 public:
  Conv2d(std::string name, int64_t in_channels, int64_t out_channels, Pair kernel_size,
         const Conv2dOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Draws weight and bias anew.
  void reset_parameters();

  Parameter weight, bias;

 private:
  Conv2dOptions options_;
};
static_assert(ModuleValue<Conv2d>);

}  // namespace nn
}  // namespace st
