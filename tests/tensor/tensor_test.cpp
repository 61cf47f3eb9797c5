// The handle: shape, strides, views of memory, elements, and what it refuses.
#include "spiraltorch/tensor/tensor.h"

#include <gtest/gtest.h>

#include <vector>

#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/message.h"

namespace st {
namespace {

TEST(Tensor, KnowsItsShape) {
  const Tensor x = empty({2, 3, 4}, DType::float64);
  EXPECT_EQ(x.shape(), Shape({2, 3, 4}));
  EXPECT_EQ(x.strides(), Strides({12, 4, 1}));
  EXPECT_EQ(x.numel(), 24);
  EXPECT_EQ(x.dim(), 3);
  EXPECT_EQ(x.size(-1), 4);
  EXPECT_EQ(x.stride(0), 12);
  EXPECT_EQ(x.dtype(), DType::float64);
  EXPECT_TRUE(x.is_contiguous());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(x.in().data) % 64, 0u);
  EXPECT_THROW(x.size(3), IndexError);
}

TEST(Tensor, UndefinedIsRefused) {
  const Tensor x;
  EXPECT_FALSE(x.defined());
  EXPECT_EQ(message<ValueError>([&] { x.shape(); }), "shape: the tensor is undefined");
}

TEST(Tensor, RefusesImpossibleShapes) {
  EXPECT_EQ(message<ShapeError>([] { empty({2, -1}); }), "empty: the shape (2, -1) has a negative size");
  EXPECT_THROW(empty({int64_t{1} << 40, int64_t{1} << 40}), ShapeError);
  EXPECT_THROW(empty({0, int64_t{1} << 40, int64_t{1} << 40}), ShapeError);  // its strides overflow
}

TEST(Tensor, ContiguousIgnoresSizeOneAndEmpty) {
  const Tensor x = empty({3, 4});
  EXPECT_FALSE(x.t().is_contiguous());
  EXPECT_TRUE(make_view(x, {3, 1, 1}, {1, 77, 5}, 0).is_contiguous());
  EXPECT_TRUE(make_view(x, {0, 3}, {5, 9}, 0).is_contiguous());
}

TEST(Tensor, EmptyLikeKeepsDenseStrides) {
  const Tensor x = empty({2, 3, 4});
  EXPECT_EQ(empty_like(permute(x, {2, 0, 1})).strides(), Strides({1, 12, 4}));
  EXPECT_EQ(empty_like(x.narrow(1, 0, 2)).strides(), Strides({8, 4, 1}));  // gaps: row-major
  EXPECT_EQ(empty_like(empty({1, 3}).expand({2, 3})).strides(), Strides({3, 1}));
  EXPECT_EQ(empty_like(x, DType::int64).dtype(), DType::int64);
}

TEST(Tensor, ElementsAreCheckedAndConverted) {
  const Tensor x = tensor({1.5f, -2.0f, 300.0f});
  EXPECT_EQ(x.to_vector<double>(), (std::vector<double>{1.5, -2, 300}));
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{1, -2, 300}));
  EXPECT_EQ(x.to_vector<bool>(), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(tensor(2.5).item<float>(), 2.5f);
  EXPECT_EQ(message<ValueError>([&] { x.item<float>(); }),
            "item: a tensor with one element is needed, this one has 3 (shape (3,))");
  EXPECT_EQ(message<DTypeError>([&] { x.data<double>(); }),
            "data: the tensor is float32, float64 was asked for");
  EXPECT_THROW(empty({2, 2}).t().data<float>(), ValueError);
}

TEST(Tensor, WritesBumpTheVersionThatViewsShare) {
  const Tensor x = zeros({4});
  const Tensor y = x.narrow(0, 1, 2);
  const uint64_t before = x.version();
  y.mutable_data<float>()[0] = 5;
  EXPECT_EQ(x.version(), before + 1);
  EXPECT_EQ(y.version(), before + 1);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{0, 5, 0, 0}));
}

TEST(Tensor, FromBlobBorrowsAndReleases) {
  std::vector<float> memory{1, 2, 3, 4, 5, 6};
  int released = 0;
  {
    const Tensor x = from_blob(memory.data(), {2, 3}, [&](void*) { ++released; });
    const Tensor row = x[1];
    EXPECT_EQ(row.to_vector<float>(), (std::vector<float>{4, 5, 6}));
    row.fill_(7);
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 1);
  EXPECT_EQ(memory[5], 7);
  EXPECT_THROW(from_blob(static_cast<float*>(nullptr), {1}), ValueError);
}

TEST(Tensor, ReadOnlyMemoryIsNotWrittenTo) {
  float memory[] = {1, 2};
  const auto storage = Storage::external(memory, sizeof memory, nullptr, true);
  auto impl = std::make_shared<TensorImpl>();
  *impl = {storage, {2}, {1}, 0, 2, DType::float32, nullptr};
  const Tensor x(impl);
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(message<ValueError>([&] { x.zero_(); }),
            "zero_: the memory of the tensor (2,) is read-only; clone() it and write to the copy");
  EXPECT_EQ(message<ValueError>([&] { x.mutable_data<float>(); }),
            "mutable_data: the memory of the tensor (2,) is read-only; clone() it and write to the copy");
  EXPECT_EQ(message<ValueError>([&] { x.out(); }),
            "out: the memory of the tensor (2,) is read-only; clone() it and write to the copy");
}

}  // namespace
}  // namespace st
