// RMSNorm: text, keys, rows of many widths against the composed form, errors; the numbers are in the case
// table of rms_norm.
#include "spiraltorch/nn/rms_norm.h"

#include <gtest/gtest.h>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/ops/random.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

TEST(RMSNorm, PrintsAndListsAsPyTorch) {
  RMSNorm rms("rms", 4);
  EXPECT_EQ(rms.to_string(), "RMSNorm((4,), eps=None, elementwise_affine=True)");
  EXPECT_EQ(RMSNorm("", {2, 3}, 1e-6, {.elementwise_affine = false}).to_string(),
            "RMSNorm((2, 3), eps=1e-06, elementwise_affine=False)");
  ASSERT_EQ(rms.state_dict().size(), 1u);
  EXPECT_EQ(rms.state_dict().at("weight").to_vector<float>(), (std::vector<float>{1, 1, 1, 1}));
}

TEST(RMSNorm, FusedGradientIsTheComposedOne) {
  manual_seed(1);
  for (const Shape& shape : {Shape{3, 4}, Shape{40, 33}, Shape{2, 5, 100}}) {
    SCOPED_TRACE(to_text(shape));
    const Tensor x = randn(shape).requires_grad_(), dy = randn(shape);
    RMSNorm rms("rms", shape[shape.size() - 1], 0.01);
    const Tensor y = rms(x), w = rms.weight;
    const auto fused = grad({y}, {x, w}, {.grad_outputs = {dy}, .retain_graph = true});
    const auto composed = grad({y}, {x, w}, {.grad_outputs = {dy}, .create_graph = true});
    for (size_t i = 0; i < 2; ++i) {
      const std::vector<float> a = fused[i].to_vector<float>(), b = composed[i].to_vector<float>();
      ASSERT_EQ(a.size(), b.size());
      for (size_t k = 0; k < a.size(); ++k) ASSERT_NEAR(a[k], b[k], 2e-5) << i << " " << k;
    }
  }
}

TEST(RMSNorm, WithoutEpsTakesThatOfTheType) {
  // 1e-4 / sqrt(1e-8 + 2^-23) and 1e-4 / sqrt(1e-8 + 2^-52)
  EXPECT_NEAR(RMSNorm("", 2)(full({2}, 1e-4)).to_vector<float>()[0], 0.278197, 1e-5);
  EXPECT_NEAR(rms_norm(full({2}, 1e-4, DType::float64), {2}).to_vector<double>()[0], 1 - 1.1102e-8, 1e-11);
}

TEST(RMSNorm, RefusesWhatMakesNoSense) {
  const auto text = [](auto make) { return message<ValueError>(make); };
  EXPECT_EQ(text([] { RMSNorm("", 0); }), "RMSNorm: sizes must be at least 1, got (0,)");
  EXPECT_EQ(text([] { RMSNorm("", Shape{}); }), "RMSNorm: normalized_shape must have a dimension");
  EXPECT_EQ(text([] { RMSNorm("", 3, 0.0); }), "RMSNorm: eps must be positive and finite, got 0");
}

}  // namespace
}  // namespace st::nn
