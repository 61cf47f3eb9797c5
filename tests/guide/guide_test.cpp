// The migration guide's table, row by row: what a reader types from it does what the row says. Depth is in
// the tests of each part; here every name is used as the guide gives it.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

bool all_close(const Tensor& a, const Tensor& b, double bound) {
  return a.shape() == b.shape() &&
         (a.to(DType::float64) - b.to(DType::float64)).abs().max().item<double>() <= bound;
}
Tensor detached(const Tensor& x) { return x.detach(); }

// | Linear::new("fc", in, out) | torch.nn.Linear; weight (out, in)
TEST(Guide, Linear) {
  manual_seed(0);
  nn::Linear fc("fc", 4, 2);
  EXPECT_EQ(fc.weight.shape(), (Shape{2, 4}));
  const Tensor x = randn({3, 4});
  EXPECT_TRUE(all_close(fc(x), matmul(x, fc.weight.t()) + fc.bias, 1e-6));
}

// | BatchNorm1d::new("bn", f, 0.1, 1e-5) | biased variance to normalise, unbiased into running_var; (N, C)
// and (N, C, L)
TEST(Guide, BatchNorm1d) {
  manual_seed(0);
  nn::BatchNorm1d bn("bn", 3, 0.1, 1e-5);
  const Tensor x = randn({8, 3});
  const Tensor mean = x.mean(0), centred = x - mean, var = (centred * centred).mean(0);
  EXPECT_TRUE(all_close(detached(bn(x)), centred / sqrt(var + 1e-5), 1e-5));
  EXPECT_TRUE(all_close(bn.running_mean, mean * 0.1, 1e-6));
  EXPECT_TRUE(all_close(bn.running_var, var * (8.0 / 7.0) * 0.1 + 0.9, 1e-6));
  EXPECT_EQ(bn(randn({8, 3, 5})).shape(), (Shape{8, 3, 5}));
  bn.set_training(false);  // the running statistics now stand for the batch's
  EXPECT_TRUE(all_close(detached(bn(x)), (x - bn.running_mean) / sqrt(bn.running_var + 1e-5), 1e-5));
}

// | ZSpaceBatchNorm1d::new("bnz", f, -1.0, 0.1, 1e-5)? | batch norm whose output is a point of Z-space
TEST(Guide, ZSpaceBatchNorm1d) {
  manual_seed(0);
  nn::ZSpaceBatchNorm1d bnz("bnz", 6, -1.0, 0.1, 1e-5);
  nn::BatchNorm1d bn("bn", 6, 0.1, 1e-5);
  const Tensor x = randn({32, 6}), y = detached(bnz(x));
  const Tensor v = detached(bn(x)) / std::sqrt(6.0), length = sqrt((v * v).sum(1, true));
  EXPECT_TRUE(all_close(y, tanh(length) * v / length, 1e-6));
  EXPECT_NEAR(bnz.ball_radius(), (2.0 * length).mean().item<double>(), 1e-5);  // d(0, exp_0(v)) = 2 |v|
}

// | LayerNorm::new("ln", f, -1.0, 1e-5) | eps_eff = eps (1 + 0.1 sqrt(-curvature))
TEST(Guide, LayerNorm) {
  manual_seed(0);
  nn::LayerNorm ln("ln", 5, -1.0, 1e-5);
  const Tensor x = randn({4, 5}) * 0.01, centred = x - x.mean(1, true);
  EXPECT_TRUE(all_close(detached(ln(x)), centred / sqrt((centred * centred).mean(1, true) + 1.1e-5), 1e-5));
}

