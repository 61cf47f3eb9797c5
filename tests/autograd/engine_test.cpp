// backward and grad: where gradients go, when they are refused, and that neither depth nor re-entrance hurts.
#include "spiraltorch/autograd/engine.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

using Floats = std::vector<float>;

Tensor leaf(const std::vector<float>& values) { return tensor(values).requires_grad_(); }

template <class E>
std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing of that type was thrown";
}

TEST(Engine, AddsUpInLeaves) {
  const Tensor x = leaf({1, 2});
  (x * 3).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({3, 3}));
  (x * x).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({5, 7}));
  EXPECT_FALSE(x.grad().requires_grad());
}

TEST(Engine, TakesAGradientOverThatNobodyElseHolds) {
  const Tensor x = leaf({1, 2});
  const void* seen = nullptr;
  x.register_hook([&seen](const Tensor& dy) {
    seen = dy.in().data;
    return Tensor();
  });
  (x * 3).backward({.gradient = tensor({1.f, 1.f})});
  EXPECT_EQ(x.grad().in().data, seen) << "a copy was made";
}

TEST(Engine, CopiesAGradientThatSomebodyElseHolds) {
  const Tensor x = leaf({1, 2}), y = leaf({3, 4}), dy = tensor({1.f, 10.f});
  (x + y).backward({.gradient = dy});  // both gradients are dy itself
  EXPECT_NE(x.grad().storage(), dy.storage());
  EXPECT_NE(x.grad().storage(), y.grad().storage());
  x.grad().mul_(2);
  EXPECT_EQ(dy.to_vector<float>(), Floats({1, 10}));
  EXPECT_EQ(y.grad().to_vector<float>(), Floats({1, 10}));
}

// sum's gradient may be a view that repeats one element: what is added to it must not be added n times.
TEST(Engine, AddsToRepeatedElements) {
  const Tensor x = leaf({1, 2, 3});
  (x.sum() + (x * 2).sum() + x.sum()).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({4, 4, 4}));
  const Tensor h = x * 1;  // the same in a tensor that is not a leaf
  (h.sum() + h.sum() + h.select(0, 0)).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({7, 6, 6}));
}

TEST(Engine, SumsOverWhatBroadcast) {
  const Tensor x = ones({2, 3}).requires_grad_(), b = leaf({1, 2, 3}), s = tensor(2.f).requires_grad_();
  ((x + b) * s).sum().backward();
  EXPECT_EQ(b.grad().to_vector<float>(), Floats({4, 4, 4}));
  EXPECT_EQ(s.grad().item<float>(), 18);
  EXPECT_EQ(s.grad().dim(), 0);
}

TEST(Engine, GivesEachInputItsDtype) {
  const Tensor x = leaf({1, 2}), y = tensor({3.0, 4.0}, DType::float64).requires_grad_();
  (x * y).sum().backward();
  EXPECT_EQ(x.grad().dtype(), DType::float32);
  EXPECT_EQ(y.grad().dtype(), DType::float64);
}

TEST(Engine, RunsEachOpOnceInADiamond) {
  const Tensor x = leaf({2});
  Tensor y = x;
  for (int i = 0; i < 40; ++i) y = y + y;  // 2^40 paths
  int calls = 0;
  x.register_hook([&calls](const Tensor&) {
    ++calls;
    return Tensor();
  });
  y.backward();
  EXPECT_EQ(x.grad().item<double>(), 0x1p40);
  EXPECT_EQ(calls, 1);
}

TEST(Engine, NeedsAGradientForSeveralElements) {
  const Tensor x = leaf({1, 2}), y = x * 2;
  EXPECT_EQ(error_of<ValueError>([&] { y.backward(); }),
            "backward: output 0 has shape (2,); only one element can do without a given gradient");
  EXPECT_EQ(error_of<ShapeError>([&] { y.backward({.gradient = ones({3})}); }),
            "backward: the gradient given for output 0 is (3,), the output (2,)");
  y.backward({.gradient = tensor({1.f, 3.f})});
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({2, 6}));
}

TEST(Engine, RefusesWhatHasNoGradient) {
  const Tensor x = leaf({1}), constant = ones({1});
  EXPECT_EQ(error_of<ValueError>([&] { constant.backward(); }),
            "backward: output 0 does not require a gradient: no input of it did");
  EXPECT_EQ(error_of<ValueError>([&] { grad({x * 2}, {constant}); }),
            "grad: input 0 does not require a gradient");
  EXPECT_THROW(Tensor().backward(), ValueError);
  EXPECT_THROW(grad({x * 2}, {Tensor()}), ValueError);
  EXPECT_THROW(grad({x * 2}, {x}, {.grad_outputs = {ones({1}), ones({1})}}), ValueError);
}

