// Subset: some examples of a data set, as a data set. random_split: a data set in parts, drawn at random.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "spiraltorch/core/random.h"
#include "spiraltorch/data/dataset.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// Throws IndexError, naming `op`, unless all indices are in [0, size).
void check_indices(const char* op, std::span<const int64_t> indices, int64_t size);
/// indices[positions[0]], indices[positions[1]], ... Throws IndexError.
std::vector<int64_t> pick_indices(std::span<const int64_t> indices, std::span<const int64_t> positions);

/// Example i is dataset[indices[i]]; an index may be there twice.
///   const Subset first(mnist(dir, Split::train), {0, 1, 2});
/// Throws IndexError unless all indices are in [0, dataset.size()). Source: torch.utils.data.Subset, which
/// finds a wrong index when the example is asked for.
template <Dataset D>
class Subset {
 public:
  Subset(D dataset, std::vector<int64_t> indices)
      : Subset(std::make_shared<const D>(std::move(dataset)), std::move(indices)) {}
  /// Several subsets may share one data set.
  Subset(std::shared_ptr<const D> dataset, std::vector<int64_t> indices)
      : dataset_(std::move(dataset)), indices_(std::move(indices)) {
    check_indices("Subset", indices_, dataset_->size());
  }

  int64_t size() const { return static_cast<int64_t>(indices_.size()); }
  auto get(int64_t i) const requires HasGet<D> {
    return dataset_->get(pick_indices(indices_, std::span(&i, 1))[0]);
  }
  auto get_batch(std::span<const int64_t> positions) const {
    return data::get_batch(*dataset_, std::span<const int64_t>(pick_indices(indices_, positions)));
  }

  const D& dataset() const { return *dataset_; }
  const std::vector<int64_t>& indices() const { return indices_; }

 private:
  std::shared_ptr<const D> dataset_;
  std::vector<int64_t> indices_;
};

/// A permutation of 0 .. size - 1 cut into parts of these lengths. Throws ValueError unless they are at least
/// 0 and sum to size.
std::vector<std::vector<int64_t>> random_parts(int64_t size, std::span<const int64_t> lengths,
                                               Generator* generator);
/// floor(size fraction) each, and what is left over one by one from the first part on. Throws ValueError
/// unless each fraction is in [0, 1] and they sum to 1, to nine digits and not to more.
std::vector<int64_t> lengths_of_fractions(int64_t size, std::span<const double> fractions);

/// `dataset` in disjoint parts of these lengths, which sum to its size; or, for floating numbers, of these
/// fractions of it, which sum to 1: floor(size fraction) each, and what is left over one by one from the
/// first part on. The parts share the data set.
///   const auto parts = random_split(TensorDataset(x, y), {0.8, 0.2});
///   DataLoader train(parts[0], {.batch_size = 32, .shuffle = true}), test(parts[1], {.batch_size = 32});
/// Draws one randperm(size) from `generator`, the default one if null: the parts are PyTorch's for the same
/// seed. Throws ValueError. Source: torch.utils.data.random_split. Differs from PyTorch: whole numbers are
/// lengths even if they sum to 1.
template <Dataset D>
std::vector<Subset<D>> random_split(D dataset, const std::vector<int64_t>& lengths,
                                    Generator* generator = nullptr) {
  auto parts = random_parts(dataset.size(), lengths, generator);
  const auto shared = std::make_shared<const D>(std::move(dataset));
  std::vector<Subset<D>> subsets;
  subsets.reserve(parts.size());
  for (auto& indices : parts) subsets.emplace_back(shared, std::move(indices));
  return subsets;
}

template <Dataset D, std::floating_point T>
std::vector<Subset<D>> random_split(D dataset, const std::vector<T>& fractions,
                                    Generator* generator = nullptr) {
  const std::vector<double> wide(fractions.begin(), fractions.end());
  const std::vector<int64_t> lengths = lengths_of_fractions(dataset.size(), wide);
  return random_split(std::move(dataset), lengths, generator);
}

/// The same for a list in braces.
template <Dataset D, class T>
requires std::integral<T> || std::floating_point<T> std::vector<Subset<D>> random_split(
    D dataset, std::initializer_list<T> list, Generator* generator = nullptr) {
  using Number = std::conditional_t<std::integral<T>, int64_t, double>;
  return random_split(std::move(dataset), std::vector<Number>(list.begin(), list.end()), generator);
}

}  // namespace data
}  // namespace st
