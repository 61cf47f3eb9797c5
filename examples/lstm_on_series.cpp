// An LSTM on your own series:   lstm_on_series FILE
// One positive number a line, evenly spaced in time. Learns to tell the next number from the twelve before it
// on the first four fifths, and is tried on the rest.
#include <spiraltorch/spiraltorch.h>

#include <cmath>
#include <fstream>
#include <iostream>

using namespace st;

constexpr int64_t kWindow = 12;

struct Forecaster final : nn::Layer {
  nn::Lstm lstm{"lstm", 1, 32};
  nn::Linear head{"head", 32, 1};
  /// windows: (T, B, 1), gives (B, 1)
  Tensor forward(const Tensor& windows) override { return head(lstm(windows).index({-1})); }
  void visit(nn::Visitor& v) override { v(lstm), v(head); }
};

Tensor read_series(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::vector<float> values;
  for (std::string line; std::getline(file, line);) {
    size_t used = 0;
    try {
      values.push_back(std::stof(line, &used));
    } catch (const std::exception&) {
    }
    if (used != line.size() || values.empty() || !(values.back() > 0))
      throw std::runtime_error(path + ":" + std::to_string(values.size()) +
                               ": not a positive number: " + line);
  }
  if (values.size() < 4 * kWindow) throw std::runtime_error(path + ": too short, 48 numbers are needed");
  return tensor(values);
}

int main(int argc, char** argv) try {
  if (argc != 2) return std::cerr << "usage: lstm_on_series FILE\n", 2;
  manual_seed(0);
  const Tensor series = log(read_series(argv[1]));
  // What is learnt is by how much the logarithm moves: a series that grows then looks the same everywhere.
  const int64_t steps = series.size(0) - 1, examples = steps - kWindow, train = examples * 4 / 5;
  const Tensor moves = narrow(series, 0, 1, steps) - narrow(series, 0, 0, steps);
  const double scale = std::sqrt((moves * moves).mean().item<double>());
  std::vector<Tensor> windows;
  for (int64_t i = 0; i < kWindow; ++i) windows.push_back(narrow(moves, 0, i, examples));
  const Tensor x = (stack(windows) / scale).unsqueeze(-1);                       // (T, examples, 1)
  const Tensor y = (narrow(moves, 0, kWindow, examples) / scale).unsqueeze(-1);  // (examples, 1)

  Forecaster net;
  optim::Adam optimizer(net.parameters(), {.lr = 1e-2});
  for (int epoch = 1; epoch <= 150; ++epoch) {
    const Tensor loss = mse_loss(net(narrow(x, 1, 0, train)), narrow(y, 0, 0, train));
    optimizer.zero_grad();
    loss.backward();
    clip_grad_norm_(net.parameters(), 1.0);
    optimizer.step();
    if (epoch % 50 == 0) std::cout << "epoch " << epoch << "  loss " << loss.item<double>() << '\n';
  }
  NoGradGuard guard;
  const Tensor truth = narrow(y, 0, train, examples - train);
  const Tensor error = net(narrow(x, 1, train, examples - train)) - truth;
  const auto percent = [&](const Tensor& e) {
    return 100 * scale * std::sqrt((e * e).mean().item<double>());
  };
  std::cout << "one step ahead, on " << examples - train << " numbers it has not seen: off by "
            << percent(error) << " %; saying \"as before\" is off by " << percent(truth) << " %\n";
} catch (const std::exception& error) {
  std::cerr << "lstm_on_series: " << error.what() << '\n';
  return 1;
}
