// Adam and AdamW: steps scaled by running moments of the gradient.
#pragma once

#include <utility>

#include "spiraltorch/optim/optimizer.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

struct AdamOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  /// Divides by the largest second moment so far. Source: Reddi et al. 2018.
  bool amsgrad = false;
  /// Ascends instead.
  bool maximize = false;

  void visit(Fields& v);
  void check() const;
};

struct AdamWOptions {
  double lr = 1e-3;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool maximize = false;

  void visit(Fields& v);
  void check() const;
};

struct AdamState {
  int64_t step = 0;
  Tensor exp_avg, exp_avg_sq;
  Tensor max_exp_avg_sq;  // with amsgrad alone

  void visit(Fields& v);
};

extern template class OptimizerOf<AdamOptions, AdamState>;
extern template class OptimizerOf<AdamWOptions, AdamState>;

/// g = grad + weight_decay p;   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2;
/// p <- p - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps).
/// Throws ValueError unless lr and eps are positive, weight_decay at least 0 and the betas in [0, 1).
/// Source: Kingma and Ba 2015, torch.optim.Adam (which allows lr = 0 and eps = 0).
///
/// A parameter that carries a curved manifold gets geoopt.optim.RiemannianAdam: g becomes the Riemannian
/// gradient, v takes its squared length at p, one number a point, the step is a retraction, and m is
/// transported to the new point. Source: Becigneul and Ganea 2019.
class Adam final : public OptimizerOf<AdamOptions, AdamState> {
 public:
  explicit Adam(const std::vector<Tensor>& params, const AdamOptions& options = {})
      : OptimizerOf({{params, options}}) {}
  explicit Adam(const std::vector<ParamGroup<AdamOptions>>& groups) : OptimizerOf(groups) {}

 protected:
  void update(Tensor& leaf, const Tensor& grad, AdamState& state, const AdamOptions& options) override;
  void update_all(std::span<Step> steps) override;
  bool fits(size_t i, const std::string& name, const Shape& shape) const override;
};

/// Adam with the decay apart from the gradient: p <- (1 - lr weight_decay) p, then Adam's step of the plain
/// gradient. Source: Loshchilov and Hutter 2019, torch.optim.AdamW.
class AdamW final : public OptimizerOf<AdamWOptions, AdamState> {
 public:
  explicit AdamW(const std::vector<Tensor>& params, const AdamWOptions& options = {})
      : OptimizerOf({{params, options}}) {}
  explicit AdamW(const std::vector<ParamGroup<AdamWOptions>>& groups) : OptimizerOf(groups) {}

 protected:
  void update(Tensor& leaf, const Tensor& grad, AdamState& state, const AdamWOptions& options) override;
  void update_all(std::span<Step> steps) override;
  bool fits(size_t i, const std::string& name, const Shape& shape) const override;
};

}  // namespace optim
}  // namespace st
