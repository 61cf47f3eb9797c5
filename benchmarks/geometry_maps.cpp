// Forward and backward of the Poincaré ball's maps in float32, as benchmarks/geometry_maps.py times geoopt's:
// the same shapes, points at distances of about 2 from the origin, gradients to every argument but the
// curvature.
#include <benchmark/benchmark.h>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/random.h"

namespace {

using namespace st;
using Map = Tensor (*)(const Tensor& x, const Tensor& y, const Tensor& v);

struct Case {
  const char* name;
  int inputs;
  Map map;
};

const Case kCases[] = {
    {"dist", 2, [](const Tensor& x, const Tensor& y, const Tensor&) { return geometry::dist(x, y); }},
    {"expmap", 2, [](const Tensor& x, const Tensor& y, const Tensor&) { return geometry::expmap(x, y); }},
    {"logmap", 2, [](const Tensor& x, const Tensor& y, const Tensor&) { return geometry::logmap(x, y); }},
    {"mobius_add", 2,
     [](const Tensor& x, const Tensor& y, const Tensor&) { return geometry::mobius_add(x, y); }},
    {"expmap0", 1, [](const Tensor& x, const Tensor&, const Tensor&) { return geometry::expmap0(x); }},
    {"logmap0", 1, [](const Tensor& x, const Tensor&, const Tensor&) { return geometry::logmap0(x); }},
    {"transport", 3,
     [](const Tensor& x, const Tensor& y, const Tensor& v) { return geometry::transport(x, y, v); }},
};

void maps(benchmark::State& state) {
  const Case& c = kCases[state.range(0)];
  const Shape shape{state.range(1), state.range(2)};
  state.SetLabel(c.name);
  manual_seed(0);
  const PoincareBall ball;
  Tensor in[3];
  for (int i = 0; i < 3; ++i) {
    in[i] = ball.random(shape);
    if (i < c.inputs) in[i].requires_grad_();
  }
  const Tensor gradient = randn(c.map(in[0], in[1], in[2]).shape());
  for (auto _ : state) {
    for (int i = 0; i < c.inputs; ++i) in[i].set_grad({});
    c.map(in[0], in[1], in[2]).backward({.gradient = gradient});
    benchmark::DoNotOptimize(in[0].grad().data<float>().data());
  }
}
BENCHMARK(maps)
    ->ArgNames({"map", "rows", "width"})
    ->ArgsProduct({benchmark::CreateDenseRange(0, 6, 1), {100000}, {10}})
    ->ArgsProduct({benchmark::CreateDenseRange(0, 6, 1), {10000}, {128}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void pairs(benchmark::State& state) {
  manual_seed(0);
  const PoincareBall ball;
  const Tensor x = ball.random({state.range(0), state.range(1)}),
               y = ball.random({state.range(0), state.range(1)});
  x.requires_grad_();
  y.requires_grad_();
  const Tensor gradient = randn({state.range(0), state.range(0)});
  for (auto _ : state) {
    x.set_grad({});
    y.set_grad({});
    geometry::cdist(x, y).backward({.gradient = gradient});
    benchmark::DoNotOptimize(x.grad().data<float>().data());
  }
}
BENCHMARK(pairs)
    ->ArgNames({"points", "width"})
    ->Args({1000, 10})
    ->Args({1000, 128})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
