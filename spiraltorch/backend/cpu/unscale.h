// Gradients times a factor, watched for what is not finite.
#pragma once

#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// y *= factor; found (0-dim bool) becomes true if an element of y is Inf or NaN then, and else stays as it
/// is. Any floating dtype, any strides without overlap.
void unscale(Out y, double factor, Out found);

}  // namespace st::cpu
