// Values on their way into a leaf that may carry a manifold.
#pragma once

#include <memory>

#include "spiraltorch/geometry/manifold.h"

namespace st::nn {

/// value in `dtype`. Rows that were points of the manifold (null: Euclidean) are points still: float32 would
/// round float64 ones near the boundary onto it.
inline Tensor points_in(const Tensor& value, DType dtype, const std::shared_ptr<const Manifold>& manifold) {
  const Tensor converted = value.to(dtype);
  return manifold && dtype != value.dtype() ? manifold->projx(converted) : converted;
}

}  // namespace st::nn
