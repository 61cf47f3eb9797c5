// BatchNorm: which statistics the normalisation uses, and how the running ones are kept.
#include "spiraltorch/nn/batch_norm.h"

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

BatchNorm::BatchNorm(const char* layer, const char* form, int least, int most, std::string name,
                     int64_t features, std::optional<double> momentum, double eps,
                     const BatchNormOptions& options)
    : Layer(std::move(name)),
      layer_(layer),
      form_(form),
      least_(least),
      most_(most),
      features_(features),
      momentum_(momentum),
      eps_(eps) {
  check<ValueError>(features >= 1, "{}: features must be at least 1, got {}", layer, features);
  check<ValueError>(!momentum || (*momentum >= 0 && *momentum <= 1), "{}: momentum must be in [0, 1], got {}",
                    layer, momentum.value_or(0));
  check<ValueError>(eps > 0 && std::isfinite(eps), "{}: eps must be positive and finite, got {}", layer, eps);
  const auto each = [&](double value) { return empty_for(layer, {features}, DType::float32).fill_(value); };
  if (options.affine) weight = Parameter(each(1));
  if (options.affine && options.bias) bias = Parameter(each(0));
  if (options.track_running_stats) {
    running_mean = Buffer(each(0));
    running_var = Buffer(each(1));
    num_batches_tracked = Buffer(zeros({}, DType::int64));
  }
}

void BatchNorm::reset_running_stats() {
  if (!running_mean.defined()) return;
  const NoGradGuard guard;
  running_mean.zero_();
  running_var.fill_(1);
  num_batches_tracked.zero_();
}

Tensor BatchNorm::forward(const Tensor& x) {
  check_operands(layer_, {{"x", x}});
  check<ShapeError>(x.dim() >= least_ && x.dim() <= most_, "{}: x must be {}, got {}", layer_, form_,
                    x.shape());
  check<ShapeError>(x.size(1) == features_, "{}: x has {} channels, {} are expected (x: {})", layer_,
                    x.size(1), features_, x.shape());
  const bool tracked = running_mean.defined();
  const bool update = training() && tracked;
  double momentum = momentum_.value_or(0);
  if (update && !momentum_) momentum = 1 / (num_batches_tracked.item<double>() + 1);
  Tensor y = batch_norm(x, running_mean, running_var, weight, bias,
                        {.training = training() || !tracked, .momentum = momentum, .eps = eps_});
  if (update) {
    const NoGradGuard guard;
    num_batches_tracked.add_(1);
  }
  return y;
}

void BatchNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
  v("running_mean", running_mean);
  v("running_var", running_var);
  v("num_batches_tracked", num_batches_tracked);
}

std::string BatchNorm::extra_repr() const {
  return format_text(
      "{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats={}",
      {to_text(features_), python_repr(eps_), momentum_ ? python_repr(*momentum_) : "None",
       python_repr(weight.defined()), python_repr(bias.defined()), python_repr(running_mean.defined())});
}

}  // namespace st::nn
