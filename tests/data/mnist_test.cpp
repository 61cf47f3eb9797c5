// mnist: the committed sample through the loader, both spellings of the file names, and what is missing.
#include "spiraltorch/data/mnist.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "spiraltorch/core/error.h"
#include "spiraltorch/data/data_loader.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using data::GreyImages;
using data::mnist;
using data::Split;
using testing::error_of;
using testing::TempDir;
using testing::write_bytes;
namespace fs = std::filesystem;

const std::string kSample = SPIRALTORCH_TESTS_DIR "/data/mnist_sample";

TEST(Mnist, ReadsTheSample) {
  const GreyImages train = mnist(kSample, Split::train), test = mnist(kSample, Split::test);
  EXPECT_EQ(train.size(), 400);
  EXPECT_EQ(test.size(), 100);
  const int64_t first[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto [x, y] = train.get_batch(first);
  EXPECT_EQ(x.shape(), Shape({10, 1, 28, 28}));
  EXPECT_EQ(x.dtype(), DType::float32);
  EXPECT_EQ(y.dtype(), DType::int64);
  const auto labels = y.data<int64_t>();  // the first bytes of the file, as everybody knows them
  EXPECT_EQ(std::vector<int64_t>(labels.begin(), labels.end()),
            (std::vector<int64_t>{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}));
  const auto pixels = x.data<float>();
  EXPECT_EQ(pixels[7 * 28 + 7], 0x31 / 255.0f);  // torchvision's ToTensor: byte / 255 in float32
  EXPECT_EQ(pixels[7 * 28 + 8], 0xee / 255.0f);
  EXPECT_NEAR(std::accumulate(pixels.begin(), pixels.begin() + 784, 0.), 27525 / 255., 1e-3);

  const int64_t beyond[] = {400}, negative[] = {-1};
  EXPECT_EQ(error_of<IndexError>([&] { train.get_batch(beyond); }),
            "GreyImages: index 400 is outside of 0 .. 399");
  EXPECT_EQ(error_of<IndexError>([&] { train.get_batch(negative); }),
            "GreyImages: index -1 is outside of 0 .. 399");
}

TEST(Mnist, GoesThroughALoader) {
  const GreyImages dataset = mnist(kSample, Split::train);
  for (const int workers : {0, 2}) {
    manual_seed(0);
    const data::DataLoader loader(dataset, {.batch_size = 128, .shuffle = true, .workers = workers});
    EXPECT_EQ(loader.size(), 4);
    std::vector<int64_t> sizes, classes(10);
    double sum = 0;
    for (auto& [x, y] : loader) {
      sizes.push_back(x.size(0));
      for (const float pixel : x.data<float>()) sum += pixel;
      for (const int64_t label : y.data<int64_t>()) ++classes[static_cast<size_t>(label)];
    }
    EXPECT_EQ(sizes, (std::vector<int64_t>{128, 128, 128, 16}));
    EXPECT_NEAR(sum, 10149115 / 255., 0.01);
    EXPECT_EQ(classes, (std::vector<int64_t>{39, 52, 42, 41, 44, 30, 36, 42, 30, 44}));
  }
}

TEST(Mnist, TakesBothSpellings) {
  const TempDir dir;
  fs::copy_file(kSample + "/t10k-images-idx3-ubyte", dir / "t10k-images.idx3-ubyte");
  fs::copy_file(kSample + "/t10k-labels-idx1-ubyte", dir / "t10k-labels.idx1-ubyte");
  EXPECT_EQ(mnist(dir.path(), Split::test).size(), 100);
}

TEST(Mnist, SaysWhatIsMissingOrWrong) {
  const TempDir dir;
  const auto error = [&] { return error_of<IoError>([&] { mnist(dir.path(), Split::train); }); };
  EXPECT_EQ(error(), "mnist: " + dir.path() +
                         " has neither train-images-idx3-ubyte nor train-images.idx3-ubyte; scripts/get-data "
                         "mnist fetches the data into the cache folder");
  write_bytes(dir / "train-images-idx3-ubyte.gz", "");
  EXPECT_EQ(error(),
            "mnist: " + dir.path() + " has train-images-idx3-ubyte.gz, which is compressed: gunzip it first");
  fs::copy_file(kSample + "/train-images-idx3-ubyte", dir / "train-images-idx3-ubyte");
  EXPECT_EQ(error().substr(0, error().find(';')),
            "mnist: " + dir.path() + " has neither train-labels-idx1-ubyte nor train-labels.idx1-ubyte");
  fs::copy_file(kSample + "/t10k-labels-idx1-ubyte", dir / "train-labels-idx1-ubyte");
  EXPECT_EQ(error(), "mnist: " + (dir / "train-images-idx3-ubyte") + " has 400 images, but " +
                         (dir / "train-labels-idx1-ubyte") + " has 100 labels");
  fs::remove(dir / "train-images-idx3-ubyte");
  fs::copy_file(kSample + "/train-labels-idx1-ubyte", dir / "train-images-idx3-ubyte");
  EXPECT_EQ(error(), "mnist: " + (dir / "train-images-idx3-ubyte") +
                         " holds uint8 of shape (400,), images (N, H, W) of uint8 are needed");
}

TEST(Mnist, DefaultDir) {
  const char* old_cache = std::getenv("XDG_CACHE_HOME");
  const std::string before = old_cache ? old_cache : "";
  ::setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(data::default_dir("mnist"), "/cache/spiraltorch/mnist");
  ::setenv("XDG_CACHE_HOME", "cache", 1);
  EXPECT_EQ(error_of<ValueError>([] { data::default_dir("mnist"); }),
            "default_dir: XDG_CACHE_HOME is \"cache\", which is no absolute path");
  ::setenv("XDG_CACHE_HOME", "", 1);
  EXPECT_EQ(data::default_dir("mnist"), std::string(std::getenv("HOME")) + "/.cache/spiraltorch/mnist");
  if (old_cache) {
    ::setenv("XDG_CACHE_HOME", before.c_str(), 1);
  } else {
    ::unsetenv("XDG_CACHE_HOME");
  }
}

}  // namespace
}  // namespace st
