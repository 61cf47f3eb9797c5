// Lstm: long short-term memory, any number of layers, in one or both directions.
#pragma once

#include <string>
#include <vector>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct LstmOptions {
  int64_t num_layers = 1;
  bool bias = true;
  /// x and output are (batch, steps, features).
  bool batch_first = false;
  /// The probability with which an output of a layer that has another one above it is dropped in training.
  double dropout = 0;
  /// Each layer also reads the sequence from its end; the output has both, 2 hidden.
  bool bidirectional = false;
  /// The next forward goes on, detached, from where the last one ended.
  bool carry_state = false;
};

/// Hidden and cell state of all layers and directions, (num_layers * directions[, batch], hidden).
struct LstmState {
  Tensor h, c;
};

struct LstmOutput {
  Tensor output;
  LstmState state;
};

/// What one direction of one layer learns. Rows belong to the gates i, f, g, o, in this order.
struct LstmWeights {
  Parameter weight_ih, weight_hh;  // (4 hidden, in), (4 hidden, hidden)
  Parameter bias_ih, bias_hh;      // (4 hidden), undefined where there is none
};

/// For each step i, f, o = sigmoid and g = tanh of x W_ih^T + b_ih + h W_hh^T + b_hh; c = f c + i g; h = o
/// tanh(c). x: (steps, in), (steps, batch, in), or (batch, steps, in) if batch_first     output: (...,
/// directions * hidden) Keys are PyTorch's: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0,
/// weight_ih_l0_reverse, ... All of them start in U(-1/sqrt(hidden), 1/sqrt(hidden)). The state is none of
/// them: no state dict has it, copies carry it, load_state_dict leaves it. Throws ValueError unless the sizes
/// and num_layers are at least 1, dropout is in [0, 1]; ShapeError for an x or a state of another form.
/// Source: torch.nn.LSTM.
class Lstm final : public Layer {
 public:
  Lstm(std::string name, int64_t input_size, int64_t hidden_size, const LstmOptions& options = {});

  /// From the state that was set (zeros at first) to the output of every step.
  Tensor forward(const Tensor& x) override;
  using Layer::operator();
  /// From `state` to the output and the state at the end, all of them part of the graph. The layer's own
  /// state is neither read nor changed. Source: the call of torch.nn.LSTM with hx.
  LstmOutput operator()(const Tensor& x, const LstmState& state);

  /// Where the next forward starts, detached; with one layer and one direction also (hidden).
  void set_state(const Tensor& h, const Tensor& c);
  /// Zeros again.
  void reset_state();
  /// Where the last forward ended, detached; before the first, what was set; else zeros.
  LstmState state() const;

  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  /// Draws all weights anew.
  void reset_parameters();

  int64_t input_size() const { return input_size_; }
  int64_t hidden_size() const { return hidden_size_; }
  const LstmOptions& options() const { return options_; }
  /// Throws IndexError for a layer that is not there, or a direction.
  LstmWeights& weights(int64_t layer = 0, bool reverse = false);

 private:
  int64_t directions() const { return options_.bidirectional ? 2 : 1; }
  void check_state(const LstmState& state) const;
  void check_input(const Tensor& x, const LstmState& start) const;
  LstmOutput run(const Tensor& x, const LstmState& start);

  int64_t input_size_, hidden_size_;
  LstmOptions options_;
  std::vector<LstmWeights> weights_;  // by layer, then direction
  LstmState start_, end_;  // undefined: zeros. Replaced, never written to, so copies may share them
};
static_assert(ModuleValue<Lstm>);

}  // namespace nn
}  // namespace st
