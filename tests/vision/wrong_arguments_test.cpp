// Resizing and Grad-CAM with wrong arguments (tests/support/wrong_arguments.h).
#include "tests/support/wrong_arguments.h"

#include "spiraltorch/nn/conv.h"
#include "spiraltorch/nn/flatten.h"
#include "spiraltorch/nn/linear.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/vision/resize.h"
#include "spiraltorch/vision/xai/grad_cam.h"

namespace st {
namespace {

using namespace vision;  // NOLINT: every line names one of its functions
using test::Functions;
using xai::GradCam;
using xai::GradCamConfig;

void explain(const Tensor& x, int64_t class_index) {
  nn::Sequential net{nn::Conv2d("conv", 2, 3, 2), nn::Flatten(), nn::Linear("fc", 27, 2)};
  GradCam(net, net[0])(x, class_index);
}

Functions functions() {
  const Tensor image = ones({2, 2, 4, 4}), maps = ones({2, 3, 4}), slopes = ones({2, 3, 4});
  return {
      {"resize_bilinear", {image}, {3, 5}, ST_CALL(resize_bilinear(t[0], i[0], i[1]))},
      {"GradCam|conv2d|linear", {image}, {1}, ST_CALL(explain(t[0], i[0]))},
      {"GradCam.attribute|GradCamConfig",
       {maps, slopes},
       {3, 4},
       ST_CALL(GradCam::attribute(t[0], t[1], GradCamConfig(i[0], i[1])))},
      {"GradCam.attribute|GradCamConfig",
       {maps},
       {},
       ST_CALL(GradCam::attribute(t[0], t[0], GradCamConfig(3, 4)))},
  };
}

ST_TEST_WRONG_ARGUMENTS(functions, "vision")

}  // namespace
}  // namespace st
