// GroupNorm and Identity: text, keys, copies, training and errors; the numbers are in the case table of
// group_norm.
#include "spiraltorch/nn/group_norm.h"

#include <gtest/gtest.h>

#include "spiraltorch/nn/identity.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

TEST(GroupNorm, PrintsAndListsAsPyTorch) {
  GroupNorm gn("gn", 2, 4);
  EXPECT_EQ(gn.to_string(), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)");
  EXPECT_EQ(GroupNorm("", 1, 4, 0.5, {.bias = false}).to_string(),
            "GroupNorm(1, 4, eps=0.5, affine=True, bias=False)");
  EXPECT_EQ(GroupNorm("", 4, 4, 1e-5, {.affine = false}).to_string(),
            "GroupNorm(4, 4, eps=1e-05, affine=False, bias=False)");
  ASSERT_EQ(gn.state_dict().size(), 2u);
  EXPECT_EQ(gn.state_dict().at("weight").to_vector<float>(), (std::vector<float>{1, 1, 1, 1}));
  EXPECT_EQ(gn.state_dict().at("bias").to_vector<float>(), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_TRUE(GroupNorm("", 2, 4, 1e-5, {.affine = false}).parameters().empty());
}

TEST(GroupNorm, IsItsFunctionInTrainingAndInEvaluation) {
  GroupNorm gn("gn", 2, 4, 0.1);
  const Tensor x = randn({3, 4, 5});
  const std::vector<float> expected = group_norm(x, 2, gn.weight, gn.bias, {.eps = 0.1}).to_vector<float>();
  EXPECT_EQ(gn(x).to_vector<float>(), expected);
  gn.eval();
  EXPECT_EQ(gn(x).to_vector<float>(), expected);
}

TEST(GroupNorm, CopiesAreIndependentAndGradientsReachParameters) {
  GroupNorm gn("gn", 1, 2), copy = gn;
  copy(tensor({{1.f, 2.f}, {3.f, 5.f}})).sum().backward();
  EXPECT_TRUE(copy.weight.grad().defined());
  EXPECT_EQ(copy.bias.grad().to_vector<float>(), (std::vector<float>{2, 2}));
  EXPECT_FALSE(gn.weight.grad().defined());
}

TEST(GroupNorm, RefusesWhatMakesNoSense) {
  const auto text = [](auto make) { return message<ValueError>(make); };
  EXPECT_EQ(text([] { GroupNorm("", 0, 4); }), "GroupNorm: num_groups must be at least 1, got 0");
  EXPECT_EQ(text([] { GroupNorm("", 1, 0); }), "GroupNorm: num_channels must be at least 1, got 0");
  EXPECT_EQ(text([] { GroupNorm("", 3, 4); }),
            "GroupNorm: num_groups must divide num_channels, got 3 groups for 4 channels");
  EXPECT_EQ(text([] { GroupNorm("", 2, 4, 0); }), "GroupNorm: eps must be positive and finite, got 0");
  GroupNorm gn("gn", 2, 4);
  EXPECT_EQ(message<ShapeError>([&] {
              gn(ones({2, 6}));
            }),
            "GroupNorm: x must be (N, 4) or (N, 4, d1, ...), got (2, 6)");
  EXPECT_EQ(message<ShapeError>([&] { gn(ones({4})); }),
            "GroupNorm: x must be (N, 4) or (N, 4, d1, ...), got (4,)");
}

TEST(Identity, HandsOnItsInput) {
  const Tensor x = tensor({1, 2});
  EXPECT_TRUE(Identity()(x).is_same(x));
  Sequential net{Identity(), GroupNorm("gn", 1, 2)};
  EXPECT_EQ(net.to_string(),
            "Sequential(\n  (0): Identity()\n  (gn): GroupNorm(1, 2, eps=1e-05, affine=True, bias=True)\n)");
  EXPECT_EQ(net.state_dict().size(), 2u);
  EXPECT_EQ(message<ValueError>([] { Identity()(Tensor()); }), "Identity: x is undefined");
}

}  // namespace
}  // namespace st::nn
