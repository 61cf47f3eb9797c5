// ZSpaceBatchNorm1d: batch_norm with the scale folded into weight and bias, then the map into the ball.
#include "spiraltorch/nn/zspace_batch_norm.h"

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

ZSpaceBatchNorm1d::ZSpaceBatchNorm1d(std::string name, int64_t features, double curvature,
                                     std::optional<double> momentum, double eps)
    : Layer(std::move(name)), features_(features), curvature_(curvature), momentum_(momentum), eps_(eps) {
  check<ValueError>(features >= 1, "ZSpaceBatchNorm1d: features must be at least 1, got {}", features);
  check<ValueError>(curvature < 0 && std::isfinite(curvature),
                    "ZSpaceBatchNorm1d: curvature must be negative and finite, got {}", curvature);
  check<ValueError>(!momentum || (*momentum >= 0 && *momentum <= 1),
                    "ZSpaceBatchNorm1d: momentum must be in [0, 1], got {}", momentum.value_or(0));
  check<ValueError>(eps > 0 && std::isfinite(eps),
                    "ZSpaceBatchNorm1d: eps must be positive and finite, got {}", eps);
  weight = Parameter(ones({features}));
  bias = Parameter(zeros({features}));
  running_mean = Buffer(zeros({features}));
  running_var = Buffer(ones({features}));
  num_batches_tracked = Buffer(zeros({}, DType::int64));
}

void ZSpaceBatchNorm1d::reset_running_stats() {
  const NoGradGuard guard;
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}

Tensor ZSpaceBatchNorm1d::forward(const Tensor& x) {
  check_operands("ZSpaceBatchNorm1d", {{"x", x}});
  check<ShapeError>(x.dim() == 2 && x.size(1) == features_,
                    "ZSpaceBatchNorm1d: x must be (N, {}), a point a row, got {}", features_, x.shape());
  double momentum = momentum_.value_or(0);
  if (training() && !momentum_) momentum = 1 / (num_batches_tracked.item<double>() + 1);
  const double scale = 1 / std::sqrt(static_cast<double>(features_));
  const Tensor wide = is_reduced_floating(x.dtype()) ? x.to(DType::float32) : x;
  const Tensor v = batch_norm(wide, running_mean, running_var, weight * scale, bias * scale,
                              {.training = training(), .momentum = momentum, .eps = eps_});
  Tensor y = geometry::expmap0(v, curvature_);
  const NoGradGuard guard;
  distances_ = geometry::dist0(y, curvature_);
  if (training()) num_batches_tracked.add_(1);
  return y;
}

double ZSpaceBatchNorm1d::ball_radius() const {
  if (!distances_.defined() || distances_.numel() == 0) return 0;
  return mean(distances_.to(DType::float64)).item<double>();
}

void ZSpaceBatchNorm1d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
  v("running_mean", running_mean);
  v("running_var", running_var);
  v("num_batches_tracked", num_batches_tracked);
}

std::string ZSpaceBatchNorm1d::extra_repr() const {
  return format_text("{}, curvature={}, eps={}, momentum={}",
                     {to_text(features_), python_repr(curvature_), python_repr(eps_),
                      momentum_ ? python_repr(*momentum_) : "None"});
}

}  // namespace st::nn
