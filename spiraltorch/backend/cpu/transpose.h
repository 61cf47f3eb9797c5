// The transpose of a block of a matrix, in tiles whose sides are one cache line: both sides are read and
// written in whole lines, whatever their pitch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace st::cpu {

/// y[r][c] = x[c][r] for r < rows, c < cols: the rows of x (one for each c) lie x_pitch items apart, those of
/// y (one for each r) y_pitch. `item` is 1, 2, 4 or 8 bytes. `stream` writes past the caches: for results
/// larger than they are.
void transpose_block(size_t item, const void* x, int64_t x_pitch, void* y, int64_t y_pitch, int64_t rows,
                     int64_t cols, bool stream);

}  // namespace st::cpu
