// Embedding: a table of vectors.
#pragma once

#include <optional>
#include <string>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

struct EmbeddingOptions {
  /// The row that stays as it is: it starts at 0 and gets no gradient. Negative: from the end.
  std::optional<int64_t> padding_idx = {};
};

/// y = weight[x].   x: (...), int64 or int32   y: (..., embedding_dim)
/// weight (num_embeddings, embedding_dim) starts in N(0, 1), the row padding_idx at 0. Throws ValueError
/// unless both sizes are at least 1 and padding_idx is a row; IndexError for an entry of x that is none.
/// Source: torch.nn.Embedding, without max_norm, scale_grad_by_freq and sparse.
class Embedding final : public Layer {
 public:
  Embedding(std::string name, int64_t num_embeddings, int64_t embedding_dim,
            const EmbeddingOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;
  std::string extra_repr() const override;
  void reset_parameters();

  Parameter weight;

 private:
  std::optional<int64_t> padding_idx_;
};
static_assert(ModuleValue<Embedding>);

}  // namespace nn
}  // namespace st
