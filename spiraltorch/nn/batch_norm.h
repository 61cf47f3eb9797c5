// Batch normalisation: one mean and one variance a channel, over the batch in training, running ones else.
#pragma once

#include <optional>
#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct BatchNormOptions {
  /// Whether there are weight and bias.
  bool affine = true;
  /// Whether running statistics are kept; without them evaluation uses the batch's as well.
  bool track_running_stats = true;
  /// Whether there is a bias, if affine.
  bool bias = true;
};

/// y = (x - mean) / sqrt(var + eps) weight + bias for each channel: what the layers below share.
/// In training: mean and biased variance of the batch; the running ones move to (1 - momentum) running +
/// momentum batch, with the unbiased variance, or with no momentum (nullopt) to the mean over all batches so
/// far. weight starts at 1, bias at 0, running_mean at 0, running_var at 1. Throws ValueError unless features
/// >= 1, momentum is in [0, 1] and eps > 0; ShapeError for an x of another form; ValueError in training for
/// one value a channel.
class BatchNorm : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Statistics as of a new layer.
  void reset_running_stats();

  Parameter weight, bias;            // undefined unless affine
  Buffer running_mean, running_var;  // undefined unless tracked
  Buffer num_batches_tracked;        // int64, 0-dim

 protected:
  /// `form` is what x must be, with at least `least` and at most `most` dimensions.
  BatchNorm(const char* layer, const char* form, int least, int most, std::string name, int64_t features,
            std::optional<double> momentum, double eps, const BatchNormOptions& options);

 private:
  const char *layer_, *form_;
  int least_, most_;
  int64_t features_;
  std::optional<double> momentum_;
  double eps_;
};

/// x: (N, C) or (N, C, L)   y: as x      Source: torch.nn.BatchNorm1d (whose eps stands before momentum).
class BatchNorm1d final : public BatchNorm {
 public:
  BatchNorm1d(std::string name, int64_t features, std::optional<double> momentum = 0.1, double eps = 1e-5,
              const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm1d", "(N, C) or (N, C, L)", 2, 3, std::move(name), features, momentum, eps,
                  options) {}
};
static_assert(ModuleValue<BatchNorm1d>);

/// x: (N, C, H, W)   y: as x      Source: torch.nn.BatchNorm2d (whose eps stands before momentum).
class BatchNorm2d final : public BatchNorm {
 public:
  BatchNorm2d(std::string name, int64_t features, std::optional<double> momentum = 0.1, double eps = 1e-5,
              const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm2d", "(N, C, H, W)", 4, 4, std::move(name), features, momentum, eps, options) {}
};
static_assert(ModuleValue<BatchNorm2d>);

}  // namespace nn
}  // namespace st
