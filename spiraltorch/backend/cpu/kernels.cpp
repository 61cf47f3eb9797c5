// Every kernel of the CPU, in plain sight: slot = function, one line each, in the order of backend/kernels.h.
#include "spiraltorch/backend/cpu/kernels.h"

#include "spiraltorch/backend/cpu/ball_step.h"
#include "spiraltorch/backend/cpu/conv.h"
#include "spiraltorch/backend/cpu/copy.h"
#include "spiraltorch/backend/cpu/elementwise.h"
#include "spiraltorch/backend/cpu/hyperbolic.h"
#include "spiraltorch/backend/cpu/index.h"
#include "spiraltorch/backend/cpu/loss.h"
#include "spiraltorch/backend/cpu/lstm.h"
#include "spiraltorch/backend/cpu/matmul.h"
#include "spiraltorch/backend/cpu/norm.h"
#include "spiraltorch/backend/cpu/optimizer.h"
#include "spiraltorch/backend/cpu/pool.h"
#include "spiraltorch/backend/cpu/random.h"
#include "spiraltorch/backend/cpu/range.h"
#include "spiraltorch/backend/cpu/reduce.h"
#include "spiraltorch/backend/cpu/scan.h"
#include "spiraltorch/backend/cpu/softmax.h"
#include "spiraltorch/backend/cpu/sort.h"
#include "spiraltorch/backend/cpu/unscale.h"

namespace st::cpu {
namespace {

Kernels make_kernels() {
  Kernels k;
  // elementwise
  k.unary.fn = unary;
  k.unary_backward.fn = unary_backward;
  k.curve.fn = curve;
  k.curve_backward.fn = curve_backward;
  k.point_loss.fn = point_loss;
  k.point_loss_backward.fn = point_loss_backward;
  k.binary.fn = binary;
  k.binary_scalar.fn = binary_scalar;
  k.scalar_binary.fn = scalar_binary;
  k.axpy.fn = axpy;
  k.compare.fn = compare;
  k.compare_scalar.fn = compare_scalar;
  k.where.fn = where;
  k.clamp.fn = clamp;
  k.clamp_backward.fn = clamp_backward;
  k.copy.fn = copy;
  k.fill.fn = fill;
  k.arange.fn = arange;
  k.linspace.fn = linspace;
  // random
  k.uniform.fn = uniform;
  k.normal.fn = normal;
  k.randint.fn = randint;
  k.randperm.fn = randperm;
  k.dropout.fn = dropout;
  // reductions
  k.reduce.fn = reduce;
  k.extremum.fn = extremum;
  // order, running sums and products
  k.sort.fn = sort;
  k.topk.fn = topk;
  k.cumsum.fn = cumsum;
  k.cumprod.fn = cumprod;
  k.linear_scan.fn = linear_scan;
  // softmax
  k.softmax.fn = softmax;
  k.softmax_backward.fn = softmax_backward;
  k.log_softmax.fn = log_softmax;
  k.log_softmax_backward.fn = log_softmax_backward;
  // normalisation and losses
  k.batch_norm.fn = batch_norm;
  k.batch_norm_eval.fn = batch_norm_eval;
  k.batch_norm_backward.fn = batch_norm_backward;
  k.group_norm.fn = group_norm;
  k.group_norm_backward.fn = group_norm_backward;
  k.layer_norm.fn = layer_norm;
  k.layer_norm_backward.fn = layer_norm_backward;
  k.rms_norm.fn = rms_norm;
  k.rms_norm_backward.fn = rms_norm_backward;
  k.check_target.fn = check_target;
  k.cross_entropy.fn = cross_entropy;
  k.cross_entropy_backward.fn = cross_entropy_backward;
  // indices
  k.check_index.fn = check_index;
  k.index_select.fn = index_select;
  k.index_add.fn = index_add;
  k.gather.fn = gather;
  k.scatter.fn = scatter;
  k.scatter_add.fn = scatter_add;
  // products
  k.matmul.fn = matmul;
  k.linear.fn = linear;
  // recurrence
  k.lstm.fn = lstm;
  k.lstm_backward.fn = lstm_backward;
  // convolution and pooling
  k.conv2d.fn = conv2d;
  k.conv2d_backward_input.fn = conv2d_backward_input;
  k.conv2d_backward_weight.fn = conv2d_backward_weight;
  k.max_pool2d.fn = max_pool2d;
  k.max_pool2d_scatter.fn = max_pool2d_scatter;
  k.max_pool2d_gather.fn = max_pool2d_gather;
  k.avg_pool2d.fn = avg_pool2d;
  k.avg_pool2d_backward.fn = avg_pool2d_backward;
  // optimisers
  k.sgd.fn = sgd;
  k.adam.fn = adam;
  k.rmsprop.fn = rmsprop;
  // hyperbolic
  k.hyperbolic.fn = hyperbolic;
  k.hyperbolic_backward.fn = hyperbolic_backward;
  k.hyperbolic_cdist.fn = hyperbolic_cdist;
  k.hyperbolic_cdist_backward.fn = hyperbolic_cdist_backward;
  k.hyperbolic_mlr.fn = hyperbolic_mlr;
  k.hyperbolic_mlr_backward.fn = hyperbolic_mlr_backward;
  k.hyperbolic_matvec.fn = hyperbolic_matvec;
  k.hyperbolic_matvec_backward.fn = hyperbolic_matvec_backward;
  k.hyperbolic_midpoint.fn = hyperbolic_midpoint;
  k.hyperbolic_midpoint_backward.fn = hyperbolic_midpoint_backward;
  k.ball_step.fn = ball_step;
  // gradients
  k.unscale.fn = unscale;
  return k;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels table = make_kernels();
  return table;
}

bool has_instructions_for(DType dtype) {
#if defined(__x86_64__)
  return dtype == DType::bfloat16 && __builtin_cpu_supports("avx512bf16");
#else
  static_cast<void>(dtype);
  return false;
#endif
}

}  // namespace st::cpu
