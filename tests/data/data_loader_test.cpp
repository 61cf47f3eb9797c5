// DataLoader: PyTorch's order, epoch for epoch; workers that throw, that are left, that are too many; data
// sets of users.
#include "spiraltorch/data/data_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "spiraltorch/amp/autocast.h"
#include "spiraltorch/core/error.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/data/normalize.h"
#include "spiraltorch/data/tensor_dataset.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/random.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using data::DataLoader;
using data::DataLoaderOptions;
using data::TensorDataset;
using testing::error_of;

using Batches = std::vector<std::vector<int64_t>>;

// A data set of its own indices.
struct Indices {
  int64_t count;
  int64_t size() const { return count; }
  std::vector<int64_t> get_batch(std::span<const int64_t> indices) const {
    return {indices.begin(), indices.end()};
  }
};

// The batches of one epoch, at most `stop` of them.
Batches epoch(const DataLoader<Indices>& loader, size_t stop = 1000) {
  Batches batches;
  for (auto& batch : loader) {
    batches.push_back(batch);
    if (batches.size() == stop) break;
  }
  return batches;
}

struct Order {
  uint64_t seed;
  bool own_generator;
  DataLoaderOptions options;
  size_t stop;  // leave each epoch after so many batches
  std::vector<Batches> epochs;
  int64_t after;  // the next draw of the default generator, or of the own one
};

// torch.manual_seed(seed); g = torch.Generator(); g.manual_seed(seed);
// loader = DataLoader(TensorDataset(torch.arange(10)), generator=g or None, ...); three epochs, then
// torch.empty((), dtype=torch.int64).random_(generator=g or None)
const Order kOrders[] = {
    {0,
     false,
     {.batch_size = 4, .shuffle = true},
     1000,
     {{{6, 7, 1, 4}, {2, 0, 9, 8}, {3, 5}},
      {{2, 4, 7, 0}, {8, 9, 5, 3}, {6, 1}},
      {{7, 4, 5, 1}, {9, 3, 8, 2}, {0, 6}}},
     8072059273656089175},
    {1,
     false,
     {.batch_size = 4, .shuffle = true},
     1000,
     {{{4, 2, 0, 6}, {8, 7, 9, 1}, {5, 3}},
      {{4, 8, 1, 5}, {0, 2, 3, 6}, {9, 7}},
      {{5, 8, 3, 7}, {6, 9, 2, 1}, {0, 4}}},
     3435894450290564679},
    {0,
     false,
     {.batch_size = 4},
     1000,
     {{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}},
      {{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}},
      {{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}},
     827948490035658087},
    {0,
     false,
     {.batch_size = 4, .shuffle = true, .drop_last = true},
     1000,
     {{{6, 7, 1, 4}, {2, 0, 9, 8}}, {{2, 4, 7, 0}, {8, 9, 5, 3}}, {{7, 4, 5, 1}, {9, 3, 8, 2}}},
     8072059273656089175},
    {0,
     false,
     {.batch_size = 4, .shuffle = true},
     1,
     {{{6, 7, 1, 4}}, {{2, 4, 7, 0}}, {{7, 4, 5, 1}}},
     8072059273656089175},
    {0,
     true,
     {.batch_size = 4, .shuffle = true},
     1000,
     {{{3, 7, 5, 2}, {0, 8, 1, 6}, {9, 4}},
      {{1, 3, 2, 7}, {5, 9, 0, 6}, {4, 8}},
      {{6, 8, 5, 7}, {2, 4, 1, 0}, {3, 9}}},
     4880189657833503230},
    {0,
     true,
     {.batch_size = 5, .shuffle = true},
     1000,
     {{{3, 7, 5, 2, 0}, {8, 1, 6, 9, 4}},
      {{1, 3, 2, 7, 5}, {9, 0, 6, 4, 8}},
      {{6, 8, 5, 7, 2}, {4, 1, 0, 3, 9}}},
     4880189657833503230},
    {0,
     true,
     {.batch_size = 4, .shuffle = true, .drop_last = true},
     1000,
     {{{3, 7, 5, 2}, {0, 8, 1, 6}}, {{1, 3, 2, 7}, {5, 9, 0, 6}}, {{6, 8, 5, 7}, {2, 4, 1, 0}}},
     4880189657833503230},
    {0,
     true,
     {.batch_size = 5, .shuffle = true},
     1,
     {{{3, 7, 5, 2, 0}}, {{9, 2, 1, 7, 4}}, {{4, 6, 7, 1, 2}}},
     6792857400608461555},
    {0,
     true,
     {.batch_size = 5},
     1000,
     {{{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}},
      {{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}},
      {{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}}},
     827948490035658087},
};

