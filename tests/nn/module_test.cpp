// Modules as values, and everything that follows from visit: keys, loading, conversion, printing, hooks.
#include "spiraltorch/nn/module.h"

#include <gtest/gtest.h>

#include <sstream>

#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/optim/sgd.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

using Names = std::vector<std::string>;

// As a user writes one; a child comes first in visit, and yet PyTorch lists a module's own tensors first.
struct Net final : Layer {
  Linear fc{"fc", 4, 3};
  Parameter scale{ones({2})};
  Buffer table{zeros({1})};
  Buffer scratch{zeros({1}), {.persistent = false}};
  Sequential act{"act", BatchNorm1d("", 3), Tanh()};
  Tensor forward(const Tensor& x) override { return act(fc(x)); }
  void visit(Visitor& v) override {
    v(fc), v("scale", scale), v("table", table), v("scratch", scratch), v(act);
  }
};
static_assert(ModuleValue<Net>);

struct Pair final : Layer {
  Linear a{"a", 2, 2}, b{"b", 2, 1};
  Tensor forward(const Tensor& x) override { return b(relu(a(x))); }
  void visit(Visitor& v) override { v(a), v(b); }
};

// A module whose visit is given from outside, to try what visit may not do.
struct Odd final : Module {
  std::function<void(Odd&, Visitor&)> how;
  Parameter p{ones({1})}, q{ones({2})};
  Linear fc{"fc", 1, 1};
  explicit Odd(std::function<void(Odd&, Visitor&)> f) : how(std::move(f)) {}
  void visit(Visitor& v) override { how(*this, v); }
};

template <class List>
Names names_of(const List& list) {
  Names names;
  for (const auto& [name, value] : list) names.push_back(name);
  return names;
}

std::vector<float> values_of(const Module& m) {
  std::vector<float> all;
  for (const auto& [key, value] : m.state_dict()) {
    for (float x : value.to_vector<float>()) all.push_back(x);
  }
  return all;
}

TEST(Module, KeysArePyTorchs) {
  Net net;
  // list(Net().state_dict()) and named_parameters() of the same module in torch
  EXPECT_EQ(names_of(net.state_dict()),
            (Names{"scale", "table", "fc.weight", "fc.bias", "act.0.weight", "act.0.bias",
                   "act.0.running_mean", "act.0.running_var", "act.0.num_batches_tracked"}));
  EXPECT_EQ(names_of(net.named_parameters()),
            (Names{"scale", "fc.weight", "fc.bias", "act.0.weight", "act.0.bias"}));
  EXPECT_EQ(names_of(net.named_buffers()), (Names{"table", "scratch", "act.0.running_mean",
                                                  "act.0.running_var", "act.0.num_batches_tracked"}));
  EXPECT_EQ(names_of(net.named_children()), (Names{"fc", "act"}));
  EXPECT_EQ(net.children(), (std::vector<Module*>{&net.fc, &net.act}));
  EXPECT_EQ(net.num_parameters(), 2 + 12 + 3 + 3 + 3);
  EXPECT_TRUE(net.parameters()[1].is_same(net.fc.weight));
  EXPECT_EQ(net.buffers().size(), 5u);
}

TEST(Module, UndefinedParametersAreNotListed) {
  Linear fc("", 2, 2, {.bias = false});
  EXPECT_EQ(names_of(fc.state_dict()), Names{"weight"});
  EXPECT_EQ(fc.parameters().size(), 1u);
  EXPECT_EQ(fc.load_state_dict({{"weight", zeros({2, 2})}}).missing, Names{});
}

TEST(Module, AnAliasIsOneParameterUnderTwoKeys) {
  Odd tied([](Odd& m, Visitor& v) { v("p", m.p), v("also_p", m.p); });
  EXPECT_EQ(names_of(tied.named_parameters()), Names{"p"});
  EXPECT_EQ(tied.num_parameters(), 1);
  EXPECT_EQ(names_of(tied.state_dict()), (Names{"p", "also_p"}));
  tied.to(DType::float64);
  EXPECT_EQ(tied.p.dtype(), DType::float64);
}

