// Finds the files of MNIST and makes batches: gathering and converting are one pass over the pixels.
#include "spiraltorch/data/mnist.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/data/idx.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace data {
namespace {

// One of the two spellings that are around: "train-images-idx3-ubyte" and "train-images.idx3-ubyte".
std::string find_file(const std::string& dir, const std::string& kind, const char* form) {
  const std::string names[] = {kind + "-" + form, kind + "." + form};
  std::error_code ignored;
  for (const std::string& name : names) {
    const std::filesystem::path path = std::filesystem::path(dir) / name;
    if (std::filesystem::exists(path, ignored)) return path.string();
  }
  for (const std::string& name : names) {
    check<IoError>(!std::filesystem::exists(std::filesystem::path(dir) / (name + ".gz"), ignored),
                   "mnist: {} has {}.gz, which is compressed: gunzip it first", dir, name);
  }
  fail<IoError>(
      "mnist: {} has neither {} nor {}; scripts/get-data mnist fetches the data into the cache folder", dir,
      names[0], names[1]);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

GreyImages::GreyImages(Tensor images, Tensor labels)
    : images_(std::move(images)), labels_(std::move(labels)) {
  check_operands("GreyImages", {{"images", images_}, {"labels", labels_}});
  check<DTypeError>(images_.dtype() == DType::uint8 && labels_.dtype() == DType::uint8,
                    "GreyImages: images and labels need dtype uint8, they are {} and {}", images_.dtype(),
                    labels_.dtype());
  check<ShapeError>(images_.dim() == 3 && labels_.dim() == 1 && images_.size(0) == labels_.size(0),
                    "GreyImages: images (N, H, W) and labels (N,) are needed, they are {} and {}",
                    images_.shape(), labels_.shape());
  check<ValueError>(images_.is_contiguous() && labels_.is_contiguous(),
                    "GreyImages: images and labels must be contiguous, their strides are {} and {}",
                    images_.strides(), labels_.strides());
}

std::pair<Tensor, Tensor> GreyImages::get_batch(std::span<const int64_t> indices) const {
  for (const int64_t i : indices) {
    check<IndexError>(i >= 0 && i < size(), "GreyImages: index {} is outside of 0 .. {}", i, size() - 1);
  }
  const int64_t count = static_cast<int64_t>(indices.size());
  const int64_t height = images_.size(1), width = images_.size(2), pixels = height * width;
  const Tensor x = empty({count, 1, height, width}), y = empty({count}, DType::int64);
  const uint8_t* images = images_.data<uint8_t>().data();
  const uint8_t* labels = labels_.data<uint8_t>().data();
  float* to = x.mutable_data<float>().data();
  int64_t* classes = y.mutable_data<int64_t>().data();
  parallel_for(count, 1 + 65536 / (1 + pixels), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t i = indices[static_cast<size_t>(n)];
      const uint8_t* from = images + i * pixels;
      float* row = to + n * pixels;
      for (int64_t p = 0; p < pixels; ++p) row[p] = static_cast<float>(from[p]) / 255.0f;
      classes[n] = labels[i];
    }
  });
  return {x, y};
}

GreyImages mnist(const std::string& dir, Split split) {
  const std::string name = split == Split::train ? "train" : "t10k";
  const std::string image_file = find_file(dir, name + "-images", "idx3-ubyte");
  const std::string label_file = find_file(dir, name + "-labels", "idx1-ubyte");
  Tensor images = read_idx(image_file), labels = read_idx(label_file);
  check<IoError>(images.dtype() == DType::uint8 && images.dim() == 3,
                 "mnist: {} holds {} of shape {}, images (N, H, W) of uint8 are needed", image_file,
                 images.dtype(), images.shape());
  check<IoError>(labels.dtype() == DType::uint8 && labels.dim() == 1,
                 "mnist: {} holds {} of shape {}, labels (N,) of uint8 are needed", label_file,
                 labels.dtype(), labels.shape());
  check<IoError>(images.size(0) == labels.size(0), "mnist: {} has {} images, but {} has {} labels",
                 image_file, images.size(0), label_file, labels.size(0));
  return {std::move(images), std::move(labels)};
}

std::string default_dir(const std::string& name) {
  std::string cache = environment("XDG_CACHE_HOME");
  if (cache.empty()) cache = environment("HOME") + "/.cache";
  check<ValueError>(cache.starts_with('/'),
                    "default_dir: XDG_CACHE_HOME is \"{}\", which is no absolute path", cache);
  return cache + "/spiraltorch/" + name;
}

}  // namespace data
}  // namespace st
