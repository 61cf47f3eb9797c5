// The caching allocator: a list of free blocks for each size class, bounded in all.
#include "spiraltorch/backend/allocator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace st {
namespace {

#if defined(__has_feature)  // clang's way to say that a sanitizer is on
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ST_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ST_SANITIZED
#endif

#ifdef ST_SANITIZED
constexpr size_t kCacheLimit = 0;  // sanitizers must see every allocation and release
#else
constexpr size_t kCacheLimit = size_t{1} << 30;
#endif

// Large blocks lie in huge pages where the system has them: fewer misses of the TLB, and fewer page faults
// when a block is fresh.
void* system_allocate(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const bool large = bytes >= 2 * kHugePage;
  const size_t alignment = large ? kHugePage : kAlignment;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
#ifdef __linux__
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);  // refused by some systems, which changes nothing
#endif
  return memory;
}

class Cache {
 public:
  void* take(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      std::vector<void*>& blocks = blocks_of(bytes);
      if (!blocks.empty()) {
        void* memory = blocks.back();
        blocks.pop_back();
        kept_ -= bytes;
        return memory;
      }
    }
    try {
      return system_allocate(bytes);
    } catch (const std::bad_alloc&) {
      empty();  // what is kept in other size classes may be what is missing here
      return system_allocate(bytes);
    }
  }

  void give(void* memory, size_t bytes) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (kept_ + bytes <= kCacheLimit) {
        try {
          blocks_of(bytes).push_back(memory);
          kept_ += bytes;
          return;
        } catch (...) {  // no memory for the list itself: do not keep the block
        }
      }
    }
    std::free(memory);
  }

  void empty() noexcept {
    const std::lock_guard lock(mutex_);
    for (std::vector<void*>& blocks : blocks_) {
      for (void* memory : blocks) std::free(memory);
      blocks.clear();
    }
    kept_ = 0;
  }

  size_t kept() noexcept {
    const std::lock_guard lock(mutex_);
    return kept_;
  }

 private:
  // A size class is m * 2^e with m in {4, 5, 6, 7}; each has its own list.
  std::vector<void*>& blocks_of(size_t bytes) {
    const size_t octave = std::max<size_t>(static_cast<size_t>(std::bit_width(bytes)), 3) - 1;
    return blocks_[octave * 4 + (bytes >> (octave - 2) & 3)];
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, 64 * 4> blocks_;
  size_t kept_ = 0;
};

// Never destroyed: tensors with static lifetime are released after every destructor of this library has run.
Cache& cache() {
  static Cache* const instance = new Cache;
  return *instance;
}

}  // namespace

size_t size_class(size_t bytes) noexcept {
  if (bytes <= 4 * kAlignment) return std::max<size_t>((bytes + kAlignment - 1) / kAlignment, 1) * kAlignment;
  const size_t step = std::max<size_t>(std::bit_floor(bytes - 1) / 4, kAlignment);
  return (bytes + step - 1) / step * step;
}

void* allocate_cached(size_t bytes) { return cache().take(size_class(bytes)); }

void free_cached(void* memory, size_t bytes) noexcept { cache().give(memory, size_class(bytes)); }

void empty_cache() noexcept { cache().empty(); }

size_t cached_bytes() noexcept { return cache().kept(); }

}  // namespace st
