// PNG files: what is written comes back, in every form; what is refused.
#include "spiraltorch/io/png.h"

#include <gtest/gtest.h>

#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using testing::error_of;
using testing::TempDir;

Tensor pixels(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return reshape(arange(0, count, 1, DType::int64), shape).to(DType::uint8);
}

TEST(Png, ComesBack) {
  const TempDir dir;
  const std::string path = dir / "x.png";
  for (const Shape& shape : {Shape{5, 7, 1}, Shape{5, 7, 3}, Shape{5, 7, 4}, Shape{1, 1, 3}}) {
    io::save_png(path, pixels(shape));
    EXPECT_TRUE(equal(io::load_png(path), pixels(shape))) << shape.size();
  }
  io::save_png(path, transpose(pixels({5, 7}), 0, 1));  // not contiguous, without channels
  EXPECT_TRUE(equal(io::load_png(path), transpose(pixels({5, 7}), 0, 1).unsqueeze(2)));
  const Tensor rgb = io::load_png(path, {.channels = 3});
  EXPECT_EQ(rgb.shape(), Shape({7, 5, 3}));
  EXPECT_TRUE(equal(rgb.select(2, 0), rgb.select(2, 2)));
}

TEST(Png, WhatIsRefused) {
  const TempDir dir;
  const std::string path = dir / "x.png";
  EXPECT_EQ(error_of<DTypeError>([&] {
              io::save_png(path, zeros({2, 2}));
            }),
            "save_png: the image is float32, expected uint8");
  EXPECT_EQ(error_of<ShapeError>([&] {
              io::save_png(path, zeros({2, 2, 2}, DType::uint8));
            }),
            "save_png: the image is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not (2, 2, 2)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              io::save_png(path, zeros({0, 2}, DType::uint8));
            }),
            "save_png: the image has 0 x 2 pixels, each side is 1 to 1000000");
  EXPECT_EQ(error_of<ValueError>([&] { io::save_png(path, Tensor()); }), "save_png: the image is undefined");
  EXPECT_EQ(error_of<ValueError>([&] { io::load_png(path, {.channels = 2}); }),
            "load_png: channels is 2, expected 1, 3, 4 or 0");
  EXPECT_EQ(error_of<IoError>([&] { io::load_png(path); }),
            "load_png: cannot open " + path + ": No such file or directory");
  EXPECT_TRUE(dir.names().empty());
  io::save_png(path, pixels({9, 9, 3}));
  const std::string good = testing::read_bytes(path);
  for (size_t size = 0; size < good.size() - 12; ++size) {  // up to the end mark, which libpng does not need
    testing::write_bytes(path, good.substr(0, size));
    EXPECT_TRUE(error_of<IoError>([&] { io::load_png(path); }).starts_with("load_png: ")) << size;
  }
}

TEST(Png, NoMemoryIsTakenForWhatTheFileCannotHold) {
  const std::string corpus = std::string(SPIRALTORCH_TESTS_DIR) + "/fuzz/corpus/png/";
  EXPECT_EQ(error_of<IoError>([&] { io::load_png(corpus + "huge"); }),
            "load_png: " + corpus + "huge: 1000000 x 1000000 pixels are not to be had from 65 bytes");
  EXPECT_EQ(error_of<IoError>([&] { io::load_png(corpus + "large"); }),
            "load_png: " + corpus + "large: 30000 x 30000 pixels are not to be had from 65 bytes");
}

}  // namespace
}  // namespace st
