// Numbers come from torch.nn.utils.clip_grad_norm_([a, b], 1.5, norm_type=p) in float64.
#include "spiraltorch/optim/clip_grad.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"
#include "tests/support/shadow_device.h"

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

// torch.nn.utils.clip_grad_norm_ of gradients of 16 bits: norms are summed in float32 and rounded once.
TEST(ClipGradNorm, SixteenBits) {
  struct Row {
    DType dtype;
    double p, max_norm;
    bool many;  // 1000 of 1e-4, (3, -4, 0.5), 257 of 0.3; else 1000 of `value`
    double value, norm, first;
  };
  const std::vector<Row> rows = {
      {DType::float16, 2, 1e-3, false, 1e-4, 0.003162384033203125, 3.159046173095703e-05},
      {DType::float16, 2, 1, false, 300, 9488, 0.0316162109375},
      {DType::float16, 2, 1, true, 0, 6.953125, 1.436471939086914e-05},
      {DType::float16, 1, 1e-3, false, 1e-4, 0.10003662109375, 1.0132789611816406e-06},
      {DType::float16, 1, 1, false, 300, kInfinity, 0},  // the norm itself is out of range
      {DType::float16, 1, 1, true, 0, 84.75, 1.1920928955078125e-06},
      {DType::float16, 3.5, 1, false, 300, 2160, 0.138916015625},
      {DType::float16, 3.5, 1, true, 0, 4.3984375, 2.2709369659423828e-05},
      {DType::float16, kInfinity, 1, true, 0, 4, 2.5033950805664062e-05},
      {DType::bfloat16, 2, 1e-3, false, 1e-4, 0.003173828125, 3.170967102050781e-05},
      {DType::bfloat16, 2, 1, false, 300, 9472, 0.031494140625},
      {DType::bfloat16, 2, 1, true, 0, 6.96875, 1.436471939086914e-05},
      {DType::bfloat16, 1, 1, true, 0, 85, 1.1771917343139648e-06},
      {DType::bfloat16, 3.5, 1, true, 0, 4.40625, 2.2649765014648438e-05},
      {DType::bfloat16, kInfinity, 1, false, 300, 300, 0.99609375},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(to_text(row.dtype) + " " + to_text(row.p) + " " + to_text(row.norm));
    std::vector<Tensor> params;
    const auto add = [&](const Tensor& grad) {
      params.push_back(zeros(grad.shape(), row.dtype).requires_grad_());
      params.back().set_grad(grad.to(row.dtype));
    };
    add(full({1000}, row.many ? 1e-4 : row.value, DType::float64));
    if (row.many) add(tensor({3., -4., 0.5}, DType::float64)), add(full({257}, 0.3, DType::float64));
    const Tensor norm = clip_grad_norm_(params, row.max_norm, {.norm_type = row.p});
    EXPECT_EQ(norm.dtype(), row.dtype);
    EXPECT_EQ(norm.item<double>(), row.norm);
    for (double x : params[0].grad().to_vector<double>()) ASSERT_EQ(x, row.first);
  }
}

TEST(ClipGradNorm, MixedDTypesAndDevices) {
  for (Device device : {Device(Device::cpu), test::shadow_device()}) {
    const Tensor a = zeros({3}, DType::float16, device).requires_grad_(), b = zeros({3}).requires_grad_();
    a.set_grad(full({3}, 2, DType::float16).to(device));
    b.set_grad(ones({3}));
    const Tensor norm = clip_grad_norm_({b, a}, 1.0);
    EXPECT_EQ(norm.dtype(), DType::float32);
    EXPECT_EQ(norm.device(), b.device());
    EXPECT_NEAR(norm.item<double>(), 3.8736, 5e-4);  // PyTorch's, whose float16 part is rounded to 2^-9
    EXPECT_NEAR(a.grad().to_vector<double>()[0], 0.5161, 5e-4);
    EXPECT_NEAR(b.grad().to_vector<double>()[0], 0.2582, 5e-4);
  }
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
