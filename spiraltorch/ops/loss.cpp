// Losses of classes, and the squared error. Cross entropy of classes is fused; of probabilities, like
// nll_loss, it is composed of ops.
#include "spiraltorch/ops/loss.h"

#include <algorithm>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/loss_reduction.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// The weights of classes, checked: as many as there are and, beside class targets, of the dtype of x.
Tensor class_weight(const char* op, const Tensor& given, const Tensor& x, int dim, bool same_dtype) {
  Tensor weight = autocast_float32(given);
  if (!weight.defined()) return weight;
  check<ShapeError>(weight.shape() == Shape{x.size(dim)},
                    "{}: weight must have one element for each of {} classes, and has {}", op, x.size(dim),
                    weight.shape());
  check<DTypeError>(!same_dtype || weight.dtype() == x.dtype(),
                    "{}: weight must have the dtype of the input, {}, and is {}", op, x.dtype(),
                    weight.dtype());
  return weight;
}

// A weight for each class, shaped to broadcast against x of (1, C, 1, ...) or (C).
Tensor per_class(const Tensor& weight, const Tensor& x, int class_dim) {
  Shape shape = Dims::filled(static_cast<int>(x.dim()), 1);
  shape[class_dim] = weight.numel();
  return reshape(weight, shape);
}

// -sum_c w_c q_c log p_c, with q the target moved towards 1 / C by the smoothing. Ops all the way: no kernel
// of its own.
Tensor probability_cross_entropy(const Tensor& x, const Tensor& target, const CrossEntropyOptions& options,
                                 int dim) {
  const double smoothing = options.label_smoothing;
  const double classes = static_cast<double>(x.size(dim));
  const Tensor q = smoothing > 0 ? target * (1 - smoothing) + smoothing / classes : target;
  Tensor terms = log_softmax(x, dim) * q;
  if (options.weight.defined()) terms = terms * per_class(options.weight, x, dim);
  if (options.reduction == Reduction::none) return -sum(terms, dim);
  const double count = static_cast<double>(x.numel()) / classes;
  return options.reduction == Reduction::mean ? sum(terms) / -count : -sum(terms);
}

// dx of class targets as ops, for create_graph; the formula stands in backend/cpu/loss.cpp. x: (N, C, M),
// target: (N, M), dy: (N, M) or 0-dim.
Tensor composed_gradient(const Tensor& x, const Tensor& target, const Tensor& weight, const Tensor& total,
                         const Tensor& dy, const CrossEntropyRule& rule) {
  const double classes = static_cast<double>(x.size(1)), even = rule.label_smoothing / classes;
  const Tensor ignored = target == rule.ignore_index, counted = logical_not(ignored).to(x.dtype());
  const Tensor index = where(ignored, 0, target);
  Tensor of_class = counted * (1 - rule.label_smoothing), of_all = counted * rule.label_smoothing;
  Tensor each = ones({1, 1, 1}, x.dtype(), x.device());
  if (weight.defined()) {
    of_class = of_class * reshape(index_select(weight, 0, reshape(index, {-1})), target.shape());
    of_all = counted * (even * sum(weight));
    each = reshape(weight, {1, -1, 1});
  }
  const Tensor share = where(ignored, 0.0, rule.mean ? dy / total.to(x.dtype()) : dy);
  const auto shared = [&](const Tensor& t) { return unsqueeze(t * share, 1); };
  const Tensor picked = scatter_add(zeros_like(x), 1, unsqueeze(index, 1), shared(of_class));
  return softmax(x, 1) * shared(of_class + of_all) - picked - shared(counted * even) * each;
}

