// Random tensors. The same seed gives PyTorch's numbers (docs/differences.md says where to the last bit).
#pragma once

#include "spiraltorch/core/random.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Uniform in [0, 1).
Tensor rand(const Shape& shape, DType dtype = DType::float32);
/// Normal with mean 0 and standard deviation 1.
Tensor randn(const Shape& shape, DType dtype = DType::float32);
/// Integers in [low, high).
Tensor randint(int64_t low, int64_t high, const Shape& shape, DType dtype = DType::int64);
Tensor randint(int64_t high, const Shape& shape, DType dtype = DType::int64);
/// A random order of 0 .. n-1, int64.
Tensor randperm(int64_t n);
Tensor rand_like(const Tensor& x);
Tensor randn_like(const Tensor& x);

}  // namespace st
