// An LSTM that reads images row by row follows PyTorch's losses from the same seed, step by step:
// tests/reference/lstm_curve.py made the recorded ones. No weights are handed over.
#include "tests/support/curve.h"

namespace st {
namespace {

class Classifier final : public nn::Layer {
 public:
  explicit Classifier(int64_t hidden)
      : lstm("lstm", 28, hidden, {.batch_first = true}), fc("fc", hidden, 10) {}
  Tensor forward(const Tensor& x) override { return fc(lstm(squeeze(x, 1), {}).state.h.select(0, 0)); }
  void visit(nn::Visitor& v) override { v(lstm), v(fc); }

  nn::Lstm lstm;
  nn::Linear fc;
};

void expect_same_curve(const std::string& name, DType dtype, double tolerance) {
  const auto make = [](const nlohmann::json& run) { return Classifier(run.at("hidden")); };
  expect_same_curve(recorded_run("lstm_curve.json", name), make, dtype, 2e-3, 50, tolerance);
}

TEST(LstmCurve, FollowsPyTorchInFloat64) { expect_same_curve("float64", DType::float64, 1e-8); }

TEST(LstmCurve, FollowsPyTorchInFloat32) { expect_same_curve("float32", DType::float32, 1e-2); }

}  // namespace
}  // namespace st
