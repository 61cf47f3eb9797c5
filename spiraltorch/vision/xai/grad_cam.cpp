// Grad-CAM by hooks: the layer's output becomes a leaf on its way, so that only what lies behind it is
// differentiated.
#include "spiraltorch/vision/xai/grad_cam.h"

#include <cmath>
#include <utility>
#include <vector>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/operands.h"
#include "spiraltorch/vision/resize.h"

namespace st {
namespace vision {
namespace xai {
namespace {

constexpr double kEpsilon = 1e-7;

// Puts a model into evaluation mode, and every module back into its own.
class Evaluation {
 public:
  explicit Evaluation(nn::Module& model) {
    model.apply([this](nn::Module& m) { modes_.emplace_back(&m, m.training()); });
    model.eval();
  }
  ~Evaluation() {
    // Parents stand behind their children and speak for all below: they go first.
    for (auto it = modes_.rbegin(); it != modes_.rend(); ++it) {
      if (it->first->training() != it->second) it->first->set_training(it->second);
    }
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

 private:
  std::vector<std::pair<nn::Module*, bool>> modes_;
};

class Hook {
 public:
  Hook(nn::Module& module, nn::OutputHook hook) : handle_(module.register_forward_hook(std::move(hook))) {}
  ~Hook() { handle_.remove(); }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

