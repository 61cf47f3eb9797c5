// Memory, its owner, its version and its one derived copy.
#include "spiraltorch/backend/storage.h"

#include <gtest/gtest.h>

namespace st {
namespace {

TEST(Storage, AllocatesAlignedMemory) {
  const auto s = Storage::allocate(Device::cpu, 100);
  EXPECT_EQ(s->bytes(), 100u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(s->data()) % 64, 0u);
  EXPECT_FALSE(s->is_external());
  EXPECT_FALSE(s->is_read_only());
}

TEST(Storage, ReleasesForeignMemoryOnce) {
  int released = 0;
  float memory[4];
  {
    const auto s = Storage::external(
        memory, sizeof memory, [&](void* p) { released += p == memory; }, false);
    EXPECT_TRUE(s->is_external());
  }
  EXPECT_EQ(released, 1);
}

TEST(Storage, DerivedCopyHoldsForOneVersionAndKind) {
  const auto s = Storage::allocate(Device::cpu, 8);
  const auto packed = std::make_shared<const int>(5);
  s->set_derived(1, s->version(), packed);
  EXPECT_EQ(s->derived(1), packed);
  EXPECT_EQ(s->derived(2), nullptr);
  s->bump_version();
  EXPECT_EQ(s->derived(1), nullptr);
}

TEST(Storage, ForeignMemoryHasNoDerivedCopy) {
  float memory[4];
  const auto s = Storage::external(memory, sizeof memory, nullptr, false);
  s->set_derived(1, s->version(), std::make_shared<const int>(5));
  EXPECT_EQ(s->derived(1), nullptr);
}

}  // namespace
}  // namespace st
