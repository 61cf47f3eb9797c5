// spiraltorch: trains, evaluates and explains networks from the command line. All of the command line is
// declared here, in the one file that pays for CLI11's header.
// Exit codes: 0, 2 for a wrong call, 1 for what failed while running, 130 after Ctrl-C. An error is one line
// on standard error.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/spiraltorch/command.h"
#include "apps/spiraltorch/models.h"
#include "spiraltorch/amp/autocast.h"
#include "spiraltorch/core/version.h"

namespace tool {
namespace {

constexpr int64_t kMany = std::numeric_limits<int32_t>::max();
const std::vector<std::string> kModes = {"euclidean", "realgrad", "hypergrad"};
const char* const kRunData = "mnist, or a folder of IDX files; what the run was trained on by default";

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const ModelKind& kind : model_kinds()) names.emplace_back(kind.name);
  return names;
}

// What is said of every model, for --help: "mlp 10, cnn 2, ...".
template <class Of>
std::string of_each_model(const char* to, const char* next, const Of& of) {
  std::string text;
  for (const ModelKind& kind : model_kinds()) {
    text += fmt::format("{}{}{}{}", text.empty() ? "" : next, kind.name, to, of(kind));
  }
  return text;
}

void add_train(CLI::App& app) {
  // CLI::Range lets "nan" through: nothing is below or above it.
  const CLI::Validator finite(
      [](std::string& text) {
        return std::isfinite(std::strtod(text.c_str(), nullptr)) ? std::string() : text + " is not finite";
      },
      "");
  CLI::App* command =
      app.add_subcommand("train", "Train a model on images of handwritten digits, or your own");
  auto request = std::make_shared<TrainRequest>();
  Config& config = request->config;
  config.data.clear();
  if (st::amp::bfloat16_available()) config.amp = "bf16";
  command
      ->add_option("--data", config.data,
                   "mnist (from scripts/get-data; the default), or a folder of IDX files")
      ->type_name("mnist|DIR");
  std::vector<CLI::Option*> settings;  // what --resume takes from the run instead
  const auto setting = [&](CLI::Option* option) {
    settings.push_back(option);
    return option;
  };
  setting(command->add_option("--model", config.model,
                              of_each_model(": ", "; ", [](const auto& kind) { return kind.summary; })))
      ->check(CLI::IsMember(model_names()))
      ->capture_default_str();
  setting(command->add_option("--epochs", config.epochs,
                              "Passes over the training images; by default " +
                                  of_each_model(" ", ", ", [](const auto& kind) { return kind.epochs; })))
      ->check(CLI::Range(int64_t{1}, kMany));
  setting(command->add_option("--batch", config.batch, "Images in a step"))
      ->check(CLI::Range(int64_t{2}, kMany))
      ->capture_default_str();
  setting(command->add_option("--mode", config.mode,
                              "The geometry of a step: in hypergrad the rows of weights are points "
                              "of the ball, and the model ends in a hyperbolic head; by default " +
                                  of_each_model(" ", ", ", [](const auto& kind) { return kind.mode; })))
      ->check(CLI::IsMember(kModes));
  setting(command->add_option("--curvature", config.curvature, "Of hypergrad's ball, below 0"))
      ->check(CLI::Range(-1e6, -1e-6))
      ->check(finite)
      ->capture_default_str();
  setting(command->add_option("--rule", config.rule,
                              "How a step uses the gradient; by default " +
                                  of_each_model(" ", ", ", [](const auto& kind) { return kind.rule; })))
      ->check(CLI::IsMember({"plain", "momentum", "adam"}));
  setting(command->add_option("--lr", request->lr,
                              "The rate at the end of the warm-up; it falls to 1 % of it along a "
                              "cosine. By default what suits mode and rule"))
      ->check(CLI::Range(1e-12, 1e3))
      ->check(finite);
  setting(command->add_option("--warmup", request->warmup,
                              "Steps in which the rate rises; by default of all, in percent: " +
                                  of_each_model(" ", ", ", [](const auto& kind) { return kind.warmup; })))
      ->check(CLI::Range(int64_t{0}, kMany));
  setting(command->add_option("--amp", config.amp,
                              "bf16: products in bfloat16, accumulated in float32; the default where the "
                              "processor has instructions for it"))
      ->check(CLI::IsMember({"off", "bf16"}))
      ->capture_default_str();
  setting(command->add_option("--seed", config.seed, "Seed of the weights and of the order of images"))
      ->capture_default_str();
  setting(
      command->add_option("--threads", config.threads, "Threads to compute with; 0: one for every processor"))
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_option("--out", request->out, "Folder for the results; runs/MODEL by default")
      ->type_name("DIR");
  setting(command->add_flag("--overwrite", request->overwrite, "Replace a run that --out holds already"));
  command->add_flag("--resume", request->resume,
                    "Go on with the run in --out, with its own settings, from its last checkpoint");
  command->callback([request, settings] {
    for (const CLI::Option* option : settings) {
      if (request->resume && option->count() > 0) {
        throw CLI::ValidationError("--resume",
                                   "goes on with the run's own settings; leave out " + option->get_name());
      }
    }
    train(*request);
  });
}

