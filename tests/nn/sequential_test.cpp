// Sequential and the AnyLayer it is made of.
#include "spiraltorch/nn/sequential.h"

#include <gtest/gtest.h>

#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/batch_norm.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

using Names = std::vector<std::string>;

Names keys_of(const Module& m) {
  Names names;
  for (const auto& [name, value] : m.state_dict()) names.push_back(name);
  return names;
}

Sequential small() { return Sequential(Linear("fc1", 3, 4), ReLU(), Linear("", 4, 2)); }

TEST(Sequential, ParenthesesAndBraces) {
  const Sequential a(Linear("fc1", 3, 4), ReLU(), Linear("fc2", 4, 2));
  const Sequential b{Linear("fc1", 3, 4), ReLU(), Linear("fc2", 4, 2)};
  const Sequential named{"body", ReLU()};
  EXPECT_EQ(keys_of(a), (Names{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
  EXPECT_EQ(keys_of(b), keys_of(a));
  EXPECT_EQ(named.name(), "body");
  EXPECT_EQ(keys_of(small()), (Names{"fc1.weight", "fc1.bias", "2.weight", "2.bias"}));
  EXPECT_EQ(keys_of(Sequential(Sequential("inner", Linear("", 1, 1)), ReLU())),
            (Names{"inner.0.weight", "inner.0.bias"}));
}

TEST(Sequential, AppliesItsLayersInOrder) {
  Sequential net = small();
  const Tensor x = tensor({{1., -2, 3}});
  const Tensor y = net.at<Linear>(2)(net[1](net[0](x)));
  EXPECT_EQ(net(x).to_vector<float>(), y.to_vector<float>());
  EXPECT_TRUE(Sequential()(x).is_same(x));
  int calls = 0;
  net[1].register_forward_hook([&](Module&, const Tensor&) { ++calls; });
  net(x);
  EXPECT_EQ(calls, 1);
}

TEST(Sequential, IndexAndIteration) {
  Sequential net = small();
  EXPECT_EQ(net.size(), 3u);
  EXPECT_EQ(&net[-1], &net[2]);
  EXPECT_EQ(message<IndexError>([&] { net[3]; }), "Sequential: there is no layer 3, it has 3");
  EXPECT_EQ(message<IndexError>([&] { net[-4]; }), "Sequential: there is no layer -4, it has 3");
  EXPECT_EQ(message<ValueError>([&] { net.at<ReLU>(0); }),
            "Sequential: layer 0 is a Linear, another type was asked for");
  Names types;
  for (Layer& layer : net) types.push_back(layer.type_name());
  EXPECT_EQ(types, (Names{"Linear", "ReLU", "Linear"}));
}

TEST(Sequential, CopiesAreDeepAndAssignmentFills) {
  Sequential net = small();
  Sequential copy = net;
  const Tensor x = tensor({{1., -2, 3}});
  const std::vector<float> y = net(x).to_vector<float>();
  for (const Tensor& p : net.parameters()) p.detach().fill_(1);
  EXPECT_EQ(copy(x).to_vector<float>(), y);

  const std::vector<Tensor> leaves = net.parameters();
  const Layer* layer = &net[0];
  net = copy;
  EXPECT_EQ(net(x).to_vector<float>(), y);
  EXPECT_EQ(&net[0], layer);
  for (size_t i = 0; i < leaves.size(); ++i) EXPECT_TRUE(leaves[i].is_same(net.parameters()[i]));

  const Sequential other(Tanh(), Linear("", 3, 1));
  net = other;  // of other types: takes copies
  EXPECT_EQ(net.size(), 2u);
  EXPECT_FALSE(net.parameters()[0].is_same(other.parameters()[0]));

  const Sequential moved = std::move(copy);
  EXPECT_EQ(moved.size(), 3u);
}

TEST(Sequential, PushBackRefusesATakenKey) {
  Sequential net(Linear("fc", 1, 1));
  EXPECT_EQ(message<ValueError>([&] { net.push_back(Linear("fc", 1, 1)); }),
            "visit: Sequential visits two members under the name \"fc\"");
  EXPECT_EQ(net.size(), 1u);
  EXPECT_THROW(Sequential(Linear("1", 1, 1), ReLU()), ValueError);
  net.push_back(ReLU());
  EXPECT_EQ(net.size(), 2u);
}

TEST(Sequential, PrintsAsPyTorch) {
  // print(nn.Sequential(OrderedDict([("fc1", nn.Linear(784, 128)), ("1", nn.ReLU()), ("fc2", nn.Linear(128,
  // 10))])))
  EXPECT_EQ(Sequential(Linear("fc1", 784, 128), ReLU(), Linear("fc2", 128, 10)).to_string(),
            "Sequential(\n"
            "  (fc1): Linear(in_features=784, out_features=128, bias=True)\n"
            "  (1): ReLU()\n"
            "  (fc2): Linear(in_features=128, out_features=10, bias=True)\n"
            ")");
  EXPECT_EQ(Sequential().to_string(), "Sequential()");
}

}  // namespace
}  // namespace st::nn
