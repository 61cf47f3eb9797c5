// Data and scores: what the commands must agree on.
#include "apps/spiraltorch/task.h"

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/reduce.h"

namespace tool {

using st::Tensor;

st::data::GreyImages load_data(const Config& config, st::data::Split split) {
  return st::data::mnist(config.data == "mnist" ? st::data::default_dir("mnist") : config.data, split);
}

void describe_data(Config& config, const st::data::GreyImages& train) {
  config.height = train.images().size(1);
  config.width = train.images().size(2);
  config.classes = st::max(train.labels()).item<int64_t>() + 1;

  std::array<int64_t, 256> histogram{};
  for (const uint8_t pixel : train.images().data<uint8_t>()) ++histogram[pixel];
  const double count = static_cast<double>(train.images().numel());
  double sum = 0, squares = 0;
  for (size_t value = 0; value < histogram.size(); ++value) {
    const double pixel = static_cast<double>(value) / 255,
                 share = static_cast<double>(histogram[value]) / count;
    sum += share * pixel;
    squares += share * pixel * pixel;
  }
  config.mean = sum;
  config.deviation = std::sqrt(squares - sum * sum);
  st::check<st::ValueError>(config.deviation > 0,
                            "train: every pixel of the training images is {}: nothing to learn from",
                            sum * 255);
}

void check_fits(const Config& config, const st::data::GreyImages& data) {
  const int64_t height = data.images().size(1), width = data.images().size(2);
  st::check<st::ValueError>(height == config.height && width == config.width,
                            "the images are {} x {}, but the model is made for {} x {}", height, width,
                            config.height, config.width);
  const int64_t largest = st::max(data.labels()).item<int64_t>();
  st::check<st::ValueError>(largest < config.classes,
                            "a label is {}, but the labels that the model is made for end at {}", largest,
                            config.classes - 1);
}

st::data::Normalize normalize(const Config& config) {
  return st::data::Normalize(config.mean, config.deviation);
}

Score score(st::nn::Layer& model, const Config& config, const st::data::GreyImages& data) {
  constexpr int64_t kBatch = 1000;
  const st::NoGradGuard no_grad;
  const st::data::Normalize transform = normalize(config);
  const bool was_training = model.training();
  model.eval();
  Score score{.counts = std::vector<int64_t>(static_cast<size_t>(config.classes * config.classes))};
  std::vector<int64_t> indices(static_cast<size_t>(data.size()));
  std::iota(indices.begin(), indices.end(), 0);
  for (int64_t at = 0; at < data.size(); at += kBatch) {
    const int64_t n = std::min(kBatch, data.size() - at);
    const auto [x, y] =
        data.get_batch(std::span(indices).subspan(static_cast<size_t>(at), static_cast<size_t>(n)));
    const Tensor logits = model(transform(x));
    score.loss += st::cross_entropy(logits, y, {.reduction = st::Reduction::sum}).item<double>();
    const std::vector<int64_t> truth = y.to_vector<int64_t>(),
                               predicted = logits.argmax(1).to_vector<int64_t>();
    for (size_t i = 0; i < truth.size(); ++i) {
      ++score.counts[static_cast<size_t>(truth[i] * config.classes + predicted[i])];
      score.accuracy += truth[i] == predicted[i] ? 1 : 0;
    }
  }
  model.set_training(was_training);
  score.loss /= static_cast<double>(data.size());
  score.accuracy /= static_cast<double>(data.size());
  return score;
}

}  // namespace tool
