// What a loader takes: a data set gives examples, or whole batches, by index; map() changes its batches.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "spiraltorch/data/collate.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

template <class D>
concept HasGet = requires(const D& dataset, int64_t i) {
  collate(std::vector{dataset.get(i)});
};

template <class D>
concept HasGetBatch = requires(const D& dataset, std::span<const int64_t> indices) {
  dataset.get_batch(indices);
};

/// A data set is a value with `size()` and either of
///   get(i)              one example: a Tensor, a number, or a pair, tuple or array of these; examples are
///                       stacked to a batch, member by member, as torch's default_collate does;
///   get_batch(indices)  a whole batch, of any type: for data sets that can make one faster. It goes first.
/// With worker threads both are called on several of them at once, on one const object.
///
///   struct Squares {
///     int64_t size() const { return 100; }
///     std::pair<Tensor, double> get(int64_t i) const { return {tensor({1.f * i}), 1. * i * i}; }
///   };
template <class D>
concept Dataset = std::move_constructible<D> && requires(const D& dataset) {
  { dataset.size() } -> std::convertible_to<int64_t>;
} &&(HasGet<D> || HasGetBatch<D>);

/// The batch of the examples at `indices`, which must not be empty.
template <Dataset D>
auto get_batch(const D& dataset, std::span<const int64_t> indices) {
  if constexpr (HasGetBatch<D>) {
    return dataset.get_batch(indices);
  } else {
    std::vector<decltype(dataset.get(0))> examples;
    examples.reserve(indices.size());
    for (const int64_t i : indices) examples.push_back(dataset.get(i));
    return collate(examples);
  }
}

template <Dataset D>
using BatchOf = decltype(get_batch(std::declval<const D&>(), std::span<const int64_t>{}));

/// A data set whose batches go through a function: see map().
template <Dataset D, class F>
class Mapped {
 public:
  Mapped(D dataset, F transform) : dataset_(std::move(dataset)), transform_(std::move(transform)) {}

  int64_t size() const { return dataset_.size(); }

  auto get_batch(std::span<const int64_t> indices) const {
    auto batch = data::get_batch(dataset_, indices);
    if constexpr (std::invocable<const F&, BatchOf<D>>) {
      return transform_(std::move(batch));
    } else {
      std::get<0>(batch) = transform_(std::get<0>(batch));
      return batch;
    }
  }

  const D& dataset() const { return dataset_; }
  const F& transform() const { return transform_; }

 private:
  D dataset_;
  F transform_;
};

/// `dataset` with `transform` applied to every batch, in the loader's worker threads where it has some. A
/// transform takes a batch and returns one; one that takes a Tensor (Normalize) is applied to the first
/// member of the batch.
///
///   DataLoader loader(map(mnist(dir, Split::train), Normalize(0.1307, 0.3081)), {.batch_size = 128});
///
/// Differs from PyTorch: a torchvision transform sees one example, this one sees (N, ...).
template <Dataset D, class F>
Mapped<D, F> map(D dataset, F transform) {
  return {std::move(dataset), std::move(transform)};
}

}  // namespace data
}  // namespace st
