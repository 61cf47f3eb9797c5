// The indices of subsets: checks, and PyTorch's permutation cut into parts.
#include "spiraltorch/data/subset.h"

#include <cmath>

#include "spiraltorch/core/check.h"

namespace st {
namespace data {

void check_indices(const char* op, std::span<const int64_t> indices, int64_t size) {
  for (const int64_t i : indices)
    check<IndexError>(i >= 0 && i < size, "{}: index {} is out of range for a data set of size {}", op, i,
                      size);
}

std::vector<int64_t> pick_indices(std::span<const int64_t> indices, std::span<const int64_t> positions) {
  check_indices("Subset", positions, static_cast<int64_t>(indices.size()));
  std::vector<int64_t> picked;
  picked.reserve(positions.size());
  for (const int64_t i : positions) picked.push_back(indices[static_cast<size_t>(i)]);
  return picked;
}

std::vector<std::vector<int64_t>> random_parts(int64_t size, std::span<const int64_t> lengths,
                                               Generator* generator) {
  int64_t rest = size;
  for (size_t i = 0; i < lengths.size(); ++i) {
    check<ValueError>(lengths[i] >= 0, "random_split: lengths must be at least 0, got {} at position {}",
                      lengths[i], i);
    check<ValueError>(lengths[i] <= rest,
                      "random_split: lengths must sum to the size of the data set, {}; the first {} sum to "
                      "more",
                      size, i + 1);
    rest -= lengths[i];
  }
  check<ValueError>(rest == 0,
                    "random_split: lengths must sum to the size of the data set, {}; they sum to {}", size,
                    size - rest);

  std::vector<int64_t> order(static_cast<size_t>(size));
  randperm(order, generator ? *generator : default_generator());
  std::vector<std::vector<int64_t>> parts;
  auto begin = order.begin();
  for (const int64_t length : lengths) {
    parts.emplace_back(begin, begin + length);
    begin += length;
  }
  return parts;
}

std::vector<int64_t> lengths_of_fractions(int64_t size, std::span<const double> fractions) {
  long double exact = 0;
  for (size_t i = 0; i < fractions.size(); ++i) {
    check<ValueError>(fractions[i] >= 0 && fractions[i] <= 1,
                      "random_split: fractions must be in [0, 1], got {} at position {}", fractions[i], i);
    exact += fractions[i];
  }
  const double sum = static_cast<double>(exact);
  check<ValueError>(sum <= 1 && sum >= 1 - 1e-9, "random_split: fractions must sum to 1, they sum to {}",
                    sum);

  std::vector<int64_t> lengths;
  int64_t rest = size;
  for (const double fraction : fractions) {
    lengths.push_back(static_cast<int64_t>(std::floor(static_cast<double>(size) * fraction)));
    rest -= lengths.back();
  }
  for (size_t i = 0; rest > 0; i = (i + 1) % lengths.size(), --rest) ++lengths[i];
  return lengths;
}

}  // namespace data
}  // namespace st
