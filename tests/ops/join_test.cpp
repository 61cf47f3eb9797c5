// pad, cat and stack. Values are those of the same calls in torch 2.13.
#include "spiraltorch/ops/join.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/linear.h"

namespace st {
namespace {

TEST(Pad, AddsAndCrops) {
  EXPECT_EQ(values(pad(counted({3, 4}), {1, -2, 0, 1}, 9)), (Floats{9, 0, 1, 9, 4, 5, 9, 8, 9, 9, 9, 9}));
  EXPECT_EQ(values(pad(counted({4}), {-1, 3})), (Floats{1, 2, 3, 0, 0, 0}));
  EXPECT_EQ(values(pad(counted({4}), {5, -3}, -1)), (Floats{-1, -1, -1, -1, -1, 0}));
  EXPECT_EQ(pad(counted({4}), {-3, -1}).shape(), Shape({0}));
  EXPECT_EQ(values(pad(empty({0}), {1, 1}, 2)), (Floats{2, 2}));
  EXPECT_EQ(pad(counted({2, 2}), {}).shape(), Shape({2, 2}));
  EXPECT_EQ(pad(tensor({1, 2}), {1, 0}, 7).to_vector<int64_t>(), (std::vector<int64_t>{7, 1, 2}));
}

TEST(Pad, KeepsChannelsLast) {
  const Tensor x = permute(counted({2, 3, 3, 4}), {0, 3, 1, 2});
  const Tensor y = pad(x, {1, 1, 1, 1});
  EXPECT_TRUE(permute(y, {0, 2, 3, 1}).is_contiguous());
  EXPECT_EQ(values(slice(slice(y, 2, 1, -1), 3, 1, -1)), values(x));
}

TEST(Pad, Refusals) {
  EXPECT_THROW(pad(counted({4}), {5, -5}), ShapeError);
  EXPECT_THROW(pad(counted({4}), {-3, -3}), ShapeError);
  EXPECT_THROW(pad(counted({4}), {1}), ValueError);
  EXPECT_THROW(pad(counted({4}), {1, 1, 1, 1}), ValueError);
}

TEST(Cat, JoinsPromotesAndSkips) {
  EXPECT_EQ(values(cat({counted({2, 1}), counted({2, 2})}, 1)), (Floats{0, 0, 1, 1, 2, 3}));
  EXPECT_EQ(values(cat({counted({1, 2}), counted({2, 2})}, -2)), (Floats{0, 1, 0, 1, 2, 3}));
  const Tensor mixed = cat({tensor({1, 2}), empty({0}), tensor({0.5})});
  EXPECT_EQ(mixed.dtype(), DType::float32);
  EXPECT_EQ(values(mixed), (Floats{1, 2, 0.5}));
  EXPECT_EQ(cat({empty({0}), empty({0})}).shape(), Shape({0}));
  EXPECT_EQ(cat({empty({0}), zeros({2, 3}, DType::int64)}, 1).shape(), Shape({2, 3}));
  EXPECT_EQ(cat({empty({2, 0}), counted({2, 2})}, 1).shape(), Shape({2, 2}));
  const Tensor image = permute(counted({1, 2, 2, 3}), {0, 3, 1, 2});
  EXPECT_TRUE(permute(cat({image, image}, 1), {0, 2, 3, 1}).is_contiguous());
  EXPECT_TRUE(cat({image, image.contiguous()}, 1).is_contiguous());
}

TEST(Cat, Refusals) {
  try {
    cat({empty({2, 3}), empty({2, 4})}, 0);
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_STREQ(e.what(),
                 "cat: sizes must agree except in dimension 0; tensor 1 is (2, 4), the first (2, 3)");
  }
  EXPECT_THROW(cat({}), ValueError);
  EXPECT_THROW(cat({tensor(1.0)}), ShapeError);
  EXPECT_THROW(cat({empty({2}), empty({2, 1})}), ShapeError);
  EXPECT_THROW(stack({empty({2}), empty({3})}), ShapeError);
  EXPECT_THROW(cat({empty({2})}, 1), IndexError);
}

TEST(Stack, MakesADimension) {
  const Tensor x = counted({2});
  EXPECT_EQ(values(stack({x, x + 2.0}, 1)), (Floats{0, 2, 1, 3}));
  EXPECT_EQ(stack({x, x}, -1).shape(), Shape({2, 2}));
  EXPECT_EQ(values(stack({tensor(1.0), tensor(2.0)})), (Floats{1, 2}));
}

TEST(Join, Gradients) {
  const Tensor x = counted({2, 2}).requires_grad_(), y = counted({2, 1}).to(DType::float64).requires_grad_();
  const Tensor w = counted({2, 3}) + 1.0;
  const std::vector<Tensor> dxs = grad({sum(cat({x, y, empty({0})}, 1) * w)}, {x, y});
  EXPECT_EQ(values(dxs[0]), (Floats{1, 2, 4, 5}));
  EXPECT_EQ(values(dxs[1]), (Floats{3, 6}));
  EXPECT_EQ(dxs[1].dtype(), DType::float64);
  EXPECT_EQ(values(grad({sum(pad(x, {1, -1}) * (counted({2, 2}) + 1.0))}, {x})[0]), (Floats{2, 0, 4, 0}));
  const Tensor v = (counted({2, 2, 2}) + 1.0).requires_grad_();
  const Tensor dx = grad({sum(stack({x, x * 3.0}, 0) * v)}, {x}, {.create_graph = true})[0];
  EXPECT_EQ(values(dx), (Floats{16, 20, 24, 28}));
  EXPECT_EQ(values(grad({sum(dx)}, {v})[0]), (Floats{1, 1, 1, 1, 3, 3, 3, 3}));
}

}  // namespace
}  // namespace st
