// The same program, the same seed, the same losses as PyTorch, step by step:
// tests/reference/training_curve.py made the recorded ones. No weights are handed over.
#include "tests/support/curve.h"

namespace st {
namespace {

const std::string kFile = "training_curve.json";

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

nn::Sequential recorded_mlp(const nlohmann::json& r) { return mlp(r.at("hidden")); }
nn::Sequential recorded_cnn(const nlohmann::json& r) {
  return cnn(r.at("sizes").at(0), r.at("sizes").at(1), r.at("sizes").at(2));
}

TEST(TrainingCurve, FollowsPyTorchInFloat64) {
  expect_same_curve(recorded_run(kFile, "float64"), recorded_mlp, DType::float64, 1e-3, 100, 1e-8);
}

// Changing PyTorch's own weights by one unit in the last place moves its loss by 5e-3 within 100 steps.
TEST(TrainingCurve, FollowsPyTorchInFloat32) {
  expect_same_curve(recorded_run(kFile, "float32"), recorded_mlp, DType::float32, 1e-3, 100, 1e-2);
}

TEST(TrainingCurve, ImageNetworkFollowsPyTorchInFloat64) {
  expect_same_curve(recorded_run(kFile, "cnn_float64"), recorded_cnn, DType::float64, 1e-3, 50, 1e-8);
}

TEST(TrainingCurve, ImageNetworkFollowsPyTorchInFloat32) {
  expect_same_curve(recorded_run(kFile, "cnn_float32"), recorded_cnn, DType::float32, 1e-3, 50, 1e-2);
}

}  // namespace
}  // namespace st
