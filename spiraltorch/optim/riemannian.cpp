// Riemannian steps. The composed form is geoopt's: to the tangent space, moments, retraction (or geodesic),
// transport of the first moment, assignment last.
#include "spiraltorch/optim/riemannian.h"

#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/geometry/poincare_ball.h"
#include "spiraltorch/nn/parameter.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/tensor/operands.h"

namespace st::optim {
namespace {

Shape points_shape(const Tensor& w) {
  Shape shape = w.shape();
  shape[shape.size() - 1] = 1;
  return shape;
}

void composed_step(const Manifold& manifold, const BallStep& o, const Tensor& w, const Tensor& grad,
                   const RiemannianState& state, bool nesterov) {
  const Tensor egrad = grad * o.sign + w * o.decay;
  const Tensor rgrad = manifold.egrad2rgrad(w, egrad);
  Tensor m = rgrad * o.gain;
  if (state.m) {
    if (state.m->defined()) m = *state.m * o.keep + m;
    *state.m = m;
  }
  Tensor direction = nesterov ? rgrad + m * o.keep : m;
  if (o.rule == StepRule::adam) {
    const Tensor part = manifold.component_inner(w, rgrad) * ((1 - o.beta2) / o.parts);
    *state.v = state.v->defined() ? *state.v * o.beta2 + part : part;
    if (state.max_v) *state.max_v = state.max_v->defined() ? maximum(*state.max_v, *state.v) : *state.v;
    direction = direction / (sqrt(state.max_v ? *state.max_v : *state.v) * o.correction + o.eps);
  }
  const Tensor s = direction * -o.lr;
  const Tensor next = o.geodesic ? manifold.expmap(w, s) : manifold.retract(w, s);
  if (state.m) *state.m = manifold.transport(w, next, m);
  w.copy_(next);
}

}  // namespace

const Manifold* curved_manifold(const Tensor& leaf) {
  const Manifold* manifold = nn::manifold_of(leaf).get();
  return manifold && manifold->curvature() != 0 ? manifold : nullptr;
}

void riemannian_step(const Manifold& manifold, BallStep step, const Tensor& w, const Tensor& grad,
                     const RiemannianState& state, bool nesterov) {
  const bool fused = dynamic_cast<const PoincareBall*>(&manifold) && !nesterov && !state.max_v &&
                     (w.dtype() == DType::float32 || w.dtype() == DType::float64);
  if (!fused) return composed_step(manifold, step, w, grad, state, nesterov);
  if (state.m && !state.m->defined()) *state.m = zeros(w.shape(), w.dtype(), w.device());
  if (state.v && !state.v->defined()) *state.v = zeros(points_shape(w), w.dtype(), w.device());
  const int64_t d = w.size(-1), rows = d == 0 ? 0 : w.numel() / d;
  if (rows == 0) return;
  step.c = -manifold.curvature();
  const auto as_rows = [&](const Tensor& t) { return t.contiguous().view({rows, d}); };
  const Tensor points = as_rows(w.detach()), g = as_rows(grad.to(w.dtype()));
  Tensor m, v;
  if (state.m) *state.m = state.m->contiguous(), m = as_rows(*state.m);
  if (state.v) *state.v = state.v->contiguous(), v = state.v->view({rows});
  kernels(w.device()).ball_step(step, points.out(), g.in(), out_of(m), out_of(v));
  if (!w.is_contiguous()) w.copy_(points.view(w.shape()));
}

}  // namespace st::optim
