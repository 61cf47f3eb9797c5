// visit_float: a kernel of floating dtypes chooses its element type.
#pragma once

#include "spiraltorch/core/dtype.h"

namespace st::cpu {

/// f(TypeTag<double>()) for float64, f(TypeTag<float>()) for float32: the two that such kernels take.
template <class F>
decltype(auto) visit_float(DType dtype, F&& f) {
  return dtype == DType::float64 ? f(TypeTag<double>()) : f(TypeTag<float>());
}

}  // namespace st::cpu
