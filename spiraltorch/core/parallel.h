// The parallel loop of the CPU kernels and the number of threads it uses.
#pragma once

#include <cstdint>

#include "spiraltorch/core/function_ref.h"

namespace [[gnu::visibility("default")]] st {

/// The number of threads that kernels use: the number of processors at first (or OMP_NUM_THREADS), 1 under a
/// SerialGuard.
int num_threads();

/// Sets it for the whole process. Throws ValueError unless `count` is at least 1.
void set_num_threads(int count);

/// Gives OpenMP num_threads() for the regions that the calling thread opens next: to be called before a
/// library that asks OpenMP. OpenMP's own setting belongs to a thread.
void tell_openmp();

/// Calls body(begin, end) on disjoint ranges that cover [0, count), in parallel when there is more than
/// `grain` to do, else once on the calling thread. The first exception of a body is rethrown here. A loop
/// inside a loop is serial.
void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

/// In its lifetime every parallel_for of this thread is serial. The loader's worker threads hold one: OpenMP
/// makes a pool of threads for every thread that enters a parallel region.
class SerialGuard {
 public:
  SerialGuard();
  ~SerialGuard();
  SerialGuard(const SerialGuard&) = delete;
  SerialGuard& operator=(const SerialGuard&) = delete;

 private:
  bool before_;
};

}  // namespace st
