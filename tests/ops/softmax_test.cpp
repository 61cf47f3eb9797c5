// softmax and log_softmax against PyTorch's numbers; second derivatives, strides, edges, errors.
#include "spiraltorch/ops/softmax.h"

#include <gtest/gtest.h>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"
#include "tests/support/values.h"

namespace st {
namespace {

Tensor input() { return tensor({{0.5, -1, 2, 0.25}, {1.5, 0, -0.75, 3}, {-2, 1, 0.5, 0.75}}); }
Tensor gradient() { return tensor({{1, 2, 3, 4}, {0, -1, 1, 2}, {.5, .25, -1, 0}}); }

// y = torch.softmax(x, dim) (or log_softmax) and torch.autograd.grad(y, x, gradient), PyTorch 2.13.
using Softmax = Tensor (*)(const Tensor& x, int64_t dim, std::optional<DType> dtype);
struct Case {
  const char* name;
  Softmax f;
  int64_t dim;
  std::vector<double> y, dx;
};
const Case kCases[] = {
    {"softmax, rows",
     softmax,
     1,
     {0.154234827, 0.0344144404, 0.691232502, 0.120118201, 0.172110572, 0.0384030566, 0.0181403197,
      0.771346033, 0.02044544, 0.410657644, 0.249076456, 0.319820493},
     {-0.27411139, -0.0267480761, 0.153983042, 0.146876439, -0.262026191, -0.0968689993, -0.00947703514,
      0.368372232, 0.0130071715, 0.158591598, -0.215154901, 0.0435561389}},
    {"softmax, columns",
     softmax,
     -2,
     {0.263132513, 0.0900305733, 0.776965678, 0.0546706356, 0.715268314, 0.244728476, 0.0496697538,
      0.855192661, 0.0215992313, 0.665240943, 0.17336449, 0.0901366398},
     {0.191052064, 0.17091018, 0.615976512, 0.113219179, -0.195934966, -0.269603372, -0.0599614494,
      0.0606606528, 0.00488289213, 0.0986932144, -0.556015015, -0.173879698}},
    {"log_softmax, rows",
     log_softmax,
     -1,
     {-1.86927915, -3.36927915, -0.369279087, -2.11927915, -1.75961816, -3.25961828, -4.00961828,
      -0.259618193, -3.88999534, -0.889995396, -1.38999534, -1.13999534},
     {-0.542347968, 1.65585566, -3.91232443, 2.79881811, -0.344221145, -1.07680607, 0.963719368, 0.457307935,
      0.505111337, 0.352664411, -0.937730908, 0.0799551308}},
    {"log_softmax, columns",
     log_softmax,
     0,
     {-1.33509755, -2.40760589, -0.252359092, -2.90642858, -0.335097551, -1.40760589, -3.00235915,
      -0.156428486, -3.83509755, -0.407605946, -1.75235915, -2.40642858},
     {0.605301261, 1.88746178, 0.669102967, 3.67197609, -1.07290244, -1.30591059, 0.850990772, -3.13115597,
      0.46760115, -0.581551194, -1.52009344, -0.540819824}},
};

TEST(Softmax, ValuesAndGradientsOfPyTorch) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const Tensor x = input();
    x.requires_grad_();
    const Tensor y = c.f(x, c.dim, {});
    expect_values(y, c.y, 4e-7);
    expect_values(grad({y}, {x}, {.grad_outputs = {gradient()}})[0], c.dx, 1e-6);
  }
}

TEST(Softmax, ComposedGradientAgreesAndHasASecondDerivative) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const Tensor x = input().to(DType::float64), dy = gradient().to(DType::float64);
    x.requires_grad_();
    const Tensor fused = grad({c.f(x, c.dim, {})}, {x}, {.grad_outputs = {dy}})[0];
    const auto composed = [&](const Tensor& at) {
      return grad({c.f(at, c.dim, {})}, {at}, {.grad_outputs = {dy}, .create_graph = true})[0];
    };
    const Tensor dx = composed(x);
    expect_values(dx, fused.to_vector<double>(), 1e-14);
    // d(sum dx^2)/dx against central differences.
    const std::vector<double> second = grad({sum(dx * dx)}, {x})[0].to_vector<double>();
    for (int64_t i : {0, 5, 10}) {
      const auto moved = [&](double by) {
        const Tensor at = x.detach().clone();
        at.mutable_data<double>()[static_cast<size_t>(i)] += by;
        at.requires_grad_();
        const Tensor d = composed(at).detach();
        return sum(d * d).item<double>();
      };
      EXPECT_NEAR(second[static_cast<size_t>(i)], (moved(1e-6) - moved(-1e-6)) / 2e-6, 1e-7);
    }
  }
}

TEST(Softmax, StridesZeroDimAndEmpty) {
  const Tensor x = input(), turned = x.t();
  expect_values(softmax(turned, 0).t(), kCases[0].y);
  expect_values(softmax(turned, 1).t(), kCases[1].y);
  EXPECT_EQ(softmax(turned, 0).strides(), turned.strides());
  EXPECT_EQ(softmax(tensor(2.0), 0).item<float>(), 1);
  EXPECT_EQ(softmax(zeros({0, 3}), 0).shape(), (Shape{0, 3}));
  EXPECT_EQ(softmax(input().to(DType::bfloat16), 1).dtype(), DType::bfloat16);
}

TEST(Softmax, Errors) {
  EXPECT_EQ(message<Error>([] { softmax(zeros({2}), 1); }),
            "softmax: dimension 1 is out of range, expected one in [-1, 0] (the tensor has 1 dimensions)");
  EXPECT_EQ(message<Error>([] {
              log_softmax(tensor({1, 2}), 0);
            }),
            "log_softmax: expected a floating-point tensor, got int64");
}

}  // namespace
}  // namespace st
