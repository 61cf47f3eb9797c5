// The fused steps of flat leaves against `update`, to the bit. Transposed leaves are not flat, so that the
// same values laid out the other way take the readable path.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/nn/parameter.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/fused.h"
#include "spiraltorch/optim/rmsprop.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/support/shadow_device.h"

namespace st::optim {
namespace {

using Leaves = std::vector<Tensor>;
using Maker = std::unique_ptr<Optimizer> (*)(const Leaves&);

template <class Rule, auto kOptions>
std::unique_ptr<Optimizer> make(const Leaves& leaves) {
  return std::make_unique<Rule>(leaves, kOptions());
}

// clang-format off
const std::pair<const char*, Maker> kRules[] = {
    {"sgd", make<SGD, [] { return SGDOptions{.lr = 0.1}; }>},
    {"sgd decay maximize", make<SGD, [] { return SGDOptions{.lr = 0.1, .weight_decay = 0.3, .maximize = true}; }>},
    {"sgd momentum", make<SGD, [] { return SGDOptions{.lr = 0.1, .momentum = 0.9}; }>},
    {"sgd dampening", make<SGD, [] { return SGDOptions{.lr = 0.1, .momentum = 0.7, .dampening = 0.2, .weight_decay = 1}; }>},
    {"sgd nesterov", make<SGD, [] { return SGDOptions{.lr = 1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true, .maximize = true}; }>},
    {"adam", make<Adam, [] { return AdamOptions{}; }>},
    {"adam decay", make<Adam, [] { return AdamOptions{.lr = 0.1, .betas = {0.8, 0.95}, .weight_decay = 0.3}; }>},
    {"adam amsgrad maximize", make<Adam, [] { return AdamOptions{.lr = 0.1, .betas = {0.8, 0.5}, .weight_decay = 0.1, .amsgrad = true, .maximize = true}; }>},
    {"adam betas 0", make<Adam, [] { return AdamOptions{.betas = {0, 0}, .eps = 1e-3}; }>},
    {"adamw", make<AdamW, [] { return AdamWOptions{.lr = 0.1, .weight_decay = 0.3}; }>},
    {"adamw no decay", make<AdamW, [] { return AdamWOptions{.weight_decay = 0, .maximize = true}; }>},
    {"adamw amsgrad", make<AdamW, [] { return AdamWOptions{.lr = 0.1, .betas = {0.9, 0.5}, .amsgrad = true}; }>},
    {"rmsprop", make<RMSprop, [] { return RMSpropOptions{}; }>},
    {"rmsprop decay maximize", make<RMSprop, [] { return RMSpropOptions{.lr = 0.1, .alpha = 0.7, .weight_decay = 0.3, .maximize = true}; }>},
    {"rmsprop centered", make<RMSprop, [] { return RMSpropOptions{.lr = 0.1, .alpha = 0.9, .eps = 1e-3, .centered = true}; }>},
    {"rmsprop momentum", make<RMSprop, [] { return RMSpropOptions{.momentum = 0.9}; }>},
    {"rmsprop centered momentum", make<RMSprop, [] { return RMSpropOptions{.alpha = 0.8, .weight_decay = 0.1, .momentum = 0.5, .centered = true}; }>},
};
// clang-format on

// The same values, with the strides of the transposed matrix.
Tensor turned(const Tensor& x) { return x.t().clone().contiguous().t(); }

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.dtype(), b.dtype());
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const bool same = std::bit_cast<uint64_t>(x[i]) == std::bit_cast<uint64_t>(y[i]) ||
                      (std::isnan(x[i]) && std::isnan(y[i]));
    ASSERT_TRUE(same) << "element " << i << ": " << x[i] << " and " << y[i];
  }
}

// Every entry of the state, and the leaves.
void expect_same(const Optimizer& a, const Optimizer& b) {
  for (size_t i = 0; i < a.parameters().size(); ++i) expect_same_bits(a.parameters()[i], b.parameters()[i]);
  const StateDict x = a.state_dict(), y = b.state_dict();
  EXPECT_EQ(x.size(), y.size());
  for (const auto& [key, value] : x) {
    SCOPED_TRACE(key);
    expect_same_bits(value, y.at(key));
  }
}

