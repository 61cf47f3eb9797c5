// The elementwise iterator: strides, broadcasting and dtypes, solved once for every elementwise kernel.
//
// A loop is written for contiguous elements of one compute type (float, double or int64_t). The iterator
// merges dimensions, splits the work over threads, and hands the loop blocks: pointers into the tensors where
// they are contiguous and of the compute type, else a copy, packed and converted, that stays in L1.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/dtype.h"

namespace st::cpu {

/// The type that a kernel computes elements of `dtype` in: float for the 16-bit types, int64_t for integers
/// and bool.
constexpr DType compute_dtype(DType dtype) {
  if (dtype == DType::float64) return DType::float64;
  return is_floating(dtype) ? DType::float32 : DType::int64;
}

/// f(TypeTag<T>{}) with the C++ type of a compute dtype.
template <class F>
decltype(auto) visit_compute(DType compute, F&& f) {
  switch (compute) {
    case DType::float32:
      return f(TypeTag<float>{});
    case DType::float64:
      return f(TypeTag<double>{});
    default:
      return f(TypeTag<int64_t>{});
  }
}

/// out[i] = f(in[0][i], in[1][i], ...) for i < n. `out` may be one of `in`.
using Loop = void (*)(const void* const* in, void* out, int64_t n, const void* params);

/// Runs `loop` over every element of y. The inputs are broadcast to y's shape and converted to `compute`; the
/// loop writes elements of type `compute` too, which are converted to y's dtype. `cost` is the rough number
/// of nanoseconds an element takes: it sets how much work is worth a thread.
void elementwise(Out y, std::initializer_list<In> xs, DType compute, Loop loop, const void* params = nullptr,
                 double cost = 0.5);

/// Copies n elements that lie `stride` apart to contiguous memory, converting them to a compute type.
void pack(DType from, const void* source, int64_t stride, DType compute, void* block, int64_t n);

/// The other way round.
void unpack(DType compute, const void* block, DType to, void* target, int64_t stride, int64_t n);

}  // namespace st::cpu
