// ZSpaceBatchNorm1d against its formula in PyTorch float64 (tests/reference/zspace_reference.py) and its
// limit.
#include "spiraltorch/nn/zspace_batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/autograd/gradcheck.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

double worst(const Tensor& a, const Tensor& b) { return max(abs(a.to(DType::float64) - b)).item<double>(); }

TEST(ZSpaceBatchNorm1d, IsItsFormula) {
  const StateDict values = io::load_safetensors(SPIRALTORCH_TESTS_DIR "/nn/zspace.safetensors");
  for (double k : {-1.0, -0.25, -4.0}) {
    for (DType dtype : {DType::float64, DType::float32}) {
      const double tolerance = dtype == DType::float64 ? 1e-13 : 4e-6;
      const auto value = [&](const char* name) { return values.at("batch_norm" + to_text(k) + "/" + name); };
      ZSpaceBatchNorm1d m("bnz", 5, k);
      m.to(dtype);
      EXPECT_EQ(m.ball_radius(), 0);
      {
        const NoGradGuard guard;
        m.weight.copy_(value("weight"));
        m.bias.copy_(value("bias"));
      }
      const Tensor x = value("x").to(dtype).clone();
      x.requires_grad_();
      const Tensor y = m(x);
      EXPECT_LT(worst(y, value("y")), tolerance);
      y.backward({.gradient = value("dy").to(dtype)});
      EXPECT_LT(worst(x.grad(), value("dx")), tolerance);
      EXPECT_LT(worst(m.weight.grad(), value("dweight")), tolerance);
      EXPECT_LT(worst(m.bias.grad(), value("dbias")), tolerance);
      EXPECT_NEAR(m.ball_radius(), value("radius").item<double>(), tolerance);
    }
  }
}

TEST(ZSpaceBatchNorm1d, NearFlatItIsBatchNormOverRootFeatures) {
  manual_seed(2);
  for (DType dtype : {DType::float64, DType::float32}) {
    ZSpaceBatchNorm1d m("bnz", 16, -1e-8);
    BatchNorm1d flat("bn", 16);
    m.to(dtype);
    flat.to(dtype);
    const Tensor x = randn({32, 16}, dtype) * 3 + 1;
    for (bool training : {true, false}) {
      m.set_training(training);
      flat.set_training(training);
      EXPECT_LT(worst(m(x), (flat(x) / 4.0).to(DType::float64)), 1e-6);
    }
    EXPECT_EQ(m.running_mean.to_vector<double>(), flat.running_mean.to_vector<double>());
    EXPECT_EQ(m.running_var.to_vector<double>(), flat.running_var.to_vector<double>());
    EXPECT_EQ(m.num_batches_tracked.item<int64_t>(), 1);
  }
}

TEST(ZSpaceBatchNorm1d, RowsAreInsideWhateverTheWeights) {
  manual_seed(2);
  ZSpaceBatchNorm1d m("bnz", 8, -10.0);
  {
    const NoGradGuard guard;
    m.weight.fill_(1e6);
  }
  const Tensor y = m(randn({64, 8}));
  const Tensor square = sum(y.to(DType::float64) * y.to(DType::float64), 1);
  EXPECT_LT(max(square).item<double>() * 10, 1);
  EXPECT_GT(m.ball_radius(), 5);
  EXPECT_EQ(m(randn({4, 8}).to(DType::bfloat16)).dtype(), DType::float32);
}

