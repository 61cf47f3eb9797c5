// Lstm: how layers and directions are put together, and where a sequence starts and ends.
#include "spiraltorch/nn/lstm.h"

#include <cmath>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/nn/init.h"
#include "spiraltorch/nn/repr.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/dropout.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/recurrent.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

Lstm::Lstm(std::string name, int64_t input_size, int64_t hidden_size, const LstmOptions& options)
    : Layer(std::move(name)), input_size_(input_size), hidden_size_(hidden_size), options_(options) {
  check<ValueError>(input_size >= 1, "Lstm: input_size must be at least 1, got {}", input_size);
  check<ValueError>(hidden_size >= 1, "Lstm: hidden_size must be at least 1, got {}", hidden_size);
  check<ValueError>(hidden_size <= INT64_MAX / 4, "Lstm: hidden_size {} is more than memory can address",
                    hidden_size);
  check<ValueError>(options.num_layers >= 1, "Lstm: num_layers must be at least 1, got {}",
                    options.num_layers);
  check<ValueError>(options.dropout >= 0 && options.dropout <= 1, "Lstm: dropout must be in [0, 1], got {}",
                    options.dropout);
  const Dims rows = {4 * hidden_size};
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    const int64_t in = layer == 0 ? input_size : directions() * hidden_size;
    for (int64_t direction = 0; direction < directions(); ++direction) {
      LstmWeights w;
      w.weight_ih = Parameter(empty_for("Lstm", {4 * hidden_size, in}, DType::float32));
      w.weight_hh = Parameter(empty_for("Lstm", {4 * hidden_size, hidden_size}, DType::float32));
      if (options.bias) {
        w.bias_ih = Parameter(empty_for("Lstm", rows, DType::float32));
        w.bias_hh = Parameter(empty_for("Lstm", rows, DType::float32));
      }
      weights_.push_back(std::move(w));
    }
  }
  reset_parameters();
}

void Lstm::reset_parameters() {
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_size_));
  for (const Tensor& p : parameters()) init::uniform_(p, -bound, bound);
}

void Lstm::visit(Visitor& v) {
  for (size_t i = 0; i < weights_.size(); ++i) {
    const size_t directions = options_.bidirectional ? 2 : 1;
    const std::string suffix = "_l" + std::to_string(i / directions) + (i % directions ? "_reverse" : "");
    v("weight_ih" + suffix, weights_[i].weight_ih);
    v("weight_hh" + suffix, weights_[i].weight_hh);
    v("bias_ih" + suffix, weights_[i].bias_ih);
    v("bias_hh" + suffix, weights_[i].bias_hh);
  }
}

std::string Lstm::extra_repr() const {
  std::string text = to_text(input_size_) + ", " + to_text(hidden_size_);
  if (options_.num_layers != 1) text += ", num_layers=" + to_text(options_.num_layers);
  if (!options_.bias) text += ", bias=False";
  if (options_.batch_first) text += ", batch_first=True";
  if (options_.dropout != 0) text += ", dropout=" + python_repr(options_.dropout);
  if (options_.bidirectional) text += ", bidirectional=True";
  if (options_.carry_state) text += ", carry_state=True";
  return text;
}

LstmWeights& Lstm::weights(int64_t layer, bool reverse) {
  check<IndexError>(layer >= 0 && layer < options_.num_layers, "Lstm: there is no layer {}, it has {}", layer,
                    options_.num_layers);
  check<IndexError>(!reverse || options_.bidirectional, "Lstm: there is no reverse direction, it has {}",
                    directions());
  return weights_[static_cast<size_t>(layer * directions() + (reverse ? 1 : 0))];
}

// --- State

namespace {

// (hidden) as (1, hidden); everything else as it is.
Tensor with_layers(const Tensor& t) { return t.defined() && t.dim() == 1 ? unsqueeze(t, 0) : t; }

}  // namespace

void Lstm::check_state(const LstmState& state) const {
  const Tensor &h = state.h, &c = state.c;
  check_operands("Lstm", {{"h", h}, {"c", c}});
  const int64_t count = options_.num_layers * directions();
  check<ShapeError>(h.shape() == c.shape(), "Lstm: h and c must have one shape, h is {} and c is {}",
                    h.shape(), c.shape());
  const bool plain = h.dim() == 1 && count == 1;
  check<ShapeError>(
      (plain || ((h.dim() == 2 || h.dim() == 3) && h.size(0) == count)) && h.shape().back() == hidden_size_,
      "Lstm: h and c must be (num_layers * directions[, batch], hidden), with {} and {}, and are {}", count,
      hidden_size_, h.shape());
  check<DTypeError>(is_floating(h.dtype()) && is_floating(c.dtype()),
                    "Lstm: h and c must be floating-point tensors, h is {} and c is {}", h.dtype(),
                    c.dtype());
}

