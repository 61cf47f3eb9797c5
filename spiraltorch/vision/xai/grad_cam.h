// Grad-CAM: which places of an image made a network decide for a class.
#pragma once

#include <cstdint>
#include <optional>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace vision {
namespace xai {

/// The size of the activations' maps, and what is done to the map that comes out.
///   GradCamConfig(7, 7).with_relu(false)
class GradCamConfig {
 public:
  /// Throws ValueError for a size below 1.
  GradCamConfig(int64_t height, int64_t width);
  /// Negative values become 0: what speaks against the class is not shown. On at first.
  GradCamConfig with_relu(bool relu) const;
  /// Scales each map to 0 .. 1: (map - min) / (max - min + epsilon). On at first.
  GradCamConfig with_normalise(bool normalise) const;
  /// 1e-7 at first. Throws ValueError unless it is positive and finite.
  GradCamConfig with_epsilon(double epsilon) const;

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }
  bool relu() const { return relu_; }
  bool normalise() const { return normalise_; }
  double epsilon() const { return epsilon_; }

 private:
  int64_t height_, width_;
  bool relu_ = true, normalise_ = true;
  double epsilon_ = 1e-7;
};

/// GradCam cam(model, model.conv2);
/// Tensor map = cam(x, 3);   // 0 .. 1, of the images' size: where class 3 comes from
///
/// The map of a layer with activations A_c and, for a class's logit, gradients G_c:
///   relu(sum_c mean(G_c) A_c), scaled to 0 .. 1.
/// Source: Selvaraju et al. 2017, "Grad-CAM"; the scaling is that of the package pytorch-grad-cam.
class GradCam {
 public:
  /// `layer` is a part of `model`, at any depth; both must outlive this.
  GradCam(nn::Layer& model, nn::Module& layer) : model_(&model), layer_(&layer) {}

  /// The maps of the class `class_index`, without one each of the class that the model predicts:
  /// attribute()'s resized (resize_bilinear) to the input and scaled to 0 .. 1 again. Detached. The model
  /// must give logits, (N, classes) or (classes).
  ///
  ///   x                    the layer's output                                        result
  ///   (N, C, H, W)         (N, c, h, w)                                              (N, H, W)
  ///   (C, H, W)            (c, h, w), or a sequence (T, hidden)                      (H, W)
  ///   (T, in)              a sequence (T, hidden)                                    (T, in)
  ///   (N, C, L)            (N, c, l)                                                 (N, 1, L)
  /// A sequence (T, hidden) is an activation (hidden, T, 1): over an image that is read row by row, time runs
  /// down the rows. A feature without a place, (N, c) in a batch of N, is one of 1 x 1.
  ///
  /// The model runs in evaluation mode, and each module's mode is restored, also after an error. No grad() is
  /// touched, and parameters may be frozen. Where the layer runs more than once, its last output counts.
  /// Throws ValueError for a layer that the model does not run, IndexError for a class outside of the logits,
  /// ShapeError for outputs of other forms.
  Tensor operator()(const Tensor& x, std::optional<int64_t> class_index = {}) const;

  /// The map of given activations and gradients, without resizing.
  ///   (C, h*w) or (C, h, w): result (h, w)     (N, C, h, w): result (N, h, w)     h, w: of config
  /// Computed in the activations' dtype, in float32 for 16 bits. Throws ShapeError where the two or the
  /// config do not fit, DTypeError for integers.
  static Tensor attribute(const Tensor& activations, const Tensor& gradients, const GradCamConfig& config);

 private:
  nn::Layer* model_;
  nn::Module* layer_;
};

}  // namespace xai
}  // namespace vision
}  // namespace st
