// Trainer: a training in progress. All it is made of (model, optimiser, schedule, scaler, random numbers,
// place in the data) goes into one state dict and comes back out of it, so that training goes on to the same
// bits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/spiraltorch/config.h"
#include "apps/spiraltorch/progress.h"
#include "spiraltorch/amp/grad_scaler.h"
#include "spiraltorch/data/data_loader.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/data/normalize.h"
#include "spiraltorch/nn/sequential.h"
#include "spiraltorch/optim/warmup_cosine_scheduler.h"
#include "spiraltorch/optim/zspace_optimizer.h"

namespace tool {

/// How far training has come. Sums are those of the epoch under way.
struct Place {
  int64_t epoch = 1;  // under way; one more than there are when all is done
  int64_t batch = 0;  // of the epoch, done
  int64_t step = 0;   // of the whole training, done
  int64_t seen = 0, right = 0;
  double loss_sum = 0;
  double epoch_seconds = 0, seconds = 0;        // spent on steps, in the epoch and in all
  int64_t metrics_bytes = 0, events_bytes = 0;  // of the run's files that belong to what was done

  double loss() const { return seen > 0 ? loss_sum / static_cast<double>(seen) : 0; }
  double accuracy() const { return seen > 0 ? static_cast<double>(right) / static_cast<double>(seen) : 0; }
};

/// The rate of a rule in a mode, unless --lr says otherwise.
double default_lr(const std::string& mode, const std::string& rule);

class Trainer {
 public:
  /// Seeds the library and makes everything new.
  Trainer(const Config& config, st::data::GreyImages images);

  /// The next batch. False, and nothing is done, when the epoch is over.
  bool step();
  /// To the beginning of the next epoch.
  void next_epoch();

  st::StateDict state() const;
  /// Goes on from there. Throws st::Error for what is missing or does not fit.
  void load_state(const st::StateDict& state);

  st::nn::Sequential& model() { return model_; }
  Place& place() { return place_; }
  int64_t batches() const { return loader_.size(); }  // of an epoch
  double rate() const { return optimizer_.lr(); }
  double scale() const { return scaler_.scale(); }
  double last_loss() const { return last_loss_; }  // of the last batch
  double last_accuracy() const { return last_accuracy_; }
  int64_t moved_rows() const { return moved_rows_; }

 private:
  using Images = st::data::Mapped<st::data::GreyImages, st::data::Normalize>;
  using Loader = st::data::DataLoader<Images>;

  void begin_epoch();

  Config config_;
  st::nn::Sequential model_;
  st::optim::ZSpaceOptimizer optimizer_;
  Loader loader_;
  st::optim::WarmupCosineScheduler schedule_;
  st::amp::GradScaler scaler_;
  Place place_;
  std::vector<uint8_t> epoch_random_;   // the generator's state before the epoch drew its order
  std::optional<Loader::Iterator> at_;  // none between epochs
  double last_loss_ = 0, last_accuracy_ = 0;
  int64_t moved_rows_ = 0;
};

}  // namespace tool
