// cross_entropy and mse_loss against PyTorch's numbers; fused against composed; edges and errors.
#include "spiraltorch/ops/loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"
#include "tests/support/message.h"
#include "tests/support/values.h"

namespace st {
namespace {

Tensor input() { return tensor({{0.5, -1, 2, 0.25}, {1.5, 0, -0.75, 3}, {-2, 1, 0.5, 0.75}}); }
Tensor classes() { return tensor({2, -100, 1}); }
Tensor weight() { return tensor({1., 2., .5, 3.}); }

// torch.nn.functional.cross_entropy(x, [2, -100, 1], ...) and its gradient (for dy = 1, or 1, 2, 3),
// PyTorch 2.13.
struct Case {
  CrossEntropyOptions options;
  std::vector<double> loss, dx;
};
std::vector<Case> cases() {
  return {{{},
           {0.629637241},
           {0.0771173984, 0.0172072183, -0.154383779, 0.0600590929, 0, 0, 0, 0, 0.0102227209, -0.294671178,
            0.124538235, 0.159910262}},
          {{.reduction = Reduction::sum},
           {1.25927448},
           {0.154234797, 0.0344144367, -0.308767557, 0.120118186, 0, 0, 0, 0, 0.0204454418, -0.589342356,
            0.249076471, 0.319820523}},
          {{.reduction = Reduction::none},
           {0.369279087, 0, 0.889995396},
           {0.154234797, 0.0344144367, -0.308767557, 0.120118186, 0, 0, 0, 0, 0.0613363236, -1.76802707,
            0.747229397, 0.95946157}},
          {{.weight = weight()},
           {0.785852134},
           {0.030846959, 0.00688288733, -0.0617535114, 0.0240236372, 0, 0, 0, 0, 0.0163563546, -0.471473902,
            0.199261174, 0.255856425}},
          {{.weight = weight(), .label_smoothing = 0.2},
           {1.1273874},
           {0.0247280896, -0.0300198123, 0.0304574016, -0.0251657255, 0, 0, 0, 0, -0.00425700983,
            -0.363793641, 0.181788877, 0.186261803}},
          {{.weight = weight(), .reduction = Reduction::none, .label_smoothing = 0.1},
           {0.544933498, 0, 1.84661591},
           {0.0694688037, -0.0289211608, -0.0391201377, -0.00142761983, 0, 0, 0, 0, 0.0453725234, -3.13225317,
            1.42893755, 1.65794313}},
          {{.label_smoothing = 0.1},
           {0.754637241},
           {0.0646173954, 0.00470721722, -0.116883777, 0.04755909, 0, 0, 0, 0, -0.00227728044, -0.257171184,
            0.112038217, 0.147410244}}};
}

TEST(CrossEntropy, ClassTargetsFusedAndComposed) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.loss[0]);
    const Tensor x = input();
    x.requires_grad_();
    const Tensor dy = c.loss.size() == 1 ? tensor(1.0) : tensor({1., 2., 3.});
    for (bool create_graph : {false, true}) {
      const Tensor loss = cross_entropy(x, classes(), c.options);
      expect_values(loss, c.loss);
      expect_values(grad({loss}, {x}, {.grad_outputs = {dy}, .create_graph = create_graph})[0], c.dx);
    }
  }
}

// x = torch.arange(12.).sin().reshape(2, 2, 3), target [[0, 1, 1], [1, -100, 0]], weight [1, 2], smoothing
// 0.1
TEST(CrossEntropy, TrailingDimensions) {
  const Tensor x = reshape(sin(arange(12.0)), {2, 2, 3}).detach();
  x.requires_grad_();
  const Tensor target = reshape(tensor({0, 1, 1, 1, -100, 0}), {2, 3});
  for (bool create_graph : {false, true}) {
    const Tensor loss = cross_entropy(x, target, {.weight = tensor({1., 2.}), .label_smoothing = 0.1});
    expect_values(loss, {1.14696443});
    expect_values(grad({loss}, {x}, {.create_graph = create_graph})[0],
                  {-0.0577478297, 0.196495637, 0.204899013, 0.0577478297, -0.196495622, -0.204899013,
                   0.0750873983, 0, -0.00329276547, -0.0750874132, 0, 0.00329276291});
  }
}

TEST(CrossEntropy, AgreesWithLogSoftmaxForAnyShape) {
  for (const Shape& shape : {Shape{5, 17}, Shape{130, 10}, Shape{3, 4, 65}, Shape{2, 33, 3, 5}}) {
    const int64_t n = numel_of(shape), count = n / shape[1];
    const Tensor x =
        reshape(sin(arange(0.0, static_cast<double>(n), 1, DType::float64) * 1.3) * 4, shape).detach();
    Shape targets = shape;
    targets.erase(1);
    const Tensor target = empty(targets, DType::int64);
    int64_t i = 0;
    for (int64_t& t : target.mutable_data<int64_t>()) t = i++ * 7 % shape[1];
    const Tensor one_hot = zeros(shape, DType::float64);
    const int64_t inner = count / shape[0];
    for (int64_t k = 0; k < count; ++k) {
      const int64_t at =
          (k / inner * shape[1] + target.data<int64_t>()[static_cast<size_t>(k)]) * inner + k % inner;
      one_hot.mutable_data<double>()[static_cast<size_t>(at)] = 1;
    }
    x.requires_grad_();
    const Tensor fused = cross_entropy(x, target),
                 plain = -sum(log_softmax(x, 1) * one_hot) / static_cast<double>(count);
    expect_values(fused, plain.to_vector<double>(), 1e-14);
    expect_values(grad({fused}, {x})[0], grad({plain}, {x})[0].to_vector<double>(), 1e-14);
  }
}