TEST(Engine, SecondBackwardIsRefused) {
  const Tensor x = leaf({1, 2}), y = (x * x).sum();
  y.backward();
  EXPECT_EQ(
      error_of<ValueError>([&] { y.backward(); }),
      "mul: backward runs a second time through this op, but the first freed what it had kept; call the "
      "first with {.retain_graph = true}");
}

TEST(Engine, RetainGraphAllowsASecond) {
  const Tensor x = leaf({1, 2}), y = (x * x).sum();
  y.backward({.retain_graph = true});
  y.backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({4, 8}));
  EXPECT_THROW(y.backward(), ValueError);
}

TEST(Engine, RefusesAKeptTensorThatWasWrittenTo) {
  const Tensor x = leaf({1, 2}), w = tensor({3.f, 4.f}), y = (x * w).sum();
  w.add_(1);
  EXPECT_EQ(error_of<ValueError>([&] { y.backward(); }),
            "mul: a tensor (2,) that backward needs was written to after the op (it is at version " +
                std::to_string(w.version()) + ", " + std::to_string(w.version() - 1) + " was kept)");
  const Tensor e = exp(x), z = e.sum();
  {
    const NoGradGuard guard;
    e.detach().mul_(2);  // a view shares the version; exp keeps its output
  }
  EXPECT_THROW(z.backward(), ValueError);
}

TEST(Engine, AWriteToWhatIsNotKeptIsFine) {
  const Tensor x = leaf({1, 2}), w = tensor({3.f, 4.f}), y = (x + w).sum();
  w.add_(1);
  y.backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({1, 1}));
}

TEST(Engine, CreateGraphGivesSecondAndThirdDerivatives) {
  const Tensor x = tensor({2.0}, DType::float64).requires_grad_();
  const Tensor d1 = grad({x * x * x * x}, {x}, {.create_graph = true})[0];
  const Tensor d2 = grad({d1}, {x}, {.create_graph = true})[0];
  const Tensor d3 = grad({d2}, {x})[0];
  EXPECT_DOUBLE_EQ(d1.item<double>(), 32);
  EXPECT_DOUBLE_EQ(d2.item<double>(), 48);
  EXPECT_DOUBLE_EQ(d3.item<double>(), 48);
  EXPECT_FALSE(d3.requires_grad());
  EXPECT_FALSE(x.grad().defined());
}

TEST(Engine, CreateGraphThroughAKeptOutput) {
  const Tensor x = tensor({0.5}, DType::float64).requires_grad_();
  const Tensor d1 = grad({exp(x)}, {x}, {.create_graph = true})[0];
  const Tensor d2 = grad({d1}, {x})[0];
  EXPECT_DOUBLE_EQ(d2.item<double>(), d1.item<double>());  // a bare kept output would give 0 or an error
}

TEST(Engine, BackwardWithCreateGraphMakesAGradThatHasAGradient) {
  const Tensor x = leaf({3});
  (x * x).backward({.create_graph = true});
  ASSERT_TRUE(x.grad().requires_grad());
  EXPECT_EQ(grad({x.grad()}, {x})[0].item<float>(), 2);
  x.set_grad({});
}

TEST(Engine, GradLeavesOtherLeavesAlone) {
  const Tensor x = leaf({1, 2}), y = leaf({3, 4});
  const std::vector<Tensor> found = grad({(x * y).sum()}, {x});
  EXPECT_EQ(found[0].to_vector<float>(), Floats({3, 4}));
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(y.grad().defined());
}

TEST(Engine, GradOfAnUnusedInput) {
  const Tensor x = leaf({1}), unused = leaf({1});
  EXPECT_EQ(
      error_of<ValueError>([&] {
        grad({x * 2}, {x, unused});
      }),
      "grad: input 1 is not part of the graph of the outputs; {.allow_unused = true} gives an undefined "
      "gradient for it");
  const std::vector<Tensor> found = grad({x * 2}, {x, unused}, {.allow_unused = true});
  EXPECT_EQ(found[0].item<float>(), 2);
  EXPECT_FALSE(found[1].defined());
}

TEST(Engine, GradOfInnerTensorsAndOfTheOutputItself) {
  const Tensor x = leaf({2}), h = x * 3, y = h * h;
  const std::vector<Tensor> found = grad({y}, {h, x, y, h});
  EXPECT_EQ(found[0].item<float>(), 12);
  EXPECT_EQ(found[1].item<float>(), 36);
  EXPECT_EQ(found[2].item<float>(), 1);
  EXPECT_EQ(found[3].item<float>(), 12);
}

