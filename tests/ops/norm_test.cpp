// batch_norm against PyTorch's numbers; the fused gradient against the composed one; edges and errors.
#include "spiraltorch/ops/norm.h"

#include <gtest/gtest.h>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"
#include "tests/support/values.h"

namespace st {
namespace {

struct Operands {
  Tensor x, mean = tensor({0., 1.}), var = tensor({1., 2.}), weight = tensor({1.5, 0.5}),
            bias = tensor({0.1, -0.2});
  explicit Operands(const Tensor& in) : x(in) {
    for (const Tensor& t : {x, weight, bias}) t.requires_grad_();
  }
  Tensor run(const BatchNormFuncOptions& options) const {
    return batch_norm(x, mean, var, weight, bias, options);
  }
  std::vector<Tensor> grads(const Tensor& y, const Tensor& dy, bool create_graph = false) const {
    return grad({y}, {x, weight, bias}, {.grad_outputs = {dy}, .create_graph = create_graph});
  }
};

// Values of torch.nn.functional.batch_norm and torch.autograd.grad, PyTorch 2.13.
TEST(BatchNorm, TrainingOfRows) {
  const Operands o(tensor({{0.5, -1}, {1.5, 0}, {-2, 1}}));
  const Tensor y = o.run({.training = true});
  expect_values(y, {0.609523475, -0.812367797, 1.62857032, -0.200000003, -1.93809378, 0.412367821});
  expect_values(o.mean, {0, 0.899999976});
  expect_values(o.var, {1.22500002, 1.89999998});
  const auto g = o.grads(y, tensor({{1, 2}, {-1, 3}, {.5, 0}}));
  expect_values(g[0], {1.00598145, -0.408235937, -0.718560874, 0.816490412, -0.287420571, -0.408254415});
  expect_values(g[1], {-1.35872924, -2.44947124});
  expect_values(g[2], {0.5, 5});
}

TEST(BatchNorm, EvaluationOfRows) {
  const Operands o(tensor({{0.5, -1}, {1.5, 0}, {-2, 1}}));
  const Tensor y = o.run({});
  expect_values(y, {0.849996269, -0.907104969, 2.3499887, -0.553552508, -2.89998507, -0.200000018});
  expect_values(o.mean, {0, 1});
  const auto g = o.grads(y, tensor({{1, 2}, {-1, 3}, {.5, 0}}));
  expect_values(g[0], {1.49999249, 0.707105041, -1.49999249, 1.0606575, 0.749996245, 0});
  expect_values(g[1], {-1.99998999, -4.94973516});
  expect_values(g[2], {0.5, 5});
}

// x = torch.arange(12.).sin().reshape(2, 2, 3), dy = torch.arange(12.).cos().reshape(2, 2, 3)
TEST(BatchNorm, TrainingOfSpatialInputAndOfItsTranspose) {
  const Tensor x = reshape(sin(arange(12.0)), {2, 2, 3}), dy = reshape(cos(arange(12.0)), {2, 2, 3});
  const std::vector<double> dx = {0.291243732,  1.15950513,  -1.61594331,  -0.0510899797,
                                  -0.324008644, 0.409263939, -0.592758417, 1.31830013,
                                  -0.560346603, 0.197650045, -0.356850415, 0.125034928};
  for (bool turned : {false, true}) {
    const Operands o(turned ? clone(x.transpose(0, 2)).transpose(0, 2).detach() : x.detach());
    const Tensor y = o.run({.training = true, .momentum = 0.3, .eps = 1e-3});
    expect_values(y, {-1.50815904, 1.09610713, 1.306023, 0.346229166, -0.481985539, -0.668416142, -2.37292123,
                      0.525146961, 1.55380309, 0.596189439, -0.285722882, -0.70629406});
    expect_values(o.mean, {0.155884892, 0.564674973});
    expect_values(o.var, {0.784205377, 1.50542748});
    const auto g = o.grads(y, dy);
    expect_values(g[0], dx, 2e-6);
    expect_values(g[1], {-2.55818486, -2.29012394});
    expect_values(g[2], {2.6927278, -3.10575008});
  }
}

TEST(BatchNorm, ComposedGradientAgreesForAnyWidth) {
  for (const Shape& shape : {Shape{5, 3}, Shape{4, 17}, Shape{9, 33}, Shape{3, 2, 7}, Shape{2, 3, 4, 5}}) {
    for (bool training : {true, false}) {
      const int64_t n = numel_of(shape), c = shape[1];
      const Tensor x = reshape(sin(arange(0.0, static_cast<double>(n), 1, DType::float64) * 1.7), shape);
      const Tensor dy = reshape(cos(arange(0.0, static_cast<double>(n), 1, DType::float64) * 0.9), shape);
      const Tensor w = arange(1.0, static_cast<double>(c) + 1, 1, DType::float64),
                   b = zeros({c}, DType::float64);
      for (const Tensor& t : {x, w, b}) t.requires_grad_();
      const Tensor mean = full({c}, 0.1, DType::float64), var = full({c}, 2.0, DType::float64);
      const auto gradients = [&](bool create_graph) {
        const Tensor y = batch_norm(x, mean, var, w, b, {.training = training});
        return grad({y}, {x, w, b}, {.grad_outputs = {dy}, .create_graph = create_graph});
      };
      const auto fused = gradients(false), composed = gradients(true);
      for (size_t i = 0; i < 3; ++i) expect_values(composed[i], fused[i].to_vector<double>(), 1e-12);
      EXPECT_TRUE(composed[0].requires_grad());
    }
  }
}

TEST(BatchNorm, AMeanFarFromZeroCostsNoDigits) {
  const Tensor x = reshape(tensor({1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3}), {4, 1});
  const Tensor y = batch_norm(x, {}, {}, {}, {}, {.training = true, .eps = 0});
  expect_values(y, {-1.34164079, -0.447213595, 0.447213595, 1.34164079});
}

TEST(BatchNorm, EmptySixteenBitAndNoWeights) {
  EXPECT_EQ(batch_norm(zeros({0, 3}), {}, {}, {}, {}, {.training = true}).shape(), (Shape{0, 3}));
  const Tensor x = tensor({{1, 2}, {3, 6}}).to(DType::bfloat16);
  const Tensor y = batch_norm(x, {}, {}, {}, {}, {.training = true});
  EXPECT_EQ(y.dtype(), DType::bfloat16);
  expect_values(y, {-1, -1, 1, 1});
}

TEST(BatchNorm, Errors) {
  const Tensor x = zeros({2, 3});
  EXPECT_EQ(message<Error>([&] { batch_norm(zeros({3}), {}, {}, {}, {}, {.training = true}); }),
            "batch_norm: expected x of (N, C) or (N, C, d1, ...), got (3,)");
  EXPECT_EQ(message<Error>([&] {
              batch_norm(zeros({1, 3}), {}, {}, {}, {}, {.training = true});
            }),
            "batch_norm: expected more than 1 value for each channel when training, got x of (1, 3)");
  EXPECT_EQ(
      message<Error>([&] { batch_norm(x, {}, {}); }),
      "batch_norm: in evaluation mode running_mean and running_var must be given, running_mean is undefined");
  EXPECT_EQ(
      message<Error>([&] { batch_norm(x, zeros({4}), ones({3})); }),
      "batch_norm: running_mean must have one element for each channel, (3,), and has (4,) (x: (2, 3))");
  EXPECT_EQ(message<Error>([&] { batch_norm(x.to(DType::int64), {}, {}, {}, {}, {.training = true}); }),
            "batch_norm: expected a floating-point tensor, got int64");
}

TEST(BatchNorm, StatisticsThatCannotBeWrittenStayBoth) {
  const Tensor x = tensor({{1.f, 2.f}, {3.f, 6.f}});
  float ones_in_a_file[] = {1, 1};
  const auto memory = Storage::external(ones_in_a_file, sizeof ones_in_a_file, nullptr, true);
  auto impl = std::make_shared<TensorImpl>();
  *impl = {memory, {2}, {1}, 0, 2, DType::float32, nullptr};
  const Tensor expanded = expand(ones({1}), {2}), read_only(impl);
  const auto refused = [&](const Tensor& running_mean, const Tensor& running_var) {
    const uint64_t version = running_mean.version();
    const std::string text =
        message<ValueError>([&] { batch_norm(x, running_mean, running_var, {}, {}, {.training = true}); });
    EXPECT_EQ(running_mean.to_vector<float>(), (std::vector<float>{0, 0}));
    EXPECT_EQ(running_mean.version(), version);
    EXPECT_EQ(running_var.to_vector<float>(), (std::vector<float>{1, 1}));
    return text;
  };
  for (const DType dtype : {DType::float32, DType::float64}) {  // in place, and through a copy
    EXPECT_EQ(refused(zeros({2}, dtype), expanded),
              "batch_norm: several places of running_var (2,) with strides (0,) are one element; clone() it "
              "first");
    EXPECT_EQ(refused(zeros({2}, dtype), read_only),
              "batch_norm: the memory of running_var (2,) is read-only; clone() it and write to the copy");
  }
  EXPECT_NO_THROW(batch_norm(x, zeros({2}), read_only));
}

}  // namespace
}  // namespace st