TEST(Module, VisitRefusesBadNames) {
  EXPECT_EQ(
      message<ValueError>([] { Odd([](Odd& m, Visitor& v) { v("p", m.p), v("p", m.q); }).state_dict(); }),
      "visit: Odd visits two members under the name \"p\"");
  EXPECT_EQ(message<ValueError>([] { Odd([](Odd& m, Visitor& v) { v("", m.p); }).parameters(); }),
            "visit: Odd visits a parameter or buffer without a name");
  EXPECT_EQ(message<ValueError>([] { Odd([](Odd& m, Visitor& v) { v("a.b", m.fc); }).parameters(); }),
            "module: the name \"a.b\" has a \".\" in it, which separates names in keys");
  EXPECT_EQ(message<ValueError>([] { Linear("a.b", 1, 1); }),
            "module: the name \"a.b\" has a \".\" in it, which separates names in keys");
  EXPECT_EQ(names_of(Odd([](Odd& m, Visitor& v) { v("other", m.fc); }).state_dict()),
            (Names{"other.weight", "other.bias"}));
  EXPECT_EQ(names_of(Odd([](Odd& m, Visitor& v) { v("", m.fc); }).state_dict()),
            (Names{"0.weight", "0.bias"}));
}

TEST(Module, CopyIsDeep) {
  Net net;
  net.set_training(false);
  const std::vector<float> before = values_of(net);
  Net copy = net;
  EXPECT_EQ(values_of(copy), before);
  EXPECT_FALSE(copy.training());
  EXPECT_FALSE(copy.act[0].training());
  for (const Tensor& p : copy.parameters()) EXPECT_TRUE(p.requires_grad() && p.is_leaf());
  for (const auto& [key, value] : net.state_dict()) value.fill_(7);
  EXPECT_EQ(values_of(copy), before);
  EXPECT_FALSE(copy.scratch.persistent());
}

TEST(Module, AssignmentKeepsTheOptimiserAttached) {
  Pair model;
  optim::SGD sgd(model.parameters(), {.lr = 0.5});
  const Pair best = model;
  const std::vector<float> saved = values_of(best);
  const std::vector<Tensor> leaves = model.parameters();
  for (const Tensor& p : leaves) p.set_grad(ones_like(p));
  sgd.step();
  EXPECT_NE(values_of(model), saved);
  model = best;
  EXPECT_EQ(values_of(model), saved);
  for (size_t i = 0; i < leaves.size(); ++i) EXPECT_TRUE(leaves[i].is_same(model.parameters()[i]));
  sgd.step();
  EXPECT_NE(values_of(model), saved);
  EXPECT_EQ(values_of(best), saved);
}

TEST(Module, AssignmentKeepsNamesAndMovesTakeThem) {
  Linear a("a", 2, 2), b("b", 2, 2);
  a = b;
  EXPECT_EQ(a.name(), "a");
  a = std::move(b);
  EXPECT_EQ(a.name(), "b");
}

TEST(Module, AnOptimiserSurvivesMoves) {
  Pair model;
  optim::SGD sgd(model.parameters(), {.lr = 0.5});
  Pair moved = std::move(model);
  for (const Tensor& p : moved.parameters()) p.set_grad(ones_like(p));
  const std::vector<float> before = values_of(moved);
  sgd.step();
  EXPECT_NE(values_of(moved), before);
}

TEST(Module, StateDictSharesAndLoadingFills) {
  Pair from, to;
  const std::vector<Tensor> leaves = to.parameters();
  const LoadResult result = to.load_state_dict(from.state_dict());
  EXPECT_TRUE(result.missing.empty() && result.unexpected.empty());
  EXPECT_EQ(values_of(to), values_of(from));
  EXPECT_TRUE(leaves[0].is_same(to.a.weight));
  const StateDict state = from.state_dict();
  EXPECT_EQ(state.at("a.weight").storage(), from.a.weight.storage());
  EXPECT_FALSE(state.at("a.weight").requires_grad());
  from.a.weight.detach().fill_(3);
  EXPECT_NE(values_of(to), values_of(from));
  const StateDict own = from.state_dict();
  from.load_state_dict(own);
  EXPECT_EQ(from.a.weight.to_vector<float>(), (std::vector<float>{3, 3, 3, 3}));
}

TEST(Module, LoadingCastsToTheParametersDType) {
  BatchNorm1d bn("", 1);
  StateDict state{{"weight", tensor({0.5}, DType::float64)},
                  {"bias", tensor({2})},
                  {"running_mean", tensor({1.f})},
                  {"running_var", tensor({4.f})},
                  {"num_batches_tracked", tensor(3.0, DType::float32)}};
  bn.load_state_dict(state);
  EXPECT_EQ(bn.weight.dtype(), DType::float32);
  EXPECT_EQ(bn.weight.item<float>(), 0.5f);
  EXPECT_EQ(bn.bias.item<float>(), 2);
  EXPECT_EQ(bn.num_batches_tracked.dtype(), DType::int64);
  EXPECT_EQ(bn.num_batches_tracked.item<int64_t>(), 3);
}

