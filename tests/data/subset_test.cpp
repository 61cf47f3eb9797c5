// Subset, random_split and ConcatDataset: PyTorch's parts for PyTorch's seeds, batches from several data
// sets, refusals.
#include "spiraltorch/data/subset.h"

#include <gtest/gtest.h>

#include <cmath>

#include "spiraltorch/core/error.h"
#include "spiraltorch/data/concat_dataset.h"
#include "spiraltorch/data/data_loader.h"
#include "spiraltorch/data/tensor_dataset.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using data::ConcatDataset;
using data::DataLoader;
using data::random_split;
using data::Subset;
using data::TensorDataset;
using testing::error_of;

using Indices = std::vector<int64_t>;
using Parts = std::vector<Indices>;

// Example i is i: one at a time, and no whole batches.
struct Count {
  int64_t count;
  int64_t size() const { return count; }
  int64_t get(int64_t i) const { return i; }
};

template <class D>
Parts parts_of(const std::vector<Subset<D>>& subsets) {
  Parts parts;
  for (const auto& subset : subsets) parts.push_back(subset.indices());
  return parts;
}

// The only tensor of each batch.
template <class D>
Parts batches_of(const DataLoader<D>& loader) {
  Parts batches;
  for (auto& batch : loader) {
    if constexpr (std::is_same_v<data::BatchOf<D>, Tensor>) {
      batches.push_back(batch.template to_vector<int64_t>());
    } else {
      batches.push_back(batch[0].template to_vector<int64_t>());
    }
  }
  return batches;
}

TensorDataset<1> numbers(int64_t begin, int64_t end) {
  return TensorDataset(arange(begin, end, 1, DType::int64));
}

// torch.manual_seed(0); random_split(range(10), [3, 7]); torch.empty((), dtype=torch.int64).random_()
TEST(RandomSplit, DrawsPyTorchsPartsFromTheDefaultGenerator) {
  const Parts expected = {{4, 1, 7}, {5, 3, 9, 0, 8, 6, 2}};
  manual_seed(0);
  EXPECT_EQ(parts_of(random_split(Count{10}, {3, 7})), expected);
  EXPECT_EQ(random_int63(default_generator()), 2279347887019741461);
  manual_seed(0);
  EXPECT_EQ(parts_of(random_split(Count{10}, Indices{3, 7})), expected);
  manual_seed(0);
  const int64_t train = 3;
  EXPECT_EQ(parts_of(random_split(Count{10}, {train, 7})), expected);
}

// The example in PyTorch's documentation.
TEST(RandomSplit, DrawsPyTorchsPartsFromAGenerator) {
  const Parts expected = {{12, 0, 6, 25, 8, 15, 10, 18, 16},
                          {23, 28, 26, 20, 7, 21, 22, 29, 13},
                          {14, 2, 4, 1, 9, 11, 17, 19, 27, 5, 24, 3}};
  Generator generator(42);
  EXPECT_EQ(parts_of(random_split(Count{30}, {0.3, 0.3, 0.4}, &generator)), expected);
  Generator again(42);
  EXPECT_EQ(parts_of(random_split(Count{30}, std::vector<double>{0.3, 0.3, 0.4}, &again)), expected);
}

TEST(RandomSplit, SharesOutWhatFractionsLeaveOver) {
  const auto split = [](int64_t size, const std::vector<double>& fractions) {
    manual_seed(1);
    return parts_of(random_split(Count{size}, fractions));
  };
  EXPECT_EQ(split(10, {1. / 3, 1. / 3, 1. / 3}), (Parts{{5, 6, 1, 2}, {0, 8, 9}, {3, 7, 4}}));
  EXPECT_EQ(split(5, {0.5, 0.5}), (Parts{{0, 4, 2}, {3, 1}}));
  EXPECT_EQ(split(7, std::vector<double>(10, 0.1)), (Parts{{0}, {6}, {1}, {3}, {5}, {2}, {4}, {}, {}, {}}));
  EXPECT_EQ(split(3, {0.15, 0.7, 0.15}), (Parts{{1}, {2, 0}, {}}));
  EXPECT_EQ(split(1, {0, 1}), (Parts{{}, {0}}));
  EXPECT_EQ(split(0, {0.5, 0.5}), (Parts{{}, {}}));
}

TEST(RandomSplit, FeedsALoader) {
  manual_seed(3);
  const TensorDataset tens(arange(0, 100, 10, DType::int64));
  const auto parts = random_split(tens, {0.8, 0.2});
  EXPECT_EQ(batches_of(DataLoader(parts[0], {.batch_size = 3, .shuffle = true})),
            (Parts{{30, 0, 50}, {70, 80, 60}, {10, 90}}));
  EXPECT_EQ(&parts[0].dataset(), &parts[1].dataset());  // shared
}

