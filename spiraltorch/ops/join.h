// Tensors put together from several, or set into a frame. All of these copy.
#pragma once

#include <string>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Adds `value` around x: {left, right} of the last dimension first, then of the one before, ...; negative
/// amounts crop. Throws ShapeError if a size would become negative. Source: torch.nn.functional.pad, mode
/// "constant".
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, Scalar value = 0.0);

/// What stands beyond an edge, of x = 1 2 3: a value (0 1 2 3 0); x mirrored at its last entry (2 1 2 3 2);
/// that entry (1 1 2 3 3); x from its other end on (3 1 2 3 1).
enum class PadMode { constant, zeros = constant, reflect, replicate, circular };
/// "zeros", "reflect", ...
std::string to_text(PadMode mode);

/// The same with any mode; `value` is that of PadMode::constant. Throws ShapeError where x has too little to
/// show: an amount of reflect must be smaller than the size, one of circular at most the size, and replicate
/// needs an entry. Any dimensions can be padded, in PyTorch the last three but the first. Source:
/// torch.nn.functional.pad.
Tensor pad(const Tensor& x, const std::vector<int64_t>& amounts, PadMode mode, Scalar value = 0.0);
/// Joins along an existing dimension; dtypes promote; tensors of shape (0,) are skipped. Sizes must agree in
/// every other dimension. Channels-last if every tensor is. Source: torch.cat.
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);
/// Joins tensors of one shape along a new dimension. Source: torch.stack.
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);

}  // namespace st
