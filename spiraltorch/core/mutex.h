// Mutex: a lock of one byte. Storages have one each, and <mutex> costs every program that includes a tensor
// 0.15 s; the sections it guards are a few instructions long.
#pragma once

#include <atomic>

namespace [[gnu::visibility("default")]] st {

/// Lockable in the sense of std::lock_guard and std::scoped_lock. Who waits, sleeps.
class Mutex {
 public:
  void lock() {
    while (locked_.test_and_set(std::memory_order_acquire)) locked_.wait(true, std::memory_order_relaxed);
  }
  bool try_lock() { return !locked_.test_and_set(std::memory_order_acquire); }
  void unlock() {
    locked_.clear(std::memory_order_release);
    locked_.notify_one();
  }

 private:
  std::atomic_flag locked_;
};

}  // namespace st