TEST(ZSpaceBatchNorm1d, WithoutMomentumItIsTheMeanOverAllBatches) {
  manual_seed(4);
  ZSpaceBatchNorm1d m("bnz", 3, -1.0, std::nullopt);
  BatchNorm1d flat("bn", 3, std::nullopt);
  Tensor total = zeros({3}, DType::float64);
  for (int t = 1; t <= 4; ++t) {
    const Tensor x = randn({8, 3}) + t;
    m(x);
    flat(x);
    total = total + mean(x.to(DType::float64), 0);
    EXPECT_LT(worst(m.running_mean, total / static_cast<double>(t)), 1e-6);  // float32 of numbers to 4
    EXPECT_EQ(m.running_mean.to_vector<float>(), flat.running_mean.to_vector<float>());
    EXPECT_EQ(m.running_var.to_vector<float>(), flat.running_var.to_vector<float>());
  }
  EXPECT_EQ(m.num_batches_tracked.item<int64_t>(), 4);
  m.reset_running_stats();
  EXPECT_EQ(m.running_mean.to_vector<float>(), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(m.running_var.to_vector<float>(), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(m.num_batches_tracked.item<int64_t>(), 0);
  const Tensor x = randn({8, 3});
  m(x);  // the first of a new mean
  EXPECT_LT(worst(m.running_mean, mean(x.to(DType::float64), 0)), 1e-6);
}

TEST(ZSpaceBatchNorm1d, GradientsInEvaluation) {
  manual_seed(5);
  ZSpaceBatchNorm1d m("bnz", 3, -0.7);
  m.to(DType::float64);
  m(randn({8, 3}, DType::float64) * 2 + 1);
  m.set_training(false);
  const Tensor x = randn({4, 3}, DType::float64).requires_grad_();
  const std::vector<double> mean = m.running_mean.to_vector<double>();
  const Tensor weight = m.weight.detach().clone(), bias = m.bias.detach().clone();
  const auto f = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    {
      const NoGradGuard guard;  // the values that are probed go into the layer's own leaves
      m.weight.copy_(in[1].is_same(m.weight) ? weight : in[1]);
      m.bias.copy_(in[2].is_same(m.bias) ? bias : in[2]);
    }
    return {m(in[0])};
  };
  EXPECT_TRUE(gradcheck(f, {x, m.weight, m.bias}));
  EXPECT_EQ(m.running_mean.to_vector<double>(), mean);
  EXPECT_EQ(m.num_batches_tracked.item<int64_t>(), 1);
}

TEST(ZSpaceBatchNorm1d, BallRadiusIsOfTheLastOutput) {
  manual_seed(6);
  ZSpaceBatchNorm1d m("bnz", 3, -2.0);
  m.to(DType::float64);
  m(randn({8, 3}, DType::float64));
  m.set_training(false);
  for (double size : {0.1, 1.0}) {
    const Tensor y = m(randn({5, 3}, DType::float64) * size);
    double expected = 0;  // of the distances 2 artanh(sqrt c |y|) / sqrt c
    for (int64_t r = 0; r < 5; ++r) {
      const Tensor row = y.detach()[r];
      expected += 2 * std::atanh(std::sqrt(2 * sum(row * row).item<double>())) / std::sqrt(2.0) / 5;
    }
    EXPECT_NEAR(m.ball_radius(), expected, 1e-10);  // artanh multiplies roundings by 1 / (1 - c |y|^2)
  }
}

TEST(ZSpaceBatchNorm1d, HoldsNoOutput) {
  manual_seed(8);
  ZSpaceBatchNorm1d m("bnz", 8);
  const std::weak_ptr<const void> memory = m(randn({6, 8})).storage();
  EXPECT_TRUE(memory.expired());
  EXPECT_GT(m.ball_radius(), 0);
}

TEST(ZSpaceBatchNorm1d, KeysAndRefusals) {
  const ZSpaceBatchNorm1d m("bnz", 3);
  std::string keys;
  for (const auto& [key, value] : m.state_dict()) keys += key + " ";
  EXPECT_EQ(keys, "weight bias running_mean running_var num_batches_tracked ");
  EXPECT_EQ(message<ValueError>([] { ZSpaceBatchNorm1d("b", 0); }),
            "ZSpaceBatchNorm1d: features must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { ZSpaceBatchNorm1d("b", 1, 0.0); }),
            "ZSpaceBatchNorm1d: curvature must be negative and finite, got 0");
  EXPECT_EQ(message<ValueError>([] { ZSpaceBatchNorm1d("b", 1, -1.0, 1.5); }),
            "ZSpaceBatchNorm1d: momentum must be in [0, 1], got 1.5");
  EXPECT_EQ(message<ValueError>([] { ZSpaceBatchNorm1d("b", 1, -1.0, 0.1, 0.0); }),
            "ZSpaceBatchNorm1d: eps must be positive and finite, got 0");
  EXPECT_EQ(message<ShapeError>([] {
              ZSpaceBatchNorm1d("b", 3)(zeros({2, 4}));
            }),
            "ZSpaceBatchNorm1d: x must be (N, 3), a point a row, got (2, 4)");
}

}  // namespace
}  // namespace st::nn
