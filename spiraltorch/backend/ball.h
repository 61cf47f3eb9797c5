// How near the boundary of the Poincaré ball a dtype can store points: a constant that kernels, manifolds and
// optimisers share.
#pragma once

#include <type_traits>

#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

/// The least gap 1 - c|x|^2 of a point that the library writes: 2^-22 in float32 (distance 16.6 / sqrt c from
/// the origin), 2^-48 in float64 (34.7 / sqrt c). Rounding the coordinates, and in float64 the sum of their
/// squares, moves the gap by less than that.
template <class T>
constexpr double ball_gap() {
  return std::is_same_v<T, float> ? 0x1p-22 : 0x1p-48;
}
/// The least gap that a map sees in a point it is given: points on the boundary and beyond count as this near
/// to it. Even 1 / gap^3 then fits the dtype.
template <class T>
constexpr double gap_floor() {
  return std::is_same_v<T, float> ? 0x1p-28 : 0x1p-52;
}
constexpr double ball_gap(DType dtype) {
  return dtype == DType::float64 ? ball_gap<double>() : ball_gap<float>();
}

}  // namespace st
