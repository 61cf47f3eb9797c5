// A run that was trained, opened for use: what evaluate and explain begin with.
#pragma once

#include <string>

#include "apps/spiraltorch/config.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/nn/sequential.h"

namespace tool {

struct TrainedRun {
  Config config;
  st::nn::Sequential model;
  st::data::GreyImages test;  // that the model is made for
};

/// The run in folder `run`, with the test images of `data`, "" for those of its own data set; threads are set
/// as it says. Throws IoError naming what is missing, ValueError where model and data do not fit.
TrainedRun open_run(const std::string& run, const std::string& data);

}  // namespace tool
