// The layers without parameters: that they call their functions, and their text.
#include <gtest/gtest.h>

#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/flatten.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/creation.h"

namespace st::nn {
namespace {

TEST(Activation, CallsItsFunction) {
  const Tensor x = tensor({-1.5f, 0.f, 2.f});
  EXPECT_EQ(ReLU()(x).to_vector<float>(), (std::vector<float>{0, 0, 2}));
  EXPECT_EQ(Tanh()(x).to_vector<float>(), tanh(x).to_vector<float>());
  EXPECT_EQ(Sigmoid()(x).to_vector<float>(), sigmoid(x).to_vector<float>());
  EXPECT_EQ(ReLU().to_string() + Tanh().to_string() + Sigmoid().to_string(), "ReLU()Tanh()Sigmoid()");
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
