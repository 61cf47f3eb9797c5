// Operands of one shape seen as lines along one dimension: what softmax and its like are computed over.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {

/// The lines that a kernel computes at a time, in one of two forms; vectors run with unit stride in both.
///   along:  one line; element i is data[i]
///   across: `width` neighbouring lines; element i of line j is data[i * step + j]
template <class T>
struct Lines {
  bool along;
  int64_t length;
  int64_t width;
  std::array<const T*, 2> in;
  T* out;
  std::array<int64_t, 2> in_step;
  int64_t out_step;
};

/// One kernel a compute type.
struct LineKernels {
  void (*float32)(const Lines<float>&);
  void (*float64)(const Lines<double>&);
};

/// Calls kernel for all lines of the operands (one input, or two) along `dim`, in parallel. `out` is dense;
/// what a kernel cannot use in place, for its strides or its dtype, is packed before and unpacked after.
/// `cost`: nanoseconds an element.
template <class T>
void for_each_line(void (*kernel)(const Lines<T>&), std::initializer_list<In> inputs, int dim, Out out,
                   double cost) {
  constexpr DType compute = dtype_of<T>();
  constexpr int64_t kTile = 64 / sizeof(T);  // lines across: one cache line of each position
  constexpr int kOut = 2;
  if (numel_of(*out.sizes) == 0) return;

  const std::array<In, 2> in{*inputs.begin(), *(inputs.end() - 1)};
  const auto strides = [&](int d) {
    return std::array<int64_t, 3>{(*in[0].strides)[d], (*in[1].strides)[d], (*out.strides)[d]};
  };
  const int64_t length = out.sizes->empty() ? 1 : (*out.sizes)[dim];
  std::array<int64_t, 3> step{1, 1, 1};
  if (length > 1) step = strides(dim);
  Nest<3> nest;
  for (int64_t d : by_stride(*out.strides)) {
    if (d != dim) nest.add((*out.sizes)[static_cast<int>(d)], strides(static_cast<int>(d)));
  }

  // Vectors run along the line where the result is dense that way, else across lines.
  const bool along = step[kOut] == 1;
  std::array<int64_t, 3> run = step;
  const int64_t columns = along ? 1 : nest.pop(run);
  const int64_t tiles = (columns + kTile - 1) / kTile;
  const int64_t tile_elements = length * std::min(columns, kTile);
  std::array<bool, 3> packed{};
  for (size_t k = 0; k < 3; ++k) {
    packed[k] = run[k] != 1 || (k < kOut ? in[k].dtype : out.dtype) != compute;
  }
  const int64_t grain = static_cast<int64_t>(kWorkPerThread / cost) / tile_elements;

  parallel_for(nest.count() * tiles, grain, [&](int64_t begin, int64_t end) {
    std::array<std::vector<T>, 3> blocks;
    for (size_t k = 0; k < 3; ++k) blocks[k].resize(packed[k] ? static_cast<size_t>(tile_elements) : 0);
    Position<3> at(nest, begin / tiles);
    for (int64_t tile = begin % tiles; begin < end; ++begin) {
      const int64_t first = along ? 0 : tile * kTile;
      const int64_t width = std::min(columns - first, kTile);
      const int64_t rows = along ? 1 : length, row = along ? length : width;

      Lines<T> lines{along, length, width, {}, blocks[kOut].data(), {row, row}, row};
      for (size_t k = 0; k < inputs.size(); ++k) {
        const int64_t offset = at[static_cast<int>(k)] + first * run[k];
        lines.in[k] = blocks[k].data();
        for (int64_t r = 0; packed[k] && r < rows; ++r) {
          pack(in[k].dtype, address(in[k], offset + r * step[k]), run[k], compute, &blocks[k][r * row], row);
        }
        if (packed[k]) continue;
        lines.in[k] = static_cast<const T*>(address(in[k], offset));
        lines.in_step[k] = step[k];
      }
      const int64_t offset = at[kOut] + first * run[kOut];
      if (!packed[kOut]) {
        lines.out = static_cast<T*>(address(out, offset));
        lines.out_step = step[kOut];
      }
      kernel(lines);
      for (int64_t r = 0; packed[kOut] && r < rows; ++r) {
        unpack(compute, &blocks[kOut][r * row], out.dtype, address(out, offset + r * step[kOut]), run[kOut],
               row);
      }

      if (++tile == tiles) {
        tile = 0;
        at.next();
      }
    }
  });
}

/// The same with the kernel of out's compute type.
inline void for_each_line(const LineKernels& kernels, std::initializer_list<In> inputs, int dim, Out out,
                          double cost) {
  if (out.dtype == DType::float64) return for_each_line(kernels.float64, inputs, dim, out, cost);
  for_each_line(kernels.float32, inputs, dim, out, cost);
}

}  // namespace st::cpu
