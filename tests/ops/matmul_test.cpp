// matmul and linear: PyTorch's shapes and numbers, gradients against naive sums, and the text of errors.
#include "spiraltorch/ops/matmul.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

void expect_values(const Tensor& x, const std::vector<double>& expected, double tolerance = 0) {
  const std::vector<double> values = x.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], tolerance) << "at " << i;
}

template <class E, class F>
void expect_error(F f, const std::string& text) {
  try {
    f();
    ADD_FAILURE() << "no error: " << text;
  } catch (const E& e) {
    EXPECT_EQ(e.what(), text);
  }
}

// Small whole numbers, so that float32 sums are exact.
Tensor whole(const Shape& shape, int64_t seed, DType dtype = DType::float32) {
  const Tensor x = empty(shape, DType::float32);
  for (float& v : x.mutable_data<float>()) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    v = static_cast<float>(seed % 7 - 3);
  }
  return dtype == DType::float32 ? x : x.to(dtype);
}

// Every element by its definition, on operands expanded to (batch, m, k) and (batch, k, n).
std::vector<double> naive(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector<double>(), w = b.to_vector<double>();
  const int64_t batch = a.size(0), m = a.size(1), k = a.size(2), n = b.size(2);
  std::vector<double> y;
  for (int64_t i = 0; i < batch; ++i) {
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t c = 0; c < n; ++c) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) {
          sum += x[static_cast<size_t>((i * m + r) * k + p)] * w[static_cast<size_t>((i * k + p) * n + c)];
        }
        y.push_back(sum);
      }
    }
  }
  return y;
}

TEST(Matmul, ShapesOfPyTorch) {
  struct Case {
    Shape a, b, y;
  };
  // torch.matmul(torch.ones(a), torch.ones(b)).shape
  const Case cases[] = {{{3}, {3}, {}},
                        {{3}, {3, 2}, {2}},
                        {{2, 3}, {3}, {2}},
                        {{5, 2, 3}, {3}, {5, 2}},
                        {{3}, {5, 3, 2}, {5, 2}},
                        {{5, 2, 3}, {3, 4}, {5, 2, 4}},
                        {{2, 3}, {5, 3, 4}, {5, 2, 4}},
                        {{6, 1, 2, 3}, {5, 3, 4}, {6, 5, 2, 4}},
                        {{0, 3}, {3, 2}, {0, 2}},
                        {{4, 0, 3}, {3, 2}, {4, 0, 2}},
                        {{2, 0}, {0, 3}, {2, 3}},
                        {{3, 2, 0}, {0, 4}, {3, 2, 4}},
                        {{0}, {0}, {}}};
  for (const Case& c : cases) {
    const Tensor y = matmul(ones(c.a), ones(c.b));
    EXPECT_EQ(y.shape(), c.y) << to_text(c.a) << " " << to_text(c.b);
    expect_values(y,
                  std::vector<double>(static_cast<size_t>(numel_of(c.y)), static_cast<double>(c.a.back())));
  }
}

TEST(Matmul, BatchesOfViews) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::bfloat16, DType::float16}) {
    const Tensor a = whole({4, 5, 6}, 1, dtype), b = whole({6, 3}, 2, dtype),
                 wide = whole({2, 4, 3, 6}, 3, dtype);
    expect_values(matmul(a, b), naive(a, b.expand({4, 6, 3})));
    const Tensor turned = a.transpose(0, 1);  // (5, 4, 6): its rows do not fold
    expect_values(matmul(turned, b), naive(turned, b.expand({5, 6, 3})));
    const Tensor bt = wide.transpose(-1, -2);  // (2, 4, 6, 3)
    const Tensor a_all = a.expand({2, 4, 5, 6});
    expect_values(matmul(a, bt), naive(a_all.reshape({8, 5, 6}), bt.reshape({8, 6, 3})));
  }
  const Tensor a = whole({6, 40, 50}, 1), b = whole({6, 50, 30}, 2);  // large enough for oneDNN
  expect_values(matmul(a, b), naive(a, b));
  expect_values(matmul(a, b[0]), naive(a, b[0].expand({6, 50, 30})));
  expect_values(matmul(a[0], b), naive(a[0].expand({6, 40, 50}), b));
}

