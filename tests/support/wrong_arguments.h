// Tables of public functions, called with arguments that they cannot want: undefined tensors, other shapes,
// dtypes, devices, dimensions out of range and sizes at the ends of int64. Each call must do its work or
// throw an st::Error whose text begins with the function's name; what throws has changed no argument.
// scripts/check sees that no public function is missing.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace st::test {

using Tensors = std::vector<Tensor>;
using Ints = std::vector<int64_t>;

struct Function {
  std::string name;  // with which its errors begin; of several, a|b, any will do
  Tensors tensors;   // arguments that it takes
  Ints ints;
  std::function<void(const Tensors& t, const Ints& i)> call;
  size_t optional = 0;           // so many of the tensors, from the end, may be undefined
  bool crosses_devices = false;  // whether they may lie on several devices
};

/// The body of a Function's call, with its arguments as t and i.
#define ST_CALL(...)                                                                              \
  [](const ::st::test::Tensors& t [[maybe_unused]], const ::st::test::Ints& i [[maybe_unused]]) { \
    __VA_ARGS__;                                                                                  \
  }

/// A matrix of 0, 1, 2, ... in float32.
Tensor matrix(int64_t rows, int64_t columns);

using Functions = std::vector<Function>;
void expect_right_ones_are_taken(const Functions& functions);
void expect_undefined_are_refused(const Functions& functions);
void try_other_tensors(const Functions& functions);
void expect_other_devices_are_refused(const Functions& functions);
void try_other_ints(const Functions& functions);

/// The tests of one table, a function that makes it.
#define ST_TEST_WRONG_ARGUMENTS(table)                                                          \
  TEST(WrongArguments, RightOnesAreTaken) { ::st::test::expect_right_ones_are_taken(table()); } \
  TEST(WrongArguments, UndefinedTensors) { ::st::test::expect_undefined_are_refused(table()); } \
  TEST(WrongArguments, OtherTensors) { ::st::test::try_other_tensors(table()); }                \
  TEST(WrongArguments, OtherDevices) { ::st::test::expect_other_devices_are_refused(table()); } \
  TEST(WrongArguments, OtherInts) { ::st::test::try_other_ints(table()); }

}  // namespace st::test
