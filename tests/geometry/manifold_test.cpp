// Euclidean and PoincareBall through the one interface of Manifold.
#include "spiraltorch/geometry/manifold.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/reduce.h"
#include "tests/support/message.h"

namespace st {
namespace {

double largest(const Tensor& x) { return max(abs(x)).item<double>(); }

TEST(Manifold, WhatHoldsForEvery) {
  manual_seed(11);
  const Euclidean flat;
  const PoincareBall ball(-0.7);
  for (const Manifold* m : {static_cast<const Manifold*>(&flat), static_cast<const Manifold*>(&ball)}) {
    SCOPED_TRACE(m->name());
    const Shape shape{20, 5};
    const Tensor x = m->random(shape, 1.0, DType::float64), y = m->random(shape, 1.0, DType::float64);
    EXPECT_NO_THROW(m->check_point(x));
    const Tensor v = m->logmap(x, y);
    EXPECT_LT(largest(m->expmap(x, v) - y), 1e-10);
    EXPECT_LT(largest(m->dist(x, y) - sqrt(m->inner(x, v, v))), 1e-10);
    EXPECT_EQ(m->dist(x, y, keepdim).shape(), Shape({20, 1}));
    EXPECT_LT(largest(sum(m->component_inner(x, v), -1) - m->inner(x, v, v)), 1e-10);
    EXPECT_LT(largest(m->inner(y, m->transport(x, y, v), m->transport(x, y, v)) - m->inner(x, v, v)), 1e-10);
    EXPECT_EQ(largest(m->projx(x) - x), 0);
    // retract agrees with expmap to first order
    EXPECT_LT(largest(m->retract(x, v * 1e-5) - m->expmap(x, v * 1e-5)), 1e-8);
    // the Riemannian gradient is the one whose inner products are derivatives: <g, v>_x = d/dt f(exp_x(t v))
    const Tensor p = x.detach().requires_grad_();
    const Tensor g = m->egrad2rgrad(x, grad({sum(m->dist(p, y))}, {p})[0]);
    EXPECT_LT(largest(m->inner(x, g, v) + m->dist(x, y)), 1e-9);  // straight towards y
  }
}

TEST(Manifold, EuclideanIsFlat) {
  const Euclidean flat;
  EXPECT_EQ(flat.curvature(), 0);
  const Tensor x = tensor({{1., 2}, {3, 4}}).requires_grad_();
  EXPECT_EQ(flat.component_inner(x, x).to_vector<float>(), std::vector<float>({1, 4, 9, 16}));
  EXPECT_EQ(grad({sum(flat.dist(x, x))}, {x})[0].to_vector<float>(), std::vector<float>(4, 0.f));
}

TEST(Manifold, RandomHasTheSpreadItPromises) {
  manual_seed(12);
  for (const double k : {-0.1, -1.0, -4.0}) {
    const double mean_square =
        mean(pow(geometry::dist0(PoincareBall(k).random({4000, 50}, 0.5), k), 2)).item<double>();
    EXPECT_NEAR(std::sqrt(mean_square), 1, 0.02);  // 2 std
  }
}

TEST(Manifold, Errors) {
  EXPECT_EQ(message<ValueError>([] { PoincareBall ball(0.0); }),
            "PoincareBall: curvature is 0, expected a negative finite number");
  EXPECT_EQ(message<ValueError>([] { PoincareBall ball(1.5); }),
            "PoincareBall: curvature is 1.5, expected a negative finite number");
  EXPECT_EQ(message<ValueError>([] {
              PoincareBall(-4).check_point(tensor({{0.1, 0.2}, {0.0, 0.5}}));
            }),
            "check_point: row 1 of x (2, 2) has length 0.5, but the ball of curvature -4 has radius 0.5");
  // what projx would move is no point
  const Tensor near_edge = tensor({1 - 0x1p-30}, DType::float64);
  EXPECT_NO_THROW(PoincareBall().check_point(near_edge));
  EXPECT_EQ(
      message<ValueError>([&] { PoincareBall().check_point(tensor({1 - 0x1p-24f})); }),
      "check_point: row 0 of x (1,) lies nearer to the boundary than points of float32 do: 1 - c|x|^2 is "
      "1.1920928599806757e-07, at least 1.1920928955078125e-07 is needed");
  EXPECT_THROW(PoincareBall().check_point(tensor({std::nan("")})), ValueError);
  EXPECT_EQ(message<ValueError>([] {
              Euclidean().check_point(tensor({0.5, INFINITY}));
            }),
            "check_point: row 0 of x (2,) holds inf");
  EXPECT_EQ(message<ShapeError>([] { PoincareBall().check_point(tensor(0.5)); }),
            "check_point: a point is a row, but a tensor of shape () has none");
  EXPECT_EQ(message<ValueError>([] {
              PoincareBall().random({2, 2}, 0);
            }),
            "random: std is 0, expected a positive number");
}

}  // namespace
}  // namespace st
