// The maps of the ball and the manifolds with wrong arguments (tests/support/wrong_arguments.h).
#include "tests/support/wrong_arguments.h"

#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"

namespace st {
namespace {

using namespace geometry;  // NOLINT: every line names one of its functions
using test::Functions;

// Each function with a number for the curvature, and with a tensor.
Functions maps() {
  const Tensor x = test::matrix(2, 3) * 0.1, y = x - 0.2, v = x + 1, k = full({2, 1}, -0.5),
               one = full({1}, -0.5);
  const Tensor r = full({2, 1}, 1.5), m = test::matrix(4, 3), many = full({2, 5, 3}, 0.1), w = ones({2, 5}),
               bias = full({4}, 0.2);
  return {
      {"mobius_add", {x, y}, {}, ST_CALL(mobius_add(t[0], t[1]))},
      {"mobius_add", {x, y, k}, {}, ST_CALL(mobius_add(t[0], t[1], t[2]))},
      {"mobius_scalar_mul", {x}, {}, ST_CALL(mobius_scalar_mul(2, t[0]))},
      {"mobius_scalar_mul", {r, x, k}, {}, ST_CALL(mobius_scalar_mul(t[0], t[1], t[2]))},
      {"mobius_matvec", {m, x}, {}, ST_CALL(mobius_matvec(t[0], t[1]))},
      {"mobius_matvec", {m, x, k}, {}, ST_CALL(mobius_matvec(t[0], t[1], t[2]))},
      {"gyration|transport|neg", {x, y, v}, {}, ST_CALL(gyration(t[0], t[1], t[2]))},
      {"gyration|transport|neg", {x, y, v, k}, {}, ST_CALL(gyration(t[0], t[1], t[2], t[3]))},
      {"expmap", {x, v}, {}, ST_CALL(expmap(t[0], t[1]))},
      {"expmap", {x, v, k}, {}, ST_CALL(expmap(t[0], t[1], t[2]))},
      {"logmap", {x, y}, {}, ST_CALL(logmap(t[0], t[1]))},
      {"logmap", {x, y, k}, {}, ST_CALL(logmap(t[0], t[1], t[2]))},
      {"expmap0", {v}, {}, ST_CALL(expmap0(t[0]))},
      {"expmap0", {v, k}, {}, ST_CALL(expmap0(t[0], t[1]))},
      {"expmap0", {v}, {-1}, ST_CALL(expmap0(t[0], Curvature(i[0])))},
      {"logmap0", {y}, {}, ST_CALL(logmap0(t[0]))},
      {"logmap0", {y, k}, {}, ST_CALL(logmap0(t[0], t[1]))},
      {"dist", {x, y}, {}, ST_CALL(dist(t[0], t[1]))},
      {"dist", {x, y, k}, {}, ST_CALL(dist(t[0], t[1], t[2], keepdim))},
      {"dist0", {x}, {}, ST_CALL(dist0(t[0]))},
      {"dist0", {x, k}, {}, ST_CALL(dist0(t[0], t[1], keepdim))},
      {"cdist", {x, y}, {}, ST_CALL(cdist(t[0], t[1]))},
      {"cdist", {x, y, one}, {}, ST_CALL(cdist(t[0], t[1], t[2]))},
      {"lambda_x", {x}, {}, ST_CALL(lambda_x(t[0]))},
      {"lambda_x", {x, k}, {}, ST_CALL(lambda_x(t[0], t[1], keepdim))},
      {"inner", {x, y, v}, {}, ST_CALL(inner(t[0], t[1], t[2]))},
      {"inner", {x, y, v, k}, {}, ST_CALL(inner(t[0], t[1], t[2], t[3], keepdim))},
      {"egrad2rgrad", {x, v}, {}, ST_CALL(egrad2rgrad(t[0], t[1]))},
      {"egrad2rgrad", {x, v, k}, {}, ST_CALL(egrad2rgrad(t[0], t[1], t[2]))},
      {"transport", {x, y, v}, {}, ST_CALL(transport(t[0], t[1], t[2]))},
      {"transport", {x, y, v, k}, {}, ST_CALL(transport(t[0], t[1], t[2], t[3]))},
      {"transport0", {y, v}, {}, ST_CALL(transport0(t[0], t[1]))},
      {"transport0", {y, v, k}, {}, ST_CALL(transport0(t[0], t[1], t[2]))},
      {"transport0_back", {x, v}, {}, ST_CALL(transport0_back(t[0], t[1]))},
      {"transport0_back", {x, v, k}, {}, ST_CALL(transport0_back(t[0], t[1], t[2]))},
      {"project", {x}, {}, ST_CALL(project(t[0]))},
      {"project", {x, k}, {}, ST_CALL(project(t[0], t[1]))},
      {"weighted_midpoint", {many, w}, {}, ST_CALL(weighted_midpoint(t[0], t[1])), 1},
      {"mlr", {x, m, bias}, {}, ST_CALL(mlr(t[0], t[1], t[2]))},
      {"mlr", {x, m, bias, one}, {}, ST_CALL(mlr(t[0], t[1], t[2], t[3]))},
      {"weighted_midpoint", {many, one}, {}, ST_CALL(weighted_midpoint(t[0], {}, t[1]))},
  };
}

template <class M>
void add(Functions& table, const M& manifold) {
  const Tensor x = test::matrix(2, 3) * 0.1, y = x - 0.2, v = x + 1;
  static const M space = manifold;
  const Functions methods = {
      {"egrad2rgrad", {x, v}, {}, ST_CALL(space.egrad2rgrad(t[0], t[1]))},
      {"expmap|add", {x, v}, {}, ST_CALL(space.expmap(t[0], t[1]))},
      {"logmap|sub", {x, y}, {}, ST_CALL(space.logmap(t[0], t[1]))},
      {"retract|add|project", {x, v}, {}, ST_CALL(space.retract(t[0], t[1]))},
      {"transport", {x, y, v}, {}, ST_CALL(space.transport(t[0], t[1], t[2]))},
      {"inner|mul", {x, y, v}, {}, ST_CALL(space.inner(t[0], t[1], t[2]))},
      {"component_inner|inner|mul", {x, v}, {}, ST_CALL(space.component_inner(t[0], t[1]))},
      {"dist|sub", {x, y}, {}, ST_CALL(space.dist(t[0], t[1]))},
      {"projx|project", {x}, {}, ST_CALL(space.projx(t[0])), static_cast<size_t>(space.curvature() == 0)},
      {"check_point", {x}, {}, ST_CALL(space.check_point(t[0]))},
      {"random|randn|empty", {}, {2, 3}, ST_CALL(space.random({i[0], i[1]}))},
  };
  table.insert(table.end(), methods.begin(), methods.end());
}

Functions functions() {
  Functions table = maps();
  add(table, PoincareBall());
  add(table, Euclidean());
  return table;
}

ST_TEST_WRONG_ARGUMENTS(functions, "geometry")

}  // namespace
}  // namespace st
