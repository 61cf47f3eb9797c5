// LSTM over a whole sequence, one direction of one layer. Everything is row-major and of one dtype, float32
// or float64, except that h, dh (and only they) may have gaps between rows, and that weight_hh may be
// bfloat16 where the rest is float32. Gates stand in the order i f g o.
#pragma once

#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// For each step t, from the last one on if `reverse`:
///   i, f, o = sigmoid, g = tanh of (gates_t + h W^T),   c = f c + i g,   h = o tanh(c)
/// weight_hh: (4 hidden, hidden)   h0, c0: (batch, hidden) or undefined, zeros
/// gates: (steps, batch, 4 hidden), with the products of the input and the biases
/// h: (steps, batch, hidden)   c: (steps, batch, hidden), and the gates are left where the sums were; or
/// (1, batch, hidden), where only the last cell is wanted and the sums stay.
/// Beside weights of bfloat16 the products are those of 16 bits, summed in float32: every h is rounded to
/// bfloat16 (h0 is, as it comes), and that is what h holds; c is not.
void lstm(In weight_hh, In h0, In c0, bool reverse, Out gates, Out c, Out h);

/// The gradients. gates and c are those that lstm left.
/// dh: that of h, dh_n, dc_n: of the last h and c; each may be undefined, zeros
/// dsums: (steps, batch, 4 hidden), of the gates' sums; beside weights of bfloat16 rounded to it
/// dbias: (4 hidden), summed over steps and batch
/// dh0: (batch, hidden) or undefined where nobody asks   dc0: (batch, hidden)
void lstm_backward(In weight_hh, In c0, In gates, In c, In dh, In dh_n, In dc_n, bool reverse, Out dsums,
                   Out dh0, Out dc0, Out dbias);

}  // namespace st::cpu
