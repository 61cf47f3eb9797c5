// Picking and adding, against one element at a time, for every number of threads the same bits.
#include "spiraltorch/backend/cpu/index.h"

#include <gtest/gtest.h>

#include <vector>

#include "spiraltorch/core/error.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

int64_t at(const std::vector<int64_t>& index, const Dims& strides) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) offset += index[d] * strides[static_cast<int>(d)];
  return offset;
}

template <class F>
void for_each_index(const Dims& sizes, const F& f) {
  for (int64_t i = 0; i < numel_of(sizes); ++i) {
    std::vector<int64_t> index(static_cast<size_t>(sizes.size()));
    int64_t rest = i;
    for (int d = sizes.size() - 1; d >= 0; --d) {
      index[static_cast<size_t>(d)] = rest % sizes[d];
      rest /= sizes[d];
    }
    f(index);
  }
}

struct Case {
  Dims x, index;
  int dim;
  bool transposed;  // x and index lie in memory the other way round
};

const Case kCases[] = {
    {{7}, {20}, 0, false},
    {{5, 4}, {3, 4}, 0, false},
    {{5, 4}, {5, 9}, 1, false},
    {{5, 4}, {2, 3}, 0, true},
    {{3, 4, 5}, {3, 6, 5}, 1, false},
    {{3, 4, 5}, {2, 6, 4}, 1, true},
    {{3, 4, 5}, {3, 4, 7}, 2, true},
    {{2, 1, 6}, {2, 5, 6}, 1, false},
    {{3, 50, 1, 80}, {2, 70, 1, 80}, 1, false},
    {{40, 3, 200}, {90, 3, 200}, 0, false},
};

Tensor reversed(const Tensor& x) {
  Dims order;
  for (int d = static_cast<int>(x.dim()) - 1; d >= 0; --d) order.push_back(d);
  return permute(permute(x, order).contiguous(), order);
}

TEST(CpuIndex, GatherAndScatterAddElementByElement) {
  manual_seed(1);
  for (const Case& c : kCases) {
    for (DType index_dtype : {DType::int64, DType::int32}) {
      Tensor x = randn(c.x), index = randint(c.x[c.dim], c.index, index_dtype);
      if (c.transposed) {
        x = reversed(x);
        index = reversed(index);
      }
      const Tensor y = empty(c.index);
      cpu::gather(x.in(), c.dim, index.in(), y.out());
      const std::vector<int64_t> positions = index.to_vector<int64_t>();
      const std::vector<float> values = x.to_vector<float>(), got = y.to_vector<float>();
      const Strides xs = contiguous_strides(c.x), is = contiguous_strides(c.index);
      for_each_index(c.index, [&](std::vector<int64_t> i) {
        const size_t from = static_cast<size_t>(at(i, is));
        i[static_cast<size_t>(c.dim)] = positions[from];
        EXPECT_EQ(got[from], values[static_cast<size_t>(at(i, xs))]);
      });

      std::vector<float> sum = values;
      for_each_index(c.index, [&](std::vector<int64_t> i) {
        const size_t from = static_cast<size_t>(at(i, is));
        i[static_cast<size_t>(c.dim)] = positions[from];
        sum[static_cast<size_t>(at(i, xs))] += got[from];
      });
      const int before = num_threads();
      for (int threads : {1, 2, 3, 4}) {
        set_num_threads(threads);
        const Tensor z = x.clone();
        cpu::scatter_add(z.out(), c.dim, index.in(), y.in());
        EXPECT_EQ(z.to_vector<float>(), sum) << to_text(c.x) << " threads " << threads;
      }
      set_num_threads(before);
    }
  }
}

TEST(CpuIndex, SelectAndAddForEveryNumberOfThreads) {
  manual_seed(2);
  for (const Dims& shape : {Dims{50}, Dims{60, 7}, Dims{4, 30, 500}, Dims{2, 30, 1, 3}}) {
    for (int dim = 0; dim < shape.size(); ++dim) {
      const Tensor x = randn(shape), index = randint(shape[dim], {700});
      Dims picked = shape;
      picked[dim] = 700;
      const Tensor y = empty(picked);
      cpu::index_select(x.in(), dim, index.in(), y.out());
      Dims ones = Dims::filled(shape.size(), 1);
      ones[dim] = 700;
      const Tensor wide = expand(reshape(index, ones), picked);
      const Tensor expected = empty(picked);
      cpu::gather(x.in(), dim, wide.contiguous().in(), expected.out());
      EXPECT_EQ(y.to_vector<float>(), expected.to_vector<float>());

      std::vector<float> first;
      const int before = num_threads();
      for (int threads : {1, 2, 3}) {
        set_num_threads(threads);
        const Tensor a = x.clone(), b = x.clone();
        cpu::index_add(a.out(), dim, index.in(), y.in(), 1);
        cpu::scatter_add(b.out(), dim, wide.contiguous().in(), y.in());
        EXPECT_EQ(a.to_vector<float>(), b.to_vector<float>());
        if (first.empty()) first = a.to_vector<float>();
        EXPECT_EQ(a.to_vector<float>(), first);
      }
      set_num_threads(before);
    }
  }
}

TEST(CpuIndex, CheckNamesTheFirstBadIndex) {
  const Tensor index = tensor({0, 2, 5, 7}).reshape({2, 2}).t();
  EXPECT_NO_THROW(cpu::check_index("op", index.in(), 0, 8));
  try {
    cpu::check_index("gather", index.in(), 0, 5);  // in row-major order: 0 5 2 7
    FAIL();
  } catch (const IndexError& e) {
    EXPECT_STREQ(e.what(),
                 "gather: index 5 is out of range for a dimension of size 5, expected one in [0, 4]");
  }
  EXPECT_THROW(cpu::check_index("op", tensor({-1}).in(), 0, 5), IndexError);
  EXPECT_NO_THROW(cpu::check_index("op", tensor({-5}).in(), -5, 5));
}

}  // namespace
}  // namespace st
