// LSTM: the products that all steps share are one matmul each; what must go from step to step is in the
// kernels.
#include "spiraltorch/ops/recurrent.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/kernel_operands.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/promotion.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

// The order of the inputs, of their gradients and of what is kept of them.
enum Input { kX, kH0, kC0, kWeightIh, kWeightHh, kBiasIh, kBiasHh, kInputs };

void check_lstm(const Tensor& x, const Tensor& h0, const Tensor& c0, const Tensor& weight_ih,
                const Tensor& weight_hh, const Tensor& bias_ih, const Tensor& bias_hh) {
  check<ShapeError>(x.dim() == 3, "lstm: x is (steps, batch, in), three dimensions (x: {})", x.shape());
  check<ShapeError>(weight_hh.dim() == 2 && weight_hh.size(0) == 4 * weight_hh.size(1),
                    "lstm: weight_hh is (4 hidden, hidden), and is {}", weight_hh.shape());
  const int64_t rows = weight_hh.size(0), hidden = weight_hh.size(1);
  check<ShapeError>(hidden >= 1, "lstm: hidden must be at least 1 (weight_hh: {})", weight_hh.shape());
  check<ShapeError>(weight_ih.dim() == 2 && weight_ih.size(0) == rows,
                    "lstm: weight_ih is (4 hidden, in) with {} rows, as weight_hh has, and is {}", rows,
                    weight_ih.shape());
  check<ShapeError>(x.size(2) == weight_ih.size(1),
                    "lstm: last dimension of x is {}, weight_ih expects {} (x: {}, weight_ih: {})", x.size(2),
                    weight_ih.size(1), x.shape(), weight_ih.shape());
  check<ShapeError>(x.size(0) >= 1, "lstm: the sequence needs at least one step (x: {})", x.shape());
  check<DTypeError>(is_floating(x.dtype()), "lstm: expected a floating-point tensor, x is {}", x.dtype());
  const auto check_dtype = [&](const char* name, const Tensor& t) {
    check<DTypeError>(!t.defined() || t.dtype() == x.dtype(),
                      "lstm: all arguments need one dtype, x is {} and {} is {}", x.dtype(), name,
                      t.defined() ? t.dtype() : x.dtype());
  };
  const auto check_bias = [&](const char* name, const Tensor& t) {
    check<ShapeError>(!t.defined() || t.shape() == Shape{rows}, "lstm: {} must be ({},) and is {}", name,
                      rows, t.defined() ? t.shape() : Shape{});
  };
  const auto check_state = [&](const char* name, const Tensor& t) {
    check<ShapeError>(!t.defined() || t.shape() == Shape{x.size(1), hidden},
                      "lstm: {} must be (batch, hidden), {}, and is {}", name, Shape{x.size(1), hidden},
                      t.defined() ? t.shape() : Shape{});
  };
  check_bias("bias_ih", bias_ih);
  check_bias("bias_hh", bias_hh);
  check_state("h0", h0);
  check_state("c0", c0);
  check_dtype("h0", h0);
  check_dtype("c0", c0);
  check_dtype("weight_ih", weight_ih);
  check_dtype("weight_hh", weight_hh);
  check_dtype("bias_ih", bias_ih);
  check_dtype("bias_hh", bias_hh);
}

// An operand that may have gaps between rows.
Tensor rows_operand(const Tensor& t, DType compute) {
  const Tensor converted = to(t, compute);
  return converted.strides().back() == 1 || converted.shape().back() == 1 ? converted : contiguous(converted);
}

In in(const Tensor& t) { return t.defined() ? t.in() : In{}; }

Tensor sum_of(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() ? a + b : a.defined() ? a : b;
}

// The steps in the order in which they are made.
int64_t position(int64_t step, int64_t steps, bool reverse) { return reverse ? steps - 1 - step : step; }

// The h with which each step began but the first, and the dsums of those steps: h_{t-1} beside dsums_t.
Tensor before_each(const Tensor& h, bool reverse) { return narrow(h, 0, reverse ? 1 : 0, h.size(0) - 1); }
Tensor but_the_first(const Tensor& dsums, bool reverse) {
  return narrow(dsums, 0, reverse ? 0 : 1, dsums.size(0) - 1);
}

