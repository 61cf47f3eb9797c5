// Scalar: a number given by value where PyTorch takes a Python number: it never becomes a tensor.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "spiraltorch/core/dtype.h"

namespace [[gnu::visibility("default")]] st {

/// A double, an int64_t or a bool. Its category takes part in type promotion: 2.5 makes an integer tensor
/// floating, 2 leaves every tensor's type as it is.
class Scalar {
 public:
  constexpr Scalar() : Scalar(int64_t{0}) {}
  template <std::floating_point T>
  constexpr Scalar(T value) : kind_(Kind::floating), floating_(static_cast<double>(value)) {}
  template <std::integral T>
  constexpr Scalar(T value)
      : kind_(std::same_as<T, bool> ? Kind::boolean : Kind::integer), integer_(static_cast<int64_t>(value)) {}

  constexpr bool is_floating() const { return kind_ == Kind::floating; }
  constexpr bool is_bool() const { return kind_ == Kind::boolean; }
  constexpr double to_double() const { return is_floating() ? floating_ : static_cast<double>(integer_); }
  constexpr int64_t to_int64() const { return is_floating() ? static_cast<int64_t>(floating_) : integer_; }
  /// The value as an element of type T: float, double or int64_t.
  template <class T>
  constexpr T to() const {
    if constexpr (std::same_as<T, int64_t>) return to_int64();
    return static_cast<T>(to_double());
  }
  /// The dtype a tensor made of this number alone would have: float32, int64 or bool.
  constexpr DType dtype() const {
    return is_floating() ? DType::float32 : is_bool() ? DType::bool_ : DType::int64;
  }

 private:
  enum class Kind : uint8_t { floating, integer, boolean };
  Kind kind_;
  union {
    double floating_;
    int64_t integer_;
  };
};

std::string to_text(const Scalar& scalar);

/// The dtype of an op between a tensor of type `tensor` and a number: the number counts only if its category
/// is higher.
DType promote(DType tensor, const Scalar& scalar);

}  // namespace st
