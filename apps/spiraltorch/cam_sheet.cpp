// Choosing the images, asking Grad-CAM, drawing.
#include "apps/spiraltorch/cam_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "apps/spiraltorch/canvas.h"
#include "apps/spiraltorch/models.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/softmax.h"
#include "spiraltorch/vision/xai/grad_cam.h"

namespace tool {
namespace {

using st::Tensor;

constexpr int64_t kSide = 160;  // pixels of an image's longer side, about
constexpr int64_t kMargin = 16;
constexpr int64_t kCaption = 52;  // two lines of text
constexpr int64_t kTitle = 40;
constexpr int64_t kBar = 20;  // width of the colour bar
constexpr Colour kWhite{255, 255, 255}, kBlack{0, 0, 0}, kRed{200, 0, 0}, kGrey{120, 120, 120};

// Blue over green and yellow to red, as most Grad-CAM pictures have it.
Colour heat(double value) {
  const auto part = [&](double centre) {
    return static_cast<uint8_t>(std::lround(255 * std::clamp(1.5 - std::abs(4 * value - centre), 0.0, 1.0)));
  };
  return {part(3), part(2), part(1)};
}

// Half the image, half the heat.
Colour overlay(double pixel, double value) {
  const Colour warm = heat(value);
  Colour mixed;
  for (size_t i = 0; i < 3; ++i) mixed[i] = static_cast<uint8_t>(std::lround((255 * pixel + warm[i]) / 2));
  return mixed;
}

Tensor take(const st::data::GreyImages& images, const std::vector<int64_t>& indices) {
  return images.get_batch(indices).first;
}

// The first `count` images; wrong ones take the last quarter's places.
std::vector<int64_t> choose(st::nn::Sequential& model, const Config& config,
                            const st::data::GreyImages& images, int64_t count) {
  constexpr int64_t kBatch = 1000;
  const st::NoGradGuard no_grad;
  model.eval();
  std::vector<int64_t> wrong;
  for (int64_t at = 0; at < images.size() && static_cast<int64_t>(wrong.size()) < count / 4; at += kBatch) {
    std::vector<int64_t> indices(static_cast<size_t>(std::min(kBatch, images.size() - at)));
    std::iota(indices.begin(), indices.end(), at);
    const auto [x, y] = images.get_batch(indices);
    const auto predicted = model(normalize(config)(x)).argmax(1).to_vector<int64_t>(),
               truth = y.to_vector<int64_t>();
    for (size_t i = 0; i < truth.size() && static_cast<int64_t>(wrong.size()) < count / 4; ++i) {
      if (predicted[i] != truth[i]) wrong.push_back(indices[i]);
    }
  }
  std::vector<int64_t> chosen;
  for (int64_t i = 0; static_cast<int64_t>(chosen.size() + wrong.size()) < count; ++i) {
    if (std::ranges::find(wrong, i) == wrong.end()) chosen.push_back(i);
  }
  chosen.insert(chosen.end(), wrong.begin(), wrong.end());
  return chosen;
}

st::nn::Module& layer_of(st::nn::Sequential& model, const std::string& name) {
  std::string names;
  for (const auto& [key, child] : model.named_children()) {
    if (key == name) return *child;
    names += (names.empty() ? "" : ", ") + key;
  }
  st::fail<st::ValueError>("explain: the model has no layer \"{}\"; it has: {}", name, names);
}

// The colours from 1 at the top to 0.
void draw_bar(Canvas& canvas, int64_t x, int64_t y, int64_t height) {
  for (int64_t row = 0; row < height; ++row) {
    canvas.rectangle(x, y + row, kBar, 1,
                     heat(1 - static_cast<double>(row) / static_cast<double>(height - 1)));
  }
  canvas.frame(x, y, kBar, height, 1, kBlack);
  canvas.text(x + kBar + 6, y, "1.0", kBlack);
  canvas.text(x + kBar + 6, y + height / 2 - 8, "0.5", kBlack);
  canvas.text(x + kBar + 6, y + height - 16, "0.0", kBlack);
}

}  // namespace

void save_cam_sheet(const std::string& path, st::nn::Sequential& model, const Config& config,
                    const st::data::GreyImages& images, int64_t count, const std::string& layer) {
  const std::string name = layer.empty() ? model_kind(config.model).cam_layer : layer;
  st::check<st::ValueError>(
      !name.empty(),
      "explain: the layers of an {} have no places in the image; train a model of another kind",
      config.model);
  st::nn::Module& target = layer_of(model, name);
  count = std::min(count, images.size());
  const std::vector<int64_t> chosen = choose(model, config, images, count);
  const Tensor pixels = take(images, chosen), x = normalize(config)(pixels);
  const std::vector<int64_t> truth = images.get_batch(chosen).second.to_vector<int64_t>();
  const Tensor maps = st::vision::xai::GradCam(model, target)(x);
  const st::NoGradGuard no_grad;
  const Tensor chances = softmax(model(x), 1);
  const std::vector<int64_t> predicted = chances.argmax(1).to_vector<int64_t>();
  const std::vector<float> certain = amax(chances, {1}).to_vector<float>(), grey = pixels.to_vector<float>(),
                           heatmap = maps.to_vector<float>();

  const int64_t height = config.height, width = config.width;
  const int64_t zoom = std::max<int64_t>(1, kSide / std::max(height, width));
  const int64_t columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  const int64_t rows = (count + columns - 1) / columns;
  const std::string widest = "pred 9  100.0 %";
  const int64_t cell = std::max(zoom * width, Canvas::text_width(widest)) + kMargin;
  const int64_t line = zoom * height + kCaption + kMargin;
  Canvas canvas(kMargin + columns * cell + kBar + 64, kTitle + rows * line + kMargin, kWhite);
  canvas.text(kMargin, kMargin,
              fmt::format("Grad-CAM  model {}  layer {} ({})", config.model, name, target.type_name()),
              kBlack);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t left = kMargin + i % columns * cell, top = kTitle + i / columns * line;
    const auto at = static_cast<size_t>(i);
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t c = 0; c < width; ++c) {
        const auto k = static_cast<size_t>((i * height + r) * width + c);
        canvas.rectangle(left + zoom * c, top + zoom * r, zoom, zoom,
                         overlay(grey[k], static_cast<double>(heatmap[k])));
      }
    }
    const bool wrong = predicted[at] != truth[at];
    if (wrong) canvas.frame(left - 4, top - 4, zoom * width + 8, zoom * height + 8, 4, kRed);
    canvas.text(left, top + zoom * height + 8, fmt::format("true {}{}", truth[at], wrong ? "  wrong" : ""),
                wrong ? kRed : kGrey);
    canvas.text(left, top + zoom * height + 30,
                fmt::format("pred {}  {:.1f} %", predicted[at], 100 * certain[at]), wrong ? kRed : kBlack);
  }
  draw_bar(canvas, kMargin + columns * cell, kTitle, std::max<int64_t>(rows * line - kMargin - kCaption, 40));
  canvas.save(path);
}

}  // namespace tool
