// The table of optimisers by PyTorch's name, one line an optimiser. Options are found by the names under
// which the optimiser saves them.
#include "tests/parity/optimizers.h"

#include <functional>
#include <memory>

#include "spiraltorch/optim/adam.h"
#include "spiraltorch/optim/sgd.h"

namespace st::test {
namespace {

// An option that we lack matters only when it is switched on.
bool is_off(const Json& value) { return value.is_null() || value == false; }

void set_option(const std::vector<optim::Fields::Field>& fields, const std::string& name, const Json& value) {
  for (const optim::Fields::Field& field : fields) {
    if (field.name != name) continue;
    if (field.number) {
      if (!value.is_number()) throw NotExpressible("argument " + name + " is not a number");
      *field.number = value.get<double>();
    } else if (field.flag) {
      *field.flag = value.get<bool>();
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
  throw NotExpressible("no optimiser named " + name);
}

}  // namespace

Answer run_optimizer(const Json& request, const std::vector<Tensor>& tensors) {
  const std::unique_ptr<optim::Optimizer> optimizer =
      make_optimizer(request.at("name").get<std::string>(), request.at("groups"), tensors);
  const std::vector<Tensor>& leaves = optimizer->parameters();
  Answer answer;
  for (size_t step = 0; step < request.at("steps").size(); ++step) {
    const Json& gradients = request.at("steps").at(step);
    for (size_t i = 0; i < leaves.size(); ++i) {
      leaves[i].set_grad(gradients.at(i).is_null() ? Tensor() : tensors.at(gradients[i].get<size_t>()));
    }
    optimizer->step();
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
