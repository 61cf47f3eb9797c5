// Small whole numbers in and out, and the gradient of a linear map: for tests of ops that only move elements.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {

using Floats = std::vector<float>;

inline Floats values(const Tensor& x) { return x.to_vector<float>(); }

/// 0, 1, 2, ... of a shape.
inline Tensor counted(const Shape& shape) {
  return reshape(arange(numel_of(shape)).to(DType::float32), shape);
}

/// The gradient of sum(f(x) w), and under create_graph of sum of its square: both against differences of
/// the linear map f itself. f being linear, d/dx sum(f(x) w) = f^T w, and sum((f^T w)^2) has the gradient
/// 2 f(f^T w) with respect to w.
template <class F>
void expect_linear_gradients(const Shape& shape, const F& f) {
  const Tensor x = counted(shape).requires_grad_();
  const Tensor y = f(x);
  const Tensor w = (counted(y.shape()) * 0.5 + 1.0).requires_grad_();
  const Tensor dx = grad({sum(y * w)}, {x}, {.create_graph = true})[0];
  Floats expected;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const Tensor unit = zeros(shape);
    unit.mutable_data<float>()[static_cast<size_t>(i)] = 1;
    expected.push_back(sum(f(unit) * w.detach()).template item<float>());
  }
  EXPECT_EQ(values(dx), expected);
  const Tensor dw = grad({sum(dx * dx)}, {w})[0];
  EXPECT_EQ(values(dw), values(f(dx.detach()) * 2.0));
  const Tensor again = f(x);
  EXPECT_EQ(values(grad({sum(again * w.detach())}, {x})[0]), expected);
}

}  // namespace st
