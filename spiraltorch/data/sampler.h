// The order in which a loader takes a data set: one BatchSampler an epoch, drawing what PyTorch draws.
#pragma once

#include <cstdint>
#include <vector>

#include "spiraltorch/core/random.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

struct BatchSamplerOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  bool drop_last = false;
  Generator* generator = nullptr;  // null: the default generator
};

/// The indices 0 .. size - 1 of one epoch, in order or shuffled, in batches; the last may be smaller, and is
/// left out by drop_last.
///
/// Draws: the constructor one int64 from the generator (base_seed()). When shuffling, without a generator of
/// the caller's, another int64, which seeds a fresh generator whose randperm is the order. When shuffling
/// with one, randperm comes from it directly, and it is drawn once more when the indices have run out, as
/// PyTorch does (torch.utils.data.RandomSampler; this decides what the next epoch sees).
class BatchSampler {
 public:
  /// Throws ValueError unless size >= 0 and batch_size >= 1, and for shuffling an empty data set, as PyTorch.
  BatchSampler(int64_t size, const BatchSamplerOptions& options);

  /// The indices of the next batch; empty when the epoch is over.
  std::vector<int64_t> next();

  /// The epoch's seed for what workers draw (see Prefetch).
  int64_t base_seed() const { return base_seed_; }

 private:
  void shuffle(Generator& generator);

  int64_t size_;
  BatchSamplerOptions options_;
  int64_t base_seed_ = 0;
  std::vector<int64_t> order_;  // empty when not shuffling
  int64_t position_ = 0;
  bool exhausted_ = false;
};

/// Throws ValueError, naming `op`, where the BatchSampler would.
void check_sampler(const char* op, int64_t size, const BatchSamplerOptions& options);

/// The number of batches of an epoch.
int64_t count_batches(int64_t size, int64_t batch_size, bool drop_last);

}  // namespace data
}  // namespace st
