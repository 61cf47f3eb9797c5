// The row maps of the Poincaré ball as ops: checks, shapes, and one call of a kernel each way.
#include "spiraltorch/geometry/ball.h"

#include <optional>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/geometry/rows.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/kernel_operands.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace geometry {
namespace {

// The arguments of a row map: rows x, y, v (y and v where the map takes them), and numbers a row: k, and s
// where the map takes one. Each is a tensor or, where that is undefined, a number. m is a matrix that only
// the dtype is taken from.
struct Arguments {
  Tensor x, y, v, k, s;
  double number = 0;                  // k
  std::optional<double> factor = {};  // s
  Tensor m = {};
};

// The same made ready for a kernel.
struct Rows {
  DType dtype;
  Shape full, numbers;  // (..., d) and (..., 1)
  Tensor x, y, v, c, s;
};

void broadcast_rows(const char* op, const Tensor& t, int64_t width, Shape& leading) {
  if (!t.defined()) return;
  check<ShapeError>(t.dim() >= 1, "{}: a point is a row, but a tensor of shape {} has none", op, t.shape());
  check<ShapeError>(t.size(-1) == width, "{}: last dimensions must be equal, but they are {} and {} ({})", op,
                    width, t.size(-1), t.shape());
  Shape front = t.shape();
  front.erase(front.size() - 1);
  leading = broadcast_shapes(op, leading, front);
}

void broadcast_numbers(const char* op, const char* name, const Tensor& t, const Tensor& x, Shape& leading) {
  if (!t.defined() || t.dim() == 0) return;
  check<ShapeError>(t.size(-1) == 1,
                    "{}: {} must be 0-dim or give one number a row, (..., 1), but its shape is {} (x: {})",
                    op, name, t.shape(), x.shape());
  Shape front = t.shape();
  front.erase(front.size() - 1);
  leading = broadcast_shapes(op, leading, front);
}

Rows rows_of(const char* op, const Arguments& a) {
  Rows r;
  r.dtype = point_dtype(op, {a.x, a.y, a.v, a.s, a.m});
  check<ShapeError>(a.x.dim() >= 1, "{}: a point is a row, but a tensor of shape {} has none", op,
                    a.x.shape());
  const int64_t width = a.x.size(-1);
  Shape leading;
  for (const Tensor* t : {&a.x, &a.y, &a.v}) broadcast_rows(op, *t, width, leading);
  broadcast_numbers(op, "curvature", a.k, a.x, leading);
  broadcast_numbers(op, "r", a.s, a.x, leading);
  r.full = r.numbers = leading;
  r.full.push_back(width);
  r.numbers.push_back(1);
  r.x = as_rows(a.x, r.dtype, r.full);
  if (a.y.defined()) r.y = as_rows(a.y, r.dtype, r.full);
  if (a.v.defined()) r.v = as_rows(a.v, r.dtype, r.full);
  r.c = as_rows(minus_curvature(a.k, a.number, a.x.device()), DType::float64, r.numbers);
  if (a.s.defined() || a.factor) {
    const Tensor s = a.factor ? full({}, *a.factor, DType::float64, a.x.device()) : a.s;
    r.s = as_rows(s, DType::float64, r.numbers);
  }
  return r;
}

enum class Result { rows, numbers };

// Whether forward keeps two numbers a row for backward: a row times a function of its length, of which only
// the row's gradient will be asked.
bool keeps(HyperbolicMap map, const Arguments& a) {
  const bool radial = map == HyperbolicMap::expmap0 || map == HyperbolicMap::logmap0 ||
                      map == HyperbolicMap::mobius_scalar_mul;
  const auto wanted = [](const Tensor& t) { return t.defined() && t.requires_grad(); };
  return radial && grad_enabled() && wanted(a.x) && !wanted(a.k) && !wanted(a.s);
}

// One row map: its kernel forward, and its kernel backward in the gradient.
Tensor row_map(const char* op, HyperbolicMap map, const Arguments& a, Result result, KeepDim keep = false) {
  const Rows r = rows_of(op, a);
  Shape shape = result == Result::rows ? r.full : r.numbers;
  if (result == Result::numbers && !keep) shape.erase(shape.size() - 1);
  const Device device = a.x.device();
  const Tensor z = empty(shape, r.dtype, device);
  const Tensor kept = keeps(map, a) ? empty({2, numel_of(r.numbers)}, DType::float64, device) : Tensor();
  kernels(device).hyperbolic(map, r.x.in(), r.y.in(), r.v.in(), r.c.in(), r.s.in(), z.out(), out_of(kept));
  return record(op, z, {a.x, a.y, a.v, a.k, a.s}, Keep{a.x, a.y, a.v, a.k, a.s, kept},
                [op, map, result, number = a.number, factor = a.factor](const Backward& b) -> Grads {
                  refuse_create_graph(op);
                  const Tensor k = b.kept(3);
                  const Rows r = rows_of(op, {b.kept(0), b.kept(1), b.kept(2), k, b.kept(4), number, factor});
                  const Device device = r.x.device();
                  const Tensor dx = gradient_memory(b, 0, r.full, r.dtype, device);
                  const Tensor dy = gradient_memory(b, 1, r.full, r.dtype, device);
                  const Tensor dv = gradient_memory(b, 2, r.full, r.dtype, device);
                  const Tensor dc = gradient_memory(b, 3, r.numbers, DType::float64, device);
                  const Tensor ds = gradient_memory(b, 4, r.numbers, r.dtype, device);
                  Tensor dz = b.dy();
                  if (result == Result::numbers && dz.shape() != r.numbers) dz = unsqueeze(dz, -1);
                  dz = as_rows(dz, r.dtype, result == Result::rows ? r.full : r.numbers);
                  kernels(dz.device())
                      .hyperbolic_backward(map, r.x.in(), r.y.in(), r.v.in(), r.c.in(), r.s.in(),
                                           b.kept(5).in(), dz.in(), out_of(dx), out_of(dy), out_of(dv),
                                           out_of(dc), out_of(ds));
                  return {dx, dy, dv, dc.defined() ? -sum_to_size(dc, k.shape()) : Tensor(), ds};
                });
}

// The same from x, y and v, as many as the map takes, under the names that the public function gives them.
Tensor row_map(const char* op, HyperbolicMap map, std::initializer_list<Operand> rows, const Curvature& k,
               Result result = Result::rows, KeepDim keep = false) {
  const Tensor& x = rows.begin()->tensor;
  check_operands(op, rows);
  check_operands(op, {*rows.begin(), {"curvature", k.tensor(), true}});
  check_curvature(op, k);
  const auto given = [&](size_t i) { return i < rows.size() ? rows.begin()[i].tensor : Tensor(); };
  return row_map(op, map, {x, given(1), given(2), k.tensor(), {}, k.number()}, result, keep);
}

}  // namespace

