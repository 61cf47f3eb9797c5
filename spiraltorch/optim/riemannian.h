// Steps of parameters that carry a manifold: composed of its maps for any manifold, and the fused kernel for
// the Poincaré ball. SGD, Adam and ZSpaceOptimizer share them.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/geometry/manifold.h"

namespace st {
namespace optim {

/// The curved manifold of a leaf; null where it is Euclidean.
const Manifold* curved_manifold(const Tensor& leaf);

/// What a rule remembers of a leaf. m and v are made when they are undefined; max_v only where it is given.
struct RiemannianState {
  Tensor* m = nullptr;
  Tensor* v = nullptr;
  Tensor* max_v = nullptr;  // amsgrad
};

/// One step of the points w (..., d), see BallStep, whose c this sets from the manifold. `nesterov` steps
/// along g_R + keep m. The ball without nesterov and amsgrad goes through the fused kernel; everything else
/// is composed of the manifold's maps.
void riemannian_step(const Manifold& manifold, BallStep step, const Tensor& w, const Tensor& grad,
                     const RiemannianState& state, bool nesterov = false);

}  // namespace optim
}  // namespace st
