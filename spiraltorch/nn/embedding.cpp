// Embedding: checks, initial values, and its function.
#include "spiraltorch/nn/embedding.h"

#include "spiraltorch/core/modes.h"
#include "spiraltorch/nn/init.h"
#include "spiraltorch/ops/embedding.h"
#include "spiraltorch/tensor/operands.h"

namespace st::nn {

Embedding::Embedding(std::string name, int64_t num_embeddings, int64_t embedding_dim,
                     const EmbeddingOptions& options)
    : Layer(std::move(name)), padding_idx_(options.padding_idx) {
  check<ValueError>(num_embeddings >= 1, "Embedding: num_embeddings must be at least 1, got {}",
                    num_embeddings);
  check<ValueError>(embedding_dim >= 1, "Embedding: embedding_dim must be at least 1, got {}", embedding_dim);
  if (padding_idx_) {
    check<ValueError>(*padding_idx_ >= -num_embeddings && *padding_idx_ < num_embeddings,
                      "Embedding: padding_idx must be a row of {}, got {}", num_embeddings, *padding_idx_);
    if (*padding_idx_ < 0) *padding_idx_ += num_embeddings;
  }
  weight = Parameter(empty_for("Embedding", {num_embeddings, embedding_dim}, DType::float32));
  reset_parameters();
}

void Embedding::reset_parameters() {
  init::normal_(weight);
  if (!padding_idx_) return;
  const NoGradGuard no_grad;
  weight.select(0, *padding_idx_).zero_();
}

Tensor Embedding::forward(const Tensor& x) { return embedding(x, weight, {padding_idx_}); }

void Embedding::visit(Visitor& v) { v("weight", weight); }

std::string Embedding::extra_repr() const {
  std::string text = to_text(weight.size(0)) + ", " + to_text(weight.size(1));
  if (padding_idx_) text += ", padding_idx=" + to_text(*padding_idx_);
  return text;
}

}  // namespace st::nn
