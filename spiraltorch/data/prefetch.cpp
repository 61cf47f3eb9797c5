// The queue between a loader and its worker threads: batches are handed out by the thread that asks and
// come back in that order; errors travel with them.
#include "spiraltorch/data/prefetch.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"

namespace st {
namespace data {

// The worker threads and the batches they share with the thread that asks.
class Prefetch::Team {
 public:
  struct Job {
    std::vector<int64_t> indices;
    uint64_t seed;
    std::shared_ptr<void> batch;
    std::exception_ptr error;
    bool done;
  };

  Team(int workers, const Load& load) : load_(load), record_(grad_enabled()), autocast_(autocast_dtype()) {
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
    } catch (...) {  // the system has no more threads
      stop();
      throw;
    }
  }
  ~Team() { stop(); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  void submit(std::vector<int64_t> indices, uint64_t seed) {
    {
      const std::lock_guard lock(mutex_);
      // A deque moves none of its elements when it grows or shrinks at its ends: workers may point to them.
      jobs_.push_back({std::move(indices), seed, nullptr, nullptr, false});
      waiting_.push_back(&jobs_.back());
    }
    work_to_do_.notify_one();
  }

  bool idle() const { return jobs_.empty(); }

  // Waits for the oldest batch.
  Job take() {
    std::unique_lock lock(mutex_);
    job_done_.wait(lock, [this] { return jobs_.front().done; });
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }

 private:
  void work() {
    const SerialGuard serial;
    const GradModeGuard mode(record_);  // modes belong to threads: this one continues the caller's
    const AutocastMode autocast(autocast_);
    std::unique_lock lock(mutex_);
    while (true) {
      work_to_do_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      Job& job = *waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      std::shared_ptr<void> batch;
      std::exception_ptr error;
      try {
        Generator generator(job.seed);
        const GeneratorGuard draws(generator);
        batch = load_(job.indices);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      job.batch = std::move(batch);
      job.error = std::move(error);
      job.done = true;
      job_done_.notify_one();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_to_do_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  const Load& load_;
  const bool record_;
  const std::optional<DType> autocast_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable work_to_do_, job_done_;
  std::deque<Job> jobs_;      // in order, until taken
  std::deque<Job*> waiting_;  // those that no worker has begun
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

Prefetch::Prefetch(BatchSampler sampler, int64_t batches, int workers, int ahead, Load load)
    : sampler_(std::move(sampler)), load_(std::move(load)) {
  if (workers == 0 || batches == 0) return;
  team_ = std::make_unique<Team>(static_cast<int>(std::min<int64_t>(workers, batches)), load_);
  for (int64_t i = 0; i < int64_t{workers} * ahead && submit(); ++i) {
  }
}

Prefetch::~Prefetch() = default;

std::shared_ptr<void> Prefetch::next() {
  if (!team_) {
    const std::vector<int64_t> indices = sampler_.next();
    return indices.empty() ? nullptr : load_(indices);
  }
  if (team_->idle()) return nullptr;
  Team::Job job = team_->take();
  submit();  // the workers go on whatever became of this batch
  if (job.error) std::rethrow_exception(job.error);
  return std::move(job.batch);
}

bool Prefetch::submit() {
  std::vector<int64_t> indices = sampler_.next();
  if (indices.empty()) return false;
  team_->submit(std::move(indices), static_cast<uint64_t>(sampler_.base_seed()) + submitted_++);
  return true;
}

}  // namespace data
}  // namespace st