Tensor class_cross_entropy(const Tensor& x, const Tensor& target, const CrossEntropyOptions& options,
                           int dim) {
  const int64_t classes = x.size(dim);
  Shape targets = x.shape();
  targets.erase(dim);
  check<ShapeError>(
      target.shape() == targets,
      "cross_entropy: class targets must have the shape of the logits without their classes, {}, and have "
      "{} (logits: {})",
      targets, target.shape(), x.shape());
  check<DTypeError>(target.dtype() == DType::int64 || target.dtype() == DType::uint8,
                    "cross_entropy: class targets must be int64 or uint8, got {}", target.dtype());
  const DType compute = is_reduced_floating(x.dtype()) ? DType::float32 : x.dtype();
  const int64_t rows = dim == 0 ? 1 : x.size(0), columns = numel_of(targets) / std::max<int64_t>(rows, 1);
  const Shape folded{rows, classes, columns};
  const CrossEntropyRule rule{options.ignore_index, options.label_smoothing,
                              options.reduction == Reduction::mean};

  const Device device = x.device();
  Tensor loss = empty(options.reduction == Reduction::none ? targets : Shape{}, compute, device);
  const Tensor statistics = empty({2, numel_of(targets)}, compute, device),
               total = empty({}, DType::float64, device);
  Tensor index, weight;
  {
    const NoGradGuard no_grad;
    const Kernels& k = kernels(x.device());
    index = reshape(contiguous(to(target, DType::int64)), {rows, columns});
    if (options.weight.defined()) weight = contiguous(to(options.weight, compute).detach());
    k.check_target(index.in(), classes, rule.ignore_index);
    const Tensor in = reshape(contiguous(to(x, compute)), folded);
    k.cross_entropy(in.in(), index.in(), weight.in(), rule, loss.out(), statistics.out(), total.out());
    loss = to(loss, x.dtype());
  }
  const Keep keep{x, index, weight, statistics, total};
  return record("cross_entropy", loss, {x}, keep, [rule, folded, compute](const Backward& b) -> Grads {
    const Tensor logits = b.kept(0), index = b.kept(1), weight = b.kept(2), statistics = b.kept(3),
                 total = b.kept(4);
    const Tensor x = reshape(contiguous(to(logits, compute)), folded);
    const Tensor dy =
        b.dy().dim() == 0 ? to(b.dy(), compute) : reshape(contiguous(to(b.dy(), compute)), index.shape());
    if (grad_enabled())
      return {reshape(composed_gradient(x, index, weight, total, dy, rule), logits.shape())};
    const Tensor dx = empty(folded, compute, x.device());
    kernels(x.device())
        .cross_entropy_backward(x.in(), index.in(), weight.in(), rule, statistics.in(), total.in(), dy.in(),
                                dx.out());
    return {reshape(dx, logits.shape())};
  });
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  check_operands("cross_entropy", {{"logits", logits}, {"target", target}, {"weight", options.weight, true}});
  check_reduction("cross_entropy", options.reduction);
  const Tensor x = autocast_float32(logits);
  check<ShapeError>(x.dim() >= 1,
                    "cross_entropy: the logits must have a dimension of classes, and are 0-dim");
  check<DTypeError>(is_floating(x.dtype()), "cross_entropy: the logits must be floating-point, got {}",
                    x.dtype());
  check<ValueError>(options.label_smoothing >= 0 && options.label_smoothing <= 1,
                    "cross_entropy: label_smoothing must be in [0, 1], got {}", options.label_smoothing);
  const int dim = x.dim() == 1 ? 0 : 1;
  const bool by_class = target.shape() != x.shape();
  CrossEntropyOptions checked = options;
  checked.weight = class_weight("cross_entropy", options.weight, x, dim, by_class);
  if (by_class) return class_cross_entropy(x, target, checked, dim);

  check<DTypeError>(
      is_floating(target.dtype()),
      "cross_entropy: targets of the logits' shape are probabilities and must be floating-point, got {}",
      target.dtype());
  check<ValueError>(options.ignore_index < 0,
                    "cross_entropy: probabilities have no class to ignore, ignore_index is {}",
                    options.ignore_index);
  return probability_cross_entropy(x, target, checked, dim);
}

Tensor nll_loss(const Tensor& input, const Tensor& target, const NLLOptions& options) {
  check_operands("nll_loss", {{"input", input}, {"target", target}, {"weight", options.weight, true}});
  check_reduction("nll_loss", options.reduction);
  const Tensor x = autocast_float32(input);
  check<ShapeError>(x.dim() >= 1, "nll_loss: the input must have a dimension of classes, and is 0-dim");
  check_floating("nll_loss", x);
  const int dim = x.dim() == 1 ? 0 : 1;
  const int64_t classes = x.size(dim);
  const Tensor of_class = class_weight("nll_loss", options.weight, x, dim, true);
  Shape targets = x.shape();
  targets.erase(dim);
  check<ShapeError>(
      target.shape() == targets,
      "nll_loss: the target must have the shape of the input without its classes, {}, and has {} "
      "(input: {})",
      targets, target.shape(), x.shape());
  check<DTypeError>(target.dtype() == DType::int64 || target.dtype() == DType::uint8,
                    "nll_loss: the target must be int64 or uint8, got {}", target.dtype());
  const Tensor index = contiguous(to(target, DType::int64));
  const Tensor ignored = index == options.ignore_index;
  const Tensor classes_of = where(ignored, 0, index);
  kernels(x.device()).check_index("nll_loss", reshape(classes_of, {-1}).in(), 0, classes);
  Tensor weight = where(ignored, 0.0, ones(targets, x.dtype(), x.device()));
  if (of_class.defined() && classes > 0) {
    weight = weight * reshape(index_select(of_class.detach(), 0, reshape(classes_of, {-1})), targets);
  }
  const Tensor picked = squeeze(gather(x, dim, unsqueeze(classes_of, dim)), dim);
  // Not a product alone: what is ignored may be infinite.
  const Tensor losses = where(ignored, 0.0, -(picked * weight));
  if (options.reduction == Reduction::mean) return sum(losses) / sum(weight);
  return apply_reduction(losses, options.reduction);
}

Tensor mse_loss(const Tensor& input, const Tensor& target, const LossOptions& options) {
  check_operands("mse_loss", {{"input", input}, {"target", target}});
  check_reduction("mse_loss", options.reduction);
  const Tensor x = autocast_float32(input), y = autocast_float32(target);
  broadcast_shapes("mse_loss", x.shape(), y.shape());
  const DType dtype = result_dtype(x, y);
  const bool any_bool = x.dtype() == DType::bool_ || y.dtype() == DType::bool_;
  check<DTypeError>(is_floating(dtype) && !any_bool,
                    "mse_loss: expected floating-point tensors, got {} and {}", x.dtype(), y.dtype());
  Tensor loss;
  {
    const NoGradGuard no_grad;
    const Tensor d = x - y;
    loss = apply_reduction(d * d, options.reduction);
  }
  const bool is_mean = options.reduction == Reduction::mean;
  return record("mse_loss", loss, {x, y}, Keep{x, y}, [is_mean](const Backward& b) -> Grads {
    const Tensor d = b.kept(0) - b.kept(1);
    const Tensor dx = d * (b.dy() * (is_mean ? 2.0 / static_cast<double>(d.numel()) : 2.0));
    return {dx, b.needs(1) ? -dx : Tensor()};
  });
}

}  // namespace st
