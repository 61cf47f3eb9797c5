// The ball's maps in long double as the papers write them (Ungar 2008, Ganea et al. 2018), not as the kernels
// compute them; numbers that carry a derivative, to differentiate the same text; and pairs of points to try
// both on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

namespace st::test {

using Real = long double;

/// A number and its derivative in one direction.
struct Dual {
  Dual(Real v = 0, Real s = 0) : value(v), slope(s) {}
  Real value, slope;

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator-(Dual a) { return {-a.value, -a.slope}; }
  friend Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
  friend Dual operator/(Dual a, Dual b) {
    const Real quotient = a.value / b.value;
    return {quotient, (a.slope - quotient * b.slope) / b.value};
  }
  friend bool operator==(Dual a, Real b) { return a.value == b; }
  friend bool operator<(Dual a, Real b) { return a.value < b; }
};
inline Dual sqrt(Dual a) { return {std::sqrt(a.value), a.slope / (2 * std::sqrt(a.value))}; }
inline Dual sinh(Dual a) { return {std::sinh(a.value), a.slope * std::cosh(a.value)}; }
inline Dual cosh(Dual a) { return {std::cosh(a.value), a.slope * std::sinh(a.value)}; }
inline Dual tanh(Dual a) { return {std::tanh(a.value), a.slope / (std::cosh(a.value) * std::cosh(a.value))}; }
inline Dual atanh(Dual a) { return {std::atanh(a.value), a.slope / ((1 - a.value) * (1 + a.value))}; }
inline Dual asinh(Dual a) { return {std::asinh(a.value), a.slope / std::sqrt(1 + a.value * a.value)}; }
inline Dual log1p(Dual a) { return {std::log1p(a.value), a.slope / (1 + a.value)}; }
inline Dual abs(Dual a) { return a.value < 0 ? -a : a; }

/// A row of numbers R, Real or Dual; `Same` keeps a factor from taking part in the choice of R.
template <class R>
using Row = std::vector<R>;
template <class R>
using Same = std::type_identity_t<R>;
using Point = Row<Real>;

template <class R>
R dot(const Row<R>& a, const Row<R>& b) {
  R sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum = sum + a[i] * b[i];
  return sum;
}
template <class R>
R norm(const Row<R>& a) {
  using std::sqrt;
  return sqrt(dot(a, a));
}
template <class R>
Row<R> scaled(Same<R> s, Row<R> a) {
  for (R& e : a) e = s * e;
  return a;
}
template <class R>
Row<R> combined(Same<R> s, Row<R> a, Same<R> t, const Row<R>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = s * a[i] + t * b[i];
  return a;
}
inline Point widened(const float* x, size_t n) { return {x, x + n}; }

// The textbook quotient loses 4e-5 even in long double where x and -y are one float apart at distance 10, so
// its terms are grouped by w = x + y here, and by y where that is short, for the derivatives then cancel;
// mpmath with 50 digits agrees with this grouping to 1e-12 in float64.
template <class R>
Row<R> oracle_mobius_add(R c, const Row<R>& x, const Row<R>& y) {
  const Row<R> w = combined(1, x, 1, y);
  const R yy = dot(y, y), ww = dot(w, w), gap_x = 1 - c * dot(x, x);
  const R den = gap_x * (1 - c * yy) + c * ww;
  if (c * yy < Real(0.01L)) return combined(1, x, gap_x / den, combined(c * yy, x, 1, y));
  return combined(gap_x / den, w, c * ww / den, x);
}
template <class R>
R oracle_lambda(R c, const Row<R>& x) {
  return 2 / (1 - c * dot(x, x));
}
template <class R>
R oracle_dist(R c, const Row<R>& x, const Row<R>& y) {
  using std::log1p, std::sqrt;
  const Row<R> w = combined(1, x, -1, y);
  const R t = 2 * c * dot(w, w) / ((1 - c * dot(x, x)) * (1 - c * dot(y, y)));
  return log1p(t + sqrt(t * (t + 2))) / sqrt(c);  // acosh(1 + t)
}
template <class R>
R oracle_dist0(R c, const Row<R>& x) {
  using std::atanh, std::sqrt;
  return 2 / sqrt(c) * atanh(sqrt(c) * norm(x));
}
// tanh(z) / z; the derivative of the quotient cancels near 0, so there its series is differentiated.
template <class R>
R oracle_tanhc(R z) {
  using std::tanh;
  const R q = z * z;
  if (z < Real(1e-3L)) return 1 - q / 3 + 2 * q * q / 15 - 17 * q * q * q / 315;
  return tanh(z) / z;
}
template <class R>
Row<R> oracle_expmap0(R c, const Row<R>& v) {
  using std::sqrt;
  return scaled(oracle_tanhc(sqrt(c) * norm(v)), v);
}
template <class R>
Row<R> oracle_logmap0(R c, const Row<R>& y) {
  using std::atanh, std::sqrt;
  const R z = sqrt(c) * norm(y);
  return z == 0 ? y : scaled(atanh(z) / z, y);
}
template <class R>
Row<R> oracle_expmap(R c, const Row<R>& x, const Row<R>& v) {
  return oracle_mobius_add(c, x, oracle_expmap0(c, scaled(oracle_lambda(c, x) / 2, v)));
}
template <class R>
Row<R> oracle_logmap(R c, const Row<R>& x, const Row<R>& y) {
  return scaled(2 / oracle_lambda(c, x), oracle_logmap0(c, oracle_mobius_add(c, scaled(-1, x), y)));
}
template <class R>
Row<R> oracle_scalar_mul(R c, Same<R> r, const Row<R>& x) {
  return oracle_expmap0(c, scaled(r, oracle_logmap0(c, x)));
}
template <class R>
Row<R> oracle_gyration(R c, const Row<R>& a, const Row<R>& b, const Row<R>& v) {
  const R av = dot(a, v), bv = dot(b, v), ab = dot(a, b), aa = dot(a, a), bb = dot(b, b);
  const R of_a = c * bv + 2 * c * c * ab * bv - c * c * av * bb, of_b = -c * c * bv * aa - c * av;
  const R den = 1 + 2 * c * ab + c * c * aa * bb;
  return combined(1, v, 2 / den, combined(of_a, a, of_b, b));
}
template <class R>
Row<R> oracle_transport(R c, const Row<R>& x, const Row<R>& y, const Row<R>& v) {
  return scaled(oracle_lambda(c, x) / oracle_lambda(c, y), oracle_gyration(c, y, scaled(-1, x), v));
}
/// exp_0(M log_0(x)), M row by row.
template <class R>
Row<R> oracle_matvec(R c, const std::vector<Row<R>>& m, const Row<R>& x) {
  const Row<R> v = oracle_logmap0(c, x);
  Row<R> product;
  for (const Row<R>& row : m) product.push_back(dot(row, v));
  return oracle_expmap0(c, product);
}
template <class R>
Row<R> oracle_midpoint(R c, const std::vector<Row<R>>& x, const Row<R>& weights) {
  using std::abs;
  Row<R> sum(x[0].size(), R(0));
  R den = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const R lambda = oracle_lambda(c, x[i]);
    sum = combined(1, sum, weights[i] * lambda, x[i]);
    den = den + abs(weights[i]) * (lambda - 1);
  }
  return oracle_scalar_mul(c, 0.5L, scaled(1 / den, sum));
}
template <class R>
R oracle_logit(R c, const Row<R>& x, const Row<R>& z, R r) {
  using std::asinh, std::cosh, std::sinh, std::sqrt;
  const R lambda = oracle_lambda(c, x), length = norm(z), t = 2 * sqrt(c) * r;
  return 2 * length / sqrt(c) *
         asinh(lambda * sqrt(c) * dot(x, z) / length * cosh(t) - (lambda - 1) * sinh(t));
}

/// A pair of float32 points of curvature -c, x at distance `radius` / sqrt c from the origin and y about
/// `separation` / sqrt c from x, and two tangent vectors at x of length `separation` / sqrt c: v leads to y,
/// u anywhere.
struct Pair {
  Real radius, separation;
  std::vector<float> x, y, v, u;
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
        Pair p{radius, separation, rounded(scaled(std::tanh(radius / 2) / s, direction())), {}, {}, {}};
        const Point x = widened(p.x.data(), width);
        const Real length = separation / oracle_lambda(c, x) / s;
        const Point v = scaled(length, direction());
        const Point y = oracle_expmap(c, x, v);
        p.y = rounded(y);
        p.v = rounded(v);
        p.u = rounded(scaled(length, direction()));
        const bool inside = s * oracle_dist0(c, widened(p.y.data(), width)) <= 16;
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