struct Twin {
  Leaves flat, strided;

  Twin(const std::vector<Shape>& shapes, DType dtype) {
    for (const Shape& shape : shapes) {
      flat.push_back(randn(shape).to(dtype).requires_grad_());
      strided.push_back(turned(flat.back().detach()).requires_grad_());
    }
  }
  void set_grads(int step) const {
    for (size_t i = 0; i < flat.size(); ++i) {
      Tensor g;
      if ((static_cast<size_t>(step) + i) % 4 != 3) g = randn(flat[i].shape()).to(flat[i].dtype());
      flat[i].set_grad(g);
      strided[i].set_grad(g.defined() ? turned(g) : g);
    }
  }
};

class Fused : public testing::TestWithParam<std::pair<const char*, Maker>> {};

// Sizes around whole vectors, one element, none, and one leaf that both threads share.
TEST_P(Fused, EqualsUpdateToTheBit) {
  for (DType dtype : {DType::float32, DType::float64}) {
    SCOPED_TRACE(to_text(dtype));
    manual_seed(5);
    const Twin twin({{3, 5}, {1, 1}, {2, 8}, {4, 8}, {3, 11}, {0, 4}, {300, 257}, {2, 2}}, dtype);
    const auto a = GetParam().second(twin.flat), b = GetParam().second(twin.strided);
    for (int step = 0; step < 5; ++step) {
      twin.set_grads(step);
      a->step();
      b->step();
    }
    expect_same(*a, *b);
  }
}

TEST_P(Fused, DoesNotDependOnThreads) {
  const int before = num_threads();
  manual_seed(6);
  const Tensor start = randn({517, 201}), grad = randn({517, 201});
  std::vector<Tensor> results;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    const Tensor w = start.clone().requires_grad_(), v = start.clone().requires_grad_();
    const auto optimizer = GetParam().second({w, v});
    for (int step = 0; step < 2; ++step) {
      w.set_grad(grad);
      v.set_grad(grad);
      optimizer->step();
    }
    results.push_back(w.detach());
    results.push_back(v.detach());
  }
  set_num_threads(before);
  for (const Tensor& x : results) expect_same_bits(x, results[0]);
}

TEST_P(Fused, NonFiniteGradientsStayWhereTheyAre) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor w = ones({3, 3}), g = tensor({{1, nan, 2}, {inf, 3, -inf}, {0, -0.0, 4}}, DType::float32);
  const Tensor v = turned(w).requires_grad_();
  w.requires_grad_();
  const auto a = GetParam().second({w}), b = GetParam().second({v});
  for (int step = 0; step < 2; ++step) {
    w.set_grad(g);
    v.set_grad(turned(g));
    a->step();
    b->step();
  }
  expect_same(*a, *b);
  EXPECT_TRUE(std::isfinite(w.detach()[0][0].item<double>()));
  EXPECT_TRUE(std::isnan(w.detach()[0][1].item<double>()));
}

INSTANTIATE_TEST_SUITE_P(Rules, Fused, testing::ValuesIn(kRules),
                         [](const auto& rule) { return "Rule" + std::to_string(rule.index); });

TEST(FusedSteps, AStateOfOtherStridesFallsBack) {
  manual_seed(7);
  const Twin twin({{4, 6}}, DType::float32);
  Adam a(twin.flat), b(twin.strided);
  twin.set_grads(0);
  a.step();
  b.step();
  a.load_state_dict(b.state_dict());  // flat leaf, strided moments
  twin.set_grads(1);
  a.step();
  b.step();
  expect_same(a, b);
}

TEST(FusedSteps, AGradientOfOtherStridesFallsBack) {
  manual_seed(8);
  const Tensor w = randn({4, 6}), v = w.clone(), g = randn({4, 6});
  SGD a({w.requires_grad_()}, {.lr = 0.1}), b({v.requires_grad_()}, {.lr = 0.1});
  w.set_grad(g);
  v.set_grad(turned(g));
  a.step();
  b.step();
  expect_same(a, b);
  v.set_grad(tensor({2}, DType::float32).reshape({1, 1}).expand({4, 6}));  // one element, repeated
  w.set_grad(full({4, 6}, 2.0));
  a.step();
  b.step();
  expect_same(a, b);
}

