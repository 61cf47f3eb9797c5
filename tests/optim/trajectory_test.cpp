// Ten steps of every rule and option against PyTorch's in float64; tests/reference/optim_reference.py makes
// the rows.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/rmsprop.h"
#include "spiraltorch/optim/sgd.h"

namespace st::optim {
namespace {

using Leaves = std::vector<Tensor>;
using Made = std::unique_ptr<Optimizer>;

struct Case {
  const char* name;
  Made (*make)(const Leaves& leaves);
  std::vector<double> values;  // of both leaves after 1, 2 and 10 steps
};

#include "tests/optim/optim_reference.inc"

// 0.5 p + ((7 step + 3 i) mod 11 - 5) / 10
Tensor gradient(const Tensor& p, int step) {
  std::vector<double> g = p.to_vector<double>();
  for (size_t i = 0; i < g.size(); ++i) {
    g[i] = 0.5 * g[i] + (static_cast<double>((7 * static_cast<size_t>(step) + 3 * i) % 11) - 5) / 10;
  }
  return tensor(g).reshape(p.shape());
}

void run(const Case& c, DType dtype, double tolerance) {
  SCOPED_TRACE(c.name);
  const Tensor w = tensor({{-1, -0.6, -0.25}, {0.2, 0.6, 1}}, DType::float64).to(dtype);
  const Tensor b = tensor({0.25, -0.75}, dtype);
  const Made optimizer = c.make({w.requires_grad_(), b.requires_grad_()});
  std::vector<double> values;
  for (int step = 0; step < 10; ++step) {
    w.set_grad(gradient(w, step).to(dtype));
    b.set_grad(step % 3 == 2 ? Tensor() : gradient(b, step).to(dtype));
    const std::vector<double> before = w.grad().to_vector<double>();
    optimizer->step();
    EXPECT_EQ(w.grad().to_vector<double>(), before);  // decay and the rest leave the gradient alone
    if (step != 0 && step != 1 && step != 9) continue;
    for (const Tensor& leaf : {w, b}) {
      for (double x : leaf.to_vector<double>()) values.push_back(x);
    }
  }
  ASSERT_EQ(values.size(), c.values.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], c.values[i], tolerance) << i;
}

// A few roundings a step: the order of operations differs where PyTorch's lerp and addcdiv have one rounding
// less.
TEST(Trajectory, FollowsPyTorchInFloat64) {
  ASSERT_FALSE(kCases.empty());
  for (const Case& c : kCases) run(c, DType::float64, 1e-14);
}

TEST(Trajectory, StaysNearInFloat32) {
  for (const Case& c : kCases) run(c, DType::float32, 4e-6);
}

}  // namespace
}  // namespace st::optim
