// The tables of optimisers and of schedules by PyTorch's name, one line each. Options of an optimiser are
// found by the names under which it saves them.
#include "tests/parity/optimizers.h"

#include <functional>
#include <memory>
#include <variant>

#include "spiraltorch/ops/creation.h"
#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/lr_scheduler.h"
#include "spiraltorch/optim/reduce_lr_on_plateau.h"
#include "spiraltorch/optim/rmsprop.h"
#include "spiraltorch/optim/sgd.h"

namespace st::test {
namespace {

// An option that we lack matters only when it is switched on.
bool is_off(const Json& value) { return value.is_null() || value == false; }

void set_option(const std::vector<optim::Fields::Field>& fields, const std::string& name, const Json& value) {
  for (const optim::Fields::Field& field : fields) {
    if (field.name != name) continue;
    if (double* const* number = std::get_if<double*>(&field.value)) {
      if (!value.is_number()) throw NotExpressible("argument " + name + " is not a number");
      **number = value.get<double>();
    } else if (bool* const* flag = std::get_if<bool*>(&field.value)) {
      **flag = value.get<bool>();
    } else {
      throw NotExpressible("argument " + name);
    }
    return;
  }
  if (!is_off(value)) throw NotExpressible("argument " + name);
}

template <class Optimizer, class Options>
std::unique_ptr<optim::Optimizer> make(const Json& groups, const std::vector<Tensor>& tensors) {
  std::vector<optim::ParamGroup<Options>> all;
  for (const Json& given : groups) {
    optim::ParamGroup<Options> group{pick_tensors(given.at("params"), tensors)};
    const auto fields = optim::Fields::of(group.options);
    for (const auto& [name, value] : given.at("options").items()) {
      if (name == "betas") {
        set_option(fields, "beta1", value.at(0));
        set_option(fields, "beta2", value.at(1));
      } else {
        set_option(fields, name, value);
      }
    }
    all.push_back(group);
  }
  return std::make_unique<Optimizer>(all);
}

std::unique_ptr<optim::Optimizer> make_optimizer(const std::string& name, const Json& groups,
                                                 const std::vector<Tensor>& tensors) {
  if (name == "SGD") return make<optim::SGD, optim::SGDOptions>(groups, tensors);
  if (name == "Adam") return make<optim::Adam, optim::AdamOptions>(groups, tensors);
  if (name == "AdamW") return make<optim::AdamW, optim::AdamWOptions>(groups, tensors);
  if (name == "RMSprop") return make<optim::RMSprop, optim::RMSpropOptions>(groups, tensors);
  throw NotExpressible("no optimiser named " + name);
}

// A step of a schedule; the measurement is for those that want one.
using Schedule = std::function<void(double)>;

template <class S, class... Args>
Schedule schedule(Args&&... args) {
  const auto made = std::make_shared<S>(std::forward<Args>(args)...);
  if constexpr (std::is_base_of_v<optim::LRScheduler, S>) {
    return [made](double) { made->step(); };
  } else {
    return [made](double metric) { made->step(metric); };
  }
}

Schedule make_schedule(const Json& given, optim::Optimizer& opt) {
  const std::string name = given.at("name").get<std::string>();
  const auto call = [&given](const char* parameters) {
    return Call(parameters, Json::array(), given.at("kwargs"), {});
  };
  if (name == "StepLR") {
    const Call c = call("step_size gamma");
    return schedule<optim::StepLR>(opt, c.integer("step_size"), optim::StepLROptions{c.real("gamma", 0.1)});
  }
  if (name == "ExponentialLR") return schedule<optim::ExponentialLR>(opt, call("gamma").real("gamma", 0.1));
  if (name == "ConstantLR") {
    const Call c = call("factor total_iters");
    return schedule<optim::ConstantLR>(
        opt, optim::ConstantLROptions{c.real("factor", 1.0 / 3), c.integer("total_iters", 5)});
  }
  if (name == "PolynomialLR") {
    const Call c = call("total_iters power");
    return schedule<optim::PolynomialLR>(
        opt, optim::PolynomialLROptions{c.integer("total_iters", 5), c.real("power", 1)});
  }
  if (name == "LinearLR") {
    const Call c = call("start_factor end_factor total_iters");
    return schedule<optim::LinearLR>(
        opt, optim::LinearLROptions{c.real("start_factor", 1.0 / 3), c.real("end_factor", 1),
                                    c.integer("total_iters", 5)});
  }
  if (name == "CosineAnnealingLR") {
    const Call c = call("T_max eta_min");
    return schedule<optim::CosineAnnealingLR>(opt, c.integer("T_max"),
                                              optim::CosineAnnealingLROptions{c.real("eta_min", 0)});
  }
  if (name == "ReduceLROnPlateau") {
    const Call c = call("factor patience");
    return schedule<optim::ReduceLROnPlateau>(
        opt, optim::ReduceLROnPlateauOptions{.factor = c.real("factor", 0.1),
                                             .patience = c.integer("patience", 10)});
  }
  throw NotExpressible("no schedule named " + name);
}

}  // namespace

Answer run_optimizer(const Json& request, const std::vector<Tensor>& tensors) {
  const std::unique_ptr<optim::Optimizer> optimizer =
      make_optimizer(request.at("name").get<std::string>(), request.at("groups"), tensors);
  const std::vector<Tensor>& leaves = optimizer->parameters();
  std::vector<Schedule> schedules;
  for (const Json& given : request.at("schedules")) schedules.push_back(make_schedule(given, *optimizer));
  Answer answer;
  for (size_t step = 0; step < request.at("steps").size(); ++step) {
    const Json& gradients = request.at("steps").at(step);
    for (size_t i = 0; i < leaves.size(); ++i) {
      leaves[i].set_grad(gradients.at(i).is_null() ? Tensor() : tensors.at(gradients[i].get<size_t>()));
    }
    optimizer->step();
    for (const Schedule& next : schedules) next(1.0);
    for (size_t group = 0; group < (schedules.empty() ? 0 : optimizer->num_groups()); ++group) {
      answer.add("lr." + std::to_string(group) + "." + std::to_string(step),
                 tensor(optimizer->lr(group), DType::float64));
    }
    for (size_t i = 0; i < leaves.size(); ++i) {
      answer.add("p" + std::to_string(i) + "." + std::to_string(step), leaves[i].detach());
    }
  }
  for (const auto& [name, value] : optimizer->state_dict()) {
    if (name.starts_with("state.")) answer.add(name, value);
  }
  return answer;
}

}  // namespace st::test
