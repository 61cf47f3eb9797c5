// One step of training, and what of it is saved.
#include "apps/spiraltorch/trainer.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "apps/spiraltorch/models.h"
#include "apps/spiraltorch/task.h"
#include "spiraltorch/amp/autocast.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/reduce.h"

namespace tool {
namespace {

using st::Tensor;

constexpr double kLeastRate = 0.01;  // of the base rate, at the end of the cosine

st::optim::Rule rule_of(const Config& config) {
  return config.rule == "plain"      ? st::optim::Rule::plain
         : config.rule == "momentum" ? st::optim::Rule::momentum
                                     : st::optim::Rule::adam;
}

st::optim::OptimizerMode mode_of(const Config& config) {
  return config.mode == "euclidean"  ? st::optim::OptimizerMode::euclidean()
         : config.mode == "realgrad" ? st::optim::OptimizerMode::realgrad(config.lr)
                                     : st::optim::OptimizerMode::hypergrad(config.curvature, config.lr);
}

st::nn::Sequential seeded_model(const Config& config) {
  st::manual_seed(config.seed);
  return make_model(config);
}

// The fields of a Place that are saved, by name: f(name, field) for each.
template <class P, class F>
void for_each_field(P& p, const F& f) {
  f("epoch", p.epoch);
  f("batch", p.batch);
  f("step", p.step);
  f("seen", p.seen);
  f("right", p.right);
  f("loss_sum", p.loss_sum);
  f("epoch_seconds", p.epoch_seconds);
  f("seconds", p.seconds);
  f("metrics_bytes", p.metrics_bytes);
  f("events_bytes", p.events_bytes);
}

}  // namespace

double default_lr(const std::string& mode, const std::string& rule) {
  const bool points = mode == "hypergrad";
  if (rule == "plain") return points ? 1.0 : 0.3;
  if (rule == "momentum") return points ? 0.3 : 0.05;
  return points ? 3e-3 : 2e-3;
}

Trainer::Trainer(const Config& config, st::data::GreyImages images)
    : config_(config),
      model_(seeded_model(config)),
      optimizer_(config.lr, {.rule = rule_of(config)}),
      loader_(st::data::map(std::move(images), normalize(config)),
              {.batch_size = config.batch, .shuffle = true, .workers = 1, .drop_last = true}),
      schedule_(config.lr, config.lr * kLeastRate, config.warmup, loader_.size() * config.epochs),
      scaler_(st::amp::GradScaler(2.0, 2.0, 0.5, 200).with_limits(1.0, 1024.0)) {
  optimizer_.set_mode(mode_of(config));
  moved_rows_ = optimizer_.prepare_module(model_);
}

void Trainer::begin_epoch() {
  epoch_random_ = st::default_generator().state();
  at_ = loader_.begin();
}

bool Trainer::step() {
  if (!at_) begin_epoch();
  if (*at_ == loader_.end()) return false;
  const Stopwatch watch;
  const auto& [x, y] = **at_;
  Tensor logits, loss;
  {
    const st::amp::AutocastGuard autocast(config_.amp == "bf16");
    logits = model_(x);
    loss = st::cross_entropy(logits, y);
  }
  scaler_.scale_loss(loss).backward();
  schedule_.step_optimizer(optimizer_, model_);
  scaler_.step(optimizer_, model_);

  const int64_t count = y.numel(), right = (logits.detach().argmax(1) == y).sum().item<int64_t>();
  last_loss_ = loss.item<double>();
  last_accuracy_ = static_cast<double>(right) / static_cast<double>(count);
  ++*at_;
  ++place_.batch;
  ++place_.step;
  place_.seen += count;
  place_.right += right;
  place_.loss_sum += last_loss_ * static_cast<double>(count);
  place_.epoch_seconds += watch.seconds();
  place_.seconds += watch.seconds();
  st::check<st::ValueError>(std::isfinite(last_loss_),
                            "train: the loss is not finite at step {}; try a smaller --lr than {}",
                            place_.step, config_.lr);
  return true;
}

void Trainer::next_epoch() {
  at_.reset();
  Place next = place_;
  next.batch = next.seen = next.right = 0;
  next.loss_sum = next.epoch_seconds = 0;
  ++next.epoch;
  place_ = next;
}

st::StateDict Trainer::state() const {
  st::StateDict all;
  all.insert("model", model_.state_dict());
  all.insert("optimizer", optimizer_.state_dict());
  all.insert("schedule", schedule_.state_dict());
  all.insert("scaler", scaler_.state_dict());
  const std::vector<uint8_t> now = st::default_generator().state();
  all.insert("random.now", st::tensor(now));
  all.insert("random.epoch", st::tensor(at_ ? epoch_random_ : now));
  for_each_field(place_, [&](const char* name, auto value) {
    all.insert(std::string("place.") + name, st::tensor(value, st::dtype_of<decltype(value)>()));
  });
  return all;
}

void Trainer::load_state(const st::StateDict& state) {
  Place place;
  for_each_field(place, [&]<class T>(const char* name, T& value) {
    value = state.at(std::string("place.") + name).template item<T>();
    st::check<st::ValueError>(value >= 0, "checkpoint: place.{} is {}, expected at least 0", name, value);
  });
  st::check<st::ValueError>(place.batch <= loader_.size(),
                            "checkpoint: place.batch is {}, the epoch has {} batches", place.batch,
                            loader_.size());
  model_.load_state_dict(state.part("model"));
  optimizer_.load_state_dict(state.part("optimizer"));
  schedule_.load_state_dict(state.part("schedule"));
  scaler_.load_state_dict(state.part("scaler"));
  place_ = place;
  at_.reset();
  st::Generator& random = st::default_generator();
  random.set_state(state.at("random.epoch").data<uint8_t>());
  if (place_.batch > 0) {
    begin_epoch();
    for (int64_t i = 0; i < place_.batch; ++i) ++*at_;
    random.set_state(state.at("random.now").data<uint8_t>());
  }
}

}  // namespace tool
