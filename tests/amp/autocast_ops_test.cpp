// Convolutions under an AutocastGuard, as autocast_test.cpp has it for the other products; and that every
// product uses the cast of its weight that is kept.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "spiraltorch/amp/autocast.h"
#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/nn/conv.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/attention.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/conv.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/recurrent.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/autocast.h"

namespace st::amp {
namespace {

using test::rounded_to_16_bits;
using test::steps_apart;

class AutocastOps : public test::ForcedBfloat16 {};

// A convolution of one or two dimensions: the shapes of its tensors, and the call.
struct Convolution {
  std::string name;
  Shape x, weight;
  std::function<Tensor(const Tensor& x, const Tensor& w, const Tensor& b)> call;
  int64_t terms() const { return numel_of(weight) / weight[0]; }  // of the sum of one output
};

std::vector<Convolution> convolutions() {
  const auto two = [](const Conv2dFuncOptions& o) {
    return [o](const Tensor& x, const Tensor& w, const Tensor& b) { return conv2d(x, w, b, o); };
  };
  const auto one = [](const Conv1dFuncOptions& o) {
    return [o](const Tensor& x, const Tensor& w, const Tensor& b) { return conv1d(x, w, b, o); };
  };
  return {{"3x3", {2, 14, 9, 11}, {8, 14, 3, 3}, two({})},
          {"one image", {14, 7, 7}, {16, 14, 3, 3}, two({})},
          {"1x1", {3, 100, 5, 5}, {24, 100, 1, 1}, two({})},
          {"strided", {2, 16, 12, 12}, {32, 16, 3, 3}, two({.stride = 2})},
          {"dilated", {1, 12, 13, 13}, {6, 12, 3, 3}, two({.dilation = 2})},
          {"groups", {2, 32, 8, 8}, {16, 8, 3, 3}, two({.groups = 4})},
          {"one dimension", {2, 20, 31}, {12, 20, 5}, one({})},
          {"one dimension, strided", {3, 24, 40}, {8, 24, 4}, one({.stride = 3})}};
}

TEST_F(AutocastOps, ConvolutionsRoundTheirOperandsTo16Bits) {
  manual_seed(11);
  for (const Convolution& c : convolutions()) {
    SCOPED_TRACE(c.name);
    // 1.0035 is 1 in 16 bits, so that the sums are the numbers of their terms, exactly; in float32 they are
    // more than a step of bfloat16 larger.
    const Tensor same = full(c.x, 1.0035), weights = full(c.weight, 1.0035);
    const double terms = static_cast<double>(c.terms());
    ASSERT_LE(terms, 256);
    const Tensor in32 = c.call(same, weights, {});
    EXPECT_EQ(in32.dtype(), DType::float32);
    EXPECT_NEAR(in32.max().item<double>(), terms * 1.0035 * 1.0035, 1e-3);
    const Tensor x = rand(c.x), w = rand(c.weight), b = rand({c.weight[0]});
    Tensor in16, y;
    {
      const AutocastGuard guard;
      in16 = c.call(same, weights, {});
      y = c.call(x, w, b);
    }
    EXPECT_EQ(in16.dtype(), DType::bfloat16);
    EXPECT_EQ(in16.min().item<double>(), terms);
    EXPECT_EQ(in16.max().item<double>(), terms);
    EXPECT_EQ(y.dtype(), DType::bfloat16);
    const Tensor exact = c.call(rounded_to_16_bits(x), rounded_to_16_bits(w), rounded_to_16_bits(b));
    EXPECT_LE(steps_apart(y, exact), 0.51);
    EXPECT_GT(abs(c.call(x, w, b).to(DType::float64) - exact).max().item<double>(), 1e-3);
  }
}

TEST_F(AutocastOps, ProductsByOtherNames) {
  const Tensor x = rand({3, 3}), y = rand({3, 3}), wide = unsqueeze(x, 0), row = select(x, 0, 0);
  const Tensor half = x.to(DType::bfloat16);
  const AutocastGuard guard;
  EXPECT_EQ(mm(x, half).dtype(), DType::bfloat16);
  EXPECT_EQ(bmm(wide, wide).dtype(), DType::bfloat16);
  EXPECT_EQ(scaled_dot_product_attention(x, half, y, {.attn_mask = y}).dtype(), DType::bfloat16);
  EXPECT_EQ(dot(row, row).dtype(), DType::float32);  // as in PyTorch
}

TEST_F(AutocastOps, ConvolutionsAccumulateInFloat32) {
  // In bfloat16 256 + 1 is 256: a sum of 1152 ones would stay there.
  const AutocastGuard guard;
  const Tensor two = conv2d(ones({2, 128, 6, 6}), ones({16, 128, 3, 3}));
  const Tensor one = conv1d(ones({2, 384, 6}), ones({16, 384, 3}));
  for (const Tensor& y : {two, one}) {
    EXPECT_EQ(y.dtype(), DType::bfloat16);
    EXPECT_EQ(y.min().item<double>(), 1152);
    EXPECT_EQ(y.max().item<double>(), 1152);
  }
}

TEST_F(AutocastOps, GradientsOfConvolutionsArriveInFloat32AndAreThoseOf16Bits) {
  manual_seed(12);
  for (const Convolution& c : convolutions()) {
    SCOPED_TRACE(c.name);
    const std::vector<Tensor> leaves{randn(c.x), randn(c.weight), randn({c.weight[0]})};
    std::vector<Tensor> doubles;
    for (const Tensor& t : leaves) {
      t.requires_grad_();
      doubles.push_back(rounded_to_16_bits(t.detach()).requires_grad_());
    }
    Tensor y;
    {
      const AutocastGuard guard;
      y = c.call(leaves[0], leaves[1], leaves[2]);
    }
    const Tensor dy = randn(y.shape()).to(DType::bfloat16);
    y.backward({.gradient = dy});
    const auto exact = grad({c.call(doubles[0], doubles[1], doubles[2])}, doubles,
                            {.grad_outputs = {dy.to(DType::float64)}});
    for (size_t i = 0; i < leaves.size(); ++i) {
      const Tensor found = leaves[i].grad();
      EXPECT_EQ(found.dtype(), DType::float32);
      const double scale = abs(exact[i]).max().item<double>();
      EXPECT_LE(abs(found.to(DType::float64) - exact[i]).max().item<double>(), scale * 0x1p-8)
          << "input " << i;
      EXPECT_TRUE(equal(found, found.to(DType::bfloat16).to(DType::float32))) << "input " << i;
    }
  }
}

TEST_F(AutocastOps, ConvolutionalLayersTakePart) {
  nn::Conv2d layer("c", 3, 8, 3);
  const Tensor x = randn({2, 3, 6, 6});
  EXPECT_EQ(layer(x).dtype(), DType::float32);
  {
    const AutocastGuard guard;
    EXPECT_EQ(layer(x).dtype(), DType::bfloat16);
    const AutocastGuard off(false);
    EXPECT_EQ(layer(x).dtype(), DType::float32);
  }
  EXPECT_EQ(layer(x.to(DType::float32)).dtype(), DType::float32);
  const AutocastGuard guard;
  EXPECT_EQ(conv2d(x.to(DType::float64), randn({4, 3, 3, 3}, DType::float64)).dtype(), DType::float64);
}

// The kept cast is spoilt on purpose: whoever uses it shows it, until the weight is written to.
TEST_F(AutocastOps, EachProductUsesTheKeptCastOfItsWeight) {
  manual_seed(13);
  struct Product {
    std::string name;
    Tensor weight;
    std::function<Tensor(const Tensor& w)> call;
  };
  const Tensor x = randn({6, 32}), image = randn({2, 4, 7, 7}), row = randn({2, 4, 9});
  const Tensor series = randn({5, 3, 32}), other = randn({32, 8}), state = randn({3, 8});
  const std::vector<Product> products{
      {"linear", randn({16, 32}), [&](const Tensor& w) { return linear(x, w); }},
      {"matmul", randn({32, 16}), [&](const Tensor& w) { return matmul(x, w); }},
      {"conv2d", randn({8, 4, 3, 3}), [&](const Tensor& w) { return conv2d(image, w); }},
      {"conv1d", randn({8, 4, 3}), [&](const Tensor& w) { return conv1d(row, w); }},
      {"lstm, input", randn({32, 32}),
       [&](const Tensor& w) { return lstm(series, state, state, w, other).output; }},
      {"lstm, state", randn({32, 8}), [&](const Tensor& w) {
         return lstm(series, state, state, ones({32, 32}), w).output;
       }}};
  const NoGradGuard no_grad;
  const AutocastGuard guard;
  for (const Product& p : products) {
    SCOPED_TRACE(p.name);
    const Tensor weight = p.weight.detach().requires_grad_();  // matmul keeps casts of leaves alone
    const Tensor right = p.call(weight), nothing = p.call(zeros(weight.shape()));
    ASSERT_FALSE(equal(right, nothing));
    EXPECT_TRUE(equal(p.call(weight), right));
    autocast_weight(weight).zero_();
    EXPECT_TRUE(equal(p.call(weight), nothing));
    weight.mul_(1);
    EXPECT_TRUE(equal(p.call(weight), right));
  }
}

}  // namespace
}  // namespace st::amp
