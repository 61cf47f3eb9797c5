// Central differences of a random projection of each output.
#include "spiraltorch/autograd/gradcheck.h"

#include <cmath>
#include <span>
#include <string>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/random.h"

namespace st {
namespace {

// The element at `position` in row-major order, as a 0-dim view.
Tensor element_of(const Tensor& x, int64_t position) {
  int64_t offset = x.storage_offset();
  for (int d = static_cast<int>(x.dim()) - 1; d >= 0; --d) {
    offset += position % x.shape()[d] * x.strides()[d];
    position /= x.shape()[d];
  }
  return make_view(x, {}, {}, offset);
}

std::string index_text(const Tensor& x, int64_t position) {
  Dims index = Dims::filled(static_cast<int>(x.dim()), 0);
  for (int d = index.size() - 1; d >= 0; --d) {
    index[d] = position % x.shape()[d];
    position /= x.shape()[d];
  }
  return to_text(index);
}

// A leaf of its own with x's elements.
Tensor leaf_like(const Tensor& x) {
  const NoGradGuard guard;
  Tensor leaf = x.detach().clone();
  leaf.requires_grad_();
  return leaf;
}

Tensor random_like(const Tensor& y, Generator& generator) {
  const Tensor v = empty(y.shape(), DType::float64);
  uniform(v.mutable_data<double>(), -1, 1, generator);
  return v.to(y.device());
}

double dot(const std::vector<double>& v, const Tensor& y) {
  const std::vector<double> values = y.to_vector<double>();
  double sum = 0;
  for (size_t i = 0; i < v.size(); ++i) sum += v[i] * values[i];
  return sum;
}

// Positions of the inputs that require a gradient.
std::vector<size_t> differentiated(const char* op, const std::vector<Tensor>& inputs) {
  std::vector<size_t> positions;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined() || !inputs[i].requires_grad()) continue;
    check<DTypeError>(inputs[i].dtype() == DType::float64,
                      "{}: input {} is {}; differences are exact enough in float64 only", op, i,
                      inputs[i].dtype());
    positions.push_back(i);
  }
  check<ValueError>(!positions.empty(), "{}: none of the {} inputs requires a gradient", op, inputs.size());
  return positions;
}

bool check_gradients(const char* op, const TensorFunction& f, const std::vector<Tensor>& inputs,
                     const GradcheckOptions& options) {
  const std::vector<size_t> checked = differentiated(op, inputs);
  std::vector<Tensor> wanted;
  for (const size_t i : checked) wanted.push_back(inputs[i]);
  const EnableGradGuard recording;
  const std::vector<Tensor> outputs = f(inputs);
  Generator generator(options.seed);
  std::vector<size_t> differentiable;
  std::vector<std::vector<double>> cotangents;
  std::vector<std::vector<Tensor>> analytic;  // [output][input]
  for (size_t o = 0; o < outputs.size(); ++o) {
    if (!outputs[o].defined() || !outputs[o].requires_grad()) continue;
    const Tensor v = random_like(outputs[o], generator);
    differentiable.push_back(o);
    cotangents.push_back(v.to_vector<double>());
    analytic.push_back(
        grad({outputs[o]}, wanted, {.grad_outputs = {v}, .retain_graph = true, .allow_unused = true}));
  }
  if (differentiable.empty()) {  // then no output may depend on an input
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (!outputs[o].defined() || !outputs[o].is_floating_point()) continue;
      differentiable.push_back(o);
      cotangents.push_back(random_like(outputs[o], generator).to_vector<double>());
      analytic.emplace_back(wanted.size());
    }
  }

  for (size_t c = 0; c < checked.size(); ++c) {
    std::vector<Tensor> probes = inputs;
    const Tensor probe = leaf_like(inputs[checked[c]]);
    probes[checked[c]] = probe;
    std::vector<std::vector<double>> gradients;
    gradients.reserve(analytic.size());
    for (const auto& of_output : analytic) {
      gradients.push_back(of_output[c].defined() ? of_output[c].to_vector<double>()
                                                 : std::vector<double>(static_cast<size_t>(probe.numel())));
    }
    const auto outputs_at = [&](const Tensor& element, double value) {
      element.fill_(value);
      return f(probes);
    };
    for (int64_t j = 0; j < probe.numel(); ++j) {
      const Tensor element = element_of(probe, j);
      const double x = element.item<double>();
      const std::vector<Tensor> above = outputs_at(element, x + options.eps);
      std::vector<double> phi;
      for (size_t d = 0; d < differentiable.size(); ++d)
        phi.push_back(dot(cotangents[d], above[differentiable[d]]));
      const std::vector<Tensor> below = outputs_at(element, x - options.eps);
      for (size_t d = 0; d < differentiable.size(); ++d)
        phi[d] -= dot(cotangents[d], below[differentiable[d]]);
      element.fill_(x);  // after dot: an output may be a view of the input
      for (size_t d = 0; d < differentiable.size(); ++d) {
        const double numeric = phi[d] / (2 * options.eps);
        const double found = gradients[d][static_cast<size_t>(j)];
        check<ValueError>(std::abs(found - numeric) <= options.atol + options.rtol * std::abs(numeric),
                          "{}: the gradient of output {} with respect to element {} of input {} {} is {} by "
                          "backward and {} by differences",
                          op, differentiable[d], index_text(probe, j), checked[c], probe.shape(), found,
                          numeric);
      }
    }
  }
  return true;
}

}  // namespace

bool gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  return check_gradients("gradcheck", f, inputs, options);
}

bool gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options) {
  differentiated("gradgradcheck", inputs);
  std::vector<size_t> differentiable;  // outputs of f
  std::vector<Tensor> all = inputs;    // and after them a cotangent for each of those outputs
  {
    const EnableGradGuard recording;
    Generator generator(options.seed + 1);
    const std::vector<Tensor> outputs = f(inputs);
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (!outputs[o].defined() || !outputs[o].requires_grad()) continue;
      differentiable.push_back(o);
      all.push_back(random_like(outputs[o], generator).requires_grad_());
    }
  }
  const size_t count = inputs.size();
  const TensorFunction gradient = [&f, &differentiable, count](const std::vector<Tensor>& given) {
    const auto cotangents = given.begin() + static_cast<std::ptrdiff_t>(count);
    const std::vector<Tensor> arguments(given.begin(), cotangents);
    const std::vector<Tensor> outputs = f(arguments);
    std::vector<Tensor> chosen, wanted;
    for (size_t o : differentiable) chosen.push_back(outputs[o]);
    for (const Tensor& x : arguments) {
      if (x.defined() && x.requires_grad()) wanted.push_back(x);
    }
    return grad(chosen, wanted,
                {.grad_outputs = {cotangents, given.end()}, .create_graph = true, .allow_unused = true});
  };
  return check_gradients("gradgradcheck", gradient, all, options);
}

}  // namespace st