// | Lstm::new("lstm", in, hidden) | x (T, in), rows are time; set_state, reset_state, state
TEST(Guide, Lstm) {
  manual_seed(0);
  nn::Lstm lstm("lstm", 3, 4);
  const Tensor x = randn({6, 3}), whole = detached(lstm(x));
  EXPECT_EQ(whole.shape(), (Shape{6, 4}));
  detached(lstm(narrow(x, 0, 0, 2)));
  const auto [h, c] = lstm.state();
  lstm.set_state(h, c);
  EXPECT_TRUE(all_close(detached(lstm(narrow(x, 0, 2, 4))), narrow(whole, 0, 2, 4), 1e-6));
  lstm.reset_state();
  EXPECT_TRUE(all_close(detached(lstm(x)), whole, 0));
  const auto result = lstm(x, {h, c});
  EXPECT_TRUE(result.output.requires_grad());
}

// | set_training(true/false) | recursive
TEST(Guide, SetTraining) {
  nn::Sequential net{nn::Linear("fc", 2, 2), nn::BatchNorm1d("bn", 2)};
  net.set_training(false);
  EXPECT_FALSE(net.at<nn::BatchNorm1d>(1).training());
  net.train();
  EXPECT_TRUE(net.at<nn::BatchNorm1d>(1).training());
}

// | conv::MaxPool2d, conv::AvgPool2d | Conv2d beside them
TEST(Guide, Pooling) {
  const Tensor x = arange(0, 16, 1, DType::float32).reshape({1, 1, 4, 4});
  EXPECT_EQ(nn::MaxPool2d(2)(x).to_vector<float>(), (std::vector<float>{5, 7, 13, 15}));
  EXPECT_EQ(nn::AvgPool2d(2, {.stride = 2})(x).to_vector<float>(),
            (std::vector<float>{2.5, 4.5, 10.5, 12.5}));
  EXPECT_EQ(nn::Conv2d("conv", 1, 3, 3, {.padding = 1})(x).shape(), (Shape{1, 3, 4, 4}));
}

// | ZSpaceOptimizer::new(1e-2)? | set_mode, prepare_module, step, zero_grad in each mode
TEST(Guide, ZSpaceOptimizer) {
  for (const auto& mode : {optim::OptimizerMode::euclidean(), optim::OptimizerMode::realgrad(1e-3),
                           optim::OptimizerMode::hypergrad(-1.0, 5e-3)}) {
    manual_seed(0);
    nn::Linear layer("fc", 4, 2);
    optim::ZSpaceOptimizer opt(1e-2);
    opt.set_mode(mode);
    opt.prepare_module(layer);
    const Tensor w = layer.weight.detach().clone(), b = layer.bias.detach().clone();
    layer(ones({1, 4})).sum().backward();
    opt.step(layer);
    EXPECT_FALSE(layer.weight.grad().defined());  // step clears what it has applied
    const bool hyperbolic = mode.kind() == optim::OptimizerMode::Kind::hypergrad;
    const double lr = mode.kind() == optim::OptimizerMode::Kind::euclidean ? 1e-2 : mode.lr();
    EXPECT_TRUE(all_close(layer.bias.detach(), b - lr, 1e-7));
    Tensor expected = w - lr;
    if (hyperbolic) {
      const Tensor gap = 1.0 - (w * w).sum(1, true);
      expected = geometry::expmap(w, gap * gap * (-lr / 4) * ones({2, 4}), -1.0);
    }
    EXPECT_TRUE(all_close(layer.weight.detach(), expected, 1e-6));
    layer(ones({1, 4})).sum().backward();
    opt.zero_grad(layer);
    EXPECT_FALSE(layer.weight.grad().defined());
  }
}

// | WarmupCosineScheduler::new(1e-2, 1e-4, 100, 1000)? | step_optimizer
TEST(Guide, WarmupCosineScheduler) {
  nn::Linear layer("fc", 4, 2);
  optim::ZSpaceOptimizer opt(1e-2);
  opt.set_mode(optim::OptimizerMode::hypergrad(-1.0, 5e-3));
  opt.prepare_module(layer);
  optim::WarmupCosineScheduler scheduler(1e-2, 1e-4, 100, 1000);
  for (int t = 1; t <= 1100; ++t) {
    const double pi = 3.14159265358979323846;
    const double expected = t <= 100    ? 1e-4 + (1e-2 - 1e-4) * t / 100
                            : t >= 1000 ? 1e-4
                                        : 1e-4 + (1e-2 - 1e-4) * (1 + std::cos(pi * (t - 100) / 900)) / 2;
    ASSERT_NEAR(scheduler.step_optimizer(opt, layer), expected, 1e-12) << t;
  }
  EXPECT_NEAR(opt.lr(), 1e-4, 1e-15);
}

