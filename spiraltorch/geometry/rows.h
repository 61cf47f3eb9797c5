// What the ball's ops share: arguments of several shapes and dtypes made into the rows that kernels read.
#pragma once

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/geometry/curvature.h"

namespace st {
namespace geometry {

/// The dtype of an op over points. Throws DTypeError unless every defined tensor is float32 or float64.
DType point_dtype(const char* op, std::initializer_list<Tensor> tensors);

/// Throws ValueError unless k is negative and finite, DTypeError for a tensor of integers.
void check_curvature(const char* op, const Curvature& k);

/// c = -k as float64, outside of autograd: 0-dim on `device` for a number, else of the tensor's shape.
Tensor minus_curvature(const Tensor& k, double number, Device device);

/// x in `dtype` with unit stride inside rows, expanded to `shape` without a copy; outside of autograd.
Tensor as_rows(const Tensor& x, DType dtype, const Shape& shape);

/// x contiguous in `dtype`, outside of autograd.
Tensor dense(const Tensor& x, DType dtype);

}  // namespace geometry
}  // namespace st
