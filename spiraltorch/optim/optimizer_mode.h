// OptimizerMode: in which geometry ZSpaceOptimizer steps, and at which rate.
#pragma once

#include <cstdint>
#include <string>

#include "spiraltorch/core/check.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

/// euclidean(): w <- w - lr g with the optimiser's rate.   realgrad(lr): the same with the mode's own rate.
/// hypergrad(k, lr): each row of a parameter with two or more dimensions (the first dimension kept, the rest
/// flattened) is a point of the ball of curvature k and moves along the geodesic, at the mode's own rate;
/// parameters with one dimension take the realgrad step.
class OptimizerMode {
 public:
  enum class Kind : int64_t { euclidean, realgrad, hypergrad };

  static OptimizerMode euclidean() { return {}; }
  /// Throws ValueError unless lr is positive and finite.
  static OptimizerMode realgrad(double lr);
  /// Throws ValueError unless the curvature is negative and lr positive, both finite.
  static OptimizerMode hypergrad(double curvature, double lr);

  Kind kind() const { return kind_; }
  /// Negative for hypergrad, else 0.
  double curvature() const { return curvature_; }
  /// The mode's own rate; 0 for euclidean, which has none.
  double lr() const { return lr_; }
  /// "euclidean", "realgrad(0.001)", "hypergrad(-1, 0.005)".
  std::string to_string() const;

 private:
  Kind kind_ = Kind::euclidean;
  double curvature_ = 0, lr_ = 0;
};

}  // namespace optim
}  // namespace st
