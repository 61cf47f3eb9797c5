// ConcatDataset: data sets of one type, one after the other.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "spiraltorch/data/dataset.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// Where an example of several data sets is.
struct ExamplePlace {
  size_t dataset;
  int64_t index;
};
/// The sizes of data sets, summed up. Throws ValueError where there is none.
std::vector<int64_t> cumulative_sizes(std::span<const int64_t> sizes);
/// Where example i is, by the cumulative sizes. Throws IndexError.
ExamplePlace find_example(std::span<const int64_t> cumulative, int64_t i);

/// The rows of all parts, one part after the other, in the order `rows`.
Tensor join_rows(const std::vector<Tensor>& parts, std::span<const int64_t> rows);
/// The same for each member of a pair, a tuple or an array.
template <class Batch>
requires requires { std::tuple_size<Batch>::value; }
Batch join_rows(const std::vector<Batch>& parts, std::span<const int64_t> rows) {
  Batch joined;
  [&]<size_t... I>(std::index_sequence<I...>) {
    const auto member = [&]<size_t K>(std::integral_constant<size_t, K>) {
      std::vector<std::tuple_element_t<K, Batch>> column;
      for (const Batch& part : parts) column.push_back(std::get<K>(part));
      std::get<K>(joined) = join_rows(column, rows);
    };
    (member(std::integral_constant<size_t, I>{}), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Batch>>{});
  return joined;
}

/// The examples of all data sets, those of the first, then those of the second, and so on.
///   const ConcatDataset both({TensorDataset(x, y), TensorDataset(more_x, more_y)});
/// Where data sets give whole batches (get_batch), these must be tensors, or pairs, tuples or arrays of them:
/// a batch from several data sets is put together from their rows. Throws ValueError where there is no data
/// set, IndexError for an index outside [0, size). Source: torch.utils.data.ConcatDataset, whose data sets
/// may be of several types.
template <Dataset D>
class ConcatDataset {
 public:
  explicit ConcatDataset(std::vector<D> datasets) : datasets_(std::move(datasets)) {
    for (const D& dataset : datasets_) cumulative_.push_back(dataset.size());
    cumulative_ = data::cumulative_sizes(cumulative_);
  }
  ConcatDataset(std::initializer_list<D> datasets) : ConcatDataset(std::vector<D>(datasets)) {}

  int64_t size() const { return cumulative_.back(); }

  auto get(int64_t i) const requires HasGet<D> {
    const auto [dataset, index] = find_example(cumulative_, i);
    return datasets_[dataset].get(index);
  }

  auto get_batch(std::span<const int64_t> indices) const requires HasGetBatch<D> {
    // What each data set gives, and where its rows stand when these parts are put together.
    std::vector<std::vector<int64_t>> wanted(datasets_.size());
    std::vector<ExamplePlace> places;
    for (const int64_t i : indices) {
      const auto [dataset, index] = find_example(cumulative_, i);
      places.push_back({dataset, static_cast<int64_t>(wanted[dataset].size())});
      wanted[dataset].push_back(index);
    }
    std::vector<BatchOf<D>> parts;
    std::vector<int64_t> first(datasets_.size()), rows;
    int64_t count = 0;
    for (size_t k = 0; k < datasets_.size(); ++k) {
      first[k] = count;
      count += static_cast<int64_t>(wanted[k].size());
      if (!wanted[k].empty()) parts.push_back(datasets_[k].get_batch(wanted[k]));
    }
    if (parts.size() == 1) return std::move(parts[0]);
    for (const auto& [dataset, index] : places) rows.push_back(first[dataset] + index);
    return join_rows(parts, rows);
  }

  const std::vector<D>& datasets() const { return datasets_; }
  const std::vector<int64_t>& cumulative_sizes() const { return cumulative_; }

 private:
  std::vector<D> datasets_;
  std::vector<int64_t> cumulative_;
};

}  // namespace data
}  // namespace st
