// ModuleList of one type and of any layers.
#include "spiraltorch/nn/module_list.h"

#include <gtest/gtest.h>

#include "spiraltorch/nn/activation.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

using Names = std::vector<std::string>;

struct Heads final : Layer {
  ModuleList<Linear> heads;
  Heads() : Layer("heads_net") {
    for (int i = 0; i < 3; ++i) heads.push_back(Linear("head", 2, 2));
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (Linear& head : heads) y = head(y);
    return y;
  }
  void visit(Visitor& v) override { v("heads", heads); }
};
static_assert(ModuleValue<Heads>);

TEST(ModuleList, OfOneType) {
  Heads net;
  Names keys;
  for (const auto& [key, value] : net.state_dict()) keys.push_back(key);
  EXPECT_EQ(keys, (Names{"heads.0.weight", "heads.0.bias", "heads.1.weight", "heads.1.bias", "heads.2.weight",
                         "heads.2.bias"}));
  const Tensor x = ones({1, 2});
  Heads copy = net;
  const std::vector<float> y = net(x).to_vector<float>();
  EXPECT_EQ(copy(x).to_vector<float>(), y);
  const std::vector<Tensor> leaves = net.parameters();
  for (const Tensor& p : leaves) p.detach().fill_(1);
  EXPECT_EQ(copy(x).to_vector<float>(), y);
  net = copy;
  EXPECT_EQ(net(x).to_vector<float>(), y);
  EXPECT_TRUE(leaves[4].is_same(net.heads[2].weight));
  net.eval();
  EXPECT_FALSE(net.heads[-1].training());
  EXPECT_EQ(message<IndexError>([&] { net.heads[3]; }), "ModuleList: there is no module 3, it has 3");
}

TEST(ModuleList, OfAnyLayers) {
  ModuleList<> list(Linear("a", 2, 2), ReLU());
  list.push_back(Linear("a", 2, 2));
  EXPECT_EQ(list.size(), 3u);
  Names types;
  for (Layer& layer : list) types.push_back(layer.type_name());
  EXPECT_EQ(types, (Names{"Linear", "ReLU", "Linear"}));
  const ModuleList<> copy = list;
  EXPECT_FALSE(copy.parameters()[0].is_same(list.parameters()[0]));
  EXPECT_EQ(ModuleList<Linear>(std::vector<Linear>(2, Linear("", 1, 1))).size(), 2u);
}

TEST(ModuleList, PrintsAsPyTorch) {
  // print(nn.ModuleList([nn.Linear(2, 3), nn.Linear(2, 3), nn.ReLU()])), print(nn.ModuleList())
  EXPECT_EQ(ModuleList<>(Linear("", 2, 3), Linear("", 2, 3), ReLU()).to_string(),
            "ModuleList(\n"
            "  (0-1): 2 x Linear(in_features=2, out_features=3, bias=True)\n"
            "  (2): ReLU()\n"
            ")");
  EXPECT_EQ(ModuleList<>().to_string(), "ModuleList()");
}

}  // namespace
}  // namespace st::nn