 private:
  nn::HookHandle handle_;
};

// How a layer's output is an activation (c, h, w) or (N, c, h, w).
enum class Form {
  maps,      // it is one
  rows,      // (N, c, l), each a map of one row
  sequence,  // (T, hidden)
  features,  // (N, c), each a map of one pixel
};

Tensor as_activation(Form form, const Tensor& x) {
  switch (form) {
    case Form::rows:
      return unsqueeze(x, -2);
    case Form::sequence:
      return unsqueeze(transpose(x, 0, 1), -1);
    case Form::features:
      return unsqueeze(unsqueeze(x, -1), -1);
    default:
      return x;
  }
}

// `batch`: x and the logits have one.
Form form_of(const Tensor& output, const Tensor& logits, bool batch) {
  const int dims = output.dim();
  if (batch && dims == 3) return Form::rows;
  if (batch && dims == 2 && output.size(0) == logits.size(0) && output.size(0) > 1) return Form::features;
  if (dims == 2) return Form::sequence;
  check<ShapeError>(
      dims == (batch ? 4 : 3),
      "GradCam: the layer's output is {}, expected maps, (N, c, h, w) or (c, h, w), or a sequence, (T, "
      "hidden)",
      output.shape());
  return Form::maps;
}

// The logit of the class (or of the one that is largest), summed over the batch: examples do not mix.
Tensor score_of(const Tensor& logits, std::optional<int64_t> class_index) {
  check<ShapeError>((logits.dim() == 1 || logits.dim() == 2) && logits.size(-1) > 0,
                    "GradCam: the model's output is {}, expected logits, (N, classes) or (classes)",
                    logits.shape());
  const int64_t classes = logits.size(-1);
  if (!class_index) return sum(gather(logits, -1, argmax(logits.detach(), -1, keepdim)));
  check<IndexError>(*class_index >= 0 && *class_index < classes,
                    "GradCam: there is no class {}, there are {}", *class_index, classes);
  return sum(select(logits, -1, *class_index));
}

Tensor normalised(const Tensor& map, double epsilon) {
  const Axes sides{-2, -1};
  const Tensor least = amin(map, sides, keepdim);
  return (map - least) / (amax(map, sides, keepdim) - least + epsilon);
}

}  // namespace

GradCamConfig::GradCamConfig(int64_t height, int64_t width) : height_(height), width_(width) {
  check<ValueError>(height >= 1 && width >= 1, "GradCamConfig: the size is {} x {}, expected at least 1 x 1",
                    height, width);
}

GradCamConfig GradCamConfig::with_relu(bool relu) const {
  GradCamConfig changed = *this;
  changed.relu_ = relu;
  return changed;
}

GradCamConfig GradCamConfig::with_normalise(bool normalise) const {
  GradCamConfig changed = *this;
  changed.normalise_ = normalise;
  return changed;
}

GradCamConfig GradCamConfig::with_epsilon(double epsilon) const {
  check<ValueError>(epsilon > 0 && std::isfinite(epsilon),
                    "GradCamConfig: epsilon is {}, expected a positive finite number", epsilon);
  GradCamConfig changed = *this;
  changed.epsilon_ = epsilon;
  return changed;
}

Tensor GradCam::attribute(const Tensor& activations, const Tensor& gradients, const GradCamConfig& config) {
  check_operands("GradCam.attribute", {{"activations", activations}, {"gradients", gradients}});
  check<ShapeError>(
      activations.shape() == gradients.shape(),
      "GradCam.attribute: activations and gradients need one shape (activations: {}, gradients: {})",
      activations.shape(), gradients.shape());
  check<DTypeError>(is_floating(activations.dtype()) && is_floating(gradients.dtype()),
                    "GradCam.attribute: expected floating dtypes (activations: {}, gradients: {})",
                    activations.dtype(), gradients.dtype());
  const int64_t h = config.height(), w = config.width();
  const int dims = activations.dim();
  const bool flat = dims == 2 && activations.size(1) == h * w;
  check<ShapeError>(
      flat || ((dims == 3 || dims == 4) && activations.size(-2) == h && activations.size(-1) == w),
      "GradCam.attribute: activations are (C, h*w), (C, h, w) or (N, C, h, w) with h = {} and w = {} "
      "of the config, not {}",
      h, w, activations.shape());
  const int channel = dims == 4 ? 1 : 0;
  check<ShapeError>(activations.size(channel) > 0,
                    "GradCam.attribute: activations of shape {} have no channels", activations.shape());

  const NoGradGuard no_grad;
  const DType dtype = is_reduced_floating(activations.dtype()) ? DType::float32 : activations.dtype();
  Shape shape = activations.shape();
  if (flat) shape = {shape[0], h, w};
  const Tensor a = reshape(activations.detach().to(dtype), shape),
               g = reshape(gradients.detach().to(dtype), shape);
  Tensor map = sum(mean(g, {-2, -1}, keepdim) * a, channel);
  if (config.relu()) map = relu(map);
  return config.normalise() ? normalised(map, config.epsilon()) : map;
}

Tensor GradCam::operator()(const Tensor& x, std::optional<int64_t> class_index) const {
  check<ValueError>(x.defined(), "GradCam: the input is undefined");
  Tensor output, gradient, logits;
  {
    const EnableGradGuard enabled;
    const Evaluation evaluation(*model_);
    const Hook hook(*layer_, [&output](nn::Module&, const Tensor& y) {
      output = y.detach();
      output.requires_grad_();
      return output;
    });
    logits = (*model_)(x.detach());
    check<ValueError>(output.defined(), "GradCam: the model does not run the layer ({})",
                      layer_->type_name());
    gradient = grad({score_of(logits, class_index)}, {output}, {.allow_unused = true})[0];
  }
  if (!gradient.defined()) gradient = zeros_like(output);
  const NoGradGuard no_grad;
  const bool batch = logits.dim() == 2 && x.dim() > 2;
  const Form form = form_of(output, logits, batch);
  const Tensor activation = as_activation(form, output.detach()), g = as_activation(form, gradient);
  Tensor map = attribute(activation, g, GradCamConfig(activation.size(-2), activation.size(-1)));
  // One sequence of a batch of one image is a batch of maps again.
  if (batch && map.dim() == 2) map = unsqueeze(map, 0);
  const int64_t height = x.dim() < 2 || (form == Form::rows && x.dim() == 3) ? 1 : x.size(-2);
  map = resize_bilinear(map, height, x.dim() < 1 ? 1 : x.size(-1));
  return normalised(map, kEpsilon);  // the peak may have lain between pixels
}

}  // namespace xai
}  // namespace vision
}  // namespace st
