// Dropout: what is kept follows from seed and place alone; forward and backward agree; the stream of other
// draws stays where it was.
#include "spiraltorch/ops/dropout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/philox.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/nn/dropout.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"

namespace st {
namespace {

TEST(Dropout, KeepsWhatPhiloxSays) {
  for (const int64_t n : {1, 3, 4, 17, 1023, 1024, 1025, 5000}) {
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
      manual_seed(uint64_t{5} << 40 | 9);
      dropout(ones({6}));  // takes two blocks of words
      const std::vector<double> y = dropout(ones({n}, dtype), {.p = 0.25}).to_vector<double>();
      const double kept = tensor(1 / 0.75, dtype).item<double>();
      for (int64_t i = 0; i < n; ++i) {
        const uint32_t word =
            philox(uint64_t{5} << 40 | 9, static_cast<uint64_t>(2 + i / 4))[static_cast<size_t>(i % 4)];
        ASSERT_EQ(y[static_cast<size_t>(i)], philox_uniform(word) < 0.25f ? 0 : kept) << i << " of " << n;
      }
    }
  }
}

TEST(Dropout, KeepsTheShareItShould) {
  manual_seed(1);
  for (const double p : {0.1, 0.5, 0.9}) {
    const double share = mean(dropout(ones({100, 1000}), {.p = p})).item<double>() * (1 - p);
    EXPECT_NEAR(share, 1 - p, 5 * std::sqrt(p * (1 - p) / 1e5));
  }
}

TEST(Dropout, TheGradientHasTheSameMask) {
  manual_seed(2);
  for (const bool transposed : {false, true}) {
    const Tensor x = rand({33, 65}) + 1;
    x.requires_grad_();
    const Tensor in = transposed ? x.t() : x;
    const Tensor y = dropout(in, {.p = 0.3}), weights = rand({in.size(0), in.size(1)});
    const Tensor dx = grad({sum(y * weights)}, {x})[0];
    const Tensor expected = y.detach() / in.detach() * weights;
    const Tensor difference = dx - (transposed ? expected.t() : expected);
    EXPECT_LT(abs(difference).max().item<double>(), 1e-6);
  }
}

TEST(Dropout, HasASecondDerivative) {
  manual_seed(3);
  const Tensor x = rand({40});
  x.requires_grad_();
  const Tensor y = dropout(x);
  const Tensor dx = grad({sum(y * y)}, {x}, {.create_graph = true})[0];
  const Tensor second = grad({sum(dx)}, {x})[0];  // 2 m^2
  const Tensor m = y.detach() / x.detach();
  EXPECT_LT(abs(second - 2 * m * m).max().item<double>(), 1e-5);
}

TEST(Dropout, DoesNotDependOnThreads) {
  const Tensor x = rand({300, 1000});
  const int before = num_threads();
  std::vector<std::vector<float>> found;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    manual_seed(4);
    found.push_back(dropout(x).to_vector<float>());
  }
  set_num_threads(before);
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
}

TEST(Dropout, LeavesOtherDrawsAlone) {
  manual_seed(5);
  const std::vector<float> expected = rand({5}).to_vector<float>();
  manual_seed(5);
  const Tensor a = dropout(ones({100})), b = dropout(ones({100}));
  EXPECT_EQ(rand({5}).to_vector<float>(), expected);
  EXPECT_NE(a.to_vector<float>(), b.to_vector<float>());
  const std::vector<uint8_t> state = default_generator().state();
  const Tensor c = dropout(ones({100}));
  default_generator().set_state(state);  // as a checkpoint does
  EXPECT_EQ(dropout(ones({100})).to_vector<float>(), c.to_vector<float>());
}

TEST(Dropout, TheLayerActsInTrainingAlone) {
  manual_seed(6);
  nn::Dropout layer(0.5);
  const Tensor x = ones({100});
  EXPECT_EQ(sum(eq(layer(x), 0)).item<int64_t>() > 20, true);
  layer.eval();
  EXPECT_TRUE(layer(x).is_same(x));
  EXPECT_EQ(layer.to_string(), "Dropout(p=0.5, inplace=False)");
  EXPECT_EQ(message<ValueError>([] { nn::Dropout(1.5); }), "Dropout: p must be in [0, 1], got 1.5");
}

}  // namespace
}  // namespace st
