// spiraltorch train: trains a model on images and writes a run's folder.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/progress.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/data/data_loader.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/optim/adam.h"

namespace tool {
namespace {

using st::Tensor;

struct Request {
  Config config;
  std::string out;
  bool overwrite = false;
};

// The rate falls along half a cosine, from lr in the first step to 0 after the last.
double cosine_rate(double lr, int64_t step, int64_t steps) {
  return lr * (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps))) / 2;
}

void run(Request request) {
  Config& config = request.config;
  if (config.threads == 0) config.threads = st::num_threads();
  st::set_num_threads(config.threads);
  const RunFolder folder(request.out.empty() ? "runs/" + config.model : request.out);

  st::data::GreyImages train_images = load_data(config, st::data::Split::train);
  const st::data::GreyImages test_images = load_data(config, st::data::Split::test);
  describe_data(config, train_images);
  check_fits(config, test_images);
  st::check<st::ValueError>(config.batch <= train_images.size() && config.batch >= 2,
                            "train: --batch is {}, expected 2 to {}, the number of training images",
                            config.batch, train_images.size());
  folder.create(request.overwrite);
  folder.save_config(config);

  st::manual_seed(config.seed);
  st::nn::Sequential model = make_model(config);
  st::optim::Adam optimizer(model.parameters(), {.lr = config.lr});
  const int64_t images = train_images.size();
  st::data::DataLoader loader(st::data::map(std::move(train_images), normalize(config)),
                              {.batch_size = config.batch, .shuffle = true, .workers = 1, .drop_last = true});
  const int64_t steps = loader.size() * config.epochs;
  fmt::print("{}: {} parameters; {} training and {} test images; {} threads; seed {}\n", config.model,
             model.num_parameters(), images, test_images.size(), config.threads, config.seed);

  double training_seconds = 0;
  Score test{};
  for (int64_t epoch = 1, step = 0; epoch <= config.epochs; ++epoch) {
    const Stopwatch watch;
    ProgressBar bar(fmt::format("epoch {}/{}", epoch, config.epochs), loader.size());
    double loss_sum = 0;
    int64_t seen = 0, right = 0;
    for (const auto& [x, y] : loader) {
      optimizer.set_lr(cosine_rate(config.lr, step++, steps));
      const Tensor logits = model(x);
      const Tensor loss = st::cross_entropy(logits, y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();

      loss_sum += loss.item<double>() * static_cast<double>(y.numel());
      right += (logits.detach().argmax(1) == y).sum().item<int64_t>();
      seen += y.numel();
      st::check<st::ValueError>(std::isfinite(loss_sum),
                                "train: the loss is not finite at step {}; try a smaller --lr than {}", step,
                                config.lr);
      const double n = static_cast<double>(seen);
      bar.update(seen / config.batch,
                 fmt::format("loss {:.4f}, accuracy {:.2f} %, {:.0f} images/s", loss_sum / n,
                             100 * static_cast<double>(right) / n, n / watch.seconds()));
    }
    const double seconds = watch.seconds(), n = static_cast<double>(seen);
    training_seconds += seconds;
    test = score(model, config, test_images);
    folder.append_metrics({.epoch = epoch,
                           .train_loss = loss_sum / n,
                           .train_accuracy = static_cast<double>(right) / n,
                           .test_loss = test.loss,
                           .test_accuracy = test.accuracy,
                           .seconds = seconds,
                           .images_per_second = n / seconds,
                           .lr = optimizer.lr()});
    bar.finish(fmt::format(
        "epoch {}/{}  loss {:.4f}, accuracy {:.2f} %, test accuracy {:.2f} %, {:.0f} images/s, {}", epoch,
        config.epochs, loss_sum / n, 100 * static_cast<double>(right) / n, 100 * test.accuracy, n / seconds,
        duration_text(seconds)));
  }
  st::io::save_safetensors(folder.model_file().string(), model.state_dict());
  fmt::print("test accuracy: {:.2f} %\ntraining time: {}\nfiles: {}, {}, {}\n", 100 * test.accuracy,
             duration_text(training_seconds), folder.model_file().string(), folder.config_file().string(),
             folder.metrics_file().string());
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("train", "Train a model on images of handwritten digits, or your own");
  auto request = std::make_shared<Request>();
  Config& config = request->config;
  constexpr int64_t kMany = std::numeric_limits<int32_t>::max();
  command->add_option("--data", config.data, "mnist (from scripts/get-data), or a folder of IDX files")
      ->type_name("mnist|DIR")
      ->capture_default_str();
  command->add_option("--model", config.model, "The network")
      ->check(CLI::IsMember({"mlp"}))
      ->capture_default_str();
  command->add_option("--epochs", config.epochs, "Passes over the training images")
      ->check(CLI::Range(int64_t{1}, kMany))
      ->capture_default_str();
  command->add_option("--batch", config.batch, "Images in a step")
      ->check(CLI::Range(int64_t{2}, kMany))
      ->capture_default_str();
  command
      ->add_option("--lr", config.lr, "Adam's learning rate at the start; it falls to 0 along half a cosine")
      ->check(CLI::Range(1e-12, 1e3))
      ->capture_default_str();
  command->add_option("--seed", config.seed, "Seed of the weights and of the order of images")
      ->capture_default_str();
  command->add_option("--threads", config.threads, "Threads to compute with; 0: one for every processor")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_option("--out", request->out, "Folder for the results; runs/MODEL by default")
      ->type_name("DIR");
  command->add_flag("--overwrite", request->overwrite, "Replace a run that --out holds already");
  command->callback([request] { run(*request); });
}

}  // namespace tool
