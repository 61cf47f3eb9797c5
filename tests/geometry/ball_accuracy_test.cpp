// The ball's maps in float32 against their textbook forms in long double, over radii 0.1 to 10 and
// separations 1e-6 to 10; and float32 gradients against float64 ones on the same points. The first test
// prints the table of docs/geometry.md.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/geometry/ball.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "tests/geometry/ball_oracle.h"

namespace st {
namespace {

using namespace test;
constexpr size_t kWidth = 10;

Tensor rows_of(const std::vector<Pair>& pairs, std::vector<float> Pair::*field) {
  const Tensor t = empty({static_cast<int64_t>(pairs.size()), static_cast<int64_t>(kWidth)});
  float* to = t.mutable_data<float>().data();
  for (const Pair& p : pairs) to = std::copy((p.*field).begin(), (p.*field).end(), to);
  return t;
}

struct Case {
  const char* name;
  Tensor (*call)(const Tensor& x, const Tensor& y, const Tensor& v, double k);
  Point (*oracle)(Real c, const Point& x, const Point& y, const Point& v);
  bool is_point;  // the result is a point, which must not lie beyond 16 / sqrt c
};
const Case kCases[] = {
    {"dist",
     [](const Tensor& x, const Tensor& y, const Tensor&, double k) {
       return geometry::dist(x, y, k, keepdim);
     },
     [](Real c, const Point& x, const Point& y, const Point&) { return Point{oracle_dist(c, x, y)}; }, false},
    {"logmap",
     [](const Tensor& x, const Tensor& y, const Tensor&, double k) { return geometry::logmap(x, y, k); },
     [](Real c, const Point& x, const Point& y, const Point&) { return oracle_logmap(c, x, y); }, false},
    {"expmap",
     [](const Tensor& x, const Tensor&, const Tensor& v, double k) { return geometry::expmap(x, v, k); },
     [](Real c, const Point& x, const Point&, const Point& v) { return oracle_expmap(c, x, v); }, true},
    {"transport",
     [](const Tensor& x, const Tensor& y, const Tensor& v, double k) {
       return geometry::transport(x, y, v, k);
     },
     [](Real c, const Point& x, const Point& y, const Point& v) { return oracle_transport(c, x, y, v); },
     false},
    {"mobius_add",
     [](const Tensor& x, const Tensor& y, const Tensor&, double k) { return geometry::mobius_add(-x, y, k); },
     [](Real c, const Point& x, const Point& y, const Point&) {
       return oracle_mobius_add(c, scaled(-1, x), y);
     },
     true},
};

double median(std::vector<double>& errors) {
  std::nth_element(errors.begin(), errors.begin() + static_cast<long>(errors.size() / 2), errors.end());
  return errors[errors.size() / 2];
}

TEST(BallAccuracy, Float32AgainstLongDouble) {
  for (const double c : {1.0, 1e-3, 10.0}) {
    const std::vector<Pair> pairs = make_pairs(c, kWidth, 20);
    ASSERT_GT(pairs.size(), 1000u);
    const Tensor x = rows_of(pairs, &Pair::x), y = rows_of(pairs, &Pair::y), v = rows_of(pairs, &Pair::v);
    for (const Case& map : kCases) {
      SCOPED_TRACE(std::string(map.name) + " c " + std::to_string(c));
      const Tensor z = map.call(x, y, v, -c);
      const size_t width = static_cast<size_t>(z.size(1));
      const float* values = z.data<float>().data();
      std::vector<double> all;
      std::map<std::pair<Real, Real>, std::vector<double>> cells;
      for (size_t i = 0; i < pairs.size(); ++i) {
        const Pair& p = pairs[i];
        const Point truth = map.oracle(c, widened(p.x.data(), kWidth), widened(p.y.data(), kWidth),
                                       widened(p.v.data(), kWidth));
        if (norm(truth) == 0 ||
            (map.is_point && std::sqrt(static_cast<Real>(c)) * distance_from_origin(c, truth) > 16))
          continue;
        all.push_back(static_cast<double>(relative_error(widened(values + i * width, width), truth)));
        cells[{p.radius, p.separation}].push_back(all.back());
      }
      const double worst = *std::max_element(all.begin(), all.end()), middle = median(all);
      EXPECT_LE(middle, 6e-8);  // half a unit in the last place of float32
      EXPECT_LE(worst, 1.2e-7);
      std::printf("%-10s c = %-5g  %5zu pairs: median %.1e  worst %.1e", map.name, c, all.size(), middle,
                  worst);
      for (const Real radius : {1.0L, 6.0L, 10.0L}) {
        auto cell = cells.find({radius, 1e-3L});
        if (cell != cells.end())
          std::printf("  r = %g, 1e-3 apart: %.1e", static_cast<double>(radius), median(cell->second));
      }
      std::printf("\n");
    }
  }
}

// The gradients of float32 points equal those of the same points stored in float64.
TEST(BallAccuracy, Float32GradientsEqualFloat64) {
  manual_seed(3);
  for (const double c : {1.0, 1e-3, 10.0}) {
    const std::vector<Pair> pairs = make_pairs(c, kWidth, 5);
    for (const Case& map : kCases) {
      SCOPED_TRACE(std::string(map.name) + " c " + std::to_string(c));
      std::vector<Tensor> in[2];
      std::vector<Tensor> grads[2];
      Tensor g;
      for (const int wide : {0, 1}) {
        for (const auto field : {&Pair::x, &Pair::y, &Pair::v}) {
          in[wide].push_back(
              rows_of(pairs, field).to(wide ? DType::float64 : DType::float32).requires_grad_());
        }
        const Tensor z = map.call(in[wide][0], in[wide][1], in[wide][2], -c);
        if (!wide) g = randn(z.shape());
        grads[wide] = grad({z}, {in[wide][0], in[wide][1], in[wide][2]},
                           {.grad_outputs = {g.to(z.dtype())}, .allow_unused = true});
      }
      for (size_t i = 0; i < 3; ++i) {
        if (!grads[0][i].defined()) continue;
        const auto narrow = grads[0][i].to_vector<float>();
        const auto wide = grads[1][i].to_vector<double>();
        double worst = 0;
        for (size_t r = 0; r < pairs.size(); ++r) {
          const Point a(narrow.begin() + static_cast<long>(r * kWidth),
                        narrow.begin() + static_cast<long>((r + 1) * kWidth));
          const Point b(wide.begin() + static_cast<long>(r * kWidth),
                        wide.begin() + static_cast<long>((r + 1) * kWidth));
          if (norm(b) > 0) worst = std::max(worst, static_cast<double>(relative_error(a, b)));
        }
        EXPECT_LE(worst, 1e-5) << "input " << i;
      }
    }
  }
}

}  // namespace
}  // namespace st
