// Kernels of the Poincaré ball, and what their files share: where the rows of a call lie.
#pragma once

#include <array>
#include <cstdint>

#include "spiraltorch/backend/ball.h"
#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"

namespace st::cpu {

void hyperbolic(HyperbolicMap map, In x, In y, In v, In c, In s, Out z);
void hyperbolic_backward(HyperbolicMap map, In x, In y, In v, In c, In s, In dz, Out dx, Out dy, Out dv,
                         Out dc, Out ds);
void hyperbolic_cdist(In x, In y, double c, Out z);
void hyperbolic_cdist_backward(In x, In y, double c, In dz, Out dx, Out dy, Out dc);
void hyperbolic_midpoint(In x, In w, In c, Out m);
void hyperbolic_midpoint_backward(In x, In w, In c, In dm, Out dx, Out dw, Out dc);

/// The offsets of the rows of a tensor (..., width): the leading dimensions, merged where strides allow.
class RowOffsets {
 public:
  RowOffsets() = default;
  explicit RowOffsets(const In& x);
  /// offsets[i] = elements from the first row to row begin + i, for i < count.
  void fill(int64_t begin, int64_t count, int64_t* offsets) const;
  /// Whether all rows are the same.
  bool is_one() const { return stride() == 0; }
  /// The distance of neighbours where it is the same everywhere, else -1.
  int64_t stride() const { return sizes_.size() > 1 ? -1 : sizes_.empty() ? 0 : strides_[0]; }

 private:
  Dims sizes_, strides_;  // innermost last; one row: empty
};

/// A tensor of rows, or of one number a row.
struct RowSource {
  RowSource() = default;
  explicit RowSource(const In& x) : data(x.data), dtype(x.dtype), offsets(x) {}
  const void* data = nullptr;
  DType dtype = DType::float64;
  RowOffsets offsets;
};

/// The arguments of a map. Gradients of rows stand in `rows` after the map's own inputs.
struct HyperbolicRows {
  int64_t width = 0;
  std::array<RowSource, 4> rows;
  RowSource c, s, g;                  // numbers a row; g is the gradient where the map gives numbers
  std::array<void*, 3> out = {};      // contiguous rows, null where nobody asks
  std::array<void*, 2> numbers = {};  // forward: the result; backward: dc (float64) and ds
};

/// Computes rows [begin, end).
using RowLoop = void (*)(const HyperbolicRows& args, int64_t begin, int64_t end);

/// The rows that a loop takes at once; their numbers stay in L1.
inline constexpr int64_t kRowBlock = 64;

/// The loops for a map of a file, null if it stands in the other one.
RowLoop hyperbolic_points_loop(HyperbolicMap map, DType dtype, bool backward);
RowLoop hyperbolic_metric_loop(HyperbolicMap map, DType dtype, bool backward);

/// The grain of parallel loops over rows of this width.
inline int64_t row_grain(int64_t width) { return 65536 / (width + 32) + kRowBlock; }

}  // namespace st::cpu
