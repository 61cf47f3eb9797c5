// Order along one dimension: sorting, and selection of the first few.
#pragma once

#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// The lines of x along `dim` in ascending (descending) order, and where each element stood. Equal elements
/// keep their order; NaN is the largest. `values` and `indices` have x's shape; `values` may be undefined.
void sort(In x, int dim, bool descending, Out values, Out indices);

/// The first elements of that order, as many as `values` and `indices` have along `dim`; among equals those
/// of the lower index. In order if `sorted`, else in any.
void topk(In x, int dim, bool largest, bool sorted, Out values, Out indices);

}  // namespace st::cpu
