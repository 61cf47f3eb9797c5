// group_norm: the fused gradient against the composed one over sizes and layouts, one group against
// layer_norm, threads, means far from zero; the numbers are in its case table.
#include <gtest/gtest.h>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.shape(), b.shape());
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << i;
}

struct Operands {
  Tensor x, weight, bias;
  Operands(const Shape& shape, DType dtype)
      : x(randn(shape).to(dtype)), weight(randn({shape[1]}).to(dtype)), bias(randn({shape[1]}).to(dtype)) {
    for (const Tensor& t : {x, weight, bias}) t.requires_grad_();
  }
};

// Whole vectors and parts of them, along a channel and across channels.
TEST(GroupNorm, FusedGradientIsTheComposedOne) {
  manual_seed(1);
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double tolerance = dtype == DType::float64 ? 1e-11 : 2e-4;
    for (const Shape& shape : {Shape{3, 4}, Shape{2, 34}, Shape{5, 200}, Shape{2, 4, 17}, Shape{1, 6, 33},
                               Shape{2, 4, 5, 7}, Shape{3, 2, 1, 1, 2}}) {
      SCOPED_TRACE(to_text(dtype) + to_text(shape));
      const Operands o(shape, dtype);
      const Tensor y = group_norm(o.x, 2, o.weight, o.bias), dy = randn(shape).to(dtype);
      const auto fused = grad({y}, {o.x, o.weight, o.bias}, {.grad_outputs = {dy}, .retain_graph = true});
      const auto composed = grad({y}, {o.x, o.weight, o.bias}, {.grad_outputs = {dy}, .create_graph = true});
      for (size_t i = 0; i < 3; ++i) expect_near(fused[i], composed[i], tolerance);

      const Tensor plain = group_norm(o.x, 2);
      const auto alone = grad({plain}, {o.x}, {.grad_outputs = {dy}, .retain_graph = true});
      expect_near(alone[0], grad({plain}, {o.x}, {.grad_outputs = {dy}, .create_graph = true})[0], tolerance);
      const Shape each = [&] {
        Shape s = Dims::filled(static_cast<int>(shape.size()), 1);
        s[1] = shape[1];
        return s;
      }();
      expect_near(y, plain * reshape(o.weight, each) + reshape(o.bias, each), tolerance);
    }
  }
}

TEST(GroupNorm, OneGroupIsLayerNormOfASample) {
  manual_seed(2);
  const Tensor x = randn({3, 4, 5});
  expect_near(group_norm(x, 1), layer_norm(x, {4, 5}), 1e-6);
  expect_near(group_norm(x, 4), layer_norm(x, {5}), 1e-6);
  const Tensor turned = permute(randn({3, 5, 4}), {0, 2, 1});  // channels-last
  const Tensor y = group_norm(turned, 2);
  expect_near(y, group_norm(contiguous(turned), 2), 0);
  EXPECT_TRUE(y.is_contiguous());
}

TEST(GroupNorm, AMeanFarFromZeroCostsNoDigits) {
  manual_seed(3);
  const Tensor x = randn({2, 4, 50}, DType::float32);
  const Tensor shifted = (x.to(DType::float64) + 4096.0).to(DType::float32);
  const Tensor expected = group_norm(shifted.to(DType::float64), 2);
  expect_near(group_norm(shifted, 2), expected, 2e-3);  // half a unit in the last place of 4096, over std 1
  expect_near(group_norm(full({2, 4}, 1e4), 2), zeros({2, 4}), 0);
}

TEST(GroupNorm, DoesNotDependOnThreads) {
  const int before = num_threads();
  manual_seed(4);
  const Operands o({16, 32, 12, 11}, DType::float32);
  const Tensor dy = randn(o.x.shape());
  std::vector<std::vector<Tensor>> results;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    const Tensor y = group_norm(o.x, 8, o.weight, o.bias);
    results.push_back(grad({y}, {o.x, o.weight, o.bias}, {.grad_outputs = {dy}}));
    results.back().push_back(y.detach());
  }
  set_num_threads(before);
  for (const auto& result : results) {
    for (size_t i = 0; i < 4; ++i) expect_near(result[i], results[0][i], 0);
  }
}

}  // namespace
}  // namespace st
