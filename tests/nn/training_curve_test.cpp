// The same program, the same seed, the same losses as PyTorch, step by step:
// tests/reference/training_curve.py made the recorded ones. No weights are handed over.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

const std::string kTests = SPIRALTORCH_TESTS_DIR;

nlohmann::json recorded(const std::string& name) {
  std::ifstream file(kTests + "/reference/training_curve.json");
  return nlohmann::json::parse(file).at(name);
}

std::vector<double> losses(int64_t hidden, DType dtype, uint64_t seed, size_t steps) {
  manual_seed(seed);
  nn::Sequential net{nn::Flatten(), nn::Linear("fc1", 784, hidden),    nn::BatchNorm1d("bn1", hidden),
                     nn::ReLU(),    nn::Linear("fc2", hidden, hidden), nn::BatchNorm1d("bn2", hidden),
                     nn::ReLU(),    nn::Linear("fc3", hidden, 10)};
  net.to(dtype);
  optim::Adam optimizer(net.parameters(), {.lr = 1e-3});
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
  const auto reference = recorded(name);
  const auto theirs = reference.at("losses").get<std::vector<double>>();
  const auto ours = losses(reference.at("hidden"), dtype, reference.at("seed"), theirs.size());
  ASSERT_EQ(theirs.size(), 100u);
  double worst = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    EXPECT_NEAR(ours[i], theirs[i], tolerance) << "at step " << i;
  }
  std::printf("%s: the losses of 100 steps differ from PyTorch's by at most %.2e\n", name.c_str(), worst);
}

TEST(TrainingCurve, FollowsPyTorchInFloat64) { expect_same_curve("float64", DType::float64, 1e-8); }

// Changing PyTorch's own weights by one unit in the last place moves its loss by 5e-3 within 100 steps.
TEST(TrainingCurve, FollowsPyTorchInFloat32) { expect_same_curve("float32", DType::float32, 1e-2); }

}  // namespace
}  // namespace st
