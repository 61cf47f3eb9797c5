// One step of an optimiser for points of the Poincaré ball.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// See BallStep. w and g (n, d), m (n, d) where the rule has momentum, v (n) for adam: contiguous, all
/// float32 or all float64; float64 inside. v stays finite.
void ball_step(BallStep step, Out w, In g, Out m, Out v);

}  // namespace st::cpu
