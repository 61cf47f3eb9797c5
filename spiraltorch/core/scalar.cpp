// Numbers as text, and how they take part in promotion.
#include "spiraltorch/core/scalar.h"

#include "spiraltorch/core/check.h"

namespace st {

std::string to_text(const Scalar& scalar) {
  if (scalar.is_floating()) return to_text(scalar.to_double());
  if (scalar.is_bool()) return to_text(scalar.to_int64() != 0);
  return to_text(scalar.to_int64());
}

DType promote(DType tensor, const Scalar& scalar) {
  if (scalar.is_floating()) return is_floating(tensor) ? tensor : DType::float32;
  if (scalar.is_bool()) return tensor;
  return tensor == DType::bool_ ? DType::int64 : tensor;
}

}  // namespace st