Tensor mobius_add(const Tensor& x, const Tensor& y, const Curvature& k) {
  return row_map("mobius_add", HyperbolicMap::mobius_add, {{"x", x}, {"y", y}}, k);
}

Tensor mobius_scalar_mul(const Tensor& r, const Tensor& x, const Curvature& k) {
  check_operands("mobius_scalar_mul", {{"r", r}, {"x", x}, {"curvature", k.tensor(), true}});
  check_curvature("mobius_scalar_mul", k);
  return row_map("mobius_scalar_mul", HyperbolicMap::mobius_scalar_mul,
                 {x, {}, {}, k.tensor(), r, k.number()}, Result::rows);
}

Tensor mobius_scalar_mul(double r, const Tensor& x, const Curvature& k) {
  check_operands("mobius_scalar_mul", {{"x", x}, {"curvature", k.tensor(), true}});
  check_curvature("mobius_scalar_mul", k);
  return row_map("mobius_scalar_mul", HyperbolicMap::mobius_scalar_mul,
                 {x, {}, {}, k.tensor(), {}, k.number(), r}, Result::rows);
}

Tensor mobius_matvec(const Tensor& m, const Tensor& x, const Curvature& k) {
  check_operands("mobius_matvec", {{"m", m}, {"x", x}, {"curvature", k.tensor(), true}});
  check_curvature("mobius_matvec", k);
  check<ShapeError>(m.dim() == 2 && x.dim() >= 1 && m.size(1) == x.size(-1),
                    "mobius_matvec: expected a matrix (m, d) and points (..., d), got {} and {}", m.shape(),
                    x.shape());
  const double number = k.number();
  const Rows r = rows_of("mobius_matvec", {x, {}, {}, k.tensor(), {}, number, {}, m});
  Shape shape = r.full;
  shape[shape.size() - 1] = m.size(0);
  const Tensor z = empty(shape, r.dtype, x.device());
  kernels(z.device()).hyperbolic_matvec(dense(m, r.dtype).in(), r.x.in(), r.c.in(), z.out());
  return record("mobius_matvec", z, {m, x, k.tensor()}, Keep{m, x, k.tensor()},
                [number](const Backward& b) -> Grads {
                  refuse_create_graph("mobius_matvec");
                  const Tensor m = b.kept(0), k = b.kept(2);
                  const Rows r = rows_of("mobius_matvec", {b.kept(1), {}, {}, k, {}, number, {}, m});
                  const Device device = r.x.device();
                  const Tensor dm = gradient_memory(b, 0, m.shape(), r.dtype, device);
                  const Tensor dx = gradient_memory(b, 1, r.full, r.dtype, device);
                  const Tensor dc = gradient_memory(b, 2, r.numbers, DType::float64, device);
                  const Tensor dz = as_rows(b.dy(), r.dtype, b.dy().shape());
                  kernels(device).hyperbolic_matvec_backward(dense(m, r.dtype).in(), r.x.in(), r.c.in(),
                                                             dz.in(), out_of(dm), out_of(dx), out_of(dc));
                  return {dm, dx, dc.defined() ? -sum_to_size(dc, k.shape()) : Tensor()};
                });
}

