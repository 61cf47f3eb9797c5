// Attention, composed of recorded ops: two products around a softmax.
#include "spiraltorch/ops/attention.h"

#include <cmath>
#include <limits>

#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/autocast.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/dropout.h"
#include "spiraltorch/ops/mask.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

constexpr const char* kName = "scaled_dot_product_attention";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Shape batch_of(const Tensor& x) {
  Shape shape;
  for (int d = 0; d < x.dim() - 2; ++d) shape.push_back(x.shape()[d]);
  return shape;
}

void check_arguments(const Tensor& q, const Tensor& k, const Tensor& v,
                     const ScaledDotProductAttentionOptions& options) {
  const Tensor& mask = options.attn_mask;
  check<ShapeError>(
      q.dim() >= 2 && k.dim() >= 2 && v.dim() >= 2 && q.size(-1) == k.size(-1) && k.size(-2) == v.size(-2),
      "{}: expected q (..., l, e), k (..., s, e) and v (..., s, ev) (q: {}, k: {}, v: {})", kName, q.shape(),
      k.shape(), v.shape());
  check<DTypeError>(q.dtype() == k.dtype() && q.dtype() == v.dtype() && is_floating(q.dtype()),
                    "{}: expected one floating-point dtype, got {}, {} and {}", kName, q.dtype(), k.dtype(),
                    v.dtype());
  check<ValueError>(options.dropout_p >= 0 && options.dropout_p <= 1,
                    "{}: dropout_p must be in [0, 1], got {}", kName, options.dropout_p);
  Shape weights = broadcast_shapes(kName, batch_of(q), batch_of(k));
  broadcast_shapes(kName, weights, batch_of(v));
  if (!mask.defined()) return;
  check<ValueError>(!options.is_causal, "{}: attn_mask and is_causal exclude each other", kName);
  check<DTypeError>(mask.dtype() == DType::bool_ || is_floating(mask.dtype()),
                    "{}: attn_mask is {}, expected bool or a floating-point dtype", kName, mask.dtype());
  weights.push_back(q.size(-2));
  weights.push_back(k.size(-2));
  check<ShapeError>(broadcast_shapes(kName, weights, mask.shape()) == weights,
                    "{}: attn_mask {} does not broadcast to the weights {}", kName, mask.shape(), weights);
}

Tensor masked(const Tensor& scores, const Tensor& mask) {
  if (mask.dtype() == DType::bool_) return masked_fill(scores, logical_not(mask), -kInfinity);
  return scores + to(mask, scores.dtype());
}

// Rows of -infinity alone, for which softmax has no answer, give zeros and pass no gradient.
Tensor softmax_or_zeros(const Tensor& scores) {
  const Tensor nothing = all(scores == -kInfinity, -1, keepdim);
  if (!any(nothing).item<bool>()) return softmax(scores, -1);
  return masked_fill(softmax(masked_fill(scores, nothing, 0), -1), nothing, 0);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q_in, const Tensor& k_in, const Tensor& v_in,
                                    const ScaledDotProductAttentionOptions& options) {
  check_operands(kName, {{"q", q_in}, {"k", k_in}, {"v", v_in}, {"attn_mask", options.attn_mask, true}});
  const Tensor q = autocast(q_in), k = autocast(k_in), v = autocast(v_in);
  check_arguments(q, k, v, options);
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  Tensor scores = matmul(q * scale, transpose(k, -2, -1));
  if (options.is_causal) {
    const Tensor all_pairs = ones({q.size(-2), k.size(-2)}, DType::bool_, q.device());
    scores = masked_fill(scores, triu(all_pairs, 1), -kInfinity);
  }
  Tensor weights =
      options.attn_mask.defined() ? softmax_or_zeros(masked(scores, options.attn_mask)) : softmax(scores, -1);
  if (options.dropout_p > 0) weights = dropout(weights, {options.dropout_p});
  return matmul(weights, v);
}

}  // namespace st
