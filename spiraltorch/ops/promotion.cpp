// Result dtypes and result memory.
#include "spiraltorch/ops/promotion.h"

#include <limits>
#include <type_traits>
#include "spiraltorch/tensor/operands.h"

namespace st {

DType result_dtype(const Tensor& x, const Tensor& y) {
  if ((x.dim() == 0) == (y.dim() == 0)) return promote(x.dtype(), y.dtype());
  const DType strong = x.dim() == 0 ? y.dtype() : x.dtype();
  const DType weak = x.dim() == 0 ? x.dtype() : y.dtype();
  const bool weak_is_higher = is_floating(weak) ? !is_floating(strong) : strong == DType::bool_;
  return weak_is_higher ? promote(strong, weak) : strong;
}

Tensor empty_broadcast(const char* op, const Tensor& x, const Tensor& y, DType dtype) {
  if (x.shape() == y.shape()) return empty_like(x, dtype);
  const Shape shape = broadcast_shapes(op, x.shape(), y.shape());
  if (x.shape() == shape) return empty_like(x, dtype);
  if (y.shape() == shape) return empty_like(y, dtype);
  return empty_for(op, shape, dtype, x.device());
}

void check_alpha(const char* op, DType dtype, Scalar alpha) {
  check<DTypeError>(is_floating(dtype) || !alpha.is_floating(),
                    "{}: alpha is {}, but for {} tensors it must be an integer", op, alpha, dtype);
}

void refuse_bool(const char* op, bool any_bool) {
  check<DTypeError>(
      !any_bool,
      "{}: bool tensors are not supported; use != for where two differ, logical_not for 1 - x, or "
      "to(DType::int64)",
      op);
}

Scalar negated(Scalar s) { return s.is_floating() ? Scalar(-s.to_double()) : Scalar(wrap_neg(s.to_int64())); }

void check_fits(const char* op, Scalar value, DType dtype) {
  if (is_floating(dtype) || dtype == DType::bool_) return;
  const double lowest = dtype == DType::uint8 ? -0x1p8 + 1 : dtype == DType::int32 ? -0x1p31 : -0x1p63;
  const double beyond = dtype == DType::uint8 ? 0x1p8 : dtype == DType::int32 ? 0x1p31 : 0x1p63;
  const double v = value.to_double();
  const bool fits = !value.is_floating() && dtype == DType::int64 ? true : v >= lowest && v < beyond;
  check<ValueError>(fits, "{}: the value {} does not fit into {}", op, value, dtype);
}

std::pair<Scalar, Scalar> clamp_bounds(DType dtype, std::optional<Scalar> min, std::optional<Scalar> max) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  using Int = std::numeric_limits<int64_t>;
  const bool floating = is_floating(dtype);
  return {min        ? rounded(*min, dtype)
          : floating ? Scalar(-infinity)
                     : Scalar(Int::min()),
          max        ? rounded(*max, dtype)
          : floating ? Scalar(infinity)
                     : Scalar(Int::max())};
}

Scalar rounded(Scalar s, DType dtype) {
  return visit_dtype(dtype, [s](auto tag) -> Scalar {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, float>) {
      return static_cast<float>(s.to_double());
    } else if constexpr (std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>) {
      return static_cast<float>(convert<T>(s.to_double()));
    } else if constexpr (std::is_same_v<T, double>) {
      return s.to_double();
    } else {
      return convert<T>(s.to_int64());
    }
  });
}

}  // namespace st
