// Tables of public functions, called with arguments that they cannot want: undefined tensors, other shapes,
// dtypes, devices, dimensions out of range and sizes at the ends of int64. Each call must do its work or
// throw an st::Error of the form "function: the rule, the values"; what throws has changed no argument. Which
// of the two it is stands, for each call, in wrong_arguments.txt beside the test. scripts/check sees that no
// public function is missing.
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
using DTypes = std::vector<DType>;

struct Function {
  std::string name;  // with which its errors begin; of several, a|b, any will do
  Tensors tensors;   // arguments that it takes
  Ints ints;
  std::function<void(const Tensors& t, const Ints& i, const DTypes& d)> call;
  size_t optional = 0;           // so many of the tensors, from the end, may be undefined
  bool crosses_devices = false;  // whether they may lie on several devices
  DTypes dtypes = {};
};

/// The body of a Function's call, with its arguments as t, i and d.
#define ST_CALL(...)                                                                            \
  [](const ::st::test::Tensors& t [[maybe_unused]], const ::st::test::Ints& i [[maybe_unused]], \
     const ::st::test::DTypes& d [[maybe_unused]]) { __VA_ARGS__; }

/// A matrix of 0, 1, 2, ... in float32.
Tensor matrix(int64_t rows, int64_t columns);

using Functions = std::vector<Function>;
void expect_right_ones_are_taken(const Functions& functions);
void expect_undefined_are_refused(const Functions& functions);
void expect_other_devices_are_refused(const Functions& functions);
/// One argument at a time is another: what is refused is what `folder`/wrong_arguments.txt lists.
void expect_others_are_refused_as_listed(const Functions& functions, const std::string& folder);

/// The tests of one table, a function that makes it, in tests/FOLDER.
#define ST_TEST_WRONG_ARGUMENTS(table, folder)                                                  \
  TEST(WrongArguments, RightOnesAreTaken) { ::st::test::expect_right_ones_are_taken(table()); } \
  TEST(WrongArguments, UndefinedTensors) { ::st::test::expect_undefined_are_refused(table()); } \
  TEST(WrongArguments, OtherDevices) { ::st::test::expect_other_devices_are_refused(table()); } \
  TEST(WrongArguments, OthersAreRefusedAsListed) {                                              \
    ::st::test::expect_others_are_refused_as_listed(table(), SPIRALTORCH_TESTS_DIR "/" folder); \
  }

}  // namespace st::test
