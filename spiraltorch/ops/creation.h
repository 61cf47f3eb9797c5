// Tensors from values, shapes and ranges. Defaults are PyTorch's: float32 unless a dtype is given.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

Tensor zeros(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);
Tensor ones(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);
/// The dtype is that of the number (float32, int64 or bool) unless one is given.
Tensor full(const Shape& shape, Scalar value);
Tensor full(const Shape& shape, Scalar value, DType dtype, Device device = Device::cpu);
Tensor eye(int64_t n, DType dtype = DType::float32);
Tensor eye(int64_t n, int64_t m, DType dtype = DType::float32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, Scalar value);
/// start, start + step, ... below end. int64 when all are integers, else float32.
Tensor arange(Scalar end);
Tensor arange(Scalar end, DType dtype);
Tensor arange(Scalar start, Scalar end, Scalar step = 1);
Tensor arange(Scalar start, Scalar end, DType dtype);
Tensor arange(Scalar start, Scalar end, Scalar step, DType dtype);
/// `steps` values from start to end, both included; for an integer dtype both lose their fractions first.
/// Source: torch.linspace.
Tensor linspace(double start, double end, int64_t steps, DType dtype = DType::float32);

/// A 1-dim tensor of the values. Doubles make float32 as in PyTorch; say DType::float64 to keep them.
Tensor tensor(std::initializer_list<float> values);
Tensor tensor(std::initializer_list<double> values, DType dtype = DType::float32);
Tensor tensor(std::initializer_list<int64_t> values);
Tensor tensor(std::initializer_list<int> values);
Tensor tensor(std::initializer_list<bool> values);
/// A 2-dim tensor of rows of equal length: float32 if one number is floating, int64 if all are integers, as
/// in PyTorch. C++ reads {{1}, {2}} as {1, 2}: make a column with unsqueeze.
Tensor tensor(std::initializer_list<std::initializer_list<Scalar>> rows);
Tensor tensor(std::initializer_list<std::initializer_list<Scalar>> rows, DType dtype);
/// A 0-dim tensor of one number, of the number's dtype.
Tensor tensor(Scalar value);
Tensor tensor(Scalar value, DType dtype, Device device = Device::cpu);
/// What a vector of tensor() may hold.
template <class T>
concept TensorElement = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, int64_t> ||
    std::same_as<T, int32_t> || std::same_as<T, uint8_t> || std::same_as<T, bool>;
/// A 1-dim tensor of the elements, which keep their type (double stays float64: a vector's type was chosen).
template <TensorElement T>  // which the namespace's visibility does not reach
[[gnu::visibility("default")]] Tensor tensor(const std::vector<T>& values);

}  // namespace st
