// dims: what the header promises.
#include "spiraltorch/core/dims.h"

#include <gtest/gtest.h>

#include "spiraltorch/core/error.h"
#include "tests/support/message.h"

namespace st {
namespace {

TEST(Dims, HoldsEightAndRefusesNine) {
  const Dims eight{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(eight.size(), 8);
  EXPECT_EQ(eight.back(), 8);
  EXPECT_EQ(message<ShapeError>([] { Dims{1, 2, 3, 4, 5, 6, 7, 8, 9}; }),
            "Shape: a tensor has at most 8 dimensions, 9 were given");
  Dims full = eight;
  EXPECT_THROW(full.push_back(1), ShapeError);
  EXPECT_EQ(full, eight);
}

TEST(Dims, InsertsAndErases) {
  Dims d{2, 3};
  d.insert(1, 7);
  EXPECT_EQ(d, (Dims{2, 7, 3}));
  d.insert(3, 9);
  EXPECT_EQ(d, (Dims{2, 7, 3, 9}));
  d.erase(0);
  EXPECT_EQ(d, (Dims{7, 3, 9}));
}

TEST(Dims, PrintsAsPythonsTuples) {
  EXPECT_EQ(to_text(Dims{}), "()");
  EXPECT_EQ(to_text(Dims{4}), "(4,)");
  EXPECT_EQ(to_text(Dims{2, 3}), "(2, 3)");
}

TEST(Dims, StridesOfEmptyAndScalarShapes) {
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Strides{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({}), (Strides{}));
  EXPECT_EQ(contiguous_strides({2, 0, 4}), (Strides{4, 4, 1}));  // as PyTorch: a size of 0 counts as 1
  EXPECT_EQ(numel_of({}), 1);
  EXPECT_EQ(numel_of({2, 0, 4}), 0);
}

TEST(Broadcast, AlignsAtTheRight) {
  EXPECT_EQ(broadcast_shapes("add", {2, 1, 4}, {3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast_shapes("add", {}, {5}), (Shape{5}));
  EXPECT_EQ(broadcast_shapes("add", {0, 3}, {1, 3}), (Shape{0, 3}));
  EXPECT_EQ(message<ShapeError>([] {
              broadcast_shapes("add", {2, 3}, {2, 4});
            }),
            "add: the shapes (2, 3) and (2, 4) do not broadcast: sizes 3 and 4 at dimension 1 differ and "
            "neither is 1");
  EXPECT_EQ(message<ShapeError>([] {
              broadcast_shapes("add", {5}, {2, 4});
            }),
            "add: the shapes (5,) and (2, 4) do not broadcast: sizes 5 and 4 at dimension 1 differ and "
            "neither is 1");
}

TEST(NormalizeDim, CountsFromTheEnd) {
  EXPECT_EQ(normalize_dim("sum", -1, 3), 2);
  EXPECT_EQ(normalize_dim("sum", 0, 0), 0);  // a 0-dim tensor counts as having one dimension
  EXPECT_EQ(message<IndexError>([] { normalize_dim("sum", 3, 3); }),
            "sum: dimension 3 is out of range, expected one in [-3, 2] (the tensor has 3 dimensions)");
}

TEST(NormalizeAxes, AllSomeAndTwice) {
  EXPECT_EQ(normalize_axes("sum", {}, 3), 0b111u);
  EXPECT_EQ(normalize_axes("sum", {0, -1}, 3), 0b101u);
  EXPECT_EQ(normalize_axes("sum", 1, 3), 0b010u);
  EXPECT_EQ(message<ValueError>([] {
              normalize_axes("sum", {1, -2}, 3);
            }),
            "sum: dimension -2 appears more than once in (1, -2)");
}

TEST(ReducedShape, KeepsOrDrops) {
  EXPECT_EQ(reduced_shape({2, 3, 4}, 0b101, keepdim), (Shape{1, 3, 1}));
  EXPECT_EQ(reduced_shape({2, 3, 4}, 0b101, KeepDim(false)), (Shape{3}));
}

}  // namespace
}  // namespace st
