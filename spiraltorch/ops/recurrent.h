// Recurrence: a layer over all steps of a sequence at once.
#pragma once

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct LstmFuncOptions {
  /// From the last step to the first. `output` stays in the order of x.
  bool reverse = false;
};

struct LstmResult {
  Tensor output;  // h of every step, (steps, batch, hidden)
  Tensor h, c;    // after the last step that was made, (batch, hidden)
};

/// One direction of one layer over a sequence:
///   i, f, o = sigmoid and g = tanh of x_t W_ih^T + b_ih + h W_hh^T + b_hh,   c = f c + i g,   h = o tanh(c)
/// x: (steps, batch, in), steps >= 1   h0, c0: (batch, hidden), undefined: zeros
/// weight_ih: (4 hidden, in)   weight_hh: (4 hidden, hidden)   biases: (4 hidden) or undefined
/// The rows of weights and biases belong to i, f, g, o, in this order. 16-bit floats are accumulated in
/// float32; with bfloat16 h is rounded to it before it is multiplied, float16 is multiplied as float32.
/// Throws ShapeError and DTypeError. Source: torch.lstm, which takes all layers at once.
LstmResult lstm(const Tensor& x, const Tensor& h0, const Tensor& c0, const Tensor& weight_ih,
                const Tensor& weight_hh, const Tensor& bias_ih = {}, const Tensor& bias_hh = {},
                const LstmFuncOptions& options = {});

}  // namespace st
