// Initial values against PyTorch's, bit for bit; tests/reference/nn_reference.py makes the hashes.
#include "spiraltorch/nn/init.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/core/random.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

using init::FanMode;
using init::Nonlinearity;

struct LayerRow {
  int64_t in, out;
  uint64_t weight, bias;
};

struct FillRow {
  const char* text;
  void (*fill)(const Tensor& w);
  uint64_t hash;
};

#include "tests/nn/init_reference.inc"

uint64_t fnv1a(const Tensor& x) {
  uint64_t hash = 0xCBF29CE484222325;
  const auto values = x.data<float>();
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (size_t i = 0; i < values.size_bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001B3;
  return hash;
}

TEST(Init, LinearStartsWithPyTorchsWeights) {
  for (const LayerRow& row : kLayers) {
    manual_seed(0);
    const Linear layer("", row.in, row.out);
    EXPECT_EQ(fnv1a(layer.weight), row.weight) << row.in << " " << row.out;
    EXPECT_EQ(fnv1a(layer.bias), row.bias) << row.in << " " << row.out;
  }
}

TEST(Init, FillsArePyTorchs) {
  for (const FillRow& row : kFills) {
    manual_seed(7);
    const Tensor w = empty({24, 6, 3, 3});
    row.fill(w);
    EXPECT_EQ(fnv1a(w), row.hash) << row.text;
  }
}

TEST(Init, WritesToParametersOutsideOfAutograd) {
  const Parameter p(zeros({2, 2}));
  EXPECT_TRUE(init::ones_(p).is_same(p));
  EXPECT_EQ(p.to_vector<float>(), (std::vector<float>{1, 1, 1, 1}));
  init::zeros_(p);
  EXPECT_EQ(p.to_vector<float>(), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_TRUE(p.is_leaf());
  EXPECT_EQ(init::kaiming_uniform_(empty({0, 3})).numel(), 0);
  EXPECT_EQ(init::xavier_normal_(empty({3, 0})).numel(), 0);
}

TEST(Init, GainsAndFans) {
  EXPECT_EQ(init::calculate_gain(Nonlinearity::linear), 1);
  EXPECT_EQ(init::calculate_gain(Nonlinearity::sigmoid), 1);
  EXPECT_EQ(init::calculate_gain(Nonlinearity::tanh), 5.0 / 3);
  EXPECT_EQ(init::calculate_gain(Nonlinearity::relu), std::sqrt(2.0));
  EXPECT_EQ(init::calculate_gain(Nonlinearity::selu), 0.75);
  // torch.nn.init.calculate_gain("leaky_relu"), ("leaky_relu", 0.2)
  EXPECT_EQ(init::calculate_gain(Nonlinearity::leaky_relu), 1.4141428569978354);
  EXPECT_EQ(init::calculate_gain(Nonlinearity::leaky_relu, 0.2), 1.3867504905630728);
  const std::pair<int64_t, int64_t> fans = {54, 216};
  EXPECT_EQ(init::calculate_fan_in_and_fan_out(empty({24, 6, 3, 3})), fans);
  EXPECT_EQ(message<ValueError>([] { init::kaiming_uniform_(empty({3})); }),
            "kaiming_uniform_: a fan needs a tensor of 2 or more dimensions, this one is (3,)");
}

}  // namespace
}  // namespace st::nn
