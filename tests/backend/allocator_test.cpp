// Size classes, and blocks that come back.
#include "spiraltorch/backend/allocator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace st {
namespace {

TEST(Allocator, SizeClassesWasteAtMostAQuarter) {
  EXPECT_EQ(size_class(0), 64u);
  EXPECT_EQ(size_class(65), 128u);
  for (size_t bytes = 1; bytes < 100000; bytes += 7) {
    const size_t c = size_class(bytes);
    EXPECT_GE(c, bytes);
    EXPECT_EQ(c % kAlignment, 0u) << bytes;
    EXPECT_EQ(size_class(c), c) << bytes;
    EXPECT_LE(c - bytes, std::max<size_t>(bytes / 4, 63)) << bytes;
  }
}

TEST(Allocator, ReusesBlocksOfAClass) {
  void* first = allocate_cached(5000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kAlignment, 0u);
  const size_t before = cached_bytes();
  free_cached(first, 5000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_EQ(cached_bytes(), before + size_class(5000));
  void* second = allocate_cached(size_class(5000) - 3);
  EXPECT_EQ(second, first);
  free_cached(second, size_class(5000) - 3);
#endif
  empty_cache();
  EXPECT_EQ(cached_bytes(), 0u);
  EXPECT_LE(cached_bytes(), before);
}

}  // namespace
}  // namespace st
