// The only file that knows OpenMP. SPIRALTORCH_NO_OPENMP selects plain threads: the thread sanitizer cannot
// see libgomp's barriers.
#include "spiraltorch/core/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

#include "spiraltorch/core/check.h"
#ifdef SPIRALTORCH_NO_OPENMP
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace st {
namespace {

thread_local bool serial = false;

// Keeps the first exception of several threads and throws it again on the caller's.
class FirstError {
 public:
  void store() noexcept {
    if (!taken_.exchange(true)) error_ = std::current_exception();
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::atomic<bool> taken_ = false;
  std::exception_ptr error_;
};

#ifdef SPIRALTORCH_NO_OPENMP
int default_threads() { return static_cast<int>(std::max(1u, std::thread::hardware_concurrency())); }

void run_team(int team, FunctionRef<void(int)> member) {
  std::vector<std::jthread> threads;  // joined, too, when the next one cannot be made
  for (int i = 1; i < team; ++i) {
    threads.emplace_back([&member, i] {
      const SerialGuard guard;
      member(i);
    });
  }
  {
    const SerialGuard guard;
    member(0);
  }
}
#else
int default_threads() { return omp_get_max_threads(); }

void run_team(int team, FunctionRef<void(int)> member) {
#pragma omp parallel num_threads(team)
  {
    const SerialGuard guard;
    // The runtime may grant fewer threads than were asked for.
    for (int i = omp_get_thread_num(); i < team; i += omp_get_num_threads()) member(i);
  }
}
#endif

std::atomic<int>& thread_count() {
  static std::atomic<int> count = default_threads();
  return count;
}

}  // namespace

int num_threads() { return serial ? 1 : thread_count().load(); }

void set_num_threads(int count) {
  check<ValueError>(count >= 1, "set_num_threads: count is {}, expected at least 1", count);
  thread_count() = count;
}

void tell_openmp() {
#ifndef SPIRALTORCH_NO_OPENMP
  if (omp_get_max_threads() != num_threads()) omp_set_num_threads(num_threads());
#endif
}

void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) return;
  const int64_t pieces = std::max<int64_t>(1, count / std::max<int64_t>(grain, 1));
  const int team = static_cast<int>(std::min<int64_t>(num_threads(), pieces));
  if (team == 1) return body(0, count);
  FirstError error;
  run_team(team, [&](int member) {
    try {
      const int64_t begin = count * member / team, end = count * (member + 1) / team;
      if (begin < end) body(begin, end);
    } catch (...) {
      error.store();
    }
  });
  error.rethrow();
}

SerialGuard::SerialGuard() : before_(std::exchange(serial, true)) {}

SerialGuard::~SerialGuard() { serial = before_; }

}  // namespace st
