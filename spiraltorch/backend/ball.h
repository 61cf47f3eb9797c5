// How near the boundary of the Poincaré ball a dtype can store points: a constant that kernels, manifolds and
// optimisers share.
#pragma once

#include <type_traits>

#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

/// The least gap 1 - c|x|^2 to which the library brings a point before it rounds the coordinates: 2^-22 in
/// float32 (distance 16.6 / sqrt c from the origin), 2^-48 in float64 (34.7 / sqrt c).
template <class T>
constexpr double ball_gap() {
  return std::is_same_v<T, float> ? 0x1p-22 : 0x1p-48;
}
/// The least gap of a stored point: half of that, for half a unit in the last place of every coordinate moves
/// the gap by 2^-23 in float32, and in float64 this and the sum of squares by less than 2^-49.
template <class T>
constexpr double point_gap() {
  return ball_gap<T>() / 2;
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
constexpr double point_gap(DType dtype) {
  return dtype == DType::float64 ? point_gap<double>() : point_gap<float>();
}

}  // namespace st