TEST(CrossEntropy, Probabilities) {
  const Tensor x = input(), q = softmax(tensor({{1, 2, 3, 4}, {0, -1, 1, 2}, {.5, .25, -1, 0}}), 1).detach();
  for (const Tensor& t : {x, q}) t.requires_grad_();
  const Tensor loss = cross_entropy(x, q);
  expect_values(loss, {1.77382374});
  const auto g = grad({loss}, {x, q});
  expect_values(g[0], {0.0407254025, -0.0175766274, 0.151449889, -0.174598694, 0.0283220895, 0.00211481727,
                       -0.0729141757, 0.0424772762, -0.120974094, 0.037363518, 0.0545118563, 0.0290987529});
  expect_values(g[1], {0.623093069, 1.12309313, 0.123093031, 0.706426382, 0.586539388, 1.08653951, 1.33653951,
                       0.0865394026, 1.29666519, 0.296665132, 0.463331789, 0.379998446});
  expect_values(cross_entropy(x, q, {.weight = weight(), .label_smoothing = 0.1}), {3.00027537});
  expect_values(cross_entropy(x, q, {.reduction = Reduction::none}), {1.80565, 1.37482107, 2.14100003});
}

TEST(CrossEntropy, Edges) {
  const Tensor all_ignored = tensor({-100, -100, -100});
  EXPECT_TRUE(std::isnan(cross_entropy(input(), all_ignored).item<float>()));
  EXPECT_EQ(cross_entropy(input(), all_ignored, {.reduction = Reduction::sum}).item<float>(), 0);
  EXPECT_TRUE(std::isnan(cross_entropy(zeros({0, 3}), zeros({0}, DType::int64)).item<float>()));
  EXPECT_NEAR(cross_entropy(zeros({3}), tensor(1)).item<float>(), 1.0986123, 1e-6);
  const Tensor x = input();
  x.requires_grad_();
  expect_values(grad({cross_entropy(x, all_ignored)}, {x})[0], std::vector<double>(12, 0));
  const Tensor half = input().to(DType::bfloat16);
  EXPECT_EQ(cross_entropy(half, classes()).dtype(), DType::bfloat16);
}

TEST(CrossEntropy, ThreadsChangeNoBit) {
  const Tensor x = reshape(sin(arange(300000.0)), {30000, 10}), target = zeros({30000}, DType::int64);
  const int before = num_threads();
  set_num_threads(1);
  const float one = cross_entropy(x, target).item<float>();
  set_num_threads(2);
  EXPECT_EQ(cross_entropy(x, target).item<float>(), one);
  set_num_threads(before);
}

TEST(CrossEntropy, Errors) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(message<Error>([&] {
              cross_entropy(x, tensor({0, 3}));
            }),
            "cross_entropy: target 3 is out of range: there are 3 classes, and -100 is ignored");
  EXPECT_EQ(message<Error>([&] {
              cross_entropy(x, tensor({0, -1}));
            }),
            "cross_entropy: target -1 is out of range: there are 3 classes, and -100 is ignored");
  EXPECT_EQ(message<Error>([&] {
              cross_entropy(x, tensor({0, 1, 2}));
            }),
            "cross_entropy: class targets must have the shape of the logits without their classes, (2,), and "
            "have (3,) "
            "(logits: (2, 3))");
  EXPECT_EQ(message<Error>([&] { cross_entropy(x, zeros({2}, DType::int32)); }),
            "cross_entropy: class targets must be int64 or uint8, got int32");
  EXPECT_EQ(message<Error>([&] {
              cross_entropy(x, tensor({0, 1}), {.label_smoothing = 1.5});
            }),
            "cross_entropy: label_smoothing must be in [0, 1], got 1.5");
  EXPECT_EQ(message<Error>([&] {
              cross_entropy(x, tensor({0, 1}), {.weight = ones({2})});
            }),
            "cross_entropy: weight must have one element for each of 3 classes, and has (2,)");
}

TEST(MseLoss, ValuesGradientsAndBroadcast) {
  const Tensor x = input(), y = tensor({{1, 2, 3, 4}, {0, -1, 1, 2}, {.5, .25, -1, 0}});
  x.requires_grad_();
  const Tensor loss = mse_loss(x, y);
  expect_values(loss, {3.4375});
  expect_values(grad({loss}, {x})[0], {-0.0833333358, -0.5, -0.166666672, -0.625, 0.25, 0.166666672,
                                       -0.291666687, 0.166666672, -0.416666687, 0.125, 0.25, 0.125});
  expect_values(mse_loss(x, y, {.reduction = Reduction::sum}), {41.25});
  expect_values(mse_loss(x, y, {.reduction = Reduction::none}),
                {0.25, 9, 1, 14.0625, 2.25, 1, 3.0625, 1, 6.25, 0.5625, 2.25, 0.5625});
  EXPECT_EQ(mse_loss(zeros({2, 3}), zeros({3}), {.reduction = Reduction::none}).shape(), (Shape{2, 3}));
  EXPECT_TRUE(std::isnan(mse_loss(zeros({0}), zeros({0})).item<float>()));
  EXPECT_EQ(message<Error>([] { mse_loss(tensor({1}), tensor({2})); }),
            "mse_loss: expected floating-point tensors, got int64 and int64");
}

}  // namespace
}  // namespace st