Tensor gyration(const Tensor& a, const Tensor& b, const Tensor& v, const Curvature& k) {
  check_operands("gyration", {{"a", a}, {"b", b}, {"v", v}, {"curvature", k.tensor(), true}});
  check_curvature("gyration", k);
  const DType dtype = point_dtype("gyration", {a, b, v});
  // float64 between the parts too, whose gradients nearly cancel far from the origin
  const Tensor p = to(a, DType::float64), q = to(b, DType::float64);
  const Tensor turned = transport(-q, p, to(v, DType::float64), k);
  return to(turned * (lambda_x(p, k, keepdim) / lambda_x(q, k, keepdim)), dtype);
}

Tensor expmap(const Tensor& x, const Tensor& v, const Curvature& k) {
  return row_map("expmap", HyperbolicMap::expmap, {{"x", x}, {"v", v}}, k);
}

Tensor logmap(const Tensor& x, const Tensor& y, const Curvature& k) {
  return row_map("logmap", HyperbolicMap::logmap, {{"x", x}, {"y", y}}, k);
}

Tensor expmap0(const Tensor& v, const Curvature& k) {
  return row_map("expmap0", HyperbolicMap::expmap0, {{"v", v}}, k);
}

Tensor logmap0(const Tensor& y, const Curvature& k) {
  return row_map("logmap0", HyperbolicMap::logmap0, {{"y", y}}, k);
}

Tensor dist(const Tensor& x, const Tensor& y, const Curvature& k, KeepDim keep) {
  return row_map("dist", HyperbolicMap::dist, {{"x", x}, {"y", y}}, k, Result::numbers, keep);
}

Tensor dist0(const Tensor& x, const Curvature& k, KeepDim keep) {
  return row_map("dist0", HyperbolicMap::dist0, {{"x", x}}, k, Result::numbers, keep);
}

Tensor lambda_x(const Tensor& x, const Curvature& k, KeepDim keep) {
  return row_map("lambda_x", HyperbolicMap::lambda_x, {{"x", x}}, k, Result::numbers, keep);
}

Tensor inner(const Tensor& x, const Tensor& u, const Tensor& v, const Curvature& k, KeepDim keep) {
  return row_map("inner", HyperbolicMap::inner, {{"x", x}, {"u", u}, {"v", v}}, k, Result::numbers, keep);
}

Tensor egrad2rgrad(const Tensor& x, const Tensor& gradient, const Curvature& k) {
  return row_map("egrad2rgrad", HyperbolicMap::egrad2rgrad, {{"x", x}, {"gradient", gradient}}, k);
}

Tensor transport(const Tensor& x, const Tensor& y, const Tensor& v, const Curvature& k) {
  return row_map("transport", HyperbolicMap::transport, {{"x", x}, {"y", y}, {"v", v}}, k);
}

Tensor transport0(const Tensor& y, const Tensor& v, const Curvature& k) {
  return row_map("transport0", HyperbolicMap::transport0, {{"y", y}, {"v", v}}, k);
}

Tensor transport0_back(const Tensor& x, const Tensor& v, const Curvature& k) {
  return row_map("transport0_back", HyperbolicMap::transport0_back, {{"x", x}, {"v", v}}, k);
}

Tensor project(const Tensor& x, const Curvature& k) {
  return row_map("project", HyperbolicMap::project, {{"x", x}}, k);
}

}  // namespace geometry
}  // namespace st
