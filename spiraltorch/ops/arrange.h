// The elements of a tensor in another order, or several times. All of these copy.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// The entries of these dimensions from last to first. Throws ValueError for a dimension named twice. Source:
/// torch.flip.
Tensor flip(const Tensor& x, const Dims& dims);

/// Entry i of dimension dims[k] moves to i + shifts[k], around the end; without dims, of x in its row-major
/// order, by one shift. Throws ValueError unless there is one shift for each dimension. Source: torch.roll.
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims = {});

/// x set side by side sizes[d] times in dimension d; dimensions that x lacks come in front. Throws ShapeError
/// for fewer sizes than x has dimensions, ValueError for a negative one. Source: Tensor.repeat.
Tensor repeat(const Tensor& x, const Dims& sizes);

/// Each entry of dimension `dim`, or of the flattened tensor, `repeats` times in a row. Throws ValueError for
/// a negative number. Source: torch.repeat_interleave.
Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> dim = {});
/// Entry i `repeats[i]` times. repeats: (entries), (1) or 0-dim, int64 or int32.
Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim = {});

}  // namespace st
