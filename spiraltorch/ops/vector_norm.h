// The length of vectors, and what is made of it: unit vectors and cosines.
#pragma once

#include <optional>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// (sum |x|^p)^(1/p); of p = 0 the number of elements other than 0, of infinity (-infinity) the largest
/// (smallest) |x|. Powers are taken and summed in float64. The gradient at a vector of zeros is 0; elements
/// that are an extremum share it evenly. `dtype`: x is converted to it first. Throws DTypeError for integers,
/// IndexError where an infinite or negative p meets a dimension of size 0. Source: torch.norm of a number p,
/// torch.linalg.vector_norm.
Tensor norm(const Tensor& x, double p = 2, const Axes& dims = {}, KeepDim keep = false,
            std::optional<DType> dtype = {});

struct NormalizeOptions {
  double p = 2;
  int64_t dim = 1;
  double eps = 1e-12;
};
/// x / max(norm(x, p, dim), eps). Source: torch.nn.functional.normalize.
Tensor normalize(const Tensor& x, const NormalizeOptions& options = {});

struct CosineSimilarityOptions {
  int64_t dim = 1;
  double eps = 1e-8;
};
/// <x1, x2> / (max(|x1|, eps) max(|x2|, eps)) along dim; shapes broadcast, dtypes promote. As in PyTorch the
/// gradient does not see the bound eps. Source: torch.nn.functional.cosine_similarity.
Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, const CosineSimilarityOptions& options = {});

}  // namespace st