TEST(DataLoader, FollowsPyTorchsOrder) {
  for (const Order& order : kOrders) {
    for (const int workers : {0, 1, 3, 16}) {
      // Workers run ahead of a loop that is left: with a generator of the caller's, they draw from it first.
      if (workers > 0 && order.own_generator && order.stop == 1) continue;
      SCOPED_TRACE(::testing::Message() << "case " << &order - kOrders << ", workers " << workers);
      manual_seed(order.seed);
      Generator own(order.seed);
      DataLoaderOptions options = order.options;
      options.workers = workers;
      if (order.own_generator) options.generator = &own;
      const DataLoader loader(Indices{10}, options);
      for (const Batches& expected : order.epochs) EXPECT_EQ(epoch(loader, order.stop), expected);
      EXPECT_EQ(random_int63(order.own_generator ? own : default_generator()), order.after);
      if (order.stop == 1000) {
        EXPECT_EQ(loader.size(), static_cast<int64_t>(order.epochs[0].size()));
      }
    }
  }
}

TEST(DataLoader, CountsItsBatches) {
  const auto size = [](int64_t n, int64_t batch, bool drop) {
    return DataLoader(Indices{n}, {.batch_size = batch, .drop_last = drop}).size();
  };
  EXPECT_EQ(size(10, 4, false), 3);
  EXPECT_EQ(size(10, 4, true), 2);
  EXPECT_EQ(size(8, 4, false), 2);
  EXPECT_EQ(size(3, 4, false), 1);
  EXPECT_EQ(size(3, 4, true), 0);
  EXPECT_EQ(size(0, 4, false), 0);
  EXPECT_EQ(size(10, INT64_MAX, false), 1);
  EXPECT_EQ(epoch(DataLoader(Indices{3}, {.batch_size = INT64_MAX})), (Batches{{0, 1, 2}}));
  EXPECT_EQ(epoch(DataLoader(Indices{3}, {.batch_size = 4, .workers = 2, .drop_last = true})), Batches{});
}

TEST(DataLoader, RefusesWhatMakesNoSense) {
  const auto error = [](int64_t n, const DataLoaderOptions& options) {
    return error_of<ValueError>([&] { const DataLoader loader(Indices{n}, options); });
  };
  EXPECT_EQ(error(10, {.batch_size = 0}), "DataLoader: batch_size is 0, at least 1 is needed");
  EXPECT_EQ(error(10, {.batch_size = -1}), "DataLoader: batch_size is -1, at least 1 is needed");
  EXPECT_EQ(error(10, {.workers = -1}), "DataLoader: workers is -1, at least 0 is needed");
  EXPECT_EQ(error(10, {.prefetch_factor = 0}), "DataLoader: prefetch_factor is 0, at least 1 is needed");
  EXPECT_EQ(error(-3, {}), "DataLoader: the data set's size is -3, at least 0 is needed");
  // ValueError in PyTorch too: "num_samples should be a positive integer value, but got num_samples=0"
  EXPECT_EQ(error(0, {.shuffle = true}),
            "DataLoader: shuffle needs a data set that is not empty, this one's size is 0");
}

