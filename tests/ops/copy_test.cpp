// clone, contiguous, to, and the writes copy_, fill_, zero_.
#include "spiraltorch/ops/copy.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/linear.h"
#include "tests/support/message.h"

namespace st {
namespace {

TEST(Copy, WhatAnIntegerCannotHoldIsItsLeastValue) {
  constexpr double kInf = std::numeric_limits<double>::infinity(),
                   kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr int64_t k64 = std::numeric_limits<int64_t>::min(), k32 = std::numeric_limits<int32_t>::min();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor x = tensor({kNaN, kInf, -kInf, 1e19, 0x1p63, -0x1p63, -2.5, 0x1p31, -0x1p31}, dtype);
    EXPECT_EQ(to(x, DType::int64).to_vector<int64_t>(),
              (std::vector<int64_t>{k64, k64, k64, k64, k64, k64, -2, int64_t{1} << 31, k32}));
    EXPECT_EQ(to(x, DType::int32).to_vector<int64_t>(),
              (std::vector<int64_t>{k32, k32, k32, k32, k32, k32, -2, k32, k32}));
    EXPECT_EQ(to(x, DType::uint8).to_vector<int64_t>(), (std::vector<int64_t>{0, 0, 0, 0, 0, 0, 254, 0, 0}));
  }
}

TEST(Copy, CloneKeepsDenseStridesAndIsApart) {
  const Tensor x = counted({2, 3}).t();
  const Tensor y = clone(x);
  EXPECT_EQ(y.strides(), x.strides());
  EXPECT_EQ(values(y), values(x));
  y.fill_(9);
  EXPECT_EQ(values(x), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(clone(tensor(2.5)).item<float>(), 2.5f);
  EXPECT_EQ(clone(empty({0, 3})).shape(), Shape({0, 3}));
}

TEST(Copy, ContiguousAndToCopyOnlyWhenTheyMust) {
  const Tensor x = counted({2, 3});
  EXPECT_TRUE(contiguous(x).is_same(x));
  EXPECT_TRUE(to(x, DType::float32).is_same(x));
  EXPECT_TRUE(to(x, Device::cpu).is_same(x));
  EXPECT_TRUE(contiguous(x.t()).is_contiguous());
  EXPECT_EQ(to(x.t(), DType::float64).strides(), Strides({1, 3}));
  // torch.tensor([0.5, -1.5, 300.0]).to(dtype)
  const Tensor v = tensor({0.5f, -1.5f, 300.0f});
  EXPECT_EQ(to(v, DType::int32).to_vector<int64_t>(), (std::vector<int64_t>{0, -1, 300}));
  EXPECT_EQ(to(v, DType::uint8).to_vector<int64_t>(), (std::vector<int64_t>{0, 255, 44}));
  EXPECT_EQ(to(v, DType::bool_).to_vector<bool>(), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(values(to(tensor({1.00390625f, 3e38f}), DType::bfloat16)), (Floats{1.0f, 3.00405527047391e38f}));
}

TEST(Copy, Gradients) {
  const Tensor x = counted({2, 3}).requires_grad_();
  const Tensor w = counted({3, 2}) + 1.0;
  EXPECT_EQ(values(grad({sum(contiguous(x.t()) * w)}, {x})[0]), (Floats{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(values(grad({sum(clone(x.t()) * w)}, {x})[0]), (Floats{1, 3, 5, 2, 4, 6}));
  const Tensor dx = grad({sum(to(x, DType::float64) * 2.0)}, {x})[0];
  EXPECT_EQ(dx.dtype(), DType::float32);
  EXPECT_EQ(values(dx), (Floats{2, 2, 2, 2, 2, 2}));
}

TEST(Copy, WritesBroadcastAndConvert) {
  const Tensor x = zeros({2, 3});
  x.t().copy_(tensor({1, 2}));
  EXPECT_EQ(values(x), (Floats{1, 1, 1, 2, 2, 2}));
  x.narrow(1, 1, 1).fill_(2.5);
  EXPECT_EQ(values(x), (Floats{1, 2.5, 1, 2, 2.5, 2}));
  x[0].zero_();
  EXPECT_EQ(values(x), (Floats{0, 0, 0, 2, 2.5, 2}));
  const Tensor n = zeros({2}, DType::int64);
  n.copy_(tensor({1.9f, -1.9f}));
  EXPECT_EQ(n.to_vector<int64_t>(), (std::vector<int64_t>{1, -1}));
}

TEST(Copy, WritesThatOverlap) {
  const Tensor x = counted({6});
  x.narrow(0, 1, 5).copy_(x.narrow(0, 0, 5));
  EXPECT_EQ(values(x), (Floats{0, 0, 1, 2, 3, 4}));
  const Tensor square = counted({2, 2});
  square.copy_(square.t());
  EXPECT_EQ(values(square), (Floats{0, 2, 1, 3}));
}

TEST(Copy, WritesRefuse) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(message<ShapeError>([&] {
              x.copy_(zeros({2, 1, 3}));
            }),
            "copy_: y of shape (2, 1, 3) does not broadcast to x of shape (2, 3), which cannot grow");
  EXPECT_THROW(zeros({1, 3}).copy_(x), ShapeError);
  EXPECT_EQ(message<ValueError>([&] {
              zeros({1, 3}).expand({2, 3}).copy_(x);
            }),
            "copy_: several places of x (2, 3) with strides (0, 1) are one element; clone() it first");
  const Tensor leaf = zeros({3}).requires_grad_();
  EXPECT_THROW(leaf.fill_(1), ValueError);
  EXPECT_THROW(leaf.zero_(), ValueError);
  EXPECT_THROW(leaf.copy_(zeros({3})), ValueError);
  EXPECT_THROW(zeros({3}).copy_(leaf), ValueError);
  const NoGradGuard guard;
  leaf.copy_(ones({3}));
  EXPECT_EQ(values(leaf), (Floats{1, 1, 1}));
}

}  // namespace
}  // namespace st
