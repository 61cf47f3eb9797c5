// ZSpaceOptimizer: the high-level optimiser. It keeps one tape for each parameter, which says in which
// geometry and at which rate the parameter moves, and what the rule remembers of it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "spiraltorch/backend/families.h"
#include "spiraltorch/nn/module.h"
#include "spiraltorch/optim/optimizer.h"
#include "spiraltorch/optim/optimizer_mode.h"

namespace [[gnu::visibility("default")]] st {
namespace optim {

/// plain: the gradient; momentum: m <- momentum m + g; adam: m / sqrt(v) with bias corrections. On points
/// they are Riemannian: g is the Riemannian gradient, the step follows the geodesic, m is transported along
/// it. A point has one second moment, |g|_w^2 divided by the row's length, so that a rate means what it means
/// in Adam. (optim::Adam on a manifold is geoopt's: a retraction, and no division.)
using Rule = StepRule;

struct ZSpaceOptimizerOptions {
  Rule rule = Rule::plain;
  double momentum = 0.9;
  std::pair<double, double> betas = {0.9, 0.999};
  double eps = 1e-8;

  void check() const;
};

/// ZSpaceOptimizer opt(1e-2);
/// opt.set_mode(OptimizerMode::hypergrad(-1.0, 5e-3));
/// opt.prepare_module(model);
/// ... loss.backward(); opt.step(model);
///
/// prepare_module gives every parameter a tape in the mode that is set then; a later prepare replaces it. A
/// parameter that was never prepared takes the Euclidean step; in the other modes every step refuses it with
/// a ValueError that names it, before anything has changed. A parameter that carries a manifold of its own
/// keeps it in every mode; one that carries Euclidean is no set of points. state_dict has the options, too,
/// and load_state_dict takes them over; the rule must be the same. Throws ValueError unless lr and eps are
/// positive and finite, momentum and the betas in [0, 1).
class ZSpaceOptimizer final : public Optimizer {
 public:
  explicit ZSpaceOptimizer(double lr, const ZSpaceOptimizerOptions& options = {});

  /// The mode of the tapes that prepare_module makes from now on.
  void set_mode(const OptimizerMode& mode);
  const OptimizerMode& mode() const { return mode_; }
  const ZSpaceOptimizerOptions& options() const { return shared_.options; }

  /// Gives every parameter of `module` a new tape, without moments. Under hypergrad, rows that start outside
  /// their ball are moved just inside, to 0.999 of its radius; in every mode, rows of a parameter with a
  /// manifold of its own are moved to its nearest point. Frozen parameters stay where they are. Returns how
  /// many rows moved. Throws ValueError for a point that is not finite, which no direction leads inside, and
  /// DTypeError under hypergrad for points that are neither float32 nor float64; then nothing has changed.
  int64_t prepare_module(nn::Module& module);

  /// One step for every parameter that has a gradient, as its tape says; gradients stay.
  using Optimizer::step;
  /// One step for the parameters of `module`; then their gradients are none.
  void step(nn::Module& module) override;

  /// Sets the optimiser's rate and that of all tapes: a mode's own rate keeps the ratio to the optimiser's
  /// that it had when it was set. 0 is allowed.
  void set_lr(double lr, size_t group) override;
  using Optimizer::set_lr;
  /// The same for the tapes of `module` alone.
  void set_lr(double lr, nn::Module& module) override;

 private:
  struct Tape {
    bool prepared = false;
    int64_t kind = 0;  // of OptimizerMode
    double curvature = 0;
    double lr = 0, ratio = 1;  // Euclidean tapes use the optimiser's rate instead
    int64_t step = 0;
    Tensor moment, second_moment;

    void visit(Fields& v);
  };
  // The state that is not a leaf's.
  struct Shared {
    ZSpaceOptimizerOptions options;
    double lr = 0, ratio = 1;
    int64_t rule = 0, kind = 0;
    double curvature = 0, mode_lr = 0;

    void visit(Fields& v);
    void check() const { options.check(); }
  };

  void update_leaves(std::span<const Due> due) override;
  FieldList options_fields(size_t group) const override;
  std::string options_problem(size_t group, const std::function<void(const FieldList&)>& fill) const override;
  FieldList state_fields(size_t i) const override;
  void reset_state(size_t i, bool has_state) override;
  FieldList new_state_fields() const override;
  bool fits(size_t i, const std::string& name, const Shape& shape) const override;
  void check_state(const StateDict& state, std::string& problems) const override;
  void loaded() override;

  // The number of a leaf, which is added when it is new.
  size_t number_of(const std::string& name, const Tensor& leaf);
  // Throws ValueError for a leaf without a tape of its own, in modes that need one.
  void check_prepared(bool prepared, const std::string& name, const Tensor& leaf) const;
  double lr_of(const Tape& tape) const;
  void step_flat(std::span<const Due> due);
  void step_points(const Due& due);

  OptimizerMode mode_;
  Shared shared_;
  double first_lr_;
  std::vector<Tape> tapes_;                                // one a leaf
  std::vector<std::string> names_;                         // of leaves, in the module they came with
  std::unordered_map<const TensorImpl*, size_t> numbers_;  // of leaves
};

}  // namespace optim
}  // namespace st