TEST(DataLoader, AnEmptyDataSetHasNoBatches) {
  for (const int workers : {0, 2}) {
    EXPECT_EQ(epoch(DataLoader(Indices{0}, {.batch_size = 4, .workers = workers})), Batches{});
  }
}

TEST(DataLoader, ManyWorkersKeepTheOrder) {
  struct Slow : Indices {
    std::vector<int64_t> get_batch(std::span<const int64_t> indices) const {
      // later batches are ready first
      std::this_thread::sleep_for(std::chrono::microseconds(200 * (7 - indices[0] % 8)));
      return Indices::get_batch(indices);
    }
  };
  for (const int workers : {1, 2, 8, 100, 1'000'000}) {
    const DataLoader loader(Slow{{200}}, {.batch_size = 3, .workers = workers, .prefetch_factor = 3});
    int64_t next = 0;
    for (auto& batch : loader) {
      for (const int64_t i : batch) EXPECT_EQ(i, next++);
    }
    EXPECT_EQ(next, 200);
  }
}

int64_t count_threads() {
  namespace fs = std::filesystem;
  return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
}

// Linux lists a thread for a moment after join has returned: the number of threads once it is
// `expected`, or what it still is after ten seconds.
int64_t count_threads_until(int64_t expected) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (count_threads() != expected && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return count_threads();
}

// The threads that stay: with its first one a program may get another, ThreadSanitizer's.
int64_t count_lasting_threads() {
  std::thread([] {}).join();
  int64_t least = count_threads();
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    least = std::min(least, count_threads());
  }
  return least;
}

TEST(DataLoader, LeavingTheLoopStopsTheWorkers) {
  std::atomic<int> made = 0;
  struct Counting {
    std::atomic<int>* made;
    int64_t size() const { return 1000; }
    std::vector<int64_t> get_batch(std::span<const int64_t> indices) const {
      ++*made;
      return {indices.begin(), indices.end()};
    }
  };
  const int64_t before = count_lasting_threads();
  {
    const DataLoader loader(Counting{&made}, {.workers = 4});
    for (int i = 0; i < 3; ++i) {
      for (auto& batch : loader) {
        EXPECT_EQ(count_threads_until(before + 4), before + 4);
        if (batch[0] == 2) break;
      }
      EXPECT_EQ(count_threads_until(before), before);
    }
  }
  EXPECT_LE(made, 3 * (3 + 2 * 4));  // never further ahead than it may be
  EXPECT_GE(made, 3 * 3);
}

TEST(DataLoader, AnEpochOutlivesItsLoader) {
  auto loader = std::make_unique<DataLoader<Indices>>(Indices{6}, DataLoaderOptions{.workers = 2});
  auto it = loader->begin();
  auto second = loader->begin();  // two epochs at once
  loader.reset();
  for (int64_t i = 0; i < 6; ++i, ++it) EXPECT_EQ(*it, std::vector<int64_t>{i});
  EXPECT_TRUE(it == std::default_sentinel);
  ++it;
  EXPECT_TRUE(it == std::default_sentinel);
  EXPECT_EQ(*second, std::vector<int64_t>{0});
}

struct Broken {
  std::exception_ptr error;
  int64_t at = 5;
  int64_t size() const { return 10; }
  int64_t get(int64_t i) const {
    if (i == at) std::rethrow_exception(error);
    return i;
  }
};

