// LayerNorm: how curvature enters, its text, keys, copies and errors; the numbers are in the case table of
// layer_norm.
#include "spiraltorch/nn/layer_norm.h"

#include <gtest/gtest.h>

#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

TEST(LayerNorm, AddsMoreToTheVarianceWhereSpaceIsCurved) {
  EXPECT_EQ(LayerNorm("ln", 4).effective_eps(), 1e-5);
  EXPECT_EQ(LayerNorm("ln", 4, 0, 1e-3).effective_eps(), 1e-3);
  EXPECT_DOUBLE_EQ(LayerNorm("ln", 4, -1.0, 1e-5).effective_eps(), 1.1e-5);
  EXPECT_DOUBLE_EQ(LayerNorm("ln", 4, -4.0, 0.5).effective_eps(), 0.6);
  // torch.nn.functional.layer_norm(x, (4,), eps=0.5 * (1 + 0.1 * sqrt(4)))
  const std::vector<float> y =
      LayerNorm("ln", 4, -4.0, 0.5)(tensor({1.f, 2.f, 4.f, -1.f})).to_vector<float>();
  const std::vector<float> expected{-0.25482360f, 0.25482360f, 1.27411795f, -1.27411795f};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(y[i], expected[i], 1e-6);
}

TEST(LayerNorm, TakesAListOfDimensions) {
  LayerNorm ln("ln", {2, 3});
  EXPECT_EQ(ln.weight.shape(), (Shape{2, 3}));
  EXPECT_EQ(ln(ones({5, 2, 3})).shape(), (Shape{5, 2, 3}));
  EXPECT_EQ(message<ShapeError>([&] {
              ln(ones({5, 3}));
            }),
            "layer_norm: x must end in normalized_shape (x: (5, 3), normalized_shape: (2, 3))");
}

TEST(LayerNorm, PrintsAndListsAsPyTorch) {
  LayerNorm ln("ln", 4);
  EXPECT_EQ(ln.to_string(), "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)");
  EXPECT_EQ(LayerNorm("", {2, 3}, -1.0, 1e-5, {.bias = false}).to_string(),
            "LayerNorm((2, 3), eps=1e-05, curvature=-1.0, elementwise_affine=True, bias=False)");
  ASSERT_EQ(ln.state_dict().size(), 2u);
  EXPECT_EQ(ln.state_dict().at("weight").to_vector<float>(), (std::vector<float>{1, 1, 1, 1}));
  EXPECT_EQ(ln.state_dict().at("bias").to_vector<float>(), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_TRUE(LayerNorm("", 4, 0, 1e-5, {.elementwise_affine = false}).parameters().empty());
}

TEST(LayerNorm, CopiesAreIndependentAndGradientsReachParameters) {
  LayerNorm ln("ln", 3), copy = ln;
  copy(tensor({{1.f, 2.f, 4.f}})).sum().backward();
  EXPECT_TRUE(copy.weight.grad().defined());
  EXPECT_EQ(copy.bias.grad().to_vector<float>(), (std::vector<float>{1, 1, 1}));
  EXPECT_FALSE(ln.weight.grad().defined());
}

TEST(LayerNorm, RefusesWhatMakesNoSense) {
  const auto text = [](auto make) { return message<ValueError>(make); };
  EXPECT_EQ(text([] { LayerNorm("", 0); }), "LayerNorm: sizes must be at least 1, got (0,)");
  EXPECT_EQ(text([] { LayerNorm("", Shape{}); }), "LayerNorm: normalized_shape must have a dimension");
  EXPECT_EQ(
      text([] { LayerNorm("", 3, 0.5); }),
      "LayerNorm: curvature, the third argument, must be at most 0 and finite, got 0.5; eps is the fourth");
  EXPECT_EQ(
      text([] { LayerNorm("ln", 4, 1e-6); }),
      "LayerNorm: curvature, the third argument, must be at most 0 and finite, got 1e-06; eps is the fourth");
  EXPECT_EQ(text([] { LayerNorm("", 3, -1, 0); }), "LayerNorm: eps must be positive and finite, got 0");
}

}  // namespace
}  // namespace st::nn
