// Views: what they show, that they share, their gradients of first and second order, and what they refuse.
// Values are those of the same calls in torch 2.13.
#include "spiraltorch/ops/shape.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "tests/support/linear.h"
#include "tests/support/message.h"

namespace st {
namespace {

TEST(Reshape, IsAViewWhereStridesAllow) {
  const Tensor x = counted({2, 3, 4});
  const Tensor y = reshape(x, {6, -1});
  EXPECT_EQ(y.shape(), Shape({6, 4}));
  EXPECT_EQ(y.storage(), x.storage());
  const Tensor p = permute(x, {1, 2, 0});  // (3, 4, 2), strides (4, 1, 12)
  EXPECT_EQ(view(p, {12, 2}).strides(), Strides({1, 12}));
  EXPECT_EQ(view(p, {3, 2, 2, 1, 2}).strides(), Strides({4, 2, 1, 24, 12}));
  const Tensor copy = reshape(p, {24});
  EXPECT_NE(copy.storage(), x.storage());
  EXPECT_EQ(values(copy), values(p));
  EXPECT_EQ(values(reshape(x.expand({2, 2, 3, 4}), {48})).size(), 48u);
}

TEST(Reshape, EdgesOfShape) {
  EXPECT_EQ(reshape(tensor(5.0), {1, 1}).shape(), Shape({1, 1}));
  EXPECT_EQ(reshape(tensor({5.0}), {}).dim(), 0);
  EXPECT_EQ(reshape(empty({0, 3}), {-1, 5}).shape(), Shape({0, 5}));
  EXPECT_EQ(reshape(empty({2, 0, 3}), {0, 7}).shape(), Shape({0, 7}));
}

TEST(Reshape, Refusals) {
  const Tensor x = empty({2, 3});
  EXPECT_EQ(message<ShapeError>([&] {
              reshape(x, {4, 2});
            }),
            "reshape: the shape (4, 2) has another number of elements than x, 6 ((2, 3))");
  EXPECT_EQ(message<ShapeError>([&] {
              reshape(x, {-1, -1});
            }),
            "reshape: only one size can be -1, the shape is (-1, -1)");
  EXPECT_EQ(message<ShapeError>([&] {
              reshape(x, {-2, 3});
            }),
            "reshape: the shape (-2, 3) has a negative size");
  EXPECT_EQ(message<ShapeError>([&] {
              reshape(empty({0, 3}), {0, -1});
            }),
            "reshape: the -1 in (0, -1) could be any size, for the others have product 0 (x: (0, 3))");
  EXPECT_THROW(reshape(x, {4, -1}), ShapeError);
  EXPECT_EQ(message<ShapeError>([&] { view(x.t(), {6}); }),
            "view: strides (1, 3) of x (3, 2) do not show the shape (6,) without a copy; use reshape");
}

TEST(Views, PermuteTransposeSqueezeFlatten) {
  const Tensor x = counted({2, 3});
  EXPECT_EQ(values(x.t()), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(transpose(x, -1, 0)), values(x.t()));
  EXPECT_EQ(permute(empty({2, 3, 4}), {-1, 0, 1}).shape(), Shape({4, 2, 3}));
  EXPECT_EQ(squeeze(empty({1, 2, 1})).shape(), Shape({2}));
  EXPECT_EQ(squeeze(empty({1, 2, 1}), 0).shape(), Shape({2, 1}));
  EXPECT_EQ(squeeze(empty({1, 2, 1}), {1, 2}).shape(), Shape({1, 2}));
  EXPECT_EQ(squeeze(empty({1, 2, 1}), Dims{}).shape(), Shape({2}));  // all, as in sum: PyTorch squeezes none
  EXPECT_EQ(squeeze(tensor(1.0), 0).dim(), 0);
  EXPECT_EQ(unsqueeze(x, -1).shape(), Shape({2, 3, 1}));
  EXPECT_EQ(unsqueeze(tensor(1.0), 0).shape(), Shape({1}));
  EXPECT_EQ(flatten(empty({2, 3, 4, 5}), 1, 2).shape(), Shape({2, 12, 5}));
  EXPECT_EQ(flatten(tensor(1.0)).shape(), Shape({1}));
  EXPECT_EQ(flatten(empty({2, 0, 4}), 1).shape(), Shape({2, 0}));
  EXPECT_THROW(flatten(x, 1, 0), ValueError);
  EXPECT_THROW(permute(x, {0}), ShapeError);
  EXPECT_THROW(permute(x, {0, 0}), ValueError);
  EXPECT_THROW(permute(x, {0, 2}), IndexError);
  EXPECT_THROW(t(empty({1, 2, 3})), ShapeError);
  EXPECT_THROW(unsqueeze(x, 4), IndexError);
  EXPECT_EQ(unsqueeze(x, -3).shape(), Shape({1, 2, 3}));
}

TEST(Views, Expand) {
  const Tensor x = counted({3, 1});
  const Tensor y = expand(x, {2, -1, 4});
  EXPECT_EQ(y.shape(), Shape({2, 3, 4}));
  EXPECT_EQ(y.strides(), Strides({0, 1, 0}));
  EXPECT_EQ(expand(tensor({5.0}), {0}).shape(), Shape({0}));
  EXPECT_EQ(expand(tensor(5.0), {2, 2}).shape(), Shape({2, 2}));
  EXPECT_EQ(message<ShapeError>([&] {
              expand(x, {4, 4});
            }),
            "expand: size 3 of dimension 0 cannot become 4, only size 1 can grow (x: (3, 1), to: (4, 4))");
  EXPECT_THROW(expand(x, {3}), ShapeError);
  EXPECT_THROW(expand(x, {-1, 3, 1}), ShapeError);
}

TEST(Views, NarrowSelectSlice) {
  const Tensor x = counted({3, 4});
  EXPECT_EQ(values(narrow(x, 1, 1, 2)), (Floats{1, 2, 5, 6, 9, 10}));
  EXPECT_EQ(narrow(x, 1, -3, 2).to_vector<float>(), values(narrow(x, 1, 1, 2)));
  EXPECT_EQ(narrow(x, 1, 4, 0).shape(), Shape({3, 0}));
  EXPECT_EQ(values(select(x, 0, -1)), (Floats{8, 9, 10, 11}));
  EXPECT_EQ(values(x[1]), (Floats{4, 5, 6, 7}));
  EXPECT_EQ(values(slice(x, 1, {}, {}, 3)), (Floats{0, 3, 4, 7, 8, 11}));
  EXPECT_EQ(values(slice(x, 0, -2, 100)), (Floats{4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(slice(x, 0, 2, 1).shape(), Shape({0, 4}));
  EXPECT_EQ(slice(x, 0, 9, {}).shape(), Shape({0, 4}));
  EXPECT_EQ(message<ValueError>([&] { narrow(x, 1, 2, 3); }),
            "narrow: 3 entries from 2 on are not in a dimension of size 4 (x: (3, 4), dim: 1)");
  EXPECT_EQ(message<IndexError>([&] { narrow(x, 1, 5, 0); }),
            "narrow: start 5 is not in [-4, 4] (x: (3, 4), dim: 1)");
  EXPECT_THROW(narrow(x, 1, 0, -1), ValueError);
  EXPECT_EQ(message<IndexError>([&] { select(x, 0, 3); }),
            "select: index 3 is out of range for dimension 0 of size 3 (x: (3, 4))");
  EXPECT_EQ(message<IndexError>([&] { select(tensor(1.0), 0, 0); }),
            "select: x is 0-dim and has no dimension 0");
  EXPECT_THROW(slice(x, 0, 0, 2, 0), ValueError);
}

TEST(Views, SplitChunkUnbind) {
  const Tensor x = counted({10});
  const auto sizes = [](const std::vector<Tensor>& parts) {
    std::vector<int64_t> result;
    for (const Tensor& part : parts) result.push_back(part.numel());
    return result;
  };
  EXPECT_EQ(sizes(chunk(x, 4)), (std::vector<int64_t>{3, 3, 3, 1}));
  EXPECT_EQ(sizes(chunk(x, 6)), (std::vector<int64_t>{2, 2, 2, 2, 2}));
  EXPECT_EQ(sizes(split(x, 4)), (std::vector<int64_t>{4, 4, 2}));
  EXPECT_EQ(chunk(empty({0, 3}), 3).size(), 3u);
  EXPECT_EQ(split(empty({2, 0}), 0, 1).size(), 1u);
  EXPECT_EQ(split(empty({0, 3}), 5).size(), 1u);
  EXPECT_EQ(unbind(counted({2, 3}), 1).size(), 3u);
  EXPECT_EQ(values(unbind(counted({2, 3}), 1)[2]), (Floats{2, 5}));
  EXPECT_TRUE(unbind(empty({0, 3})).empty());
  EXPECT_THROW(split(x, 0), ValueError);
  EXPECT_THROW(chunk(x, 0), ValueError);
  EXPECT_THROW(unbind(tensor(1.0)), IndexError);
}

TEST(Views, Gradients) {
  expect_linear_gradients({2, 3}, [](const Tensor& x) { return reshape(x.t(), {6}); });
  expect_linear_gradients({2, 3}, [](const Tensor& x) { return view(x, {3, 2}); });
  expect_linear_gradients({2, 3, 2}, [](const Tensor& x) { return permute(x, {2, 0, 1}); });
  expect_linear_gradients({2, 3}, [](const Tensor& x) { return transpose(x, 0, 1); });
  expect_linear_gradients({1, 3, 1}, [](const Tensor& x) { return unsqueeze(squeeze(x), 1); });
  expect_linear_gradients({3, 1}, [](const Tensor& x) { return expand(x, {2, 3, 4}); });
  expect_linear_gradients({3, 4}, [](const Tensor& x) { return narrow(x, 1, 1, 2); });
  expect_linear_gradients({3, 4}, [](const Tensor& x) { return select(x, 0, -2); });
  expect_linear_gradients({3, 7}, [](const Tensor& x) { return slice(x, 1, 1, {}, 3); });
  expect_linear_gradients({3, 7}, [](const Tensor& x) { return split(x, 3, 1)[1]; });
  expect_linear_gradients({3, 4}, [](const Tensor& x) {
    const std::vector<Tensor> rows = unbind(x);
    return rows[0] * 2.0 + rows[2];
  });
}

}  // namespace
}  // namespace st