TEST(DataLoader, ErrorsArriveInTheLoopAsWhatTheyAre) {
  for (const int workers : {0, 1, 4}) {
    SCOPED_TRACE(workers);
    const DataLoader loader(Broken{std::make_exception_ptr(IoError("image 5 is torn"))},
                            {.workers = workers});
    int64_t seen = 0;
    EXPECT_EQ(error_of<IoError>([&] {
                for (auto& batch : loader) seen += batch.numel();
              }),
              "image 5 is torn");
    EXPECT_EQ(seen, 5);

    const DataLoader odd(Broken{std::make_exception_ptr(42)}, {.workers = workers});
    EXPECT_THROW(for ([[maybe_unused]] auto& batch : odd){}, int);

    // behind the error the epoch goes on
    auto it = loader.begin();
    for (int i = 0; i < 4; ++i) ++it;
    EXPECT_THROW(++it, IoError);
    EXPECT_TRUE(it == loader.end());
    ++it;
    EXPECT_EQ(it->data<int64_t>()[0], 6);

    const DataLoader first(Broken{std::make_exception_ptr(IoError("no")), 0}, {.workers = workers});
    EXPECT_EQ(error_of<IoError>([&] { first.begin(); }), "no");
  }
}

TEST(DataLoader, WorkersContinueTheCallersModes) {
  struct Modes {
    int64_t size() const { return 2; }
    std::tuple<bool, bool, bool> get(int64_t) const {  // records, one thread, autocasts
      bool serial = true;
      const auto me = std::this_thread::get_id();
      std::mutex mutex;
      parallel_for(1000, 1, [&](int64_t, int64_t) {
        const std::lock_guard lock(mutex);
        serial = serial && std::this_thread::get_id() == me;
      });
      return {grad_enabled(), serial, matmul(ones({1, 1}), ones({1, 1})).dtype() == DType::bfloat16};
    }
  };
  const DataLoader loader(Modes{}, {.workers = 1});
  for (auto& [grad, serial, autocast] : loader) {
    EXPECT_TRUE(grad.data<bool>()[0]);
    EXPECT_TRUE(serial.data<bool>()[0]);
    EXPECT_FALSE(autocast.data<bool>()[0]);
    EXPECT_EQ(autocast.dtype(), DType::bool_);
  }
  const NoGradGuard no_grad;
  const amp::AutocastGuard autocasts;
  for (auto& [grad, serial, autocast] : loader) {
    EXPECT_FALSE(grad.data<bool>()[0]);
    EXPECT_TRUE(autocast.data<bool>()[0]);
  }
}

// What workers draw is a matter of the seed alone; without workers it comes from the caller's generator.
TEST(DataLoader, RandomExamplesAreReproducible) {
  struct Noise {
    int64_t size() const { return 101; }
    Tensor get(int64_t) const { return rand({2}); }
  };
  const auto epochs = [](int workers, bool draws_meanwhile) {
    manual_seed(3);
    std::vector<float> all;
    const DataLoader loader(Noise{}, {.batch_size = 4, .workers = workers});
    for (int epoch = 0; epoch < 2; ++epoch) {
      for (auto& x : loader) {
        for (const float e : x.template to_vector<float>()) all.push_back(e);
        if (draws_meanwhile) rand({3});
      }
    }
    return all;
  };
  const auto once = epochs(1, false);
  EXPECT_EQ(epochs(3, false), once);
  EXPECT_EQ(std::set<float>(once.begin(), once.end()).size(), once.size()) << "no two draws are one";
  const std::vector<float> first(once.begin(), once.begin() + 202), busy = epochs(2, true);
  EXPECT_EQ(std::vector<float>(busy.begin(), busy.begin() + 202), first) << "of the first epoch";
  const float unhurried = epochs(0, false)[0];
  manual_seed(3);
  default_generator().random64();  // the loader's base seed
  EXPECT_EQ(rand({1}).item<float>(), unhurried);
}

