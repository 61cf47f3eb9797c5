// Elementwise comparisons and logic: bool tensors, without gradient. Shapes broadcast, dtypes promote.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

Tensor eq(const Tensor& x, const Tensor& y);
Tensor ne(const Tensor& x, const Tensor& y);
Tensor lt(const Tensor& x, const Tensor& y);
Tensor le(const Tensor& x, const Tensor& y);
Tensor gt(const Tensor& x, const Tensor& y);
Tensor ge(const Tensor& x, const Tensor& y);
Tensor eq(const Tensor& x, Scalar y);
Tensor ne(const Tensor& x, Scalar y);
Tensor lt(const Tensor& x, Scalar y);
Tensor le(const Tensor& x, Scalar y);
Tensor gt(const Tensor& x, Scalar y);
Tensor ge(const Tensor& x, Scalar y);

// What is not 0 is true, NaN too.
Tensor logical_not(const Tensor& x);
/// Both are true; at least one is; exactly one is. Source: torch.logical_and, logical_or, logical_xor.
Tensor logical_and(const Tensor& x, const Tensor& y);
Tensor logical_or(const Tensor& x, const Tensor& y);
Tensor logical_xor(const Tensor& x, const Tensor& y);

/// x is neither infinite nor NaN; x is NaN; x is infinite.
Tensor isfinite(const Tensor& x);
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);

/// Same shape and dtype and equal elements (NaN equals nothing). Source: torch.equal.
bool equal(const Tensor& x, const Tensor& y);

struct CloseOptions {
  double rtol = 1e-5;
  double atol = 1e-8;
  bool equal_nan = false;
};
/// |x - y| <= atol + rtol |y| everywhere. Source: torch.allclose.
bool allclose(const Tensor& x, const Tensor& y, const CloseOptions& options = {});

inline Tensor operator==(const Tensor& x, const Tensor& y) { return eq(x, y); }
inline Tensor operator!=(const Tensor& x, const Tensor& y) { return ne(x, y); }
inline Tensor operator<(const Tensor& x, const Tensor& y) { return lt(x, y); }
inline Tensor operator<=(const Tensor& x, const Tensor& y) { return le(x, y); }
inline Tensor operator>(const Tensor& x, const Tensor& y) { return gt(x, y); }
inline Tensor operator>=(const Tensor& x, const Tensor& y) { return ge(x, y); }
inline Tensor operator==(const Tensor& x, Scalar y) { return eq(x, y); }
inline Tensor operator!=(const Tensor& x, Scalar y) { return ne(x, y); }
inline Tensor operator<(const Tensor& x, Scalar y) { return lt(x, y); }
inline Tensor operator<=(const Tensor& x, Scalar y) { return le(x, y); }
inline Tensor operator>(const Tensor& x, Scalar y) { return gt(x, y); }
inline Tensor operator>=(const Tensor& x, Scalar y) { return ge(x, y); }
inline Tensor operator==(Scalar x, const Tensor& y) { return eq(y, x); }
inline Tensor operator!=(Scalar x, const Tensor& y) { return ne(y, x); }
inline Tensor operator<(Scalar x, const Tensor& y) { return gt(y, x); }
inline Tensor operator<=(Scalar x, const Tensor& y) { return ge(y, x); }
inline Tensor operator>(Scalar x, const Tensor& y) { return lt(y, x); }
inline Tensor operator>=(Scalar x, const Tensor& y) { return le(y, x); }

/// Masks joined: logical_and, logical_or, logical_xor and logical_not of bool tensors. Differs from PyTorch:
/// tensors of other dtypes, whose bits these operators join there, are refused (DTypeError).
Tensor operator&(const Tensor& x, const Tensor& y);
Tensor operator|(const Tensor& x, const Tensor& y);
Tensor operator^(const Tensor& x, const Tensor& y);
Tensor operator~(const Tensor& x);

}  // namespace st
