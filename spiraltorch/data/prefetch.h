// Prefetch: the part of a loader that does not depend on the type of its batches: threads that make batches
// ahead of time, handed out in order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "spiraltorch/data/sampler.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// Makes the batches of one epoch. With workers = 0, next() makes each on the calling thread. Otherwise
/// `workers` threads (at most one a batch) make up to `workers * ahead` of them before they are asked for.
/// The destructor stops and joins them; batches under way are finished and dropped.
///
/// The i-th batch that a worker makes has a default generator of its own, seeded with the sampler's base seed
/// + i: what it draws depends neither on the number of workers nor on what other threads draw. With workers =
/// 0 it is the caller's.
class Prefetch {
 public:
  /// Makes the batch of some indices; called on several threads at once when workers > 1. Not null.
  using Load = std::function<std::shared_ptr<void>(const std::vector<int64_t>& indices)>;

  Prefetch(BatchSampler sampler, int64_t batches, int workers, int ahead, Load load);
  ~Prefetch();
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The next batch in the sampler's order, or null when the epoch is over. What `load` threw for this batch
  /// is thrown here; a further call goes on behind it.
  std::shared_ptr<void> next();

 private:
  class Team;
  bool submit();  // gives the team the sampler's next batch; false when there is none

  BatchSampler sampler_;
  Load load_;
  uint64_t submitted_ = 0;
  std::unique_ptr<Team> team_;  // null: no workers
};

}  // namespace data
}  // namespace st
