// DataLoader: goes through a data set in batches, shuffled or not, made ahead of time by worker threads.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "spiraltorch/core/check.h"
#include "spiraltorch/data/dataset.h"
#include "spiraltorch/data/prefetch.h"
#include "spiraltorch/data/sampler.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

struct DataLoaderOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  int workers = 0;                 // threads that make batches ahead; 0: the thread that asks makes them
  bool drop_last = false;          // leaves out a last batch that is smaller than the others
  Generator* generator = nullptr;  // null: the default generator; else it must outlive the loader
  int prefetch_factor = 2;         // batches that are made ahead, for each worker
};

/// Throws ValueError for a size below 1 or a negative count.
void check_options(const DataLoaderOptions& options, int64_t size);

/// Batches of `dataset`; each `begin()` starts an epoch:
///
///   DataLoader loader(mnist(dir, Split::train), {.batch_size = 128, .shuffle = true, .workers = 1});
///   for (auto& [x, y] : loader) ...
///
/// The order is PyTorch's for the same seed, whatever the number of workers (see BatchSampler). Batches
/// arrive in that order; what a worker throws arrives in the loop, as what it is. Leaving the loop stops the
/// workers. Source: torch.utils.data.DataLoader. Differs from PyTorch: workers are threads, and share the
/// data set.
template <Dataset D>
class DataLoader {
 public:
  using Batch = BatchOf<D>;

  /// Throws ValueError for batch_size < 1, workers < 0, prefetch_factor < 1, and for shuffling an empty data
  /// set.
  explicit DataLoader(D dataset, const DataLoaderOptions& options = {})
      : dataset_(std::make_shared<const D>(std::move(dataset))), options_(options) {
    check_options(options, dataset_->size());
  }

  /// An epoch under way, and the owner of the batch it stands at. It may outlive its loader.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using reference = Batch&;
    using iterator_category = std::input_iterator_tag;

    Batch& operator*() const { return *batch_; }
    Batch* operator->() const { return batch_.get(); }
    /// Throws what making the batch threw; the iterator then equals end(), and going on is allowed.
    Iterator& operator++() {
      batch_.reset();  // its memory serves the next one
      batch_ = std::static_pointer_cast<Batch>(prefetch_->next());
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !batch_; }

   private:
    friend class DataLoader;
    explicit Iterator(std::unique_ptr<Prefetch> prefetch) : prefetch_(std::move(prefetch)) { ++*this; }

    std::unique_ptr<Prefetch> prefetch_;
    std::shared_ptr<Batch> batch_;
  };

  Iterator begin() const {
    BatchSampler sampler(dataset_->size(), {.batch_size = options_.batch_size,
                                            .shuffle = options_.shuffle,
                                            .drop_last = options_.drop_last,
                                            .generator = options_.generator});
    return Iterator(std::make_unique<Prefetch>(
        std::move(sampler), size(), options_.workers, options_.prefetch_factor,
        [dataset = dataset_](const std::vector<int64_t>& indices) -> std::shared_ptr<void> {
          return std::make_shared<Batch>(get_batch(*dataset, std::span<const int64_t>(indices)));
        }));
  }
  std::default_sentinel_t end() const { return {}; }

  /// The number of batches of an epoch.
  int64_t size() const { return count_batches(dataset_->size(), options_.batch_size, options_.drop_last); }
  const D& dataset() const { return *dataset_; }
  const DataLoaderOptions& options() const { return options_; }

 private:
  std::shared_ptr<const D> dataset_;  // an epoch under way shares it
  DataLoaderOptions options_;
};

}  // namespace data
}  // namespace st
