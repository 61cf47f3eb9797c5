// spiraltorch train: trains a model on images, and goes on with a training that was stopped.
#include <fmt/format.h>

#include <utility>

#include "apps/spiraltorch/cam_sheet.h"
#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/models.h"
#include "apps/spiraltorch/progress.h"
#include "apps/spiraltorch/run_folder.h"
#include "apps/spiraltorch/stop_signal.h"
#include "apps/spiraltorch/task.h"
#include "apps/spiraltorch/trainer.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/parallel.h"
#include "spiraltorch/io/event_file.h"
#include "spiraltorch/io/safetensors.h"

namespace tool {
namespace {

constexpr double kSaveEvery = 30;    // seconds between checkpoints in an epoch
constexpr int64_t kEventEvery = 10;  // steps between points of the curves
constexpr int64_t kCamImages = 16;   // in gradcam.png

void save(const RunFolder& folder, Trainer& trainer, st::io::EventFile& events) {
  events.flush();
  trainer.place().metrics_bytes = file_size(folder.metrics_file());
  trainer.place().events_bytes = file_size(folder.events_file());
  st::io::save_safetensors(folder.model_file(), trainer.model().state_dict());
  st::io::save_safetensors(folder.checkpoint_file(), trainer.state());
}

// What was asked, completed by what the model and the data say.
void settle(TrainRequest& request, const st::data::GreyImages& train) {
  Config& config = request.config;
  const ModelKind& kind = model_kind(config.model);
  if (config.epochs == 0) config.epochs = kind.epochs;
  if (config.mode.empty()) config.mode = kind.mode;
  if (config.rule.empty()) config.rule = kind.rule;
  config.lr = request.lr.value_or(default_lr(config.mode, config.rule));
  describe_data(config, train);
  st::check<st::ValueError>(config.batch <= train.size(),
                            "train: --batch is {}, expected 2 to {}, the number of training images",
                            config.batch, train.size());
  const int64_t steps = train.size() / config.batch * config.epochs;
  config.warmup = request.warmup.value_or(steps * kind.warmup / 100);
  st::check<st::ValueError>(config.warmup < steps,
                            "train: --warmup is {}, expected less than {}, the steps of the run",
                            config.warmup, steps);
}

// The rest of the epoch, then the test images. Throws Exit when a signal asked to stop.
void train_epoch(const RunFolder& folder, const Config& config, Trainer& trainer, st::io::EventFile& events,
                 const st::data::GreyImages& test_images) {
  Place& place = trainer.place();
  ProgressBar bar(fmt::format("epoch {}/{}", place.epoch, config.epochs), trainer.batches());
  Stopwatch since_save;
  while (trainer.step()) {
    const double rate = static_cast<double>(place.seen) / place.epoch_seconds;
    bar.update(place.batch, fmt::format("loss {:.4f}, accuracy {:.2f} %, {:.0f} images/s", place.loss(),
                                        100 * place.accuracy(), rate));
    if (place.step % kEventEvery == 0) {
      events.add_scalar("train/loss", trainer.last_loss(), place.step);
      events.add_scalar("train/accuracy", trainer.last_accuracy(), place.step);
      events.add_scalar("rate", trainer.rate(), place.step);
      events.add_scalar("scale", trainer.scale(), place.step);
      if (config.mode == "hypergrad") {
        events.add_scalar("ball_radius", ball_radius(trainer.model()), place.step);
      }
    }
    if (const int signal = StopSignal::received(); signal != 0) {
      save(folder, trainer, events);
      bar.finish(fmt::format("stopped after step {} of {}; to go on: spiraltorch train --resume --out {}",
                             place.step, trainer.batches() * config.epochs, folder.path().string()));
      throw Exit{128 + signal};
    }
    if (since_save.seconds() > kSaveEvery) {
      save(folder, trainer, events);
      since_save = Stopwatch();
    }
  }
  const Score test = score(trainer.model(), config, test_images);
  events.add_scalar("test/loss", test.loss, place.step);
  events.add_scalar("test/accuracy", test.accuracy, place.step);
  const double rate = static_cast<double>(place.seen) / place.epoch_seconds;
  folder.append_metrics({.epoch = place.epoch,
                         .train_loss = place.loss(),
                         .train_accuracy = place.accuracy(),
                         .test_loss = test.loss,
                         .test_accuracy = test.accuracy,
                         .seconds = place.epoch_seconds,
                         .images_per_second = rate,
                         .lr = trainer.rate()});
  bar.finish(
      fmt::format("epoch {}/{}  loss {:.4f}, accuracy {:.2f} %, test accuracy {:.2f} %, {:.0f} images/s, {}",
                  place.epoch, config.epochs, place.loss(), 100 * place.accuracy(), 100 * test.accuracy, rate,
                  duration_text(place.epoch_seconds)));
  trainer.next_epoch();
  save(folder, trainer, events);
}

// Where a run was left; a run that was killed before its first checkpoint begins anew.
void load_checkpoint(const RunFolder& folder, Trainer& trainer) {
  if (file_size(folder.checkpoint_file()) > 0) {
    const st::StateDict state = st::io::load_safetensors(folder.checkpoint_file());
    try {
      trainer.load_state(state);
    } catch (const st::Error& error) {
      st::fail<st::IoError>("train: {} is no checkpoint of this run: {}", folder.checkpoint_file(),
                            error.what());
    }
  }
  cut_file(folder.metrics_file(), trainer.place().metrics_bytes);
  cut_file(folder.events_file(), trainer.place().events_bytes);
}

}  // namespace

void train(TrainRequest request) {
  Config& config = request.config;
  const RunFolder folder(request.out.empty() ? "runs/" + config.model : request.out);
  if (request.resume) {
    const std::string data = config.data;
    config = folder.load_config();
    if (!data.empty()) config.data = data;
  } else if (config.data.empty()) {
    config.data = "mnist";
  }
  if (config.threads == 0) config.threads = st::num_threads();
  st::set_num_threads(config.threads);

  st::data::GreyImages train_images = load_data(config, st::data::Split::train);
  const st::data::GreyImages test_images = load_data(config, st::data::Split::test);
  if (request.resume) {
    check_fits(config, train_images);
  } else {
    settle(request, train_images);
  }
  check_fits(config, test_images);
  if (!request.resume) {
    folder.create(request.overwrite);
    folder.save_config(config);
  }

  const int64_t images = train_images.size();
  Trainer trainer(config, std::move(train_images));
  if (request.resume) load_checkpoint(folder, trainer);
  st::io::EventFile events(folder.events_file());
  fmt::print("{}: {} parameters; {} training and {} test images; {} threads; seed {}\n", config.model,
             trainer.model().num_parameters(), images, test_images.size(), config.threads, config.seed);
  fmt::print("{}, {} at {}, warm-up {} of {} steps; amp {}\n",
             config.mode == "hypergrad" ? fmt::format("hypergrad({})", config.curvature) : config.mode,
             config.rule, config.lr, config.warmup, trainer.batches() * config.epochs, config.amp);
  if (trainer.place().step > 0) fmt::print("goes on after step {}\n", trainer.place().step);
  {
    const StopSignal stop_signal;
    while (trainer.place().epoch <= config.epochs) train_epoch(folder, config, trainer, events, test_images);
  }
  const Score test = score(trainer.model(), config, test_images);
  const bool pictures = *model_kind(config.model).cam_layer != '\0';
  if (pictures) {
    save_cam_sheet(folder.cam_file(), trainer.model(), config, test_images, kCamImages, "");
  }
  fmt::print("test accuracy: {:.2f} %\ntraining time: {}\nfiles: {}, {}, {}, {}{}\n", 100 * test.accuracy,
             duration_text(trainer.place().seconds), folder.model_file(), folder.config_file(),
             folder.metrics_file(), folder.events_file(), pictures ? ", " + folder.cam_file() : "");
}

}  // namespace tool
