// The layers without parameters: that they call their functions, and their text.
#include <gtest/gtest.h>

#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/flatten.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/softmax.h"

namespace st::nn {
namespace {

TEST(Activation, CallsItsFunction) {
  const Tensor x = tensor({-1.5f, 0.f, 2.f});
  EXPECT_EQ(ReLU()(x).to_vector<float>(), (std::vector<float>{0, 0, 2}));
  EXPECT_EQ(Tanh()(x).to_vector<float>(), tanh(x).to_vector<float>());
  EXPECT_EQ(Sigmoid()(x).to_vector<float>(), sigmoid(x).to_vector<float>());
  EXPECT_EQ(ReLU().to_string() + Tanh().to_string() + Sigmoid().to_string(), "ReLU()Tanh()Sigmoid()");
}

TEST(Activation, GivesItsOptionsToItsFunction) {
  const Tensor x = tensor({{-1.5, 0, 2.25}, {4, -4, 0.5}});
  const auto same = [](const Tensor& a, const Tensor& b) {
    EXPECT_EQ(a.to_vector<float>(), b.to_vector<float>());
  };
  same(LeakyReLU(0.25)(x), leaky_relu(x, {0.25}));
  same(ELU(0.5)(x), elu(x, {0.5}));
  same(GELU()(x), gelu(x));
  same(GELU(Approximate::tanh)(x), gelu(x, {Approximate::tanh}));
  same(SiLU()(x), silu(x));
  same(Softplus(2, 3)(x), softplus(x, {2, 3}));
  same(Hardswish()(x), hardswish(x));
  same(LogSigmoid()(x), logsigmoid(x));
  same(Softmax(0)(x), softmax(x, 0));
  same(LogSoftmax(-1)(x), log_softmax(x, 1));
  EXPECT_NE(gelu(x).to_vector<float>(), gelu(x, {Approximate::tanh}).to_vector<float>());
  EXPECT_THROW(Softplus(0), ValueError);
}

// str() of the same modules in PyTorch
TEST(Activation, PrintsAsPyTorch) {
  EXPECT_EQ(LeakyReLU().to_string(), "LeakyReLU(negative_slope=0.01)");
  EXPECT_EQ(ELU().to_string(), "ELU(alpha=1.0)");
  EXPECT_EQ(GELU().to_string(), "GELU(approximate='none')");
  EXPECT_EQ(GELU(Approximate::tanh).to_string(), "GELU(approximate='tanh')");
  EXPECT_EQ(SiLU().to_string() + Hardswish().to_string() + LogSigmoid().to_string(),
            "SiLU()Hardswish()LogSigmoid()");
  EXPECT_EQ(Softplus().to_string(), "Softplus(beta=1.0, threshold=20.0)");
  EXPECT_EQ(Softmax(1).to_string() + LogSoftmax(-1).to_string(), "Softmax(dim=1)LogSoftmax(dim=-1)");
}

TEST(Flatten, KeepsTheBatch) {
  const Tensor x = ones({2, 3, 4, 5});
  EXPECT_EQ(Flatten()(x).shape(), (Shape{2, 60}));
  EXPECT_EQ(Flatten(0)(x).shape(), (Shape{120}));
  EXPECT_EQ(Flatten(1, 2)(x).shape(), (Shape{2, 12, 5}));
  EXPECT_THROW(Flatten()(ones({3})), IndexError);
  EXPECT_EQ(Flatten().to_string(), "Flatten(start_dim=1, end_dim=-1)");
}

TEST(PythonRepr, PrintsFloatsAsPython) {
  // repr() of the same numbers in Python
  EXPECT_EQ(python_repr(0.1), "0.1");
  EXPECT_EQ(python_repr(1e-5), "1e-05");
  EXPECT_EQ(python_repr(1e-4), "0.0001");
  EXPECT_EQ(python_repr(1.0), "1.0");
  EXPECT_EQ(python_repr(-3.0), "-3.0");
  EXPECT_EQ(python_repr(1e15), "1000000000000000.0");
  EXPECT_EQ(python_repr(1e16), "1e+16");
  EXPECT_EQ(python_repr(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(python_repr(true), "True");
}

}  // namespace
}  // namespace st::nn