TEST(Matmul, GradientsOfEveryForm) {
  const std::pair<Shape, Shape> cases[] = {
      {{5}, {5}},          {{5}, {5, 2}},       {{3, 5}, {5}},
      {{3, 5}, {5, 2}},    {{4, 3, 5}, {5}},    {{5}, {4, 5, 2}},
      {{4, 3, 5}, {5, 2}}, {{3, 5}, {4, 5, 2}}, {{2, 1, 3, 5}, {4, 5, 2}},
      {{2, 0}, {0, 3}}};
  for (const auto& [sa, sb] : cases) {
    const Tensor a = whole(sa, 1, DType::float64), b = whole(sb, 2, DType::float64);
    a.requires_grad_();
    b.requires_grad_();
    const Tensor y = matmul(a, b), g = whole(y.shape(), 3, DType::float64);
    y.backward({.gradient = g});
    // A product is linear in each element: the gradient is the exact difference quotient.
    const NoGradGuard guard;
    for (const Tensor& x : {a, b}) {
      ASSERT_EQ(x.grad().shape(), x.shape());
      const std::vector<double> gradient = x.grad().to_vector<double>();
      const double before = sum(matmul(a, b) * g).item<double>();
      for (size_t i = 0; i < gradient.size(); ++i) {
        x.mutable_data<double>()[i] += 1;
        EXPECT_EQ(sum(matmul(a, b) * g).item<double>() - before, gradient[i]) << to_text(sa) << to_text(sb);
        x.mutable_data<double>()[i] -= 1;
      }
    }
  }
}

TEST(Matmul, SecondDerivative) {
  const Tensor a = whole({2, 3}, 1, DType::float64), b = whole({3, 2}, 2, DType::float64);
  a.requires_grad_();
  b.requires_grad_();
  // f = sum (a b): df/da = 1 b^T, and the gradient of sum(df/da * c) for b is c^T 1.
  const Tensor da = grad({sum(matmul(a, b))}, {a}, {.create_graph = true})[0];
  const Tensor c = whole({2, 3}, 5, DType::float64);
  const Tensor db = grad({sum(da * c)}, {b})[0];
  expect_values(db, matmul(c.t(), ones({2, 2}, DType::float64)).to_vector<double>());
}

TEST(Matmul, Errors) {
  expect_error<ShapeError>(
      [] {
        matmul(ones({2, 3}), ones({4, 2}));
      },
      "matmul: a has 3 columns, b has 4 rows (a: (2, 3), b: (4, 2))");
  expect_error<ShapeError>([] { matmul(ones({}), ones({4})); },
                           "matmul: both arguments need at least one dimension (a: (), b: (4,))");
  expect_error<DTypeError>(
      [] {
        matmul(ones({2, 3}), ones({3, 2}, DType::float64));
      },
      "matmul: both arguments need one dtype, a is float32 and b is float64");
  expect_error<DTypeError>(
      [] {
        matmul(ones({2, 3}, DType::bool_), ones({3, 2}, DType::bool_));
      },
      "matmul: bool tensors are not supported (a: (2, 3), b: (3, 2))");
  EXPECT_THROW(matmul(ones({5, 2, 3}), ones({4, 3, 2})), ShapeError);
}

struct LinearCase {
  Activation activation;
  std::vector<double> y, dx, dw, db;
};

TEST(Linear, ActivationsAndGradientsOfPyTorch) {
  // y = f(F.linear(x, w, b)) for f = identity, torch.relu, torch.tanh, torch.sigmoid;
  // y.backward(torch.tensor([[1., 2], [3, -1]])), all in float32.
  const LinearCase cases[] = {
      {Activation::none, {4.75, -0.5, 3.25, -3.0}, {2.5, 1, 0, 0.5, -4, 7}, {-2, 3.5, 9, 3, 3.5, 4}, {4, 1}},
      {Activation::relu, {4.75, 0, 3.25, 0}, {0.5, -1, 2, 1.5, -3, 6}, {-2, 3.5, 9, 0, 0, 0}, {4, 0}},
      {Activation::tanh,
       {0.999850332736969, -0.46211716532707214, 0.9969976544380188, -0.9950547814369202},
       {1.573045015335083, 1.5725960731506348, -1.5722967386245728, -0.0008724657818675041,
        -0.027853012084960938, 0.04584004357457161},
       {-0.01768771931529045, 0.009592140093445778, 0.03687199950218201, 1.5827614068984985,
        3.1408579349517822, 4.698954105377197},
       {0.018286343663930893, 1.563029408454895}},
      {Activation::sigmoid,
       {0.9914224743843079, 0.3775406777858734, 0.9626730680465698, 0.04742587357759476},
       {0.4742594063282013, 0.4615034759044647, -0.4529995024204254, 0.00872378796339035,
        -0.15297755599021912, 0.2607784569263458},
       {-0.0992969423532486, 0.07090835273265839, 0.24111364781856537, 0.5151841044425964, 0.9174265265464783,
        1.3196688890457153},
       {0.11630484461784363, 0.42483076453208923}}};
  for (const LinearCase& c : cases) {
    const Tensor x = tensor({{1., 2., 3.}, {-1., 0.5, 2.}}), w = tensor({{0.5, -1., 2.}, {1., 1., -1.}});
    const Tensor b = tensor({0.25, -0.5}), g = tensor({{1., 2.}, {3., -1.}});
    for (const Tensor& t : {x, w, b}) t.requires_grad_();
    const Tensor y = linear(x, w, b, {.activation = c.activation});
    // 1 - y^2 near y = 1 loses digits: a few ulp of 1, times numbers of size 3.
    const double tolerance =
        c.activation == Activation::tanh || c.activation == Activation::sigmoid ? 3e-6 : 0;
    expect_values(y, c.y, tolerance);
    const std::vector<Tensor> graph = grad({y}, {x, w, b}, {.grad_outputs = {g}, .create_graph = true});
    y.backward({.gradient = g});
    expect_values(x.grad(), c.dx, tolerance);
    expect_values(w.grad(), c.dw, tolerance);
    expect_values(b.grad(), c.db, tolerance);
    expect_values(graph[0], c.dx, tolerance);  // the composed form
    expect_values(graph[1], c.dw, tolerance);
    expect_values(graph[2], c.db, tolerance);
  }
}