Tensor rows_of(const Tensor& t) { return flatten(t, 0, 1); }

// The gradients as ops, for create_graph: the forward once more, step by step, then its gradients by hand.
Grads composed_gradients(const Backward& b, bool reverse) {
  const Tensor x = b.kept(kX), weight_ih = b.kept(kWeightIh), weight_hh = b.kept(kWeightHh);
  const int64_t steps = x.size(0), batch = x.size(1), hidden = weight_hh.size(1);
  const auto state = [&](int which) {
    const Tensor t = b.kept(which);
    return t.defined() ? t : zeros({batch, hidden}, x.dtype(), x.device());
  };
  struct Step {
    Tensor i, f, g, o, c_last, h_last, bent;
  };
  std::vector<Step> made;
  const Tensor bias = sum_of(b.kept(kBiasIh), b.kept(kBiasHh));
  Tensor h = state(kH0), c = state(kC0);
  for (int64_t s = 0; s < steps; ++s) {
    const Tensor sums =
        linear(select(x, 0, position(s, steps, reverse)), weight_ih, bias) + linear(h, weight_hh);
    const std::vector<Tensor> part = chunk(sums, 4, 1);
    Step step{sigmoid(part[0]), sigmoid(part[1]), tanh(part[2]), sigmoid(part[3]), c, h, {}};
    c = step.f * c + step.i * step.g;
    step.bent = tanh(c);
    h = step.o * step.bent;
    made.push_back(step);
  }

  Tensor dh = b.has_dy(1) ? b.dy(1) : Tensor(), dc = b.has_dy(2) ? b.dy(2) : Tensor();
  std::vector<Tensor> dsums(static_cast<size_t>(steps));
  Tensor dweight_hh;
  for (int64_t s = steps - 1; s >= 0; --s) {
    const int64_t t = position(s, steps, reverse);
    const Step& step = made[static_cast<size_t>(s)];
    if (b.has_dy(0)) dh = sum_of(dh, select(b.dy(0), 0, t));
    if (!dh.defined()) dh = zeros({batch, hidden}, x.dtype(), x.device());
    dc = sum_of(dc, dh * step.o * (1 - step.bent * step.bent));
    const Tensor dsum = cat({dc * step.g * step.i * (1 - step.i), dc * step.c_last * step.f * (1 - step.f),
                             dc * step.i * (1 - step.g * step.g), dh * step.bent * step.o * (1 - step.o)},
                            1);
    dweight_hh = sum_of(dweight_hh, matmul(dsum.t(), step.h_last));
    dh = matmul(dsum, weight_hh);
    dc = dc * step.f;
    dsums[static_cast<size_t>(t)] = dsum;
  }
  const Tensor all = stack(dsums, 0), dbias = sum(all, {0, 1});
  return {matmul(all, weight_ih), dh, dc, matmul(rows_of(all).t(), rows_of(x)), dweight_hh, dbias, dbias};
}

}  // namespace

