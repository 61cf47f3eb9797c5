// A training run whose losses are held against PyTorch's, step by step, from the same seed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "spiraltorch/spiraltorch.h"

namespace st {

/// A run that a script in tests/reference recorded: {"seed", "losses", ...}.
inline nlohmann::json recorded_run(const std::string& file, const std::string& name) {
  std::ifstream in(SPIRALTORCH_TESTS_DIR "/reference/" + file);
  return nlohmann::json::parse(in).at(name);
}

/// The losses of `steps` steps of Adam over the sample of MNIST in batches of 64.
template <class Make>
std::vector<double> losses_of(const Make& make, DType dtype, double lr, uint64_t seed, size_t steps) {
  manual_seed(seed);
  auto net = make();
  net.to(dtype);
  optim::Adam optimizer(net.parameters(), {.lr = lr});
  data::DataLoader loader(
      data::map(data::mnist(SPIRALTORCH_TESTS_DIR "/data/mnist_sample", data::Split::train),
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

/// Runs make(run) and prints the worst difference. No weights are handed over.
template <class Make>
void expect_same_curve(const nlohmann::json& run, const Make& make, DType dtype, double lr, size_t steps,
                       double tolerance) {
  const auto theirs = run.at("losses").get<std::vector<double>>();
  ASSERT_EQ(theirs.size(), steps);
  const auto ours = losses_of([&] { return make(run); }, dtype, lr, run.at("seed"), steps);
  double worst = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    EXPECT_NEAR(ours[i], theirs[i], tolerance) << "at step " << i;
  }
  std::printf("the losses of %zu steps differ from PyTorch's by at most %.2e\n", steps, worst);
}

}  // namespace st