TEST(Linear, LeadingDimensionsAndViews) {
  const Tensor w = whole({4, 3}, 2), b = whole({4}, 3), x = whole({2, 5, 3}, 1);
  const Tensor y = linear(x, w, b);
  EXPECT_EQ(y.shape(), (Shape{2, 5, 4}));
  expect_values(y, (matmul(x, w.t()) + b).to_vector<double>());
  const Tensor turned = x.transpose(0, 1);
  expect_values(linear(turned, w, b), y.transpose(0, 1).to_vector<double>());
  expect_values(linear(x[1][2], w, b), y[1][2].to_vector<double>());
  EXPECT_EQ(linear(ones({0, 3}), w).shape(), (Shape{0, 4}));
  EXPECT_EQ(linear(ones({2, 0, 3}), w).shape(), (Shape{2, 0, 4}));
  expect_values(linear(ones({2, 0}), ones({3, 0}), tensor({1., 2., 3.})), {1, 2, 3, 1, 2, 3});
}

TEST(Linear, GradientsOfLeadingDimensionsAndVectors) {
  for (const Shape& shape : {Shape{3}, Shape{2, 5, 3}, Shape{0, 3}}) {
    const Tensor x = whole(shape, 1), w = whole({4, 3}, 2), b = whole({4}, 3);
    for (const Tensor& t : {x, w, b}) t.requires_grad_();
    const Tensor y = linear(x, w, b), g = whole(y.shape(), 4);
    y.backward({.gradient = g});
    const NoGradGuard guard;
    const int64_t rows = x.numel() / 3;
    const Tensor g2 = g.reshape({rows, 4}), x2 = x.reshape({rows, 3});
    expect_values(x.grad(), matmul(g2, w).to_vector<double>());
    expect_values(w.grad(), matmul(g2.t(), x2).to_vector<double>());
    expect_values(b.grad(), sum(g2, 0).to_vector<double>());
  }
}

TEST(Linear, AWriteBetweenUsesIsSeen) {
  const Tensor x = whole({40, 96}, 1), w = whole({80, 96}, 2);
  for (int round = 0; round < 3; ++round) {
    for (int use = 0; use < 3; ++use) {
      expect_values(linear(x, w), naive(x.reshape({1, 40, 96}), w.t().reshape({1, 96, 80})));
    }
    w.add_(1);
  }
}

TEST(Linear, Errors) {
  expect_error<ShapeError>(
      [] {
        linear(ones({2, 5}), ones({3, 4}));
      },
      "linear: last dimension of x is 5, weight expects 4 (x: (2, 5), weight: (3, 4))");
  expect_error<ShapeError>(
      [] {
        linear(ones({2, 4}), ones({3, 4}), ones({4}));
      },
      "linear: bias is (4,), weight expects (3,) (weight: (3, 4))");
  expect_error<ShapeError>(
      [] {
        linear(ones({2, 4}), ones({4}));
      },
      "linear: weight is (out, in), two dimensions (weight: (4,))");
  expect_error<DTypeError>(
      [] {
        linear(ones({2, 4}), ones({3, 4}, DType::float64));
      },
      "linear: all arguments need one dtype, x is float32, weight float64, bias float32");
}

}  // namespace
}  // namespace st