void add_evaluate(CLI::App& app) {
  CLI::App* command = app.add_subcommand("evaluate", "Measure a trained model on the test images");
  auto request = std::make_shared<EvaluateRequest>();
  command->add_option("--run", request->run, "Folder of a run, as train made it")
      ->required()
      ->type_name("DIR");
  command->add_option("--data", request->data, kRunData)->type_name("mnist|DIR");
  command->callback([request] { evaluate(*request); });
}

void add_explain(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("explain", "Draw which places of test images made a model decide (Grad-CAM)");
  auto request = std::make_shared<ExplainRequest>();
  command->add_option("--run", request->run, "Folder of a run, as train made it")
      ->required()
      ->type_name("DIR");
  command->add_option("--out", request->out, "The picture")->required()->type_name("F.png");
  command
      ->add_option("--images", request->images,
                   "Test images on it; the last quarter are wrong ones, if there are any")
      ->check(CLI::Range(1, 400))
      ->capture_default_str();
  command->add_option("--layer", request->layer,
                      "The layer whose output is asked; by default the first activation of the cnn, the "
                      "sequence of the lstm");
  command->add_option("--data", request->data, kRunData)->type_name("mnist|DIR");
  command->callback([request] { explain(*request); });
}

void add_inspect(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("inspect", "Show what a safetensors file holds, with NaN and Inf marked");
  auto request = std::make_shared<InspectRequest>();
  command->add_option("file", request->file, "A file of safetensors")->required()->type_name("F.safetensors");
  command->callback([request] { inspect(*request); });
}

void add_summary(CLI::App& app) {
  CLI::App* command = app.add_subcommand("summary", "Show a model's layers, output shapes and parameters");
  auto request = std::make_shared<SummaryRequest>();
  command->add_option("--model", request->model, "The network")
      ->check(CLI::IsMember(model_names()))
      ->required();
  command
      ->add_option("--mode", request->mode,
                   "hypergrad gives the model a hyperbolic head; by default as in train")
      ->check(CLI::IsMember(kModes));
  command->callback([request] { summary(*request); });
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  CLI::App app("SpiralTorch: deep learning in C++, with hyperbolic space as a first-class citizen",
               "spiraltorch");
  app.set_version_flag("--version", std::string(st::version()));
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  tool::add_train(app);
  tool::add_evaluate(app);
  tool::add_explain(app);
  tool::add_inspect(app);
  tool::add_summary(app);
  try {
    app.parse(argc, argv);
  } catch (const tool::Exit& exit) {
    return exit.code;
  } catch (const CLI::Success& asked) {  // --help and --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "spiraltorch: %s (see spiraltorch --help)\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::string line = error.what();  // a list of keys has a line for each
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::fprintf(stderr, "spiraltorch: %s\n", line.c_str());
    return 1;
  }
  return 0;
}
