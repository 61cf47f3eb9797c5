// Elementwise arithmetic. Shapes broadcast and dtypes promote as in PyTorch; a number takes part by its
// category alone.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct AddOptions {
  Scalar alpha = 1;
};

/// x + alpha y. Source: torch.add.
Tensor add(const Tensor& x, const Tensor& y, const AddOptions& options = {});
Tensor add(const Tensor& x, Scalar y, const AddOptions& options = {});
/// x - alpha y. Source: torch.sub; bool tensors are refused as there.
Tensor sub(const Tensor& x, const Tensor& y, const AddOptions& options = {});
Tensor sub(const Tensor& x, Scalar y, const AddOptions& options = {});
/// s - x. Source: torch.rsub.
Tensor rsub(const Tensor& x, Scalar s);
/// x y. Source: torch.mul.
Tensor mul(const Tensor& x, const Tensor& y);
Tensor mul(const Tensor& x, Scalar y);
/// x / y; integers divide to float32. Source: torch.div.
Tensor div(const Tensor& x, const Tensor& y);
Tensor div(const Tensor& x, Scalar y);
/// 1 / x. Source: torch.reciprocal.
Tensor reciprocal(const Tensor& x);
/// x^y. An integer to a negative integer power is refused. Source: torch.pow.
Tensor pow(const Tensor& x, const Tensor& y);
Tensor pow(const Tensor& x, Scalar y);
Tensor pow(Scalar x, const Tensor& y);

/// The larger (smaller) element; NaN wins; at ties each side gets half of the gradient. Source:
/// torch.maximum.
Tensor maximum(const Tensor& x, const Tensor& y);
Tensor minimum(const Tensor& x, const Tensor& y);

/// -x. bool is refused. Source: torch.neg.
Tensor neg(const Tensor& x);
/// |x|; gradient sign(x), 0 at 0. Source: torch.abs.
Tensor abs(const Tensor& x);
/// -1, 0 or 1. Its gradient is 0. Source: torch.sign.
Tensor sign(const Tensor& x);
/// The integer below x, above x, nearest to x (a half goes to the even one), and x without its fraction.
/// Integers stay as they are, bool is refused; the gradient is 0. Source: torch.floor, ceil, round, trunc.
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);
Tensor trunc(const Tensor& x);
/// x^2; bool gives int64. Source: torch.square.
Tensor square(const Tensor& x);
/// e^x. Integers give float32, here and below. Source: torch.exp.
Tensor exp(const Tensor& x);
/// Natural logarithm. Source: torch.log.
Tensor log(const Tensor& x);
/// log(1 + x) and e^x - 1, exact for small x.
Tensor log1p(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor sqrt(const Tensor& x);
/// 1 / sqrt(x). Source: torch.rsqrt.
Tensor rsqrt(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
/// (2 / sqrt pi) int_0^x e^(-t^2) dt.
Tensor erf(const Tensor& x);
/// log(x + sqrt(x^2 + 1)), exact for small x. Source: torch.asinh.
Tensor asinh(const Tensor& x);

/// min(max(x, lo), hi); a missing bound does not bound; NaN stays. The gradient flows where lo <= x <= hi.
/// Source: torch.clamp.
Tensor clamp(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max = {});

/// x where the condition is true, else y. `condition` is bool. Source: torch.where.
Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y);
Tensor where(const Tensor& condition, const Tensor& x, Scalar y);
Tensor where(const Tensor& condition, Scalar x, const Tensor& y);
Tensor where(const Tensor& condition, Scalar x, Scalar y);

inline Tensor operator+(const Tensor& x, const Tensor& y) { return add(x, y); }
inline Tensor operator+(const Tensor& x, Scalar y) { return add(x, y); }
inline Tensor operator+(Scalar x, const Tensor& y) { return add(y, x); }
inline Tensor operator-(const Tensor& x, const Tensor& y) { return sub(x, y); }
inline Tensor operator-(const Tensor& x, Scalar y) { return sub(x, y); }
inline Tensor operator-(Scalar x, const Tensor& y) { return rsub(y, x); }
inline Tensor operator*(const Tensor& x, const Tensor& y) { return mul(x, y); }
inline Tensor operator*(const Tensor& x, Scalar y) { return mul(x, y); }
inline Tensor operator*(Scalar x, const Tensor& y) { return mul(y, x); }
inline Tensor operator/(const Tensor& x, const Tensor& y) { return div(x, y); }
inline Tensor operator/(const Tensor& x, Scalar y) { return div(x, y); }
inline Tensor operator/(Scalar x, const Tensor& y) { return mul(reciprocal(y), x); }

}  // namespace st
