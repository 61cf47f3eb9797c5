// The layer itself; its initial values are in init_test.cpp, the product in ops/.
#include "spiraltorch/nn/linear.h"

#include <gtest/gtest.h>

#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

TEST(Linear, MultipliesAndAdds) {
  Linear fc("fc", 3, 2);
  fc.load_state_dict({{"weight", tensor({{1., 2, 3}, {4, 5, 6}})}, {"bias", tensor({0.5f, -1.f})}});
  const Tensor y = fc(tensor({{1., 0, -1}, {2, 2, 2}}));
  EXPECT_EQ(y.shape(), (Shape{2, 2}));
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{-1.5, -3, 12.5, 29}));
  EXPECT_EQ(fc(ones({2, 4, 3})).shape(), (Shape{2, 4, 2}));

  Linear plain("", 3, 2, {.bias = false});
  EXPECT_FALSE(plain.bias.defined());
  plain.weight = fc.weight;
  EXPECT_EQ(plain(tensor({1.f, 0.f, -1.f})).to_vector<float>(), (std::vector<float>{-2, -2}));
}

TEST(Linear, BackwardReachesItsParameters) {
  Linear fc("", 2, 1);
  fc(tensor({{1., 2}})).backward();
  EXPECT_TRUE(fc.weight.grad().defined());
  EXPECT_EQ(fc.bias.grad().to_vector<float>(), std::vector<float>{1});
}

TEST(Linear, ResetDrawsAnew) {
  manual_seed(3);
  Linear fc("", 4, 4);
  const std::vector<float> first = fc.weight.to_vector<float>();
  fc.reset_parameters();
  EXPECT_NE(fc.weight.to_vector<float>(), first);
  manual_seed(3);
  fc.reset_parameters();
  EXPECT_EQ(fc.weight.to_vector<float>(), first);
}

TEST(Linear, Refuses) {
  EXPECT_EQ(message<ValueError>([] { Linear("", 0, 2); }), "Linear: in_features must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Linear("", 2, -3); }),
            "Linear: out_features must be at least 1, got -3");
}

}  // namespace
}  // namespace st::nn
