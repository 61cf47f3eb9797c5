// MNIST and what has its form: grey images of one size with a label each, in two IDX files a split.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

enum class Split { train, test };

/// Grey images and their labels. Images stay in memory as they are in the file, one byte a pixel, and become
/// floating numbers batch by batch: a quarter of the memory, and it is read faster.
class GreyImages {
 public:
  /// images: (N, H, W) uint8; labels: (N,) uint8. Throws ShapeError or DTypeError for others.
  GreyImages(Tensor images, Tensor labels);

  int64_t size() const { return images_.size(0); }
  /// x: (n, 1, H, W) float32, pixel / 255; y: (n,) int64. Throws IndexError for an index outside 0 .. size-1.
  std::pair<Tensor, Tensor> get_batch(std::span<const int64_t> indices) const;

  const Tensor& images() const { return images_; }
  const Tensor& labels() const { return labels_; }

 private:
  Tensor images_, labels_;
};

/// The training or the test images of the folder `dir`: {train,t10k}-images-idx3-ubyte and
/// {train,t10k}-labels-idx1-ubyte, or the same with ".idx" for "-idx". Throws IoError where a file is missing
/// or malformed or the numbers of images and labels differ.
GreyImages mnist(const std::string& dir, Split split);

/// The folder in which scripts/get-data keeps the data set `name`: $XDG_CACHE_HOME/spiraltorch/name, by
/// default $HOME/.cache/spiraltorch/name. Throws ValueError where XDG_CACHE_HOME is no absolute path.
std::string default_dir(const std::string& name);

}  // namespace data
}  // namespace st