// | GradScaler::new(2.0, 2.0, 0.5, 200)?.with_limits(1.0, 1024.0) | scale_loss, step
TEST(Guide, GradScaler) {
  manual_seed(0);
  nn::Linear model("fc", 2, 1);
  optim::ZSpaceOptimizer opt(1e-3);
  opt.set_mode(optim::OptimizerMode::realgrad(1e-3));
  opt.prepare_module(model);
  auto scaler = amp::GradScaler(2.0, 2.0, 0.5, 2).with_limits(1.0, 1024.0);
  EXPECT_EQ(scaler.scale_loss(0.5), 1.0);
  const Tensor b = model.bias.detach().clone();
  for (int i = 0; i < 2; ++i) {
    scaler.scale_loss(model(ones({1, 2})).sum()).backward();
    EXPECT_TRUE(scaler.step(opt, model));
  }
  EXPECT_TRUE(
      all_close(model.bias.detach(), b - 2e-3, 1e-7));  // the scale has gone out of the gradients again
  EXPECT_EQ(scaler.scale(), 4.0);
  const Tensor w = model.weight.detach().clone();
  scaler.scale_loss(model(full({1, 2}, std::numeric_limits<double>::infinity())).sum()).backward();
  EXPECT_FALSE(scaler.step(opt, model));
  EXPECT_EQ(scaler.scale(), 2.0);
  EXPECT_TRUE(all_close(model.weight.detach(), w, 0));
  EXPECT_FALSE(model.weight.grad().defined());
}

// | AutocastGuard | nests, restores
TEST(Guide, AutocastGuard) {
  manual_seed(0);
  const Tensor a = randn({8, 8}), b = randn({8, 8});
  const DType inside = amp::bfloat16_available() ? DType::bfloat16 : DType::float32;
  {
    amp::AutocastGuard guard(true);
    EXPECT_EQ(matmul(a, b).dtype(), inside);
    {
      amp::AutocastGuard off(false);
      EXPECT_EQ(matmul(a, b).dtype(), DType::float32);
    }
    EXPECT_EQ(matmul(a, b).dtype(), inside);
  }
  EXPECT_EQ(matmul(a, b).dtype(), DType::float32);
}

// | GradCam::attribute(&act, &grad, &GradCamConfig::new(h, w))? | and over the output of any layer
TEST(Guide, GradCam) {
  using vision::xai::GradCam;
  using vision::xai::GradCamConfig;
  manual_seed(0);
  const Tensor act = rand({3, 4, 5}), gradient = randn({3, 4, 5});
  const Tensor map = GradCam::attribute(act, gradient, GradCamConfig(4, 5));
  Tensor expected = relu((gradient.mean({1, 2}, true) * act).sum(0));
  expected = expected - expected.min();
  EXPECT_TRUE(all_close(map, expected / expected.max(), 1e-5));
  EXPECT_TRUE(all_close(
      GradCam::attribute(act.reshape({3, 20}), gradient.reshape({3, 20}), GradCamConfig(4, 5)), map, 0));

  // "As is on LSTM and BatchNorm features": over an image read row by row time runs down the rows.
  nn::Sequential rows{nn::Lstm("lstm", 6, 5), nn::BatchNorm1d("bn", 5), nn::Linear("fc", 5, 3)};
  GradCam cam(rows, rows[0]);
  EXPECT_EQ(cam(rand({4, 6}), 1).shape(), (Shape{4, 6}));
}

}  // namespace
}  // namespace st
