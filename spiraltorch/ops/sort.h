// Order along one dimension: sorting, and the largest or smallest few. NaN counts as the largest. The
// gradient goes to the elements that were taken.
#pragma once

#include "spiraltorch/ops/reduce.h"

namespace [[gnu::visibility("default")]] st {

/// The elements along `dim` in ascending (descending) order, and where each of them stood: values and indices
/// have x's shape. Equal elements keep their order, for which torch.sort is asked by `stable`. Source:
/// torch.sort.
ValueIndex sort(const Tensor& x, int64_t dim = -1, bool descending = false);
/// The indices of sort alone. Source: torch.argsort.
Tensor argsort(const Tensor& x, int64_t dim = -1, bool descending = false);

/// The k largest (smallest) elements along `dim` and their indices; among equals those of lower index.
/// Largest (smallest) first if `sorted`, else in any order. Throws ValueError unless 0 <= k <= the size of
/// `dim`. Source: torch.topk.
ValueIndex topk(const Tensor& x, int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true);

}  // namespace st