TEST(Engine, GradStopsAtWhatIsWanted) {  // below h nothing runs, so nothing below is freed
  const Tensor x = leaf({2}), h = x * x, y = h * h;
  EXPECT_EQ(grad({y}, {h})[0].item<float>(), 8);
  EXPECT_EQ(grad({h}, {x})[0].item<float>(), 4);
}

TEST(Engine, SeveralOutputs) {
  const Tensor x = leaf({1, 2});
  const Tensor a = x * 2, b = x * x;
  const Tensor found = grad({a, b}, {x}, {.grad_outputs = {ones({2}), tensor({10.f, 100.f})}})[0];
  EXPECT_EQ(found.to_vector<float>(), Floats({22, 402}));
  st::backward({(x * 5).sum(), x.sum()});
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({6, 6}));
}

TEST(Engine, ViewsPassGradients) {
  const Tensor x = ones({2, 3}).requires_grad_();
  (x.select(0, 1) * tensor({1.f, 2.f, 3.f})).sum().backward();
  x.transpose(0, 1).narrow(0, 0, 2).reshape({4}).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({1, 1, 0, 2, 3, 3}));
}

TEST(Engine, ReentrantBackwardInsideAHook) {
  const Tensor x = leaf({2}), w = leaf({5}), y = x * 3;
  y.register_hook([&w](const Tensor& dy) {
    const EnableGradGuard recording;
    (w * w).backward();
    return dy * w.grad();
  });
  y.backward();
  EXPECT_EQ(w.grad().item<float>(), 10);
  EXPECT_EQ(x.grad().item<float>(), 30);
}

TEST(Engine, AnErrorInAHookLeavesEverythingUsable) {
  const Tensor x = leaf({2}), y = x * 3;
  const int64_t id = y.register_hook([](const Tensor&) -> Tensor { throw ValueError("no"); });
  EXPECT_THROW(y.backward(), ValueError);
  EXPECT_TRUE(grad_enabled());
  y.remove_hook(id);
  y.backward();
  EXPECT_EQ(x.grad().item<float>(), 3);
}

TEST(Engine, AMillionOps) {
  const Tensor x = leaf({1, 2});
  {
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y + 1;
    y.backward({.gradient = ones({2})});
    EXPECT_EQ(x.grad().to_vector<float>(), Floats({1, 1}));
  }
  {
    Tensor y = x;  // released without a backward; each op keeps its inputs
    for (int i = 0; i < 1'000'000; ++i) y = y * x;
  }
}

// Recording and accumulating from several threads: under tsan, too.
TEST(Leaf, ThreadsShareOne) {
  const Tensor w = leaf({1, 2, 3});
  const auto work = [&w] {
    for (int i = 0; i < 200; ++i) sum(w * 2.0).backward();
  };
  std::thread a(work), b(work);
  a.join();
  b.join();
  EXPECT_EQ(w.grad().to_vector<float>(), Floats({800, 800, 800}));
}

TEST(Leaf, GradientsOfTwoLeavesAreNeverOneTensor) {
  for (const bool create_graph : {false, true}) {
    const Tensor x = ones({2}).requires_grad_(), y = ones({2}).requires_grad_();
    (x + y).sum().backward({.create_graph = create_graph});
    x.grad().detach().mul_(5);
    EXPECT_EQ(y.grad().to_vector<float>(), (std::vector<float>{1, 1}));
  }
}

TEST(Leaf, GradientsHaveTheStridesOfTheLeaf) {
  const Tensor w = ones({2, 3}).requires_grad_();
  (w.t() * arange(0, 6, 1, DType::float32).reshape({3, 2})).sum().backward();
  EXPECT_EQ(w.grad().strides(), (Strides{3, 1}));
  EXPECT_EQ(w.grad().to_vector<float>(), (std::vector<float>{0, 2, 4, 1, 3, 5}));
}

TEST(Hooks, AReplacementOfAnotherShapeOrDtypeIsRefused) {
  const Tensor x = ones({2}).requires_grad_();
  const int64_t id = x.register_hook([](const Tensor& dy) { return dy.narrow(0, 0, 1); });
  EXPECT_THROW((x * 2).sum().backward(), ShapeError);
  x.remove_hook(id);
  const Tensor y = x * 2;
  y.register_hook([](const Tensor& dy) { return dy.to(DType::float64); });
  EXPECT_THROW(y.sum().backward(), DTypeError);
}

}  // namespace
}  // namespace st
