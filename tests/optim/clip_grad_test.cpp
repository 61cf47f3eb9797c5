// Numbers come from torch.nn.utils.clip_grad_norm_([a, b], 1.5, norm_type=p) in float64.
#include "spiraltorch/optim/clip_grad.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Two {
  Tensor a = zeros({2, 2}, DType::float64).requires_grad_(), b = zeros({3}, DType::float64).requires_grad_();
  Tensor none = zeros({4}, DType::float64).requires_grad_();
  Two() {
    a.set_grad(tensor({{1, -2}, {3, -4}}, DType::float64));
    b.set_grad(tensor({0.5, 0., -6.}, DType::float64));
  }
  std::vector<Tensor> all() const { return {a, none, b}; }
};

void expect_near(const Tensor& x, const std::vector<double>& expected) {
  const std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-14) << i;
}

TEST(ClipGradNorm, ScalesAllByOneFactor) {
  struct Row {
    double p, norm;
    std::vector<double> a, b;
  };
  const std::vector<Row> rows = {
      {2,
       8.139410298049853,
       {0.18428851240867872, -0.36857702481735743, 0.5528655372260362, -0.7371540496347149},
       {0.09214425620433936, 0, -1.1057310744520723}},
      {1,
       16.5,
       {0.09090908539944936, -0.18181817079889873, 0.2727272561983481, -0.36363634159779745},
       {0.04545454269972468, 0, -0.5454545123966962}},
      {3.5,
       6.542353544003234,
       {0.22927525402531262, -0.45855050805062525, 0.6878257620759378, -0.9171010161012505},
       {0.11463762701265631, 0, -1.3756515241518756}},
      {kInfinity,
       6,
       {0.24999995833334027, -0.49999991666668053, 0.7499998750000207, -0.9999998333333611},
       {0.12499997916667013, 0, -1.4999997500000415}},
  };
  for (const Row& row : rows) {
    const Two two;
    const Tensor norm = clip_grad_norm_(two.all(), 1.5, {.norm_type = row.p});
    EXPECT_EQ(norm.dim(), 0);
    EXPECT_NEAR(norm.item<double>(), row.norm, 1e-14);
    expect_near(two.a.grad(), row.a);
    expect_near(two.b.grad(), row.b);
  }
}

TEST(ClipGradNorm, LeavesSmallGradientsAlone) {
  const Two two;
  clip_grad_norm_(two.all(), 100);
  expect_near(two.a.grad(), {1, -2, 3, -4});
  EXPECT_EQ(clip_grad_norm_({two.none}, 1).item<float>(), 0);
  EXPECT_EQ(clip_grad_norm_({}, 1).item<float>(), 0);
}

TEST(ClipGradNorm, NonFiniteNorms) {
  const Two two;
  two.b.set_grad(tensor({0., std::nan(""), 1.}, DType::float64));
  EXPECT_EQ(message<ValueError>([&] { clip_grad_norm_(two.all(), 1, {.error_if_nonfinite = true}); }),
            "clip_grad_norm_: the norm of order 2 of the gradients is nan; nothing was clipped");
  expect_near(two.a.grad(), {1, -2, 3, -4});
  EXPECT_TRUE(std::isnan(clip_grad_norm_(two.all(), 1).item<double>()));
  EXPECT_TRUE(std::isnan(two.a.grad().to_vector<double>()[0]));
}

TEST(ClipGradValue, BoundsEveryElement) {
  const Two two;
  clip_grad_value_(two.all(), 2.5);
  expect_near(two.a.grad(), {1, -2, 2.5, -2.5});
  expect_near(two.b.grad(), {0.5, 0, -2.5});
}

TEST(ClipGrad, Refuses) {
  EXPECT_EQ(message<ValueError>([] { clip_grad_norm_({}, -1); }),
            "clip_grad_norm_: max_norm must be at least 0, got -1");
  EXPECT_EQ(message<ValueError>([] { clip_grad_norm_({}, 1, {.norm_type = 0}); }),
            "clip_grad_norm_: norm_type must be positive, got 0");
  EXPECT_EQ(message<ValueError>([] { clip_grad_value_({}, -1); }),
            "clip_grad_value_: clip_value must be at least 0, got -1");
}

}  // namespace
}  // namespace st
