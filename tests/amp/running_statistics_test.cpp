// A batch with Inf, NaN or an overflow never gets into a running statistic: all batch norms, layouts, dtypes.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "spiraltorch/core/random.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/nn/zspace_batch_norm.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st::nn {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// (N, 2, ...), from values that lie channels-last if there are images.
Tensor batch(const Shape& shape, DType dtype) {
  if (shape.size() < 4) return randn(shape, dtype);
  return randn({shape[0], shape[2], shape[3], shape[1]}, dtype).permute({0, 3, 1, 2});
}

// The values of channel c, one after the other.
Tensor channel(const Tensor& x, int64_t c) { return x.select(1, c).to(DType::float64).reshape({-1}); }

template <class Norm>
void skips(Norm bn, const Shape& shape, DType dtype, std::optional<double> momentum) {
  bn.to(dtype);
  bn(batch(shape, dtype));
  const double large = dtype == DType::float64 ? 1e200 : 1e30;  // whose square is out of range
  double count = 1;
  for (double bad : {kInf, -kInf, std::nan(""), large}) {
    SCOPED_TRACE(bad);
    const std::vector<double> mean = bn.running_mean.template to_vector<double>(),
                              var = bn.running_var.template to_vector<double>();
    Tensor x = batch(shape, dtype);
    x[1].select(0, 0).fill_(bad);
    bn(x);
    EXPECT_EQ(bn.running_mean.template to_vector<double>()[0], mean[0]);
    EXPECT_EQ(bn.running_var.template to_vector<double>()[0], var[0]);
    const double weight = momentum.value_or(1 / ++count);
    const Tensor good = channel(x, 1), centred = good - st::mean(good);
    const double centre = st::mean(good).template item<double>(),
                 variance =
                     sum(centred * centred).template item<double>() / static_cast<double>(good.numel() - 1);
    // what float32 keeps of numbers about 1
    EXPECT_NEAR(bn.running_mean.template to_vector<double>()[1], mean[1] + weight * (centre - mean[1]), 1e-6);
    EXPECT_NEAR(bn.running_var.template to_vector<double>()[1], var[1] + weight * (variance - var[1]), 1e-6);
  }
  EXPECT_EQ(bn.num_batches_tracked.template item<int64_t>(), 5);
}

TEST(RunningStatistics, ABatchWithInfLeavesThemAsTheyAre) {
  manual_seed(1);
  for (DType dtype : {DType::float32, DType::float64}) {
    for (std::optional<double> momentum : {std::optional<double>(0.5), std::optional<double>()}) {
      SCOPED_TRACE(to_text(dtype) + (momentum ? "" : " without momentum"));
      skips(BatchNorm1d("bn", 2, momentum), {6, 2}, dtype, momentum);
      skips(BatchNorm1d("bn", 2, momentum), {6, 2, 3}, dtype, momentum);
      skips(BatchNorm2d("bn", 2, momentum), {3, 2, 4, 5}, dtype, momentum);
      skips(ZSpaceBatchNorm1d("bn", 2, -1.0, momentum), {6, 2}, dtype, momentum);
    }
  }
}

// Without momentum the mean is over all batches that were counted: of one that was skipped it has what was
// there before, at first the 0 and 1 of a new layer.
TEST(RunningStatistics, WithoutMomentumASkippedBatchCountsAsWhatWasThere) {
  BatchNorm1d bn("bn", 2, {});
  bn(tensor({{kInf, 1.0}, {0.0, 3.0}}, DType::float32));
  EXPECT_EQ(bn.running_mean.to_vector<float>(), (std::vector<float>{0, 2}));
  EXPECT_EQ(bn.running_var.to_vector<float>(), (std::vector<float>{1, 2}));
  bn(tensor({{4.0, 4.0}, {6.0, 6.0}}, DType::float32));
  EXPECT_EQ(bn.num_batches_tracked.item<int64_t>(), 2);
  EXPECT_EQ(bn.running_mean.to_vector<float>(), (std::vector<float>{2.5, 3.5}));  // (0 + 5) / 2, (2 + 5) / 2
  EXPECT_EQ(bn.running_var.to_vector<float>(), (std::vector<float>{1.5, 2}));     // (1 + 2) / 2, (2 + 2) / 2
}

}  // namespace
}  // namespace st::nn
