// Embedding: rows of a table by their numbers.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

struct EmbeddingFuncOptions {
  std::optional<int64_t> padding_idx = {};  // negative: from the end
};
/// y = weight[index].   index: (...), int64 or int32   weight: (rows, d)   y: (..., d)
/// The row padding_idx gets no gradient. Throws IndexError for an index outside [0, rows) and a padding_idx
/// outside [-rows, rows). Source: torch.nn.functional.embedding, without max_norm, scale_grad_by_freq and
/// sparse.
Tensor embedding(const Tensor& index, const Tensor& weight, const EmbeddingFuncOptions& options = {});

}  // namespace st
