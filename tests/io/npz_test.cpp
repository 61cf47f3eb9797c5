// .npz files: NumPy's own read here, ours read back, and what is refused. tests/files/read_files.py has
// NumPy read ours.
#include "spiraltorch/io/npz.h"

#include <gtest/gtest.h>

#include <limits>

#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using testing::error_of;
using testing::TempDir;

const std::string kData = std::string(SPIRALTORCH_TESTS_DIR) + "/io/data/";

struct NumPyFile : ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Npz, NumPyFile, ::testing::Values("numpy.npz", "numpy_compressed.npz"));

TEST_P(NumPyFile, IsRead) {
  const StateDict state = io::load_npz(kData + GetParam());
  EXPECT_EQ(state.size(), 15u);
  EXPECT_EQ(state.begin()->first, "fc.weight");
  const auto expect = [&](const char* name, const Tensor& x) {
    EXPECT_EQ(state.at(name).dtype(), x.dtype()) << name;
    EXPECT_EQ(state.at(name).shape(), x.shape()) << name;
    EXPECT_TRUE(equal(state.at(name), x)) << name;
  };
  expect("fc.weight", reshape(tensor({-0.5f, -0.25f, 0.f, 0.25f, 0.5f, 0.75f}), {2, 3}));
  expect("double", tensor({0.1, std::numeric_limits<double>::infinity()}, DType::float64));
  expect("half", tensor({1.5f, -65504.f}).to(DType::float16));
  expect("long", tensor({int64_t{-1}, int64_t{1} << 62}));
  expect("int", tensor({-int64_t{1} << 31, int64_t{7}}).to(DType::int32));
  expect("byte", tensor({0, 128, 255}).to(DType::uint8));
  expect("flag", tensor({true, false, true}));
  expect("scalar", tensor(2.5));
  expect("none", zeros({0, 3}));
  expect("small", tensor({-128, 127}).to(DType::int32));
  expect("short", tensor({-32768, 32767}).to(DType::int32));
  expect("ushort", tensor({0, 65535}).to(DType::int32));
  expect("uint", tensor({int64_t{0}, int64_t{4294967295}}));
  expect("big", tensor({{1., -2., 3.}}));
  expect("fortran", reshape(arange(0, 24, 1, DType::float64), {2, 3, 4}));
}

TEST(Npz, ComesBack) {
  const TempDir dir;
  const Tensor wide = reshape(arange(0, 6, 1, DType::float64), {2, 3});
  const StateDict state{{"fc1.weight", transpose(wide, 0, 1)},
                        {"n", tensor(7)},
                        {"empty", zeros({0, 2})},
                        {"flag", tensor({true, false})}};
  for (const bool compressed : {false, true}) {
    io::save_npz(dir / "x.npz", state, {.compressed = compressed});
    const StateDict back = io::load_npz(dir / "x.npz");
    ASSERT_EQ(back.size(), state.size());
    for (const auto& [name, x] : state) {
      EXPECT_EQ(back.at(name).dtype(), x.dtype()) << name;
      EXPECT_EQ(back.at(name).shape(), x.shape()) << name;
      EXPECT_TRUE(equal(back.at(name), x)) << name;
    }
  }
  const std::string bytes = testing::read_bytes(dir / "x.npz");
  io::save_npz(dir / "x.npz", state, {.compressed = true});
  EXPECT_EQ(testing::read_bytes(dir / "x.npz"), bytes);  // no time of day in it
  EXPECT_EQ(dir.names().size(), 1u);

  io::save_npz(dir / "x.npz", {});
  EXPECT_TRUE(io::load_npz(dir / "x.npz").empty());
}

TEST(Npz, WhatIsRefused) {
  const TempDir dir;
  const std::string path = dir / "x.npz";
  EXPECT_EQ(error_of<DTypeError>([&] {
              io::save_npz(path, {{"w", ones({2}, DType::bfloat16)}});
            }),
            "save_npz: tensor \"w\" is bfloat16, which NumPy does not have; convert it to float32");
  EXPECT_EQ(error_of<ValueError>([&] {
              io::save_npz(path, {{"w", Tensor()}});
            }),
            "save_npz: tensor \"w\" is undefined");
  EXPECT_EQ(error_of<ValueError>([&] {
              io::save_npz(path, {{"", ones({2})}});
            }),
            "save_npz: an array needs a name");
  EXPECT_TRUE(dir.names().empty());
  EXPECT_EQ(error_of<IoError>([&] {
              io::save_npz(dir / "no/x.npz", {{"w", ones({2})}});
            }),
            "save_npz: cannot write " + dir / "no/x.npz" + ": No such file or directory");
  EXPECT_EQ(error_of<IoError>([&] { io::load_npz(path); }),
            "load_npz: cannot open " + path + ": No such file or directory");
  EXPECT_EQ(error_of<IoError>([&] { io::load_npz(kData + "complex.npz"); }),
            "load_npz: " + kData + "complex.npz: array \"z\": type '<c8' is not supported");
  EXPECT_EQ(error_of<IoError>([&] { io::load_npz(kData + "objects.npz"); }),
            "load_npz: " + kData + "objects.npz: array \"o\": type '|O' is not supported");
}

// A file cut off anywhere, and one with any byte changed, is an error or gives arrays; never anything else.
TEST(Npz, DamagedFiles) {
  const TempDir dir;
  const std::string good = testing::read_bytes(kData + "numpy.npz"), path = dir / "x.npz";
  testing::write_bytes(path, "");
  EXPECT_EQ(error_of<IoError>([&] { io::load_npz(path); }), "load_npz: " + path + ": the file is empty");
  for (size_t size = 1; size < good.size(); size += 97) {
    testing::write_bytes(path, good.substr(0, size));
    EXPECT_TRUE(error_of<IoError>([&] { io::load_npz(path); }).starts_with("load_npz: " + path)) << size;
  }
  for (size_t at = 0; at < good.size(); at += 23) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x11);
    testing::write_bytes(path, bad);
    const std::string error = error_of<Error>([&] { io::load_npz(path); });
    EXPECT_TRUE(error == "no exception" || error.starts_with("load_npz: ")) << at << ": " << error;
  }
}

}  // namespace
}  // namespace st
