// Shapes and dtypes in a stream.
#include "spiraltorch/core/stream.h"

#include <gtest/gtest.h>

#include <sstream>

namespace st {
namespace {

TEST(Stream, PrintsShapesAndDTypesAsErrorsDo) {
  std::ostringstream os;
  os << Shape{2, 3} << Shape{4} << Shape{} << ' ' << DType::float32 << ' ' << DType::bool_;
  EXPECT_EQ(os.str(), "(2, 3)(4,)() float32 bool");
}

}  // namespace
}  // namespace st
