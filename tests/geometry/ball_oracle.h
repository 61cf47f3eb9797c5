// The ball's maps in long double as the papers write them (Ungar 2008, Ganea et al. 2018), not as the kernels
// compute them, and pairs of points to try them on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace st::test {

using Real = long double;
using Point = std::vector<Real>;

inline Real dot(const Point& a, const Point& b) {
  Real sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
inline Real norm(const Point& a) { return std::sqrt(dot(a, a)); }
inline Point scaled(Real s, const Point& a) {
  Point z = a;
  for (Real& e : z) e *= s;
  return z;
}
inline Point combined(Real s, const Point& a, Real t, const Point& b) {
  Point z = a;
  for (size_t i = 0; i < z.size(); ++i) z[i] = s * a[i] + t * b[i];
  return z;
}
inline Point widened(const float* x, size_t n) { return {x, x + n}; }

// The textbook quotient loses 4e-5 even in long double where x and -y are one float apart at distance 10, so
// its terms are grouped by w = x + y here; mpmath with 50 digits agrees with this grouping to 1e-12 in
// float64.
inline Point oracle_mobius_add(Real c, const Point& x, const Point& y) {
  const Point w = combined(1, x, 1, y);
  const Real ww = dot(w, w), gap_x = 1 - c * dot(x, x), gap_y = 1 - c * dot(y, y);
  const Real den = gap_x * gap_y + c * ww;
  return combined(gap_x / den, w, c * ww / den, x);
}
inline Real oracle_dist(Real c, const Point& x, const Point& y) {
  const Point w = combined(1, x, -1, y);
  const Real t = 2 * c * dot(w, w) / ((1 - c * dot(x, x)) * (1 - c * dot(y, y)));
  return std::log1p(t + std::sqrt(t * (t + 2))) / std::sqrt(c);  // acosh(1 + t)
}
inline Point oracle_expmap(Real c, const Point& x, const Point& v) {
  const Real length = norm(v), s = std::sqrt(c);
  if (length == 0) return x;
  return oracle_mobius_add(c, x, scaled(std::tanh(s * length / (1 - c * dot(x, x))) / (s * length), v));
}
inline Point oracle_logmap(Real c, const Point& x, const Point& y) {
  const Point m = oracle_mobius_add(c, scaled(-1, x), y);
  const Real length = norm(m), s = std::sqrt(c);
  if (length == 0) return m;
  return scaled((1 - c * dot(x, x)) / s * std::atanh(s * length) / length, m);
}
// (lambda_x / lambda_y) gyr[y, -x] v
inline Point oracle_transport(Real c, const Point& x, const Point& y, const Point& v) {
  const Point b = scaled(-1, x);
  const Real av = dot(y, v), bv = dot(b, v), ab = dot(y, b), aa = dot(y, y), bb = dot(b, b);
  const Real alpha = -c * c * av * bb + c * bv + 2 * c * c * ab * bv, beta = -c * c * bv * aa - c * av;
  const Real den = 1 + 2 * c * ab + c * c * aa * bb;
  const Point turned = combined(1, v, 2 / den, combined(alpha, y, beta, b));
  return scaled((1 - c * aa) / (1 - c * bb), turned);
}
inline Real distance_from_origin(Real c, const Point& x) {
  return 2 / std::sqrt(c) * std::atanh(std::sqrt(c) * norm(x));
}

/// A pair of float32 points of curvature -c, x at distance `radius` / sqrt c from the origin and y about
/// `separation` / sqrt c from x, and a tangent vector at x of length `separation` / sqrt c.
struct Pair {
  Real radius, separation;
  std::vector<float> x, y, v;
};

/// Radii 0.1 to 10 by separations 1e-6 to 10, `repeats` random directions each; pairs that float32 cannot
/// tell apart, and those with y beyond 16 / sqrt c, are left out.
inline std::vector<Pair> make_pairs(Real c, size_t width, int repeats) {
  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal;
  const auto direction = [&] {
    Point u(width);
    for (Real& e : u) e = normal(engine);
    return scaled(1 / norm(u), u);
  };
  const auto rounded = [](const Point& p) { return std::vector<float>(p.begin(), p.end()); };
  const Real s = std::sqrt(c);
  std::vector<Pair> pairs;
  for (const Real radius : {0.1L, 0.5L, 1.0L, 2.0L, 4.0L, 6.0L, 8.0L, 10.0L}) {
    for (const Real separation : {1e-6L, 1e-5L, 1e-4L, 1e-3L, 1e-2L, 0.1L, 1.0L, 3.0L, 6.0L, 10.0L}) {
      for (int i = 0; i < repeats; ++i) {
        Pair p{radius, separation, rounded(scaled(std::tanh(radius / 2) / s, direction())), {}, {}};
        const Point x = widened(p.x.data(), width);
        const Point v = scaled(separation * (1 - c * dot(x, x)) / (2 * s), direction());
        const Point y = oracle_expmap(c, x, v);
        p.y = rounded(y);
        p.v = rounded(v);
        const bool inside = s * distance_from_origin(c, widened(p.y.data(), width)) <= 16;
        if (p.x != p.y && inside) pairs.push_back(p);
      }
    }
  }
  return pairs;
}

inline Real relative_error(const Point& z, const Point& truth) {
  return norm(combined(1, z, -1, truth)) / norm(truth);
}

}  // namespace st::test
