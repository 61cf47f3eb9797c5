// Parameters that carry a manifold: copies, state dicts, files, conversions.
#include <gtest/gtest.h>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/geometry/euclidean.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"
#include "tests/support/temp_dir.h"

namespace st::nn {
namespace {

Linear on_ball(double k, const std::string& name = "fc") {
  Linear m(name, 3, 2);
  const NoGradGuard guard;
  m.weight.mul_(0.1);
  m.weight.set_manifold(std::make_shared<PoincareBall>(k));
  return m;
}

TEST(ManifoldParameter, CopiesAndMovesCarryIt) {
  Linear m = on_ball(-0.5);
  ASSERT_NE(m.weight.manifold(), nullptr);
  EXPECT_EQ(m.bias.manifold(), nullptr);
  Linear copy = m, filled = on_ball(-0.5);
  EXPECT_EQ(copy.weight.manifold(), m.weight.manifold());  // shared, for it is a value without state
  filled = m;
  EXPECT_EQ(filled.weight.manifold()->curvature(), -0.5);
  const Linear moved = std::move(copy);
  EXPECT_EQ(moved.weight.manifold()->curvature(), -0.5);
  EXPECT_EQ(geometry_of(moved.weight), "poincare_ball of curvature -0.5");
  EXPECT_EQ(geometry_of(moved.bias), "euclidean");
}

TEST(ManifoldParameter, AssignmentFromAnotherGeometryIsRefused) {
  Linear m = on_ball(-0.5), flat("fc", 3, 2);
  const std::vector<float> before = m.weight.to_vector<float>();
  EXPECT_EQ(
      message<ValueError>([&] { m.weight = flat.weight; }),
      "assignment: values on euclidean do not fit the parameter (2, 3) on poincare_ball of curvature -0.5");
  EXPECT_EQ(m.weight.to_vector<float>(), before);
}

TEST(ManifoldParameter, RowsOutsideAreRefused) {
  Parameter p(tensor({{0.1f, 0.2f}, {3.f, 4.f}}));
  EXPECT_EQ(
      message<ValueError>([&] { p.set_manifold(std::make_shared<PoincareBall>(-1.0)); }),
      "set_manifold: row 1 of x (2, 2) has length 5, but the ball of curvature -1 has radius 1; bring the "
      "values onto the manifold first: Parameter(manifold->projx(values))");
  EXPECT_EQ(p.manifold(), nullptr);
  const auto ball = std::make_shared<PoincareBall>(-1.0);
  Parameter(ball->projx(p)).set_manifold(ball);
  p.set_manifold(std::make_shared<Euclidean>());
  p.set_manifold(nullptr);
  Parameter half(zeros({2, 2}, DType::float16));
  EXPECT_THROW(half.set_manifold(std::make_shared<PoincareBall>(-1.0)), DTypeError);
}

TEST(ManifoldParameter, StateDictsAndFilesRecordIt) {
  Sequential net(on_ball(-0.30000000000000004, "a"), Linear("b", 2, 2));
  const StateDict state = net.state_dict();
  EXPECT_EQ(state.metadata.size(), 2u);
  EXPECT_EQ(state.metadata.at("a.weight.manifold"), "poincare_ball");
  EXPECT_EQ(state.metadata.at("a.weight.curvature"), "-0.30000000000000004");
  const testing::TempDir dir;
  io::save_safetensors(dir / "net.safetensors", state);
  const StateDict loaded = io::load_safetensors(dir / "net.safetensors");
  Sequential same(on_ball(-0.30000000000000004, "a"), Linear("b", 2, 2));
  same.load_state_dict(loaded);
  EXPECT_EQ(same.state_dict().at("a.weight").to_vector<float>(), state.at("a.weight").to_vector<float>());

  Sequential other(on_ball(-2, "a"), Linear("b", 2, 2)), flat(Linear("a", 3, 2), Linear("b", 2, 2));
  const std::vector<float> before = other.state_dict().at("b.weight").to_vector<float>();
  EXPECT_EQ(message<ValueError>([&] { other.load_state_dict(loaded); }),
            "load_state_dict: the state dict does not fit Sequential:\n  wrong manifold: \"a.weight\" is on "
            "poincare_ball of curvature -0.30000000000000004 in the state dict, on poincare_ball of "
            "curvature -2 in "
            "the module");
  EXPECT_EQ(other.state_dict().at("b.weight").to_vector<float>(), before);  // nothing has changed
  EXPECT_EQ(message<ValueError>([&] { flat.load_state_dict(loaded); }),
            "load_state_dict: the state dict does not fit Sequential:\n  wrong manifold: \"a.weight\" is on "
            "poincare_ball of curvature -0.30000000000000004 in the state dict, on euclidean in the module");
  EXPECT_EQ(message<ValueError>([&] { other.load_state_dict(flat.state_dict()); }),
            "load_state_dict: the state dict does not fit Sequential:\n  wrong manifold: \"a.weight\" is on "
            "euclidean "
            "in the state dict, on poincare_ball of curvature -2 in the module");
}

// Rows that only float64 tells from the boundary are points in float32, too.
TEST(ManifoldParameter, NarrowingKeepsPointsInside) {
  const auto ball = std::make_shared<PoincareBall>(-1.0);
  const auto wide = [&] {
    Linear m("fc", 3, 2);
    m.to(DType::float64);
    const NoGradGuard guard;
    m.weight.copy_(ball->projx(tensor({{1.0, 2.0, 3.0}, {0.1, 0.0, -0.2}}, DType::float64)));
    m.weight.set_manifold(ball);
    return m;
  };
  const auto inside = [&](const Linear& m) {
    EXPECT_EQ(m.weight.dtype(), DType::float32);
    EXPECT_NO_THROW(ball->check_point(m.weight));
    EXPECT_EQ(m.weight.detach()[1].to_vector<float>(), std::vector<float>({0.1f, 0.0f, -0.2f}));
  };
  Linear converted = wide();
  converted.to(DType::float32);
  inside(converted);
  Linear loaded = on_ball(-1.0);
  loaded.load_state_dict(wide().state_dict());
  inside(loaded);
  Linear assigned = on_ball(-1.0);
  const Linear from = wide();
  assigned.weight = from.weight;
  inside(assigned);
}

TEST(ManifoldParameter, LoadingRefusesWhatIsNoPoint) {
  Linear m = on_ball(-1.0);
  const std::vector<float> weight = m.weight.to_vector<float>(), bias = m.bias.to_vector<float>();
  StateDict state = m.state_dict();
  StateDict bad;
  bad.metadata = state.metadata;
  bad.insert("weight", tensor({{0.1f, 0.2f, 0.0f}, {3.f, 4.f, 0.f}}));
  bad.insert("bias", tensor({7.f, 7.f}));
  EXPECT_EQ(
      message<ValueError>([&] { m.load_state_dict(bad); }),
      "load_state_dict: the state dict does not fit Linear:\n  no points: \"weight\", check_point: row 1 "
      "of x (2, 3) has length 5, but the ball of curvature -1 has radius 1");
  EXPECT_EQ(m.weight.to_vector<float>(), weight);  // nothing has changed
  EXPECT_EQ(m.bias.to_vector<float>(), bias);
}

TEST(ManifoldParameter, SixteenBitsHoldNoPoints) {
  Linear m = on_ball(-1);
  EXPECT_EQ(message<DTypeError>([&] { m.to(DType::bfloat16); }),
            "to: bfloat16 cannot hold the points of \"weight\", which is on poincare_ball of curvature -1");
  EXPECT_EQ(m.bias.dtype(), DType::float32);
  m.to(DType::float64);
  EXPECT_EQ(m.weight.manifold()->curvature(), -1);
}

}  // namespace
}  // namespace st::nn
