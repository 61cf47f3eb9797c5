// Attention.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct ScaledDotProductAttentionOptions {
  Tensor attn_mask =
      {};  // of the weights' shape, or broadcast to it: bool, true where a key is seen, or added
  double dropout_p = 0;              // of the weights; the caller says 0 in evaluation
  bool is_causal = false;            // query i sees keys 0 .. i; not beside attn_mask
  std::optional<double> scale = {};  // 1 / sqrt(e)
};
/// softmax(scale q k^T + mask) v.   q: (..., l, e)   k: (..., s, e)   v: (..., s, ev)   result: (..., l, ev);
/// leading dimensions broadcast. A query that sees no key gives zeros. Source:
/// torch.nn.functional.scaled_dot_product_attention, without enable_gqa; the weights, (..., l, s), are held
/// in memory.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const ScaledDotProductAttentionOptions& options = {});

}  // namespace st
