// Embedding: rows of a table by their numbers. And numbers as rows.
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

/// Numbers as rows of zeros with a 1 at the number.   index: (...), int64 or int32   result: (...,
/// num_classes), int64. With -1 there are as many classes as the largest number asks for. Throws IndexError
/// for a number outside [0, num_classes). Source: torch.nn.functional.one_hot.
Tensor one_hot(const Tensor& index, int64_t num_classes = -1);

}  // namespace st
