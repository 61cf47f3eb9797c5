// The suite's cases on the Poincaré ball, as benchmarks/suite_geometry.py has them: maps forward and backward
// with gradients to every argument, points at distances of about 2 from the origin, float32; and Riemannian
// Adam.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "spiraltorch/spiraltorch.h"

namespace geometry_cases {

using st::Shape;
using st::Tensor;

struct Map {
  const char* name;
  int inputs;
  Tensor (*call)(const Tensor& x, const Tensor& y);
};

inline const Map kMaps[] = {
    {"dist", 2, [](const Tensor& x, const Tensor& y) { return st::geometry::dist(x, y); }},
    {"expmap", 2, [](const Tensor& x, const Tensor& y) { return st::geometry::expmap(x, y); }},
    {"logmap", 2, [](const Tensor& x, const Tensor& y) { return st::geometry::logmap(x, y); }},
    {"mobius_add", 2, [](const Tensor& x, const Tensor& y) { return st::geometry::mobius_add(x, y); }},
    {"expmap0", 1, [](const Tensor& x, const Tensor&) { return st::geometry::expmap0(x); }},
    {"logmap0", 1, [](const Tensor& x, const Tensor&) { return st::geometry::logmap0(x); }}};

inline void run_map(benchmark::State& state, const Map& map, const Shape& shape) {
  const st::PoincareBall ball;
  const Tensor x = ball.random(shape), y = ball.random(shape);
  x.requires_grad_();
  if (map.inputs == 2) y.requires_grad_();
  const Tensor gradient = st::randn(map.call(x, y).shape());
  for (auto _ : state) {
    x.set_grad({});
    y.set_grad({});
    map.call(x, y).backward({.gradient = gradient});
    benchmark::DoNotOptimize(x.grad().data<float>().data());
  }
}

inline void riemannian_adam(benchmark::State& state) {
  const auto ball = std::make_shared<st::PoincareBall>();
  st::nn::Parameter points(ball->random({100000, 10}));
  points.set_manifold(ball);
  const Tensor leaf = points;
  leaf.set_grad(st::randn(leaf.shape()) * 1e-3);
  st::optim::Adam optimizer(std::vector<Tensor>{leaf});
  for (auto _ : state) optimizer.step();
}

/// Registers every map as "dist_10" (1e5 x 10) and "dist_128" (1e4 x 128), and "riemannian_adam".
inline void register_all() {
  for (const auto& [rows, width] : {std::pair<int64_t, int64_t>{100000, 10}, {10000, 128}}) {
    for (const Map& map : kMaps) {
      const Shape shape{rows, width};
      benchmark::RegisterBenchmark((std::string(map.name) + "_" + std::to_string(width)).c_str(),
                                   [&map, shape](benchmark::State& state) { run_map(state, map, shape); })
          ->UseRealTime();
    }
  }
  benchmark::RegisterBenchmark("riemannian_adam", riemannian_adam)->UseRealTime();
}

}  // namespace geometry_cases
