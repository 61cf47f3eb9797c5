// Reductions against PyTorch's numbers: values, dtypes, gradients at ties, zeros and NaN, empty tensors,
// errors.
#include "spiraltorch/ops/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"
#include "tests/support/values.h"

namespace st {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The gradient of sum f(x).
template <class F>
Tensor gradient(const Tensor& x, const F& f) {
  const Tensor leaf = x.detach().clone();
  leaf.requires_grad_();
  return grad({sum(f(leaf))}, {leaf})[0];
}

Tensor input() { return tensor({{0.5, -1, 2, 0.25}, {1.5, 0, -0.75, 3}, {-2, 1, 0.5, 0.75}}); }

TEST(Sum, ValuesShapesAndTypes) {
  expect_values(sum(input()), {5.75});
  expect_values(sum(input(), 1), {1.75, 3.75, 0.25});
  expect_values(sum(input().t(), 0), {1.75, 3.75, 0.25});
  EXPECT_EQ(sum(input(), {0, -1}, keepdim).shape(), (Shape{1, 1}));
  EXPECT_EQ(sum(input(), 0).shape(), (Shape{4}));
  EXPECT_EQ(sum(tensor({true, true, false})).item<int64_t>(), 2);
  EXPECT_EQ(sum(tensor({true, true})).dtype(), DType::int64);
  EXPECT_EQ(sum(ones({3}, DType::int32)).dtype(), DType::int64);
  EXPECT_EQ(sum(ones({3}, DType::bfloat16)).dtype(), DType::bfloat16);
  EXPECT_EQ(sum(tensor(3.0), 0).item<float>(), 3);
  EXPECT_EQ(sum(zeros({0})).item<float>(), 0);
  expect_values(sum(zeros({0, 2}), 0), {0, 0});
}

TEST(Sum, Gradient) {
  const Tensor weight = tensor({1, 2, 3});
  expect_values(gradient(input(), [&](const Tensor& x) { return sum(x, 1) * weight.to(DType::float32); }),
                {1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3});
  expect_values(gradient(input(), [](const Tensor& x) { return sum(x); }), std::vector<double>(12, 1));
  expect_values(gradient(tensor(2.0), [](const Tensor& x) { return sum(x, -1); }), {1});
}

TEST(Sum, Errors) {
  EXPECT_EQ(message<Error>([] {
              sum(zeros({2, 3}), {0, -2});
            }),
            "sum: dimension -2 appears more than once in (0, -2)");
  EXPECT_EQ(message<Error>([] {
              sum(zeros({2, 3}), 2);
            }),
            "sum: dimension 2 is out of range, expected one in [-2, 1] (the tensor has 2 dimensions)");
}

TEST(Mean, ValuesGradientAndErrors) {
  expect_values(mean(input(), 0), {0, 0, 0.583333313, 1.33333337});
  expect_values(mean(zeros({0})), {kNaN});
  EXPECT_EQ(mean(zeros({0, 2}), 1).shape(), (Shape{0}));
  expect_values(gradient(input(), [](const Tensor& x) { return mean(x, 0, keepdim); }),
                std::vector<double>(12, 1.0 / 3));
  EXPECT_EQ(message<Error>([] {
              mean(tensor({1, 2}));
            }),
            "mean: expected a floating-point tensor, got int64; convert it with to()");
}

TEST(Prod, ValuesAndGradientBesideZeros) {
  EXPECT_EQ(prod(zeros({0})).item<float>(), 1);
  EXPECT_EQ(prod(full({2}, 3, DType::int32)).item<int64_t>(), 9);
  const auto f = [](const Tensor& x) { return prod(x); };
  expect_values(gradient(tensor({2., 3., 4.}), f), {12, 8, 6});
  expect_values(gradient(tensor({2., 0., 4.}), f), {0, 8, 0});
  expect_values(gradient(tensor({2., 0., 0.}), f), {0, 0, 0});
  expect_values(gradient(tensor({5.}), f), {1});
  // The derivative of (d prod / d x_0) of (2, 0, 4) is x_2 with respect to x_1, where division by x_1 would
  // fail.
  const Tensor x = tensor({2., 0., 4.});
  x.requires_grad_();
  const Tensor first = grad({prod(x)}, {x}, {.create_graph = true})[0];
  expect_values(grad({first.select(0, 0)}, {x})[0], {0, 4, 0});
}

TEST(MaxAlongDim, FirstIndexTakesTheGradient) {
  const Tensor x = tensor({{1, 3, 3}, {2, kNaN, kNaN}});
  const auto [values, indices] = max(x, 1);
  expect_values(values, {3, kNaN});
  EXPECT_EQ(indices.to_vector<int64_t>(), (std::vector<int64_t>{1, 1}));
  expect_values(gradient(x, [](const Tensor& t) { return max(t, 1).values; }), {0, 1, 0, 0, 1, 0});
  expect_values(gradient(x, [](const Tensor& t) { return min(t, -2, keepdim).values; }), {1, 0, 0, 0, 1, 1});
  EXPECT_EQ(max(x, 0, keepdim).indices.shape(), (Shape{1, 3}));
  EXPECT_EQ(max(tensor(3.0), 0).indices.item<int64_t>(), 0);
  expect_values(gradient(tensor(3.0), [](const Tensor& t) { return max(t, 0).values; }), {1});
  EXPECT_EQ(max(tensor({true, false}), 0).values.dtype(), DType::bool_);
  EXPECT_EQ(max(zeros({0, 2}), 1).values.shape(), (Shape{0}));
  EXPECT_EQ(message<Error>([] {
              max(zeros({0, 2}), 0);
            }),
            "max: dimension 0 has size 0, and nothing has no extremum (x: (0, 2))");
}

// torch: max() shares among NaN, amax makes the gradient of a line with NaN NaN.
TEST(MaxOfAll, TiesShareTheGradient) {
  expect_values(gradient(tensor({1., 3., 3., 2.}), [](const Tensor& t) { return max(t); }), {0, .5, .5, 0});
  expect_values(gradient(tensor({1., kNaN, 3., kNaN}), [](const Tensor& t) { return max(t); }),
                {0, .5, 0, .5});
  expect_values(gradient(tensor({{1, 3, 3}, {kNaN, 1, kNaN}}), [](const Tensor& t) { return amax(t, 1); }),
                {0, .5, .5, kNaN, kNaN, kNaN});
  expect_values(amin(input(), {0, 1}), {-2});
  EXPECT_EQ(amax(zeros({0, 2}), 1).shape(), (Shape{0}));
  EXPECT_EQ(message<Error>([] { max(zeros({0})); }),
            "max: dimension 0 has size 0, and nothing has no extremum (x: (0,))");
  EXPECT_EQ(message<Error>([] {
              amax(zeros({0, 2}), 0);
            }),
            "amax: dimension 0 has size 0, and nothing has no extremum (x: (0, 2))");
}

TEST(Argmax, FlattenedAndAlongDim) {
  EXPECT_EQ(argmax(input()).item<int64_t>(), 7);
  EXPECT_EQ(argmin(input().t()).item<int64_t>(), 2);
  EXPECT_EQ(argmax(input(), 1).to_vector<int64_t>(), (std::vector<int64_t>{2, 3, 1}));
  EXPECT_EQ(argmax(input(), {}, keepdim).shape(), (Shape{1, 1}));
  EXPECT_EQ(argmax(zeros({0, 2}), 1).shape(), (Shape{0}));
  EXPECT_EQ(message<Error>([] { argmax(zeros({0})); }),
            "argmax: dimension 0 has size 0, and nothing has no extremum (x: (0,))");
  EXPECT_EQ(message<Error>([] { argmin(tensor({true})); }),
            "argmin: bool tensors are not supported; convert with to()");
}

TEST(AnyAll, AsInPyTorch) {
  EXPECT_TRUE(any(tensor({0., kNaN})).item<bool>());
  EXPECT_FALSE(any(zeros({0})).item<bool>());
  EXPECT_TRUE(all(zeros({0})).item<bool>());
  EXPECT_FALSE(all(input()).item<bool>());
  EXPECT_TRUE(any(tensor({0.0, 0.25})).item<bool>());
  EXPECT_EQ(any(ones({2}, DType::uint8)).dtype(), DType::uint8);
}

TEST(SumToSize, SumsWhatBroadcastingStretched) {
  expect_values(sum_to_size(input(), {4}), {0, 0, 1.75, 4});
  expect_values(sum_to_size(input(), {3, 1}), {1.75, 3.75, 0.25});
  expect_values(sum_to_size(input(), {}), {5.75});
  const Tensor x = input();
  EXPECT_TRUE(sum_to_size(x, {3, 4}).is_same(x));
  EXPECT_EQ(message<Error>([] { sum_to_size(zeros({3}), {2}); }),
            "sum_to_size: the shape (2,) does not broadcast to (3,), x's");
  EXPECT_EQ(message<Error>([] {
              sum_to_size(zeros({3}), {1, 3});
            }),
            "sum_to_size: the shape (1, 3) does not broadcast to (3,), x's");
}

}  // namespace
}  // namespace st