TEST(RandomSplit, RefusesWhatMakesNoSense) {
  const auto error = [](auto lengths) {
    return error_of<ValueError>([&] { random_split(Count{10}, lengths); });
  };
  EXPECT_EQ(error(Indices{3, 6}),
            "random_split: lengths must sum to the size of the data set, 10; they sum to 9");
  EXPECT_EQ(error(Indices{}),
            "random_split: lengths must sum to the size of the data set, 10; they sum to 0");
  EXPECT_EQ(error(Indices{3, 8, 1}),
            "random_split: lengths must sum to the size of the data set, 10; the first 2 sum to more");
  EXPECT_EQ(error(Indices{INT64_MAX, INT64_MAX}),
            "random_split: lengths must sum to the size of the data set, 10; the first 1 sum to more");
  EXPECT_EQ(error(Indices{-1, 11}), "random_split: lengths must be at least 0, got -1 at position 0");
  EXPECT_EQ(error(Indices{1, 0}),
            "random_split: lengths must sum to the size of the data set, 10; they sum to 1");
  EXPECT_EQ(error(std::vector<double>{0.5, 0.4}), "random_split: fractions must sum to 1, they sum to 0.9");
  EXPECT_EQ(error(std::vector<double>{0.5, -0.5, 1}),
            "random_split: fractions must be in [0, 1], got -0.5 at position 1");
  EXPECT_EQ(error(std::vector<double>{std::nan(""), 1}),
            "random_split: fractions must be in [0, 1], got nan at position 0");
  EXPECT_EQ(error(std::vector<double>{}), "random_split: fractions must sum to 1, they sum to 0");
  EXPECT_EQ(error(std::vector<float>{3, 7}),
            "random_split: fractions must be in [0, 1], got 3 at position 0");
}

TEST(Subset, TakesTheExamplesItNames) {
  const Subset some(numbers(10, 20), {7, 0, 7});
  EXPECT_EQ(some.size(), 3);
  EXPECT_EQ(batches_of(DataLoader(some, {.batch_size = 2})), (Parts{{17, 10}, {17}}));
  const Subset of_that(some, {2, 1});
  EXPECT_EQ(batches_of(DataLoader(of_that, {.batch_size = 2, .workers = 1})), (Parts{{17, 10}}));

  const Subset single(Count{5}, {4, 2});  // a data set that gives one example at a time
  EXPECT_EQ(single.get(1), 2);
  EXPECT_EQ(batches_of(DataLoader(single, {.batch_size = 2})), (Parts{{4, 2}}));
  EXPECT_EQ(DataLoader(Subset(Count{5}, {})).size(), 0);
}

TEST(Subset, RefusesIndicesOutOfRange) {
  EXPECT_EQ(error_of<IndexError>([] {
              Subset(Count{5}, {0, 5});
            }),
            "Subset: index 5 is out of range for a data set of size 5");
  EXPECT_EQ(error_of<IndexError>([] { Subset(Count{5}, {-1}); }),
            "Subset: index -1 is out of range for a data set of size 5");
  EXPECT_EQ(error_of<IndexError>([] {
              Subset(Count{5}, {3, 4}).get(2);
            }),
            "Subset: index 2 is out of range for a data set of size 2");
}

// torch.manual_seed(4); DataLoader(ConcatDataset([...]), batch_size=4, shuffle=True)
TEST(ConcatDataset, PutsBatchesTogetherInTheOrderAsked) {
  const ConcatDataset all({numbers(0, 3), numbers(10, 14), numbers(0, 0), numbers(20, 22)});
  EXPECT_EQ(all.size(), 9);
  EXPECT_EQ(all.cumulative_sizes(), (Indices{3, 7, 7, 9}));
  manual_seed(4);
  EXPECT_EQ(batches_of(DataLoader(all, {.batch_size = 4, .shuffle = true})),
            (Parts{{0, 11, 12, 13}, {20, 21, 1, 2}, {10}}));
  EXPECT_EQ(batches_of(DataLoader(all, {.batch_size = 4, .workers = 1})),
            (Parts{{0, 1, 2, 10}, {11, 12, 13, 20}, {21}}));
}

TEST(ConcatDataset, TakesPairsNestedOnesAndSingleExamples) {
  const auto pairs = [](int64_t begin, int64_t end) {
    return TensorDataset(arange(begin, end, 1, DType::float32), arange(begin, end, 1, DType::int64));
  };
  const auto as_nested = [](std::array<Tensor, 2> batch) {
    return std::pair{batch[0], std::tuple{batch[1], batch[1], batch[0]}};
  };
  const ConcatDataset nested({data::map(pairs(0, 2), as_nested), data::map(pairs(5, 8), as_nested)});
  for (auto& [x, rest] : DataLoader(nested, {.batch_size = 5})) {
    EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{0, 1, 5, 6, 7}));
    EXPECT_EQ(std::get<1>(rest).to_vector<int64_t>(), (Indices{0, 1, 5, 6, 7}));
    EXPECT_EQ(std::get<2>(rest).dtype(), DType::float32);
  }
  const ConcatDataset single({Count{2}, Count{3}});
  EXPECT_EQ(single.get(2), 0);
  EXPECT_EQ(batches_of(DataLoader(single, {.batch_size = 5})), (Parts{{0, 1, 0, 1, 2}}));
  const ConcatDataset parts(random_split(numbers(0, 4), {2, 2}));
  EXPECT_EQ(parts.size(), 4);
}

TEST(ConcatDataset, RefusesWhatMakesNoSense) {
  EXPECT_EQ(error_of<ValueError>([] { ConcatDataset(std::vector<Count>{}); }),
            "ConcatDataset: there are no data sets");
  const ConcatDataset two({Count{2}, Count{3}});
  for (const int64_t i : {-1, 5}) {
    EXPECT_EQ(error_of<IndexError>([&] { two.get(i); }),
              "ConcatDataset: index " + std::to_string(i) + " is out of range for data sets of 5 examples");
  }
  EXPECT_EQ(error_of<ValueError>([] {
              ConcatDataset({Count{INT64_MAX}, Count{1}});
            }),
            "ConcatDataset: data set 1 has the size 1, the sizes before it sum to 9223372036854775807");
}

}  // namespace
}  // namespace st
