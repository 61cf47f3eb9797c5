// parallel: what the header promises.
#include "spiraltorch/core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "spiraltorch/core/error.h"
#include "tests/support/message.h"

namespace st {
namespace {

class Parallel : public testing::Test {
 protected:
  void SetUp() override { set_num_threads(4); }
  void TearDown() override { set_num_threads(before_); }

 private:
  int before_ = num_threads();
};

TEST_F(Parallel, CoversEveryIndexOnce) {
  for (const int64_t count : {0, 1, 3, 4, 5, 1000}) {
    std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
    });
    for (const auto& v : visits) EXPECT_EQ(v, 1);
  }
}

TEST_F(Parallel, SmallWorkStaysOnTheCallingThread) {
  const auto here = std::this_thread::get_id();
  int calls = 0;
  parallel_for(99, 100, [&](int64_t begin, int64_t end) {
    ++calls;
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 99);
    EXPECT_EQ(std::this_thread::get_id(), here);
  });
  EXPECT_EQ(calls, 1);
}

TEST_F(Parallel, LoopsInsideLoopsAreSerial) {
  std::atomic<int> inner_calls = 0;
  parallel_for(4, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) parallel_for(1000, 1, [&](int64_t, int64_t) { ++inner_calls; });
  });
  EXPECT_EQ(inner_calls, 4);
}

TEST_F(Parallel, AnExceptionArrivesAtTheCaller) {
  EXPECT_THROW(parallel_for(4, 1, [](int64_t, int64_t) { throw std::out_of_range("thrown inside"); }),
               std::out_of_range);
  int64_t sum = 0;  // and the pool still works
  parallel_for(1, 1, [&](int64_t, int64_t end) { sum += end; });
  EXPECT_EQ(sum, 1);
}

TEST_F(Parallel, SerialGuardHoldsForItsThread) {
  const SerialGuard guard;
  int calls = 0;
  parallel_for(1000, 1, [&](int64_t, int64_t) { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST_F(Parallel, RefusesNoThreads) {
  EXPECT_EQ(message<ValueError>([] { set_num_threads(0); }),
            "set_num_threads: count is 0, expected at least 1");
  EXPECT_EQ(num_threads(), 4);
}

}  // namespace
}  // namespace st