TEST(Module, AFailedLoadListsEverythingAndChangesNothing) {
  Pair model;
  const std::vector<float> before = values_of(model);
  const StateDict state{{"a.weight", zeros({2, 2})},
                        {"a.bias", zeros({1})},  // would broadcast
                        {"b.weight", zeros({2, 1})},
                        {"head.weight", zeros({1})},
                        {"x", zeros({1})}};
  EXPECT_EQ(message<ValueError>([&] { model.load_state_dict(state); }),
            "load_state_dict: the state dict does not fit Pair:\n"
            "  missing: \"b.bias\"\n"
            "  unexpected: \"head.weight\", \"x\"\n"
            "  wrong shape: \"a.bias\" is (1,) in the state dict, (2,) in the module\n"
            "  wrong shape: \"b.weight\" is (2, 1) in the state dict, (1, 2) in the module");
  EXPECT_EQ(values_of(model), before);
  // Shapes count without strict, too.
  EXPECT_EQ(message<ValueError>([&] { model.load_state_dict(state, {.strict = false}); }),
            "load_state_dict: the state dict does not fit Pair:\n"
            "  wrong shape: \"a.bias\" is (1,) in the state dict, (2,) in the module\n"
            "  wrong shape: \"b.weight\" is (2, 1) in the state dict, (1, 2) in the module");
  EXPECT_EQ(message<ValueError>([&] {
              model.load_state_dict({{"a.bias", Tensor()}}, {.strict = false});
            }),
            "load_state_dict: the state dict does not fit Pair:\n  undefined: \"a.bias\"");
  EXPECT_EQ(values_of(model), before);
}

