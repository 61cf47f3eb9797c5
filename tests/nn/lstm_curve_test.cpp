// An LSTM that reads images row by row follows PyTorch's losses from the same seed, step by step:
// tests/reference/lstm_curve.py made the recorded ones. No weights are handed over.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

const std::string kTests = SPIRALTORCH_TESTS_DIR;

class Classifier final : public nn::Layer {
 public:
  explicit Classifier(int64_t hidden)
      : lstm("lstm", 28, hidden, {.batch_first = true}), fc("fc", hidden, 10) {}
  Tensor forward(const Tensor& x) override { return fc(lstm(squeeze(x, 1), {}).state.h.select(0, 0)); }
  void visit(nn::Visitor& v) override { v(lstm), v(fc); }

  nn::Lstm lstm;
  nn::Linear fc;
};

std::vector<double> losses(int64_t hidden, DType dtype, uint64_t seed, size_t steps) {
  manual_seed(seed);
  Classifier net(hidden);
  net.to(dtype);
  optim::Adam optimizer(net.parameters(), {.lr = 2e-3});
  data::DataLoader loader(data::map(data::mnist(kTests + "/data/mnist_sample", data::Split::train),
                                    data::Normalize(0.1307, 0.3081)),
                          {.batch_size = 64, .shuffle = true, .drop_last = true});
  std::vector<double> curve;
  while (curve.size() < steps) {
    for (auto& [x, y] : loader) {
      const Tensor loss = cross_entropy(net(x.to(dtype)), y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      curve.push_back(loss.item<double>());
    }
  }
  curve.resize(steps);
  return curve;
}

void expect_same_curve(const std::string& name, DType dtype, double tolerance) {
  std::ifstream file(kTests + "/reference/lstm_curve.json");
  const auto reference = nlohmann::json::parse(file).at(name);
  const auto theirs = reference.at("losses").get<std::vector<double>>();
  const auto ours = losses(reference.at("hidden"), dtype, reference.at("seed"), theirs.size());
  ASSERT_EQ(theirs.size(), 50u);
  double worst = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    EXPECT_NEAR(ours[i], theirs[i], tolerance) << "at step " << i;
  }
  std::printf("%s: the losses of 50 steps differ from PyTorch's by at most %.2e\n", name.c_str(), worst);
}

TEST(LstmCurve, FollowsPyTorchInFloat64) { expect_same_curve("float64", DType::float64, 1e-8); }

TEST(LstmCurve, FollowsPyTorchInFloat32) { expect_same_curve("float32", DType::float32, 1e-2); }

}  // namespace
}  // namespace st
