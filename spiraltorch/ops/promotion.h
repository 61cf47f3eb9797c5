// The dtype and the memory of a result, for ops over several tensors.
#pragma once

#include <optional>
#include <utility>

#include "spiraltorch/tensor/tensor.h"

namespace st {

/// The dtype of an op over x and y, as torch.result_type: dimensioned tensors decide; a 0-dim tensor counts
/// only where its category (bool, integer, floating) is higher.
DType result_dtype(const Tensor& x, const Tensor& y);

/// `dtype` if it is floating, else float32: what exp or division make of integers.
inline DType floating_dtype(DType dtype) { return is_floating(dtype) ? dtype : DType::float32; }

/// Fresh memory for the broadcast result of x and y. It keeps the dense strides of the first input of the
/// full shape, else it is row-major. Throws ShapeError naming `op` if the shapes do not broadcast.
Tensor empty_broadcast(const char* op, const Tensor& x, const Tensor& y, DType dtype);

/// An integer result cannot hold a multiple by a floating-point alpha: throws DTypeError.
void check_alpha(const char* op, DType dtype, Scalar alpha);

/// Throws DTypeError where a bool tensor or number takes part in an op that has no meaning for it.
void refuse_bool(const char* op, bool any_bool);

/// -s.
Scalar negated(Scalar s);

/// The number as an element of `dtype`: 0.1 beside a bfloat16 tensor is the bfloat16 next to 0.1, and -1
/// beside uint8 is 255, as in PyTorch.
Scalar rounded(Scalar s, DType dtype);

/// The bounds of clamp as elements of `dtype`; a missing one is what bounds nothing.
std::pair<Scalar, Scalar> clamp_bounds(DType dtype, std::optional<Scalar> min, std::optional<Scalar> max);

/// Throws ValueError for a number that an integer `dtype` cannot hold, as 3e9 in int32 or NaN in int64.
void check_fits(const char* op, Scalar value, DType dtype);

/// t if a gradient will need it, else an undefined tensor: nothing is kept that nobody reads.
inline Tensor keep_if(bool needed, const Tensor& t) { return needed ? t : Tensor(); }

}  // namespace st
