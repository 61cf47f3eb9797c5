// The cases that scripts/bench compares with PyTorch; benchmarks/suite.py has the same ones under the same
// names. Reads a case's name a line, runs it for a fixed time, and answers with its name and the seconds an
// iteration took.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <iostream>
#include <string>

#include "benchmarks/suite_geometry.h"
#include "spiraltorch/spiraltorch.h"

namespace {

using st::Tensor;

constexpr int64_t kSide = 2048;  // elementwise cases have 2^22 elements

template <class F>
void repeat(benchmark::State& state, const F& f) {
  for (auto _ : state) f();
}

void add(benchmark::State& state) {
  const Tensor x = st::randn({kSide, kSide}), y = st::randn({kSide, kSide});
  repeat(state, [&] { benchmark::DoNotOptimize(x + y); });
}

void exp(benchmark::State& state) {
  const Tensor x = st::randn({kSide, kSide});
  repeat(state, [&] { benchmark::DoNotOptimize(st::exp(x)); });
}

void sum(benchmark::State& state) {
  const Tensor x = st::randn({kSide, kSide});
  repeat(state, [&] { benchmark::DoNotOptimize(st::sum(x)); });
}

void transposed_copy(benchmark::State& state) {
  const Tensor x = st::randn({kSide, kSide});
  repeat(state, [&] { benchmark::DoNotOptimize(x.t().contiguous()); });
}

void chain(benchmark::State& state) {
  const Tensor x = st::randn({16}), term = st::randn({16}), seed = st::ones({16});
  x.requires_grad_();
  repeat(state, [&] {
    Tensor y = x;
    for (int i = 0; i < 1000; ++i) y = y + term;
    x.set_grad({});
    y.backward({.gradient = seed});
  });
}

void adam(benchmark::State& state) {
  std::vector<Tensor> leaves;
  for (int i = 0; i < 30; ++i) {
    leaves.push_back(st::randn({577, 577}));
    leaves.push_back(st::randn({577}));
  }
  for (const Tensor& leaf : leaves) {
    leaf.requires_grad_();
    leaf.set_grad(st::randn(leaf.shape()));
  }
  st::optim::Adam optimizer(leaves);
  repeat(state, [&] { optimizer.step(); });
}

void mlp(benchmark::State& state) {
  st::nn::Sequential model{st::nn::Linear("fc1", 784, 512), st::nn::BatchNorm1d("bn1", 512), st::nn::ReLU(),
                           st::nn::Linear("fc2", 512, 512), st::nn::BatchNorm1d("bn2", 512), st::nn::ReLU(),
                           st::nn::Linear("fc3", 512, 10)};
  st::optim::Adam optimizer(model.parameters());
  const Tensor x = st::randn({128, 784}), y = st::randint(0, 10, {128});
  repeat(state, [&] {
    const Tensor loss = st::cross_entropy(model(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  });
}

// `bfloat16`: the forward pass under AutocastGuard, which stays in float32 where the processor has no
// instructions for it.
void lstm(benchmark::State& state, bool bfloat16) {
  st::nn::Lstm model("lstm", 64, 256);
  st::optim::SGD optimizer(model.parameters(), {.lr = 1e-3});
  const Tensor x = st::randn({100, 32, 64});
  repeat(state, [&] {
    const Tensor loss = [&] {
      const st::amp::AutocastGuard autocast(bfloat16);
      return st::mean(model(x));
    }();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  });
}

void cnn(benchmark::State& state, bool bfloat16) {
  st::nn::Sequential model{st::nn::Conv2d("conv1", 1, 32, 3, {.padding = 1}),
                           st::nn::BatchNorm2d("bn1", 32),
                           st::nn::ReLU(),
                           st::nn::MaxPool2d(2),
                           st::nn::Conv2d("conv2", 32, 64, 3, {.padding = 1}),
                           st::nn::BatchNorm2d("bn2", 64),
                           st::nn::ReLU(),
                           st::nn::MaxPool2d(2),
                           st::nn::Flatten(),
                           st::nn::Linear("fc1", 3136, 128),
                           st::nn::ReLU(),
                           st::nn::Linear("fc2", 128, 10)};
  st::optim::Adam optimizer(model.parameters());
  const Tensor x = st::randn({128, 1, 28, 28}), y = st::randint(0, 10, {128});
  repeat(state, [&] {
    const Tensor loss = [&] {
      const st::amp::AutocastGuard autocast(bfloat16);
      return st::cross_entropy(model(x), y);
    }();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  });
}

class NameAndSeconds final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      std::printf("%s %.9g\n", run.run_name.function_name.c_str(),
                  run.real_accumulated_time / static_cast<double>(run.iterations));
    }
    std::fflush(stdout);
  }
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc > 1) st::set_num_threads(std::stoi(argv[1]));
  const std::pair<const char*, void (*)(benchmark::State&)> cases[] = {
      {"add", add},     {"exp", exp},   {"sum", sum}, {"transposed_copy", transposed_copy},
      {"chain", chain}, {"adam", adam}, {"mlp", mlp}};
  for (const auto& [name, run] : cases) benchmark::RegisterBenchmark(name, run)->UseRealTime();
  for (const bool bfloat16 : {false, true}) {
    const std::string suffix = bfloat16 ? "_bfloat16" : "";
    benchmark::RegisterBenchmark(("lstm" + suffix).c_str(), lstm, bfloat16)->UseRealTime();
    benchmark::RegisterBenchmark(("cnn" + suffix).c_str(), cnn, bfloat16)->UseRealTime();
  }
  geometry_cases::register_all();

  NameAndSeconds reporter;
  for (std::string name; std::getline(std::cin, name);) {
    benchmark::RunSpecifiedBenchmarks(&reporter, nullptr, "^" + name + "/real_time$");
  }
}
