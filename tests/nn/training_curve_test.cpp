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

nn::Sequential mlp(int64_t hidden) {
  return nn::Sequential{nn::Flatten(), nn::Linear("fc1", 784, hidden),    nn::BatchNorm1d("bn1", hidden),
                        nn::ReLU(),    nn::Linear("fc2", hidden, hidden), nn::BatchNorm1d("bn2", hidden),
                        nn::ReLU(),    nn::Linear("fc3", hidden, 10)};
}

nn::Sequential cnn(int64_t c1, int64_t c2, int64_t hidden) {
  return nn::Sequential{nn::Conv2d("conv1", 1, c1, 3, {.padding = 1}),
                        nn::BatchNorm2d("bn1", c1),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Conv2d("conv2", c1, c2, 3, {.padding = 1}),
                        nn::BatchNorm2d("bn2", c2),
                        nn::ReLU(),
                        nn::MaxPool2d(2),
                        nn::Flatten(),
                        nn::Linear("fc1", 49 * c2, hidden),
                        nn::ReLU(),
                        nn::Linear("fc2", hidden, 10)};
}

template <class Make>
std::vector<double> losses(const Make& make, DType dtype, uint64_t seed, size_t steps) {
  manual_seed(seed);
  nn::Sequential net = make();
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

template <class Make>
void expect_same_curve(const std::string& name, const Make& make, DType dtype, size_t steps,
                       double tolerance) {
  const auto reference = recorded(name);
  const auto theirs = reference.at("losses").get<std::vector<double>>();
  ASSERT_EQ(theirs.size(), steps);
  const auto ours = losses([&] { return make(reference); }, dtype, reference.at("seed"), steps);
  double worst = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    EXPECT_NEAR(ours[i], theirs[i], tolerance) << "at step " << i;
  }
  std::printf("%s: the losses of %zu steps differ from PyTorch's by at most %.2e\n", name.c_str(), steps,
              worst);
}

nn::Sequential recorded_mlp(const nlohmann::json& r) { return mlp(r.at("hidden")); }
nn::Sequential recorded_cnn(const nlohmann::json& r) {
  return cnn(r.at("sizes").at(0), r.at("sizes").at(1), r.at("sizes").at(2));
}

TEST(TrainingCurve, FollowsPyTorchInFloat64) {
  expect_same_curve("float64", recorded_mlp, DType::float64, 100, 1e-8);
}

// Changing PyTorch's own weights by one unit in the last place moves its loss by 5e-3 within 100 steps.
TEST(TrainingCurve, FollowsPyTorchInFloat32) {
  expect_same_curve("float32", recorded_mlp, DType::float32, 100, 1e-2);
}

TEST(TrainingCurve, ImageNetworkFollowsPyTorchInFloat64) {
  expect_same_curve("cnn_float64", recorded_cnn, DType::float64, 50, 1e-8);
}

TEST(TrainingCurve, ImageNetworkFollowsPyTorchInFloat32) {
  expect_same_curve("cnn_float32", recorded_cnn, DType::float32, 50, 1e-2);
}

}  // namespace
}  // namespace st
