// Batch normalisation into Z-space: its output rows are points of the Poincaré ball.
#pragma once

#include <optional>
#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// v = (x_hat weight + bias) / sqrt(features),  y = exp_0(v) = tanh(sqrt c |v|) v / (sqrt c |v|),  c =
/// -curvature,
///
/// where x_hat is x normalised over the batch, with the running statistics of BatchNorm1d. x: (N, features);
/// y: as x, one point a row, never on the boundary; float32 for a 16-bit x. The typical length of v is 1,
/// whatever the width. As the curvature goes to 0, y goes to BatchNorm1d / sqrt(features). weight starts at
/// 1, bias at 0.
///
/// The constructor throws ValueError unless features >= 1, the curvature is negative and finite, momentum is
/// in [0, 1] and eps > 0; forward ShapeError for an x of another form, ValueError in training for one row.
class ZSpaceBatchNorm1d final : public Layer {
 public:
  ZSpaceBatchNorm1d(std::string name, int64_t features, double curvature = -1.0,
                    std::optional<double> momentum = 0.1, double eps = 1e-5);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Statistics as of a new layer.
  void reset_running_stats();

  double curvature() const { return curvature_; }
  /// The mean distance of the last output's points from the origin; 0 before the first.
  double ball_radius() const;

  Parameter weight, bias;
  Buffer running_mean, running_var;
  Buffer num_batches_tracked;  // int64, 0-dim

 private:
  int64_t features_;
  double curvature_;
  std::optional<double> momentum_;
  double eps_;
  Tensor distances_;  // of the last output's points from the origin
};
static_assert(ModuleValue<ZSpaceBatchNorm1d>);

}  // namespace nn
}  // namespace st
