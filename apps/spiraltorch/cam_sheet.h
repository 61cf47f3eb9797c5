// A sheet of test images under what Grad-CAM says of them, with the true and the predicted class.
#pragma once

#include <string>

#include "apps/spiraltorch/config.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/nn/sequential.h"

namespace tool {

/// Writes the sheet as a PNG file: `count` test images, the first ones, and in the last quarter of them those
/// that the model takes for something else, as far as there are such. `layer` is the name of a layer of the
/// model, "" its usual one. Throws ValueError for a layer that is not there or has no places.
void save_cam_sheet(const std::string& path, st::nn::Sequential& model, const Config& config,
                    const st::data::GreyImages& images, int64_t count, const std::string& layer);

}  // namespace tool
