// The version has the form that package managers compare.
#include "spiraltorch/core/version.h"

#include <gtest/gtest.h>

#include <regex>

TEST(Version, IsThreeNumbers) {
  EXPECT_TRUE(std::regex_match(st::version(), std::regex(R"(\d+\.\d+\.\d+)"))) << st::version();
}
