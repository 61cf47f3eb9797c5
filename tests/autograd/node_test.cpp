// record(): what an op's gradient is given, with several outputs, unused outputs, optional inputs and kept
// tensors.
#include "spiraltorch/autograd/node.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"

namespace st {
namespace {

using Floats = std::vector<float>;

// (x, 2 x) with an input that may be undefined.
std::pair<Tensor, Tensor> twins(const Tensor& x, const Tensor& other = {}) {
  const Tensor a = x.detach().clone(), b = x.detach().clone();
  record("twins", {a, b}, {x, other}, {}, [](const Backward& g) -> Grads {
    return {g.dy(0) + g.dy(1) * 2, g.needs(1) ? g.dy(0) : Tensor()};
  });
  return {a, b};
}

TEST(Node, SeveralOutputs) {
  const Tensor x = tensor({1.f, 2.f}).requires_grad_();
  const auto [a, b] = twins(x);
  EXPECT_EQ(a.grad_fn_name(), "twins");
  (a * 3).sum().backward();  // nothing flows into b: zeros
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({3, 3}));
  (a + b).sum().backward();
  EXPECT_EQ(x.grad().to_vector<float>(), Floats({6, 6}));
}

TEST(Node, NeedsTellsWhoWantsAGradient) {
  const Tensor x = tensor({1.f}).requires_grad_(), w = tensor({1.f}).requires_grad_();
  twins(x, w).first.backward();
  EXPECT_EQ(w.grad().item<float>(), 1);
  EXPECT_EQ(x.grad().item<float>(), 1);
  twins(x, tensor({1.f})).first.backward();
  EXPECT_EQ(x.grad().item<float>(), 2);
}

TEST(Node, NothingIsRecordedWithoutNeed) {
  const Tensor x = tensor({1.f});
  EXPECT_EQ(twins(x).first.grad_fn_name(), "");
  x.requires_grad_();
  const NoGradGuard guard;
  EXPECT_EQ(twins(x).first.grad_fn_name(), "");
}

TEST(Node, AGradientOfTheWrongLengthIsNamed) {
  const Tensor x = tensor({1.f}).requires_grad_(), y = x.detach().clone();
  record("broken", y, {x}, {}, [](const Backward&) -> Grads { return {}; });
  try {
    y.backward();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()), "broken: its gradient returned 0 tensors for 1 inputs");
  }
}

TEST(Node, AnUndefinedGradientMeansZero) {
  const Tensor x = tensor({1.f}).requires_grad_(), h = x * 2, y = h.detach().clone();
  record("silent", y, {h}, {}, [](const Backward&) -> Grads { return {Tensor()}; });
  (y + h).backward();
  EXPECT_EQ(x.grad().item<float>(), 2);
}

TEST(Node, FusedGradientsRefuseCreateGraphByName) {
  const Tensor x = tensor({1.f}).requires_grad_(), y = x.detach().clone();
  record("fused", y, {x}, {}, [](const Backward& b) -> Grads {
    refuse_create_graph("fused");
    return {b.dy()};
  });
  try {
    grad({y}, {x}, {.create_graph = true});
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_EQ(std::string(e.what()),
              "fused: its gradient is fused and has no second derivative; create_graph cannot pass it");
  }
  EXPECT_EQ(grad({y}, {x})[0].item<float>(), 1);
}

}  // namespace
}  // namespace st
