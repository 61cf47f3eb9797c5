// OptimizerMode: its checks and its text.
#include "spiraltorch/optim/optimizer_mode.h"

#include <cmath>

namespace st::optim {

OptimizerMode OptimizerMode::realgrad(double lr) {
  check<ValueError>(lr > 0 && std::isfinite(lr), "realgrad: lr must be positive and finite, got {}", lr);
  OptimizerMode mode;
  mode.kind_ = Kind::realgrad;
  mode.lr_ = lr;
  return mode;
}

OptimizerMode OptimizerMode::hypergrad(double curvature, double lr) {
  check<ValueError>(curvature < 0 && std::isfinite(curvature),
                    "hypergrad: curvature must be negative and finite, got {}", curvature);
  check<ValueError>(lr > 0 && std::isfinite(lr), "hypergrad: lr must be positive and finite, got {}", lr);
  OptimizerMode mode;
  mode.kind_ = Kind::hypergrad;
  mode.curvature_ = curvature;
  mode.lr_ = lr;
  return mode;
}

std::string OptimizerMode::to_string() const {
  if (kind_ == Kind::euclidean) return "euclidean";
  if (kind_ == Kind::realgrad) return "realgrad(" + to_text(lr_) + ")";
  return "hypergrad(" + to_text(curvature_) + ", " + to_text(lr_) + ")";
}

}  // namespace st::optim
