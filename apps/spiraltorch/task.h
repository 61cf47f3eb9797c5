// What the commands share: the data that a configuration names, and how well a model does on it.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/spiraltorch/config.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/data/normalize.h"
#include "spiraltorch/nn/module.h"

namespace tool {

/// The data set of --data: "mnist" from where scripts/get-data keeps it, else a folder of IDX files.
st::data::GreyImages load_data(const Config& config, st::data::Split split);

/// Fills in the shape of the images, the number of classes and the statistics of the pixels.
void describe_data(Config& config, const st::data::GreyImages& train);

/// Throws ValueError unless the images and labels of `data` are what the model is made for.
void check_fits(const Config& config, const st::data::GreyImages& data);

/// Pixels to mean 0 and deviation 1 over the training images.
st::data::Normalize normalize(const Config& config);

struct Score {
  double loss = 0;
  double accuracy = 0;          // 0..1
  std::vector<int64_t> counts;  // classes x classes: how often the row's class was taken for the column's
};

/// Mean loss and accuracy over the data set, in evaluation mode, which is left as it was.
Score score(st::nn::Layer& model, const Config& config, const st::data::GreyImages& data);

}  // namespace tool