void Lstm::check_input(const Tensor& x, const LstmState& state) const {
  check_operands("Lstm", {{"x", x}, {"h", state.h, true}, {"c", state.c, true}});
  check<ShapeError>(x.dim() == 2 || x.dim() == 3, "Lstm: x must be (steps, in) or {}, got {}",
                    options_.batch_first ? "(batch, steps, in)" : "(steps, batch, in)", x.shape());
  check<ShapeError>(x.shape().back() == input_size_, "Lstm: x has {} features, {} are expected (x: {})",
                    x.shape().back(), input_size_, x.shape());
  const int64_t steps = x.size(x.dim() == 3 && options_.batch_first ? 1 : 0);
  check<ShapeError>(steps >= 1, "Lstm: the sequence needs at least one step (x: {})", x.shape());
  const DType dtype = weights_[0].weight_ih.dtype();
  check<DTypeError>(autocast_dtype_of(x.dtype()) == autocast_dtype_of(dtype),
                    "Lstm: x is {}, the weights are {}; convert one of them with to()", x.dtype(), dtype);
  if (!state.h.defined()) return;
  Shape expected = {options_.num_layers * directions()};
  if (x.dim() == 3) expected.push_back(x.size(options_.batch_first ? 0 : 1));
  expected.push_back(hidden_size_);
  check<ShapeError>(
      state.h.shape() == expected,
      "Lstm: the state must be {} for this x, and is {} (x: {}); reset_state() makes it zeros again",
      expected, state.h.shape(), x.shape());
}

void Lstm::set_state(const Tensor& h, const Tensor& c) {
  check_state({h, c});
  const NoGradGuard guard;
  start_ = {clone(with_layers(h)), clone(with_layers(c))};
  end_ = start_;
}

void Lstm::reset_state() {
  start_ = {};
  if (end_.h.defined()) end_ = {zeros_like(end_.h), zeros_like(end_.c)};
}

LstmState Lstm::state() const {
  if (end_.h.defined()) return {end_.h.detach(), end_.c.detach()};
  const Tensor& like = weights_[0].weight_hh;
  const Shape shape{options_.num_layers * directions(), hidden_size_};
  return {zeros(shape, like.dtype(), like.device()), zeros(shape, like.dtype(), like.device())};
}

// --- Forward

Tensor Lstm::forward(const Tensor& x) {
  check_operands("Lstm", {{"x", x}});
  LstmState start = start_;
  if (start.h.defined()) {  // of the dtype and on the device that the layer may have gone to since
    start.h = start.h.to(x.dtype()).to(x.device());
    start.c = start.c.to(x.dtype()).to(x.device());
  }
  check_input(x, start);
  LstmOutput result = run(x, start);
  end_ = {result.state.h.detach(), result.state.c.detach()};
  if (options_.carry_state) start_ = end_;
  return result.output;
}

LstmOutput Lstm::operator()(const Tensor& x, const LstmState& state) {
  LstmState start;
  if (state.h.defined() || state.c.defined()) {
    check_state(state);
    start = {with_layers(state.h), with_layers(state.c)};
  }
  check_input(x, start);
  LstmOutput result = run(x, start);
  result.output = run_output_hooks(std::move(result.output));
  return result;
}

LstmOutput Lstm::run(const Tensor& given, const LstmState& start) {
  const bool batched = given.dim() == 3;
  Tensor x = !batched ? unsqueeze(given, 1) : options_.batch_first ? transpose(given, 0, 1) : given;
  const auto part = [batched](const Tensor& state, int64_t index) {
    if (!state.defined()) return state;
    const Tensor own = select(state, 0, index);
    return batched ? own : unsqueeze(own, 0);
  };
  std::vector<Tensor> h, c;
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    std::vector<Tensor> outputs;
    for (int64_t direction = 0; direction < directions(); ++direction) {
      const int64_t index = layer * directions() + direction;
      const LstmWeights& w = weights_[static_cast<size_t>(index)];
      const LstmResult result = lstm(x, part(start.h, index), part(start.c, index), w.weight_ih, w.weight_hh,
                                     w.bias_ih, w.bias_hh, {.reverse = direction == 1});
      outputs.push_back(result.output);
      h.push_back(result.h);
      c.push_back(result.c);
    }
    x = outputs.size() == 1 ? outputs[0] : cat(outputs, 2);
    if (layer + 1 < options_.num_layers && options_.dropout > 0)
      x = dropout(x, {.p = options_.dropout, .training = training()});
  }
  const auto all = [batched](const std::vector<Tensor>& parts) {
    const Tensor joined = parts.size() == 1 ? unsqueeze(parts[0], 0) : stack(parts, 0);
    return batched ? joined : squeeze(joined, 1);
  };
  const Tensor output = !batched ? squeeze(x, 1) : options_.batch_first ? transpose(x, 0, 1) : x;
  return {output, {all(h), all(c)}};
}

}  // namespace st::nn
