// The ball's maps over many points at once: all-pairs distances, logits and weighted midpoints.
#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/geometry/ball.h"
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

// The most logits whose products <x, z> mlr keeps from forward, 128 MB of them; else backward computes them
// again.
constexpr int64_t kMostKept = int64_t{1} << 24;

double number_of(const Tensor& k, double number) { return k.defined() ? k.detach().item<double>() : number; }

// x contiguous in `dtype`, as (rows, d), outside of autograd.
Tensor flat_rows(const Tensor& x, DType dtype) {
  const NoGradGuard guard;
  const int64_t width = x.size(-1);
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.dim(); ++i) rows *= x.shape()[i];
  return view(dense(x, dtype), {rows, width});
}

// x, weights and c as (groups, n, d), (groups, n) and (groups).
struct Groups {
  DType dtype;
  Shape front, x_shape, w_shape, c_shape;  // (...), (..., n, d), (..., n), (..., 1)
  Tensor x, w, c;
};

Groups groups_of(const Tensor& x, const Tensor& w, const Tensor& k, double number) {
  const char* op = "weighted_midpoint";
  Groups g;
  g.dtype = point_dtype(op, {x, w});
  check<ShapeError>(x.dim() >= 2, "{}: x must be (..., n, d), but its shape is {}", op, x.shape());
  const int64_t n = x.size(-2), d = x.size(-1);
  Shape front = x.shape();
  front.erase(front.size() - 1);
  front.erase(front.size() - 1);
  if (w.defined()) {
    check<ShapeError>(w.dim() >= 1 && w.size(-1) == n,
                      "{}: weights must end in the number of points, {}, but their shape is {} (x: {})", op,
                      n, w.shape(), x.shape());
    Shape w_front = w.shape();
    w_front.erase(w_front.size() - 1);
    front = broadcast_shapes(op, front, w_front);
  }
  if (k.defined() && k.dim() > 0) {
    check<ShapeError>(
        k.size(-1) == 1,
        "{}: curvature must be 0-dim or give one number a group, (..., 1), but its shape is {} (x: {})", op,
        k.shape(), x.shape());
    Shape k_front = k.shape();
    k_front.erase(k_front.size() - 1);
    front = broadcast_shapes(op, front, k_front);
  }
  g.front = g.x_shape = g.w_shape = g.c_shape = front;
  g.x_shape.push_back(n), g.x_shape.push_back(d), g.w_shape.push_back(n), g.c_shape.push_back(1);
  const NoGradGuard guard;
  const int64_t groups = numel_of(front);
  g.x = view(contiguous(as_rows(x, g.dtype, g.x_shape)), {groups, n, d});
  g.w = w.defined() ? view(contiguous(as_rows(w, g.dtype, g.w_shape)), {groups, n})
                    : expand(ones({1, 1}, g.dtype, x.device()), {groups, n});
  g.c =
      view(contiguous(as_rows(minus_curvature(k, number, x.device()), DType::float64, g.c_shape)), {groups});
  return g;
}

}  // namespace

Tensor cdist(const Tensor& x, const Tensor& y, const Curvature& k) {
  check_operands("cdist", {{"x", x}, {"y", y}, {"curvature", k.tensor(), true}});
  check_curvature("cdist", k);
  check<ShapeError>(!k.tensor().defined() || k.tensor().numel() == 1,
                    "cdist: curvature must be one number, but its shape is {}",
                    k.tensor().defined() ? k.tensor().shape() : Shape());
  const DType dtype = point_dtype("cdist", {x, y});
  check<ShapeError>(x.dim() == 2 && y.dim() == 2 && x.size(1) == y.size(1),
                    "cdist: expected points (n, d) and (m, d), got {} and {}", x.shape(), y.shape());
  const Tensor z = empty({x.size(0), y.size(0)}, dtype, x.device());
  const double number = k.number();
  kernels(z.device())
      .hyperbolic_cdist(as_rows(x, dtype, x.shape()).in(), as_rows(y, dtype, y.shape()).in(),
                        -number_of(k.tensor(), number), z.out());
  return record(
      "cdist", z, {x, y, k.tensor()}, Keep{x, y, k.tensor()}, [dtype, number](const Backward& b) -> Grads {
        refuse_create_graph("cdist");
        const Tensor x = b.kept(0), y = b.kept(1), k = b.kept(2);
        const Tensor dx = gradient_memory(b, 0, x.shape(), dtype, x.device());
        const Tensor dy = gradient_memory(b, 1, y.shape(), dtype, x.device());
        const Tensor dc = gradient_memory(b, 2, {x.size(0)}, DType::float64, x.device());
        const Tensor dz = to(b.dy(), dtype);
        kernels(x.device())
            .hyperbolic_cdist_backward(as_rows(x, dtype, x.shape()).in(), as_rows(y, dtype, y.shape()).in(),
                                       -number_of(k, number), dz.in(), out_of(dx), out_of(dy), out_of(dc));
        return {dx, dy, dc.defined() ? -reshape(sum(dc), k.shape()) : Tensor()};
      });
}

