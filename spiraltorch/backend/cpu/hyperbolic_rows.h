// What the files of the hyperbolic kernels share: where the rows of a call lie, and the engine that runs a
// map over them (hyperbolic_rows-inl.h).
#pragma once

#include <array>
#include <cstdint>

#include "spiraltorch/backend/ball.h"
#include "spiraltorch/backend/cpu/hyperbolic.h"

namespace st::cpu {

/// How many rows a tensor (..., width) has.
int64_t rows_in(const In& x);

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
  std::array<void*, 2> numbers = {};  // forward: the result, or what is kept; backward: dc (float64) and ds
};

/// The most rows that a loop takes at once: their numbers stay in L1.
inline constexpr int64_t kRowBlock = 64;
/// The widest rows that are written across their boundaries, and the most float32 lanes.
inline constexpr int64_t kMostNarrow = 32, kMostLanes = 16;
inline constexpr int kMaxRows = 4, kMaxDots = 9, kMaxOuts = 3;

/// The numbers of a row that the step of a map tells its scalars: all of an ExpStep.
inline constexpr int64_t kAlong = 7;

/// A vector that a map reads beside its inputs: the sum of the first two, the second less the first, or the
/// first and tau times the second.
enum class Extra { none, sum, difference, step };
/// An inner product of two vectors: inputs by their number, the extra one after them.
struct Dot {
  int a, b;
};

/// Where the rows of a block lie: so many bytes from one place. Where rows are evenly spaced, only that place
/// differs from block to block.
struct RowPlaces {
  const void* base = nullptr;
  int64_t bytes[kRowBlock];
  void space(int64_t distance) {
    for (int64_t r = 0; r < kRowBlock; ++r) bytes[r] = r * distance;
  }
  /// Rows from `count` on, up to `whole`, repeat the last one.
  void repeat_last(int64_t count, int64_t whole) {
    for (int64_t r = count; r < whole; ++r) bytes[r] = bytes[count - 1];
  }
};

/// What is known of a block of rows between the sweeps over their elements. Array i of a field stands at
/// i * kRowBlock.
struct RowBlock {
  alignas(64) double c[kRowBlock], root_c[kRowBlock];
  // Numbers read and written: the caller's own where those are float64, one a row, else copies.
  const double *s, *g;
  double* number[2];
  alignas(64) double copies[4 * kRowBlock];
  alignas(64) double tau[kRowBlock], along[kAlong * kRowBlock];  // of a step: tau, and the rest by lanes
  alignas(64) double dots[kMaxDots * kRowBlock];
  alignas(64) double factors[kMaxOuts * (kMaxRows + 1) * kRowBlock];
  RowPlaces rows[kMaxRows];
  // Whether all rows lie one behind the other and are at most kMostNarrow wide. Then element i of a group of
  // rows belongs to its row row_of[i].
  bool is_narrow;
  alignas(64) int32_t row_of[kMostNarrow * kMostLanes];
  double gap_floor, gap_limit;  // of the dtype: backend/ball.h
  bool wants_c;                 // whether anybody reads the gradient of the curvature
  int64_t products;             // how many stand in dots

  template <class T>
  const T* row(size_t input, int64_t r) const {
    return reinterpret_cast<const T*>(static_cast<const char*>(rows[input].base) + rows[input].bytes[r]);
  }
};
/// The factors of output i.
constexpr int64_t factors_of(int64_t i) { return i * (kMaxRows + 1) * kRowBlock; }

/// Products of rows [0, count), count a multiple of the lanes: product i at to + i * kRowBlock.
using DotLoop = void (*)(const RowBlock& b, int64_t count, int64_t width, double* to);
/// Writes rows [0, count) of every output that is not null.
using WriteLoop = void (*)(const RowBlock& b, int64_t count, int64_t width, void* const* out);
/// The scalars of rows [0, count), count a multiple of the lanes.
using ScalarLoop = void (*)(RowBlock& b, int64_t count);

/// kept_backward: backward from what forward kept, the gradient of x alone.
enum class Pass { forward, backward, kept_backward };

/// One direction of a map: what hyperbolic_rows.cpp must know to run it.
struct RowMap {
  int inputs = 0;
  int numbers = 0;            // written a row
  int doubles = 0;            // how many of them are float64 whatever the dtype
  int products = 0;           // of the second sweep; those of step stand behind them
  bool writes_pairs = false;  // whether write_rows asks for RowBlock::is_narrow
  ScalarLoop step = nullptr, apply = nullptr;
  DotLoop dot_rows = nullptr, step_dot_rows = nullptr;  // for the dtype of the call
  WriteLoop write_rows = nullptr;
};

/// The map, without loops if it stands in the other file.
RowMap hyperbolic_points_map(HyperbolicMap map, DType dtype, Pass pass);
RowMap hyperbolic_metric_map(HyperbolicMap map, DType dtype, Pass pass);

/// Computes rows [begin, end).
void run_hyperbolic_rows(const RowMap& map, const HyperbolicRows& args, DType dtype, int64_t begin,
                         int64_t end);

/// How many of `count` rows that are written one behind the other may be written in whole vectors: what
/// reaches beyond such a row belongs to the next ones, which are written later. A masked store costs several
/// whole ones.
inline int64_t rows_written_whole(int64_t count, int64_t width, int64_t lanes) {
  const int64_t beyond = (width + lanes - 1) / lanes * lanes - width;
  return beyond == 0 ? count : count - (beyond + width - 1) / width;
}

/// The grain of parallel loops over rows of this width.
inline int64_t row_grain(int64_t width) { return 65536 / (width + 32) + kRowBlock; }

}  // namespace st::cpu
