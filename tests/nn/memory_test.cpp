// Training holds on to nothing: after 10,000 steps a process is as large as after 1,000.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "spiraltorch/backend/allocator.h"
#include "spiraltorch/spiraltorch.h"

namespace st {
namespace {

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(Memory, DoesNotGrowWithTheSteps) {
  ones({1});
  if (cached_bytes() == 0) GTEST_SKIP() << "sanitizers keep what was freed, to see who touches it";
  manual_seed(0);
  nn::Sequential net{nn::Linear("fc1", 8, 16), nn::BatchNorm1d("bn", 16), nn::ReLU(),
                     nn::Linear("fc2", 16, 4)};
  optim::Adam optimizer(net.parameters(), {.lr = 1e-3, .amsgrad = true});
  data::DataLoader loader(data::TensorDataset(randn({1000, 8}), randint(4, {1000})),
                          {.batch_size = 10, .shuffle = true});
  int64_t early = 0;
  for (int epoch = 0; epoch < 100; ++epoch) {  // of 100 steps
    for (auto& [x, y] : loader) {
      const Tensor loss = cross_entropy(net(x), y);
      optimizer.zero_grad();
      loss.backward();
      clip_grad_norm_(net.parameters(), 1.0);
      optimizer.step();
    }
    if (epoch == 9) early = resident_bytes();
  }
  // One lost tensor of 16 floats a step would be a megabyte and more.
  EXPECT_LT(resident_bytes() - early, 256 << 10);
}

}  // namespace
}  // namespace st
