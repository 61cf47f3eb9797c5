// The layer's statistics and modes; the normalisation itself is tested in ops/. Numbers come from
// torch.nn.BatchNorm1d(3, momentum=m).double() on x and then on 2 x + 1.
#include "spiraltorch/nn/batch_norm.h"

#include <gtest/gtest.h>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

Tensor batch() { return tensor({{1, 2, -1}, {0.5, -3, 4}, {2, 2.5, 0}, {-1, 0, 1}}, DType::float64); }

void expect_near(const Tensor& x, const std::vector<double>& expected) {
  const std::vector<double> values = x.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-13) << i;
}

struct Row {
  std::optional<double> momentum;
  std::vector<double> mean, var;
  std::vector<double> eval_first;  // the first row of the layer on x in evaluation mode
};

TEST(BatchNorm1d, TracksStatistics) {
  const std::vector<Row> rows = {
      {0.1,
       {0.28125, 0.20875000000000002, 0.39000000000000007},
       {1.575625, 3.862291666666667, 3.0966666666666667},
       {0.5725982917269938, 0.9114505422478467, -0.7898904614137857}},
      {0.3,
       {0.8062499999999999, 0.60375, 1.1099999999999999},
       {2.6931249999999998, 9.273124999999999, 7.07},
       {0.11806268319795243, 0.45851114335121623, -0.7935466110323145}},
      {std::nullopt,
       {1.4375, 1.0625, 2.0},
       {3.90625, 15.572916666666668, 11.666666666666668},
       {-0.22135915287225227, 0.23756702390929368, -0.8783096892353223}},
  };
  for (const Row& row : rows) {
    BatchNorm1d bn("bn", 3, row.momentum);
    bn.to(DType::float64);
    const Tensor x = batch();
    bn(x);
    const Tensor y = bn(add(mul(x, 2.0), 1.0));
    expect_near(narrow(y, 0, 0, 1), {0.3464097920101944, 0.7518092104031732, -1.069044585848128});
    expect_near(bn.running_mean, row.mean);
    expect_near(bn.running_var, row.var);
    EXPECT_EQ(bn.num_batches_tracked.item<int64_t>(), 2);
    bn.eval();
    expect_near(narrow(bn(x), 0, 0, 1), row.eval_first);
    expect_near(bn.running_mean, row.mean);
    EXPECT_EQ(bn.num_batches_tracked.item<int64_t>(), 2);
    bn.reset_running_stats();
    expect_near(bn.running_mean, {0, 0, 0});
    expect_near(bn.running_var, {1, 1, 1});
    EXPECT_EQ(bn.num_batches_tracked.item<int64_t>(), 0);
  }
}

TEST(BatchNorm1d, WithoutStatisticsUsesTheBatchAlways) {
  BatchNorm1d bn("", 3, 0.1, 1e-3, {.affine = false, .track_running_stats = false});
  bn.eval();
  expect_near(narrow(bn(batch()), 0, 0, 1), {0.346262454370715, 0.7517289632627324, -1.0688922796581097});
  EXPECT_TRUE(bn.state_dict().empty());
  EXPECT_EQ(bn.to_string(),
            "BatchNorm1d(3, eps=0.001, momentum=0.1, affine=False, bias=False, track_running_stats=False)");
  EXPECT_EQ(BatchNorm1d("", 2, {}).extra_repr(),
            "2, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True");
  EXPECT_FALSE(BatchNorm1d("", 2, 0.1, 1e-5, {.bias = false}).bias.defined());
}

TEST(BatchNorm1d, TakesAThirdDimension) {
  BatchNorm1d bn("", 2);
  bn.to(DType::float64);
  const Tensor x =
      tensor(std::vector<double>{0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121}).reshape({2, 2, 3});
  expect_near(narrow(bn(x), 0, 0, 1), {-1.0122819829267522, -0.9728424251503852, -0.8545237518212843,
                                       -1.1338095181337573, -0.9740108612155767, -0.768555445177916});
  expect_near(bn.running_var, {78.04666666666665, 231.1666666666667});
}

TEST(BatchNorm1d, Refuses) {
  EXPECT_EQ(message<ValueError>([] { BatchNorm1d("", 0); }),
            "BatchNorm1d: features must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { BatchNorm1d("", 2, 1.5); }),
            "BatchNorm1d: momentum must be in [0, 1], got 1.5");
  EXPECT_EQ(message<ValueError>([] { BatchNorm1d("", 2, 0.1, 0); }),
            "BatchNorm1d: eps must be positive and finite, got 0");
  BatchNorm1d bn("", 2);
  EXPECT_EQ(message<ShapeError>([&] { bn(ones({2})); }),
            "BatchNorm1d: x must be (N, C) or (N, C, L), got (2,)");
  EXPECT_EQ(message<ShapeError>([&] {
              bn(ones({4, 3}));
            }),
            "BatchNorm1d: x has 3 channels, 2 are expected (x: (4, 3))");
  EXPECT_THROW(bn(ones({1, 2})), ValueError);            // one value a channel
  EXPECT_EQ(bn.num_batches_tracked.item<int64_t>(), 0);  // a refused batch does not count
  bn.eval();
  EXPECT_EQ(bn(ones({1, 2})).shape(), (Shape{1, 2}));
}

}  // namespace
}  // namespace st::nn