Tensor mlr(const Tensor& x, const Tensor& weight, const Tensor& bias, const Curvature& k) {
  check_operands("mlr", {{"x", x}, {"weight", weight}, {"bias", bias}, {"curvature", k.tensor(), true}});
  check_curvature("mlr", k);
  check<ShapeError>(!k.tensor().defined() || k.tensor().numel() == 1,
                    "mlr: curvature must be one number, but its shape is {}",
                    k.tensor().defined() ? k.tensor().shape() : Shape());
  const DType dtype = point_dtype("mlr", {x, weight, bias});
  check<ShapeError>(weight.dim() == 2 && bias.dim() == 1 && bias.size(0) == weight.size(0),
                    "mlr: expected weight (classes, d) and bias (classes), got {} and {}", weight.shape(),
                    bias.shape());
  check<ShapeError>(x.dim() >= 1 && x.size(-1) == weight.size(1),
                    "mlr: last dimension of x is {}, weight expects {} (x: {}, weight: {})",
                    x.dim() >= 1 ? x.size(-1) : 0, weight.size(1), x.shape(), weight.shape());
  Shape shape = x.shape();
  shape.erase(shape.size() - 1);
  shape.push_back(weight.size(0));
  const Tensor y = empty(shape, dtype, x.device());
  const double number = k.number();
  const auto wants = [](const Tensor& t) { return t.defined() && t.requires_grad(); };
  const bool keeps = grad_enabled() && y.numel() <= kMostKept &&
                     (wants(x) || wants(weight) || wants(bias) || wants(k.tensor()));
  const Tensor products = keeps ? empty(shape, DType::float64, x.device()) : Tensor();
  kernels(y.device())
      .hyperbolic_mlr(flat_rows(x, dtype).in(), flat_rows(weight, dtype).in(), dense(bias, dtype).in(),
                      -number_of(k.tensor(), number), y.out(), out_of(products));
  return record("mlr", y, {x, weight, bias, k.tensor()}, Keep{x, weight, bias, k.tensor(), products},
                [dtype, number](const Backward& b) -> Grads {
                  refuse_create_graph("mlr");
                  const Tensor x = b.kept(0), weight = b.kept(1), bias = b.kept(2), k = b.kept(3);
                  const Device device = x.device();
                  const Tensor dx = gradient_memory(b, 0, x.shape(), dtype, device);
                  const Tensor dw = gradient_memory(b, 1, weight.shape(), dtype, device);
                  const Tensor db = gradient_memory(b, 2, bias.shape(), dtype, device);
                  const Tensor dc = gradient_memory(b, 3, {1}, DType::float64, device);
                  kernels(x.device())
                      .hyperbolic_mlr_backward(flat_rows(x, dtype).in(), flat_rows(weight, dtype).in(),
                                               dense(bias, dtype).in(), -number_of(k, number), b.kept(4).in(),
                                               dense(b.dy(), dtype).in(), out_of(dx), out_of(dw), out_of(db),
                                               out_of(dc));
                  return {dx, dw, db, dc.defined() ? -reshape(dc, k.shape()) : Tensor()};
                });
}

Tensor weighted_midpoint(const Tensor& x, const Tensor& weights, const Curvature& k) {
  check_operands("weighted_midpoint",
                 {{"x", x}, {"weights", weights, true}, {"curvature", k.tensor(), true}});
  check_curvature("weighted_midpoint", k);
  const double number = k.number();
  const Groups g = groups_of(x, weights, k.tensor(), number);
  Shape shape = g.front;
  shape.push_back(x.size(-1));
  const Tensor m = empty(shape, g.dtype, x.device());
  const Tensor rows = view(m, {g.x.size(0), g.x.size(2)});
  kernels(m.device()).hyperbolic_midpoint(g.x.in(), g.w.in(), g.c.in(), rows.out());
  return record("weighted_midpoint", m, {x, weights, k.tensor()}, Keep{x, weights, k.tensor()},
                [number](const Backward& b) -> Grads {
                  refuse_create_graph("weighted_midpoint");
                  const Tensor k = b.kept(2);
                  const Groups g = groups_of(b.kept(0), b.kept(1), k, number);
                  const Device device = g.x.device();
                  const Tensor dx = gradient_memory(b, 0, g.x_shape, g.dtype, device);
                  const Tensor dw = gradient_memory(b, 1, g.w_shape, g.dtype, device);
                  const Tensor dc = gradient_memory(b, 2, g.c_shape, DType::float64, device);
                  const Tensor dm = view(contiguous(to(b.dy(), g.dtype)), {g.x.size(0), g.x.size(2)});
                  kernels(dm.device())
                      .hyperbolic_midpoint_backward(g.x.in(), g.w.in(), g.c.in(), dm.in(), out_of(dx),
                                                    out_of(dw), out_of(dc));
                  return {dx, dw, dc.defined() ? -sum_to_size(dc, k.shape()) : Tensor()};
                });
}

}  // namespace geometry
}  // namespace st
