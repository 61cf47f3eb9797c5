// Gradients kept within bounds: norms of norms, then one factor for all.
#include "spiraltorch/optim/clip_grad.h"

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/reduce.h"

namespace st {
namespace {

std::vector<Tensor> grads_of(const char* op, const std::vector<Tensor>& params) {
  std::vector<Tensor> grads;
  for (size_t i = 0; i < params.size(); ++i) {
    check<ValueError>(params[i].defined(), "{}: parameter {} is undefined", op, i);
    if (const Tensor grad = params[i].grad(); grad.defined()) grads.push_back(grad.detach());
  }
  return grads;
}

// In x's dtype; of 16 bits it is computed in float32 and rounded once.
Tensor norm(const Tensor& x, double p) {
  const bool narrow = x.dtype() == DType::float16 || x.dtype() == DType::bfloat16;
  if (narrow) return norm(x.to(DType::float32), p).to(x.dtype());
  if (p == 2) return sqrt(sum(mul(x, x)));
  if (std::isinf(p)) return x.numel() == 0 ? zeros({}, x.dtype(), x.device()) : max(abs(x));
  return pow(sum(pow(abs(x), p)), 1 / p);
}

}  // namespace

Tensor clip_grad_norm_(const std::vector<Tensor>& params, double max_norm,
                       const ClipGradNormOptions& options) {
  check<ValueError>(max_norm >= 0, "clip_grad_norm_: max_norm must be at least 0, got {}", max_norm);
  check<ValueError>(options.norm_type > 0, "clip_grad_norm_: norm_type must be positive, got {}",
                    options.norm_type);
  const NoGradGuard guard;
  const std::vector<Tensor> grads = grads_of("clip_grad_norm_", params);
  if (grads.empty()) return zeros({});
  std::vector<Tensor> norms;
  norms.reserve(grads.size());
  for (const Tensor& grad : grads) {
    norms.push_back(norm(grad, options.norm_type).to(grads.front().device()));
  }
  const Tensor total = norm(stack(norms), options.norm_type);
  if (options.error_if_nonfinite) {
    check<ValueError>(std::isfinite(total.item<double>()),
                      "clip_grad_norm_: the norm of order {} of the gradients is {}; nothing was clipped",
                      options.norm_type, total.item<double>());
  }
  const Tensor scale = clamp(max_norm / (total + 1e-6), {}, 1.0);
  if (scale.item<double>() == 1) return total;  // nothing to scale, no pass
  for (const Tensor& grad : grads) grad.mul_(scale.to(grad.device()));
  return total;
}

void clip_grad_value_(const std::vector<Tensor>& params, double clip_value) {
  check<ValueError>(clip_value >= 0, "clip_grad_value_: clip_value must be at least 0, got {}", clip_value);
  const NoGradGuard guard;
  for (const Tensor& grad : grads_of("clip_grad_value_", params)) grad.clamp_(-clip_value, clip_value);
}

}  // namespace st
