// The autograd half of Tensor's methods: leaves, grad(), hooks, detach, modes, and the refusal of writes.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "tests/support/message.h"

namespace st {
namespace {

using Floats = std::vector<float>;

Tensor leaf(const std::vector<float>& values) { return tensor(values).requires_grad_(); }

TEST(Variable, LeavesAndResults) {
  const Tensor x = leaf({1, 2}), y = x * 2, constant = ones({2}) * 2;
  EXPECT_TRUE(x.requires_grad() && x.is_leaf());
  EXPECT_TRUE(y.requires_grad() && !y.is_leaf());
  EXPECT_TRUE(!constant.requires_grad() && constant.is_leaf());
  EXPECT_EQ(x.grad_fn_name(), "");
  EXPECT_EQ(y.grad_fn_name(), "mul");
  y.sum().backward();
  EXPECT_FALSE(y.grad().defined());
}

TEST(Variable, RequiresGradIsForFloatLeaves) {
  EXPECT_THROW(tensor({1, 2}).requires_grad_(), DTypeError);
  const Tensor x = leaf({1, 2}), y = x * 2;
  EXPECT_THROW(y.requires_grad_(false), ValueError);
  x.requires_grad_(false);
  EXPECT_FALSE((x * 2).requires_grad());
  EXPECT_FALSE(ones({2}).requires_grad_(false).requires_grad());
}

TEST(Variable, IndicesHaveNoGradient) {
  const auto [values, indices] = leaf({1, 3, 2}).max(0);
  EXPECT_TRUE(values.requires_grad());
  EXPECT_FALSE(indices.requires_grad());
}

TEST(Variable, SetGrad) {
  const Tensor x = leaf({1, 2});
  EXPECT_THROW(x.set_grad(ones({3})), ShapeError);
  EXPECT_THROW(x.set_grad(ones({2}, DType::float64)), DTypeError);
  x.set_grad(ones({2}));
  x.sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({2, 2}));
  x.set_grad({});
  EXPECT_FALSE(x.grad().defined());
}

TEST(Variable, NoGradAndEnableGrad) {
  const Tensor x = leaf({1, 2});
  {
    const NoGradGuard guard;
    EXPECT_FALSE((x * 2).requires_grad());
    {
      const EnableGradGuard again;
      EXPECT_TRUE((x * 2).requires_grad());
    }
    EXPECT_FALSE(grad_enabled());
    EXPECT_TRUE(leaf({1}).requires_grad());
  }
  EXPECT_TRUE((x * 2).requires_grad());
}

TEST(Variable, DetachSharesElementsAndVersion) {
  const Tensor x = leaf({1, 2}), y = x * 2, d = y.detach();
  EXPECT_FALSE(d.requires_grad());
  EXPECT_EQ(d.storage(), y.storage());
  d.add_(1);
  EXPECT_EQ(y.to_vector<float>(), Floats({3, 5}));
  EXPECT_EQ(d.version(), y.version());
  (x * d).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({3, 5}));
}

TEST(Variable, HooksOnALeafSeeReplaceAndGo) {
  const Tensor x = leaf({1, 2});
  Floats seen;
  const int64_t look = x.register_hook([&seen](const Tensor& dy) {
    seen = dy.to_vector<float>();
    return Tensor();
  });
  const int64_t twice = x.register_hook([](const Tensor& dy) { return dy * 2; });
  (x * 3 + x).sum().backward();  // fires once, with the sum
  EXPECT_EQ(seen, Floats({4, 4}));
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({8, 8}));
  x.remove_hook(twice);
  x.remove_hook(look);
  x.set_grad({});
  seen.clear();
  x.sum().backward();
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({1, 1}));
}

TEST(Variable, HooksOnAResult) {
  const Tensor x = leaf({1, 2}), y = x * 3;
  const int64_t id = y.register_hook([](const Tensor& dy) { return dy * 10; });
  y.register_hook([](const Tensor& dy) { return dy + 1; });  // in the order of registration
  y.sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({33, 33}));
  const Tensor z = x * 3;
  z.remove_hook(id);  // unknown there: nothing happens
  z.sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({36, 36}));
}

TEST(Variable, WhatAHookReturnsMustFit) {
  const Tensor x = ones({2}).requires_grad_();
  const int64_t id = x.register_hook([](const Tensor&) { return ones({3}); });
  EXPECT_EQ(message<ShapeError>([&] { sum(x * 2).backward(); }),
            "register_hook: a hook replaced a gradient of shape (2,) by one of shape (3,)");
  x.remove_hook(id);
  x.register_hook([](const Tensor&) { return ones({2}, DType::float64); });
  EXPECT_EQ(message<DTypeError>([&] { sum(x * 2).backward(); }),
            "register_hook: a hook replaced a float32 gradient by a float64 one");
  EXPECT_FALSE(x.grad().defined());
}

