// What the commands share: the data that a configuration names, the model it makes, and how well that does.
#pragma once

#include <span>

#include "apps/spiraltorch/run_folder.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/data/normalize.h"
#include "spiraltorch/nn/sequential.h"

namespace tool {

/// The data set of --data: "mnist" from where scripts/get-data keeps it, else a folder of IDX files.
st::data::GreyImages load_data(const Config& config, st::data::Split split);

/// Fills in the shape of the images, the number of classes and the statistics of the pixels.
void describe_data(Config& config, const st::data::GreyImages& train);

/// Throws ValueError unless the images and labels of `data` are what the model is made for.
void check_fits(const Config& config, const st::data::GreyImages& data);

/// Pixels to mean 0 and deviation 1 over the training images.
st::data::Normalize normalize(const Config& config);

/// The model that --model names. mlp: height*width - 512 - 512 - classes, with BatchNorm1d and ReLU.
st::nn::Sequential make_model(const Config& config);

struct Score {
  double loss;
  double accuracy;  // 0..1
};

/// Mean loss and accuracy over the data set, in evaluation mode, which is left as it was.
Score score(st::nn::Layer& model, const Config& config, const st::data::GreyImages& data);

}  // namespace tool
