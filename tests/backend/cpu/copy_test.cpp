// Every layout and every pair of types, against one element at a time.
#include "spiraltorch/backend/cpu/copy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "spiraltorch/core/parallel.h"

namespace st {
namespace {

constexpr DType kTypes[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                            DType::int64,   DType::int32,   DType::uint8,    DType::bool_};

// Bytes enough for `elements` elements of any type.
std::vector<uint64_t> memory(int64_t elements) {
  return std::vector<uint64_t>(static_cast<size_t>(elements));
}

void fill_with_pattern(DType dtype, void* data, int64_t n) {
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < n; ++i) static_cast<T*>(data)[i] = convert<T>((i * 7 + 3) % 120);
  });
}

template <class F>
void for_each_index(const Dims& sizes, const F& f) {
  const int64_t total = numel_of(sizes);
  for (int64_t i = 0; i < total; ++i) {
    Dims at = sizes;
    int64_t rest = i;
    for (int d = sizes.size() - 1; d >= 0; --d) {
      at[d] = rest % sizes[d];
      rest /= sizes[d];
    }
    f(at);
  }
}

int64_t offset_of(const Dims& at, const Dims& strides) {
  int64_t offset = 0;
  for (int d = 0; d < at.size(); ++d) offset += at[d] * strides[d];
  return offset;
}

int64_t extent(const Dims& sizes, const Dims& strides) {
  int64_t last = 0;
  for (int d = 0; d < sizes.size(); ++d) last += (sizes[d] - 1) * strides[d];
  return last + 1;
}

void expect_copy(DType from, DType to, const Dims& sizes, const Dims& x_strides, const Dims& y_strides) {
  auto x = memory(extent(sizes, x_strides)), y = memory(extent(sizes, y_strides)), expected = y;
  fill_with_pattern(from, x.data(), extent(sizes, x_strides));
  cpu::copy({x.data(), from, &sizes, &x_strides}, {y.data(), to, &sizes, &y_strides});
  visit_dtype(from, [&](auto from_tag) {
    visit_dtype(to, [&](auto to_tag) {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      for_each_index(sizes, [&](const Dims& at) {
        reinterpret_cast<To*>(expected.data())[offset_of(at, y_strides)] =
            convert<To>(reinterpret_cast<const From*>(x.data())[offset_of(at, x_strides)]);
      });
    });
  });
  EXPECT_EQ(y, expected) << dtype_name(from) << " to " << dtype_name(to) << " " << to_text(sizes) << " "
                         << to_text(x_strides) << " " << to_text(y_strides);
}

struct Case {
  Dims sizes, x, y;
};

const Case kCases[] = {
    {{}, {}, {}},
    {{1}, {5}, {7}},
    {{100}, {1}, {1}},
    {{100}, {3}, {1}},
    {{600}, {1}, {2}},
    {{1100}, {2}, {3}},
    {{50}, {0}, {1}},
    {{50}, {0}, {2}},
    {{3, 5}, {5, 1}, {5, 1}},
    {{3, 5}, {5, 1}, {9, 1}},
    {{3, 5}, {1, 3}, {5, 1}},                       // transposed, smaller than a tile
    {{64, 64}, {1, 64}, {64, 1}},                   // whole tiles of every type
    {{67, 130}, {1, 67}, {130, 1}},                 // tiles and edges
    {{130, 67}, {1, 131}, {70, 1}},                 // with gaps
    {{130, 67}, {2, 300}, {70, 1}},                 // x runs along neither
    {{33, 40}, {1, 33}, {80, 2}},                   // y runs along neither
    {{5, 33, 3}, {99, 1, 33}, {99, 3, 1}},          // channels first to channels last
    {{5, 3, 33}, {99, 1, 3}, {99, 33, 1}},          // and back
    {{4, 33, 35}, {0, 1, 33}, {33 * 35, 35, 1}},    // broadcast matrices
    {{2, 3, 4, 5}, {60, 20, 5, 1}, {1, 2, 6, 24}},  // reversed
    {{2, 3, 4, 5}, {60, 0, 5, 1}, {60, 20, 5, 1}},
    {{7, 1, 9}, {9, 1000, 1}, {9, 3, 1}},
};

TEST(CpuCopy, EveryLayoutAndPairOfTypes) {
  for (const Case& c : kCases) {
    for (DType from : kTypes) {
      for (DType to : kTypes) expect_copy(from, to, c.sizes, c.x, c.y);
    }
  }
}

TEST(CpuCopy, LargeTransposesPastTheCaches) {
  for (DType dtype : {DType::float32, DType::uint8, DType::float64}) {
    const int64_t rows = dtype == DType::uint8 ? 2100 : 1100;
    expect_copy(dtype, dtype, {rows, 2049}, {1, rows}, {2049, 1});
    expect_copy(dtype, dtype, {2048, rows}, {1, 2048}, {rows, 1});
  }
  expect_copy(DType::float32, DType::bfloat16, {1030, 1100}, {1, 1030}, {1100, 1});
}

TEST(CpuCopy, AnyNumberOfThreads) {
  const int before = num_threads();
  for (int threads : {1, 2, 3, 5}) {
    set_num_threads(threads);
    expect_copy(DType::float32, DType::float64, {300, 301}, {301, 1}, {400, 1});
    expect_copy(DType::float32, DType::float32, {300, 301}, {1, 300}, {301, 1});
    expect_copy(DType::int64, DType::int64, {40000}, {2}, {1});
  }
  set_num_threads(before);
}

TEST(CpuCopy, BroadcastsMissingDimensions) {
  const float x[] = {1, 2, 3};
  float y[6] = {};
  const Dims sizes{3}, strides{1}, y_sizes{2, 3}, y_strides{3, 1};
  cpu::copy({x, DType::float32, &sizes, &strides}, {y, DType::float32, &y_sizes, &y_strides});
  EXPECT_EQ(std::vector<float>(y, y + 6), (std::vector<float>{1, 2, 3, 1, 2, 3}));
}

TEST(CpuCopy, Fills) {
  const Dims sizes{3, 5}, strides{7, 1};
  for (DType dtype : kTypes) {
    visit_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      std::vector<T> bytes(21);
      auto y = std::make_unique<T[]>(21);
      cpu::fill(2.0, {y.get(), dtype, &sizes, &strides});
      EXPECT_EQ(convert<double>(y[16]), dtype == DType::bool_ ? 1 : 2);
      EXPECT_EQ(convert<double>(y[5]), 0);  // between the rows
    });
  }
  int64_t big = 0;
  const Dims none;
  cpu::fill((int64_t{1} << 53) + 1, {&big, DType::int64, &none, &none});
  EXPECT_EQ(big, (int64_t{1} << 53) + 1);
}

}  // namespace
}  // namespace st