// torch: x.register_hook(lambda g: g * 2); torch.autograd.grad((x * 3).sum(), x) gives 6.
TEST(Variable, HooksFireUnderGradToo) {
  const Tensor x = leaf({1, 2}), y = x * 1;
  x.register_hook([](const Tensor& dy) { return dy * 2; });
  y.register_hook([](const Tensor& dy) { return dy * 5; });
  EXPECT_EQ(grad({(x * 3).sum()}, {x})[0].to_vector<float>(), Floats({6, 6}));
  EXPECT_EQ(grad({(y * 3).sum()}, {y})[0].to_vector<float>(), Floats({15, 15}));
}

TEST(Variable, AHookMayRemoveItself) {
  const Tensor x = leaf({1, 2}), y = x * 3;
  int64_t id = 0, of_leaf = 0;
  id = y.register_hook([&](const Tensor& dy) {
    y.remove_hook(id);
    return dy * 5;
  });
  y.register_hook([](const Tensor& dy) { return dy + 1; });
  of_leaf = x.register_hook([&](const Tensor& dy) {
    x.remove_hook(of_leaf);
    return dy * 2;
  });
  x.register_hook([](const Tensor& dy) { return dy + 1; });
  y.sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({37, 37}));  // ((1 * 5 + 1) * 3) * 2 + 1
}

TEST(Variable, RegisterHookNeedsAGradient) {
  EXPECT_THROW(ones({2}).register_hook([](const Tensor& dy) { return dy; }), ValueError);
}

TEST(Variable, RetainGrad) {
  const Tensor x = leaf({1, 2}), y = x * 3;
  y.retain_grad();
  const Tensor z = (y * y).sum();
  z.backward({.retain_graph = true});
  EXPECT_EQ(y.grad().to_vector<float>(), Floats({6, 12}));
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({18, 36}));
  EXPECT_NE(y.grad().storage(), x.grad().storage());
  z.backward();  // adds up, as a leaf's does
  EXPECT_EQ(y.grad().to_vector<float>(), Floats({12, 24}));
}

// torch: y.retain_grad(); y.register_hook(lambda g: g * 10) keeps what the last hook made of it.
TEST(Variable, RetainGradComesAfterAllHooks) {
  const Tensor x = leaf({1, 2}), y = x * 3;
  y.retain_grad();
  y.retain_grad();
  y.register_hook([](const Tensor& dy) { return dy * 10; });
  y.sum().backward();
  EXPECT_EQ(y.grad().to_vector<float>(), Floats({10, 10}));
}

TEST(Variable, RetainGradNeedsAGradient) { EXPECT_THROW(ones({2}).retain_grad(), ValueError); }

TEST(Variable, WritesThatAutogradWouldHaveToRecordAreRefused) {
  const Tensor x = leaf({1, 2}), y = x * 2, constant = ones({2});
  EXPECT_THROW(x.add_(1), ValueError);
  EXPECT_THROW(y.mul_(constant), ValueError);
  EXPECT_THROW(x.zero_(), ValueError);
  EXPECT_THROW(x.copy_(constant), ValueError);
  EXPECT_THROW(constant.add_(x), ValueError);  // the sum would have a gradient
  EXPECT_THROW(constant.copy_(y), ValueError);
  try {
    x.add_(1);
  } catch (const ValueError& e) {
    EXPECT_EQ(
        std::string(e.what()),
        "add_: the tensor requires a gradient and autograd does not record writes; write \"x = x + y\", or "
        "use a NoGradGuard to write without a gradient");
  }
  EXPECT_EQ(x.to_vector<float>(), Floats({1, 2}));
  EXPECT_EQ(constant.to_vector<float>(), Floats({1, 1}));
  const NoGradGuard guard;
  x.add_(1);
  constant.add_(x);
  EXPECT_EQ(x.to_vector<float>(), Floats({2, 3}));
  EXPECT_TRUE(x.requires_grad() && x.is_leaf());
}

TEST(Variable, ATensorReleasesItsGraph) {
  std::weak_ptr<Storage> kept;
  {
    const Tensor x = leaf({1, 2});
    Tensor y = exp(x);  // keeps its own output: a cycle if kept as it is
    kept = y.storage();
    y = y.sum();
    EXPECT_FALSE(kept.expired());
    y.backward();
    EXPECT_TRUE(kept.expired()) << "backward frees what its nodes kept";
    y = exp(x);
    kept = y.storage();
  }
  EXPECT_TRUE(kept.expired());
}

}  // namespace
}  // namespace st
