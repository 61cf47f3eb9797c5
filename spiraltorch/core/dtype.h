// Element types: their names, sizes, categories and PyTorch's promotion; the two 16-bit floating-point types.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] st {

enum class DType : uint8_t { float32, float64, bfloat16, float16, int64, int32, uint8, bool_ };

/// The upper half of a float32: 8 bits of exponent, 7 of mantissa. Rounds to nearest, ties to even; NaN stays
/// NaN.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const bool is_nan = (u & 0x7fffffff) > 0x7f800000;
    bits = is_nan ? uint16_t{0x7fc0} : static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

/// IEEE 754 binary16: 5 bits of exponent, 10 of mantissa. Rounds to nearest, ties to even.
struct float16 {
  uint16_t bits = 0;
  float16() = default;
  explicit float16(float value);
  explicit operator float() const;
};

/// "float32", "bool", ...
std::string_view dtype_name(DType dtype);
inline std::string to_text(DType dtype) { return std::string(dtype_name(dtype)); }

/// Bytes per element.
constexpr size_t item_size(DType dtype) {
  constexpr size_t sizes[] = {4, 8, 2, 2, 8, 4, 1, 1};
  return sizes[static_cast<size_t>(dtype)];
}

constexpr bool is_floating(DType dtype) { return dtype <= DType::float16; }
constexpr bool is_reduced_floating(DType dtype) {
  return dtype == DType::bfloat16 || dtype == DType::float16;
}

/// The type that holds values of both, as torch.promote_types: the higher category (bool, integer, floating)
/// wins, the wider type within one; bfloat16 with float16 gives float32.
DType promote(DType a, DType b);

/// The DType of a C++ type: dtype_of<float>() == DType::float32. `bool` elements are stored as one byte, 0
/// or 1.
template <class T>
constexpr DType dtype_of() = delete;
template <>
constexpr DType dtype_of<float>() {
  return DType::float32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::float64;
}
template <>
constexpr DType dtype_of<bfloat16>() {
  return DType::bfloat16;
}
template <>
constexpr DType dtype_of<float16>() {
  return DType::float16;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::int64;
}
template <>
constexpr DType dtype_of<long long>() {
  return DType::int64;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::int32;
}
template <>
constexpr DType dtype_of<uint8_t>() {
  return DType::uint8;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::bool_;
}

// Integers wrap around, as PyTorch's do; C++ leaves the overflow of signed numbers undefined.
constexpr int64_t wrap_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
constexpr int64_t wrap_sub(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
constexpr int64_t wrap_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
constexpr int64_t wrap_neg(int64_t a) { return wrap_sub(0, a); }

template <class T>
struct TypeTag {
  using type = T;
};

/// f(TypeTag<T>{}) with the C++ type of `dtype`.
template <class F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(TypeTag<float>{});
    case DType::float64:
      return f(TypeTag<double>{});
    case DType::bfloat16:
      return f(TypeTag<bfloat16>{});
    case DType::float16:
      return f(TypeTag<float16>{});
    case DType::int64:
      return f(TypeTag<int64_t>{});
    case DType::int32:
      return f(TypeTag<int32_t>{});
    case DType::uint8:
      return f(TypeTag<uint8_t>{});
    case DType::bool_:
      break;
  }
  return f(TypeTag<bool>{});
}

/// A floating-point number without its fraction; what I cannot hold, NaN too, becomes its least value, as x86
/// converts.
template <class I, class F>
inline I truncated(F value) {
  constexpr F kEnd = static_cast<F>(uint64_t{1} << (8 * sizeof(I) - 1));  // the first that is too large
  return value >= -kEnd && value < kEnd ? static_cast<I>(value) : std::numeric_limits<I>::min();
}

/// One element converted: through float for the 16-bit types; to bool is "not zero".
template <class To, class From>
inline To convert(From value) {
  constexpr bool from_half = std::is_same_v<From, bfloat16> || std::is_same_v<From, float16>;
  constexpr bool to_half = std::is_same_v<To, bfloat16> || std::is_same_v<To, float16>;
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (from_half) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (to_half) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, uint8_t>) {
    return static_cast<uint8_t>(truncated<int64_t>(value));  // as PyTorch: -1.0 becomes 255
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return truncated<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace st