LstmResult lstm(const Tensor& x_in, const Tensor& h0_in, const Tensor& c0_in, const Tensor& weight_ih_in,
                const Tensor& weight_hh_in, const Tensor& bias_ih_in, const Tensor& bias_hh_in,
                const LstmFuncOptions& options) {
  check_operands("lstm", {{"x", x_in},
                          {"h0", h0_in, true},
                          {"c0", c0_in, true},
                          {"weight_ih", weight_ih_in},
                          {"weight_hh", weight_hh_in},
                          {"bias_ih", bias_ih_in, true},
                          {"bias_hh", bias_hh_in, true}});
  const Tensor x = autocast(x_in), h0 = autocast(h0_in), c0 = autocast(c0_in),
               weight_ih = autocast_weight(weight_ih_in), weight_hh = autocast_weight(weight_hh_in),
               bias_ih = autocast_weight(bias_ih_in), bias_hh = autocast_weight(bias_hh_in);
  check_lstm(x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh);
  const bool reverse = options.reverse;
  const int64_t steps = x.size(0), batch = x.size(1), hidden = weight_hh.size(1);
  const DType compute = is_reduced_floating(x.dtype()) ? DType::float32 : x.dtype();
  // Of the products' operands. Sums, gates and cells stay in float32.
  const DType factors = x.dtype() == DType::bfloat16 ? DType::bfloat16 : compute;
  const bool recorded =
      must_record(std::initializer_list<Tensor>{x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh});
  Tensor gates = empty_for("lstm", {steps, batch, 4 * hidden}, compute, x.device());
  Tensor h = empty_for("lstm", {steps, batch, hidden}, compute, x.device());
  Tensor c = empty_for("lstm", {recorded ? steps : 1, batch, hidden}, compute, x.device());
  LstmResult result;
  {
    const NoGradGuard no_grad;
    if (batch > 0) {
      const Kernels& table = kernels(x.device());
      const Tensor bias = sum_of(operand(bias_ih, compute), operand(bias_hh, compute));
      // bfloat16 is multiplied as it is, into sums of float32.
      const Tensor source = rows_of(operand(x, factors)), sums = rows_of(gates);
      table.linear(source.in(), operand(weight_ih, factors).in(), in(bias), Activation::none, sums.out());
      table.lstm(operand(weight_hh, factors).in(), in(operand(h0, compute)), in(operand(c0, compute)),
                 reverse, gates.out(), c.out(), h.out());
    }
    const auto last = [&](const Tensor& all) {
      return to(clone(select(all, 0, position(all.size(0) - 1, all.size(0), reverse))), x.dtype());
    };
    result = {to(h, x.dtype()), last(h), last(c)};
  }
  const Keep keep{x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, gates, c, h};
  record("lstm", {result.output, result.h, result.c}, {x, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh},
         keep, [reverse, compute, factors](const Backward& b) -> Grads {
           if (grad_enabled()) return composed_gradients(b, reverse);
           const Tensor x = b.kept(kX), h0 = b.kept(kH0), gates = b.kept(kInputs), c = b.kept(kInputs + 1),
                        h = b.kept(kInputs + 2);
           const Tensor weight_ih = b.kept(kWeightIh), weight_hh = operand(b.kept(kWeightHh), factors);
           const auto given = [&](int output) {
             return b.has_dy(output) ? rows_operand(b.dy(output), compute) : Tensor();
           };
           const auto fresh = [&](const Shape& shape) { return empty(shape, compute, x.device()); };
           const Shape state{x.size(1), h.size(2)};
           const Tensor dsums = fresh(gates.shape()), dh0 = b.needs(kH0) ? fresh(state) : Tensor(),
                        dc0 = fresh(state), dbias = fresh({gates.size(2)});
           if (x.size(1) == 0) {
             dbias.zero_();
           } else {
             kernels(x.device())
                 .lstm_backward(weight_hh.in(), in(operand(b.kept(kC0), compute)), gates.in(), c.in(),
                                in(given(0)), in(given(1)), in(given(2)), reverse, dsums.out(), out_of(dh0),
                                dc0.out(), dbias.out());
           }
           Tensor dx, dweight_ih, dweight_hh;
           const Tensor ds = to(dsums, factors);
           if (b.needs(kX)) dx = matmul(ds, to(weight_ih, factors));
           if (b.needs(kWeightIh)) dweight_ih = matmul(rows_of(ds).t(), rows_of(operand(x, factors)));
           if (b.needs(kWeightHh)) {
             dweight_hh = matmul(rows_of(but_the_first(ds, reverse)).t(),
                                 rows_of(before_each(to(h, factors), reverse)));
             if (h0.defined()) {
               const Tensor first = select(ds, 0, reverse ? -1 : 0);
               dweight_hh = dweight_hh + matmul(first.t(), operand(h0, factors));
             }
           }
           return {dx, dh0, b.needs(kC0) ? dc0 : Tensor(), dweight_ih, dweight_hh, dbias, dbias};
         });
  return result;
}

}  // namespace st