TEST(DataLoader, StacksTheExamplesOfUsers) {
  struct Squares {
    int64_t size() const { return 5; }
    std::pair<Tensor, double> get(int64_t i) const { return {tensor({1.f * i, 0.5f}), 1. * i * i}; }
  };
  for (auto& [x, y] : DataLoader(Squares{}, {.batch_size = 5})) {
    EXPECT_EQ(x.shape(), Shape({5, 2}));
    EXPECT_EQ(x.data<float>()[8], 4.f);
    EXPECT_EQ(y.dtype(), DType::float64);  // as torch.utils.data.default_collate
    EXPECT_EQ(y.data<double>()[4], 16.);
  }
  struct Nested {
    int64_t size() const { return 2; }
    std::tuple<int, std::pair<Tensor, uint8_t>, float> get(int64_t i) const {
      return {static_cast<int>(i), {tensor({i}), static_cast<uint8_t>(i + 1)}, 0.5f};
    }
  };
  for (auto& [a, b, c] : DataLoader(Nested{}, {.batch_size = 2})) {
    EXPECT_EQ(a.dtype(), DType::int64);
    EXPECT_EQ(b.first.shape(), Shape({2, 1}));
    EXPECT_EQ(b.second.data<int64_t>()[1], 2);
    EXPECT_EQ(c.dtype(), DType::float64);
  }
  struct Uneven {
    int64_t size() const { return 2; }
    Tensor get(int64_t i) const { return empty({i + 1}); }
  };
  const DataLoader uneven(Uneven{}, {.batch_size = 2, .workers = 1});
  EXPECT_EQ(
      error_of<ShapeError>([&] { uneven.begin(); }),
      "DataLoader: examples of one batch need one shape, example 1 has (2,), the first of the batch (1,)");
}

TEST(TensorDataset, TakesRows) {
  const Tensor x = tensor({{0., 1}, {2, 3}, {4, 5}});
  const Tensor y = tensor({10, 11, 12});
  const TensorDataset dataset(x, y);
  EXPECT_EQ(dataset.size(), 3);
  manual_seed(0);
  int64_t total = 0;
  for (auto& [xb, yb] : DataLoader(dataset, {.batch_size = 2, .shuffle = true, .workers = 1})) {
    for (int64_t i = 0; i < yb.numel(); ++i) {
      EXPECT_EQ(xb.data<float>()[static_cast<size_t>(2 * i + 1)],
                2 * (yb.data<int64_t>()[static_cast<size_t>(i)] - 10) + 1);
      total += yb.data<int64_t>()[static_cast<size_t>(i)];
    }
    xb.mutable_data<float>()[0] = -1;  // a batch is a copy
  }
  EXPECT_EQ(total, 33);
  EXPECT_EQ(x.data<float>()[0], 0.f);
  for (auto& [only] : DataLoader(TensorDataset(y), {.batch_size = 3})) EXPECT_EQ(only.numel(), 3);

  EXPECT_EQ(error_of<ShapeError>([&] {
              TensorDataset(x, tensor({1, 2}));
            }),
            "TensorDataset: all tensors need the same first size, tensor 1 has shape (2,), tensor 0 (3, 2)");
  EXPECT_EQ(error_of<ShapeError>([&] { const TensorDataset d(empty({})); }),
            "TensorDataset: tensor 0 has no dimension to count examples");
}

TEST(Map, AppliesToTheFirstMemberOrToTheBatch) {
  const TensorDataset dataset(tensor({{0., 1}, {2, 3}}), tensor({10, 11}));
  const auto first = data::map(dataset, [](const Tensor& x) { return tensor({1.f * x.numel()}); });
  for (auto& [x, y] : DataLoader(first, {.batch_size = 2})) {
    EXPECT_EQ(x.data<float>()[0], 4.f);
    EXPECT_EQ(y.numel(), 2);
  }
  const auto swapped = data::map(first, [](std::array<Tensor, 2> batch) {
    return std::pair{batch[1], batch[0]};
  });
  EXPECT_EQ(swapped.size(), 2);
  for (auto& [y, x] : DataLoader(swapped, {.batch_size = 2, .workers = 1})) {
    EXPECT_EQ(y.numel(), 2);
    EXPECT_EQ(x.numel(), 1);
  }
}

}  // namespace
}  // namespace st
