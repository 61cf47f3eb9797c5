// Normalize: the transform that gives every channel of an image mean 0 and deviation 1.
#pragma once

#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// y = (x - mean_c) / std_c for images (..., C, H, W) of a floating type. With one mean and one std, C may be
/// anything. Source: torchvision.transforms.Normalize.
class Normalize {
 public:
  /// Throws ValueError where the lists are empty or differ in length, and unless all means are finite and all
  /// stds above 0 and finite.
  Normalize(std::vector<double> mean, std::vector<double> std);
  Normalize(double mean, double std) : Normalize(std::vector{mean}, std::vector{std}) {}

  /// Throws DTypeError for an integer type and ShapeError for other numbers of channels.
  Tensor operator()(const Tensor& x) const;

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& std() const { return std_; }

 private:
  std::vector<double> mean_, std_;
};

}  // namespace data
}  // namespace st
