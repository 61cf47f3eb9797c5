// Elementwise kernels: unary.cpp and curve.cpp hold functions of one tensor and their gradients, binary.cpp
// and point_loss.cpp those of several.
#pragma once

#include "spiraltorch/backend/families.h"
#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/scalar.h"

namespace st::cpu {

/// y = f(x). Computed in y's compute type, so that exp of integers is floating; for logical_not in x's.
void unary(Unary op, In x, Out y);

/// dx = dy f'(x) from what the op kept: y for exp, expm1, sqrt, rsqrt, tanh, sigmoid and relu, x for the
/// others.
void unary_backward(Unary op, In kept, In dy, Out dx);

/// y = f(x), and dx = dy f'(x): curve.cpp.
void curve(Curve f, CurveParameters parameters, In x, Out y);
void curve_backward(Curve f, CurveParameters parameters, In x, In dy, Out dx);

/// y = the loss of each element, and its gradient in x: point_loss.cpp. `beta` is read by smooth_l1 alone.
void point_loss(PointLoss f, double beta, In x, In target, Out y);
void point_loss_backward(PointLoss f, double beta, In x, In target, In dy, Out dx);

/// What the two sides of a binary op are.
enum class Form { tensors, scalar_right, scalar_left };

/// y = a op b in y's compute type.
void binary(Binary op, In a, In b, Out y);
void binary_scalar(Binary op, In a, Scalar b, Out y);
void scalar_binary(Binary op, Scalar a, In b, Out y);

/// y = a + s b.
void axpy(In a, In b, Scalar s, Out y);

/// y = 1 where a op b, else 0; compared in the promoted type of both. What is not 0 is true.
void compare(Compare op, In a, In b, Out y);
void compare_scalar(Compare op, In a, Scalar b, Out y);

/// y = a where the condition is not 0, else b.
void where(In condition, In a, In b, Out y);

/// y = min(max(x, lo), hi); NaN stays, a NaN bound gives NaN.
void clamp(In x, Scalar lo, Scalar hi, Out y);
/// dx = dy where lo <= x <= hi, else 0.
void clamp_backward(In x, In dy, Scalar lo, Scalar hi, Out dx);

}  // namespace st::cpu