// 16-bit leaves take `update`; others of the same optimiser are fused all the same.
TEST(FusedSteps, MixedDTypesInOneOptimizer) {
  const Tensor half = ones({3}, DType::bfloat16).requires_grad_(), single = ones({3}).requires_grad_(),
               wide = ones({3}, DType::float64).requires_grad_();
  Adam optimizer({half, single, wide}, {.lr = 0.5});
  for (const Tensor& leaf : {half, single, wide}) leaf.set_grad(ones({3}, leaf.dtype()));
  optimizer.step();
  for (const Tensor& leaf : {half, single, wide}) {
    for (double x : leaf.to_vector<double>())
      EXPECT_NEAR(x, 0.5, leaf.dtype() == DType::bfloat16 ? 0x1p-8 : 1e-6);
  }
}

TEST_P(Fused, LeavesOfTwoDevices) {
  manual_seed(9);
  const Device device = test::shadow_device();
  Leaves here, mixed;
  for (int64_t n : {5, 8, 33}) {
    here.push_back(randn({n}).requires_grad_());
    mixed.push_back(here.back().detach().clone().to(n == 8 ? Device(Device::cpu) : device).requires_grad_());
  }
  const auto a = GetParam().second(here), b = GetParam().second(mixed);
  for (int step = 0; step < 2; ++step) {
    for (size_t i = 0; i < here.size(); ++i) {
      const Tensor g = randn(here[i].shape());
      here[i].set_grad(g);
      mixed[i].set_grad(g.to(mixed[i].device()));
    }
    a->step();
    b->step();
  }
  expect_same(*a, *b);
}

TEST(FusedSteps, AnExplicitEuclideanIsFlatMemory) {
  nn::Parameter p(ones({2, 3}));
  EXPECT_TRUE(can_fuse(p, zeros({2, 3})));
  p.set_manifold(std::make_shared<Euclidean>());
  EXPECT_TRUE(can_fuse(p, zeros({2, 3})));
  {
    const NoGradGuard guard;
    p.copy_(zeros({2, 3}));
  }
  p.set_manifold(std::make_shared<PoincareBall>());
  EXPECT_FALSE(can_fuse(p, zeros({2, 3})));
}

TEST(FusedSteps, TheGradientMayBeTheLeafItself) {
  const Tensor w = ones({8}).requires_grad_(), v = ones({8}).requires_grad_();
  w.set_grad(w.detach());
  v.set_grad(ones({8}));
  SGD a({w}, {.lr = 0.25, .momentum = 0.5}), b({v}, {.lr = 0.25, .momentum = 0.5});
  a.step();
  b.step();
  expect_same(a, b);
}

TEST(FusedSteps, CountsAsAWrite) {
  const Tensor w = ones({2, 2}).requires_grad_();
  const Tensor y = mul(w, w).sum();
  w.set_grad(ones({2, 2}));
  SGD({w}, {.lr = 0.1}).step();
  EXPECT_THROW(y.backward(), ValueError);
}

TEST(FusedSteps, ReadOnlyMemoryIsRefusedBeforeAnythingChanges) {
  static float memory[2] = {1, 1};
  const Tensor w = ones({2}).requires_grad_();
  const auto impl = std::make_shared<TensorImpl>(*w.handle());
  impl->storage = Storage::external(memory, sizeof(memory), {}, true);
  impl->autograd = nullptr;
  const Tensor fixed(impl);
  fixed.requires_grad_();
  Adam optimizer({w, fixed});
  w.set_grad(ones({2}));
  fixed.set_grad(ones({2}));
  EXPECT_THROW(optimizer.step(), ValueError);
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{1, 1}));
  EXPECT_FALSE(optimizer.state_dict().contains("state.0.step"));
}

}  // namespace
}  // namespace st::optim
