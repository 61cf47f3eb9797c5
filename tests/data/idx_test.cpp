// IDX files: every element type, every way to be malformed, files at random.
#include "spiraltorch/data/idx.h"

#include <gtest/gtest.h>

#include <random>

#include "spiraltorch/core/error.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using data::read_idx;
using testing::error_of;
using testing::TempDir;
using testing::write_bytes;
using namespace std::string_literals;

Tensor read(const TempDir& dir, const std::string& bytes) {
  write_bytes(dir / "x", bytes);
  return read_idx(dir / "x");
}

TEST(Idx, ReadsItsElementTypes) {
  const TempDir dir;
  const Tensor bytes = read(dir, "\0\0\x08\x02\0\0\0\x02\0\0\0\x03"s + "abcde\xff");
  EXPECT_EQ(bytes.shape(), Shape({2, 3}));
  EXPECT_EQ(bytes.data<uint8_t>()[5], 255);
  const Tensor ints = read(dir, "\0\0\x0c\x01\0\0\0\x02\x01\x02\x03\x04\xff\xff\xff\xfe"s);
  EXPECT_EQ(ints.data<int32_t>()[0], 0x01020304);
  EXPECT_EQ(ints.data<int32_t>()[1], -2);
  EXPECT_EQ(read(dir, "\0\0\x0d\x01\0\0\0\x01\x3f\xc0\0\0"s).data<float>()[0], 1.5f);
  EXPECT_EQ(read(dir, "\0\0\x0e\0\xc0\x04\0\0\0\0\0\0"s).data<double>()[0], -2.5);  // 0-dim
  EXPECT_EQ(read(dir, "\0\0\x08\x02\0\0\0\0\xff\xff\xff\xff"s).shape(), Shape({0, 4294967295}));
}

TEST(Idx, NamesWhatIsWrong) {
  const TempDir dir;
  const std::string path = dir / "x";
  const auto error = [&](const std::string& bytes) { return error_of<IoError>([&] { read(dir, bytes); }); };
  const std::string no_idx = "read_idx: " + path +
                             " is no IDX file: it does not begin with two zero bytes, a type and a number of "
                             "dimensions";
  EXPECT_EQ(error(""), no_idx);
  EXPECT_EQ(error("\0\0\x08"s), no_idx);
  EXPECT_EQ(error("\x89PNG"), no_idx);
  EXPECT_EQ(error("\x1f\x8b\x08\0rest"s), "read_idx: " + path + " is compressed: gunzip it first");
  EXPECT_EQ(error("\0\0\x07\0"s), "read_idx: " + path + " is no IDX file: 7 is no code of an element type");
  EXPECT_EQ(error("\0\0\x09\0"s),
            "read_idx: " + path +
                " holds int8, which SpiralTorch does not have (it reads uint8, int32, float32, float64)");
  EXPECT_EQ(error("\0\0\x0b\0"s),
            "read_idx: " + path +
                " holds int16, which SpiralTorch does not have (it reads uint8, int32, float32, float64)");
  EXPECT_EQ(error("\0\0\x08\x09"s), "read_idx: " + path + " has 9 dimensions, at most 8 are supported");
  EXPECT_EQ(error("\0\0\x08\x02\0\0\0\x02\0\0\0"s),
            "read_idx: " + path + " has 11 bytes, a header of 2 dimensions has 12");
  EXPECT_EQ(error("\0\0\x08\x01\0\0\0\x02-"s),
            "read_idx: " + path + " has 1 bytes after its header, uint8 of shape (2,) has 2");
  EXPECT_EQ(error("\0\0\x0c\x01\0\0\0\x01-----"s),
            "read_idx: " + path + " has 5 bytes after its header, int32 of shape (1,) has 4");
  EXPECT_EQ(error("\0\0\x08\x03"s + std::string(12, '\xff')),
            "read_idx: " + path +
                ": an array of shape (4294967295, 4294967295, 4294967295) has more bytes than "
                "2^63 - 1");
  EXPECT_EQ(error_of<IoError>([&] { read_idx(dir / "no"); }),
            "read_idx: cannot read " + (dir / "no") + ": No such file or directory");
  EXPECT_EQ(error_of<IoError>([&] { read_idx(dir.path()); }), "read_idx: " + dir.path() + " is a directory");
}

TEST(Idx, SurvivesRandomChanges) {
  const TempDir dir;
  const std::string good = "\0\0\x0c\x02\0\0\0\x02\0\0\0\x03"s + std::string(24, 'x');
  std::mt19937 random(1);
  int loaded = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = good;
    bytes[random() % 12] = static_cast<char>(random() % 2 ? random() % 16 : random());
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    std::filesystem::remove(dir / "x");
    try {
      loaded += read(dir, bytes).numel() > 0;
    } catch (const IoError&) {
    }
  }
  EXPECT_GT(loaded, 10);
}

}  // namespace
}  // namespace st
