// Finds examples of several data sets, and puts batches together from the rows of each.
#include "spiraltorch/data/concat_dataset.h"

#include <algorithm>

#include "spiraltorch/core/check.h"
#include "spiraltorch/data/tensor_dataset.h"
#include "spiraltorch/ops/join.h"

namespace st {
namespace data {

std::vector<int64_t> cumulative_sizes(std::span<const int64_t> sizes) {
  check<ValueError>(!sizes.empty(), "ConcatDataset: there are no data sets");
  std::vector<int64_t> cumulative;
  int64_t total = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    check<ValueError>(sizes[i] >= 0 && sizes[i] <= INT64_MAX - total,
                      "ConcatDataset: data set {} has the size {}, the sizes before it sum to {}", i,
                      sizes[i], total);
    cumulative.push_back(total += sizes[i]);
  }
  return cumulative;
}

ExamplePlace find_example(std::span<const int64_t> cumulative, int64_t i) {
  check<IndexError>(i >= 0 && i < cumulative.back(),
                    "ConcatDataset: index {} is out of range for data sets of {} examples", i,
                    cumulative.back());
  const auto dataset =
      static_cast<size_t>(std::upper_bound(cumulative.begin(), cumulative.end(), i) - cumulative.begin());
  return {dataset, dataset == 0 ? i : i - cumulative[dataset - 1]};
}

Tensor join_rows(const std::vector<Tensor>& parts, std::span<const int64_t> rows) {
  return take_rows(cat(parts, 0), rows);
}

}  // namespace data
}  // namespace st