TEST(Module, LoadingWithoutStrictReturnsTheLists) {
  Pair model;
  const LoadResult result =
      model.load_state_dict({{"a.bias", ones({2})}, {"x", ones({1})}}, {.strict = false});
  EXPECT_EQ(result.missing, (Names{"a.weight", "b.weight", "b.bias"}));
  EXPECT_EQ(result.unexpected, Names{"x"});
  EXPECT_EQ(model.a.bias.to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(Module, ToConvertsFloatingTensorsAndKeepsLeaves) {
  Net net;
  const std::vector<Tensor> leaves = net.parameters();
  const std::vector<float> before = values_of(net);
  net.fc.bias.set_grad(ones({3}));
  net.to(DType::float64);
  EXPECT_EQ(values_of(net), before);
  for (size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_TRUE(leaves[i].is_same(net.parameters()[i]));
    EXPECT_EQ(leaves[i].dtype(), DType::float64);
    EXPECT_TRUE(leaves[i].requires_grad() && leaves[i].is_leaf());
  }
  EXPECT_EQ(net.fc.bias.grad().dtype(), DType::float64);
  auto& bn = net.act.at<BatchNorm1d>(0);
  EXPECT_EQ(bn.running_mean.dtype(), DType::float64);
  EXPECT_EQ(bn.num_batches_tracked.dtype(), DType::int64);
  EXPECT_EQ(message<DTypeError>([&] { net.to(DType::int64); }),
            "to: a module can be converted to a floating dtype, not to int64");
  net.to(Device::cpu);
  EXPECT_TRUE(leaves[0].is_same(net.scale));
}

TEST(Module, GradientsFollowAConversion) {
  Linear fc("", 2, 1);
  const Tensor before = sum(fc(ones({1, 2})));  // keeps the node that adds in float32
  fc.to(DType::float64);
  sum(fc(ones({1, 2}, DType::float64))).backward();
  EXPECT_EQ(fc.bias.grad().dtype(), DType::float64);
}

TEST(Module, ZeroGradAndFreezing) {
  Pair model;
  for (const Tensor& p : model.parameters()) p.set_grad(ones_like(p));
  model.zero_grad();
  for (const Tensor& p : model.parameters()) EXPECT_FALSE(p.grad().defined());
  model.a.requires_grad_(false);
  EXPECT_FALSE(model.a.weight.requires_grad());
  EXPECT_TRUE(model.b.weight.requires_grad());
}

TEST(Module, TrainingIsRecursive) {
  Net net;
  EXPECT_TRUE(net.training() && net.act[0].training());
  net.eval();
  EXPECT_FALSE(net.training() || net.fc.training() || net.act.training() || net.act[0].training());
  net.train();
  EXPECT_TRUE(net.training() && net.act[1].training());
  net.set_training(false);
  EXPECT_FALSE(net.act[1].training());
}

TEST(Module, ApplyGoesToChildrenFirst) {
  Pair model;
  Names order;
  model.apply([&](Module& m) { order.push_back(m.type_name() + m.name()); });
  EXPECT_EQ(order, (Names{"Lineara", "Linearb", "Pair"}));
}

TEST(Module, HooksSeeAndReplaceOutputs) {
  Pair model;
  std::vector<int> calls;
  Tensor seen;
  HookHandle first = model.a.register_forward_hook([&](Module& m, const Tensor& y) {
    EXPECT_EQ(&m, &model.a);
    seen = y;
    calls.push_back(1);
  });
  HookHandle second = model.a.register_forward_hook([&](Module&, const Tensor& y) {
    calls.push_back(2);
    return add(y, 100);
  });
  const Tensor x = ones({1, 2});
  const Tensor y = model.a(x);
  EXPECT_EQ(calls, (std::vector<int>{1, 2}));
  EXPECT_EQ(y.to_vector<float>()[0], seen.to_vector<float>()[0] + 100);
  model(x);  // the parent calls its child through the hooks
  EXPECT_EQ(calls.size(), 4u);
  model.a.forward(x);
  EXPECT_EQ(calls.size(), 4u);

  Pair copy = model;  // hooks stay behind
  copy(x);
  EXPECT_EQ(calls.size(), 4u);
  copy = model;
  copy(x);
  EXPECT_EQ(calls.size(), 4u);

  first.remove();
  first.remove();
  model.a(x);
  EXPECT_EQ(calls, (std::vector<int>{1, 2, 1, 2, 2}));
  second.remove();
  EXPECT_EQ(model.a(x).to_vector<float>(), seen.to_vector<float>());
}

// A Module that is called in its own way decides whether its hooks see what comes out.
TEST(Module, HooksOfAnOperatorOfItsOwn) {
  struct Sum final : Module {
    Tensor operator()(const Tensor& x, const Tensor& y) { return run_output_hooks(x + y); }
    Tensor unseen(const Tensor& x, const Tensor& y) { return x + y; }
    void visit(Visitor&) override {}
  };
  Sum sum;
  int calls = 0;
  sum.register_forward_hook([&](Module&, const Tensor& y) {
    ++calls;
    return y * 2.0;
  });
  EXPECT_EQ(sum(ones({1}), ones({1})).item<float>(), 4);
  EXPECT_EQ(sum.unseen(ones({1}), ones({1})).item<float>(), 2);
  EXPECT_EQ(calls, 1);
}

TEST(Module, AHookMayRemoveItselfAndOutliveItsModule) {
  int calls = 0;
  HookHandle handle;
  {
    ReLU relu;
    handle = relu.register_forward_hook([&](Module&, const Tensor&) {
      ++calls;
      handle.remove();
    });
    relu(ones({1}));
    relu(ones({1}));
    EXPECT_EQ(calls, 1);
    handle = relu.register_forward_hook([&](Module&, const Tensor&) { ++calls; });
  }
  handle.remove();
}

TEST(Module, PrintsAsPyTorch) {
  // print(Net()) of the same module in torch
  const std::string expected =
      "Net(\n"
      "  (fc): Linear(in_features=4, out_features=3, bias=True)\n"
      "  (act): Sequential(\n"
      "    (0): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
      "    (1): Tanh()\n"
      "  )\n"
      ")";
  std::ostringstream text;
  text << Net();
  EXPECT_EQ(text.str(), expected);
  EXPECT_EQ(Odd([](Odd& m, Visitor& v) { v("p", m.p); }).to_string(), "Odd()");

  struct Described final : Module {
    Linear fc{"fc", 1, 2, {.bias = false}};
    std::string lines;
    void visit(Visitor& v) override { v(fc); }
    std::string extra_repr() const override { return lines; }
  } module;
  module.lines = "alpha=1";
  EXPECT_EQ(module.to_string(),
            "Described(\n  alpha=1\n  (fc): Linear(in_features=1, out_features=2, bias=False)\n)");
  module.lines = "alpha=1\nbeta=2";
  EXPECT_EQ(module.to_string(),
            "Described(\n  alpha=1\n  beta=2\n  (fc): Linear(in_features=1, out_features=2, bias=False)\n)");
}

}  // namespace
}  // namespace st::nn
