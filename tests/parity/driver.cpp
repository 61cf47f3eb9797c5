// The program behind `make parity`: it answers requests that PyTorch's own cases are turned into.
//
//     parity_driver FOLDER...     each with requests.json and requests.safetensors, written by
//     tests/parity/wire.py;
//                                 leaves answers.json and answers.safetensors beside them
//     parity_driver --names       prints the names in the tables of ops and layers as JSON
//
// A request names an op, a layer or an optimiser with its arguments; its tensors are views of memory in the
// safetensors file, with PyTorch's strides. An answer is labelled tensors, a refusal (an st::Error), or the
// reason why C++ cannot say it.
#include <fstream>
#include <iostream>

#include "spiraltorch/autograd/engine.h"
#include "spiraltorch/core/random.h"
#include "spiraltorch/io/safetensors.h"
#include "tests/parity/answer.h"
#include "tests/parity/layers.h"
#include "tests/parity/optimizers.h"

namespace st::test {
namespace {

Json read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  return Json::parse(file);
}

std::vector<Tensor> make_tensors(const Json& specs, const StateDict& memory) {
  std::vector<Tensor> tensors;
  for (const Json& spec : specs) {
    const Shape shape(spec.at("shape").get<std::vector<int64_t>>());
    const Strides strides(spec.at("strides").get<std::vector<int64_t>>());
    const Tensor x = make_view(memory.at(spec.at("memory").get<std::string>()), shape, strides, 0);
    if (spec.at("requires_grad").get<bool>()) x.requires_grad_();
    tensors.push_back(x);
  }
  return tensors;
}

// y0, y1, ...: the outputs; g0, ...: the gradients of the inputs; x0, ...: inputs that the op wrote to.
Answer run_op(const Json& request, const std::vector<Tensor>& tensors) {
  std::vector<uint64_t> versions;
  for (const Tensor& x : tensors) versions.push_back(x.version());
  if (request.contains("seed")) manual_seed(request.at("seed").get<uint64_t>());
  const std::vector<Tensor> outputs =
      call(request.at("name").get<std::string>(), request.at("args"), request.at("kwargs"), tensors);
  Answer answer;
  answer.add("y", outputs);
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].version() != versions[i]) answer.add("x" + std::to_string(i), tensors[i]);
  }
  std::vector<Answer::Named> wanted;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].requires_grad()) wanted.emplace_back("g" + std::to_string(i), tensors[i]);
  }
  answer.add_gradients(outputs, wanted, pick_tensors(request.at("cotangents"), tensors));
  return answer;
}

Answer run(const Json& request, const StateDict& memory) {
  const std::string kind = request.at("kind").get<std::string>();
  const std::vector<Tensor> tensors = make_tensors(request.at("tensors"), memory);
  if (kind == "op") return run_op(request, tensors);
  if (kind == "layer") return run_layer(request, tensors);
  if (kind == "optimizer") return run_optimizer(request, tensors);
  throw std::runtime_error("no kind of request is called " + kind);
}

void answer_folder(const std::string& folder) {
  const StateDict memory = io::load_safetensors(folder + "/requests.safetensors");
  Json answers = Json::array();
  StateDict values;
  for (const Json& request : read_json(folder + "/requests.json")) {
    Json reply;
    try {
      const Answer answer = run(request, memory);
      reply["outcome"] = "done";
      reply["active"] = answer.active();
      reply["labels"] = Json::array();
      for (const auto& [label, value] : answer.values()) {
        reply["labels"].push_back(label);
        values.insert(std::to_string(answers.size()) + "/" + label, value.detach());
      }
    } catch (const NotExpressible& e) {
      reply = {{"outcome", "not expressible"}, {"text", e.what()}};
    } catch (const Error& e) {
      reply = {{"outcome", "refused"}, {"text", e.what()}};
    } catch (const std::exception& e) {
      reply = {{"outcome", "broken"}, {"text", e.what()}};
    }
    answers.push_back(reply);
  }
  io::save_safetensors(folder + "/answers.safetensors", values);
  std::ofstream file(folder + "/answers.json");
  file << answers;
  if (!file.flush()) throw std::runtime_error("cannot write " + folder + "/answers.json");
}

}  // namespace
}  // namespace st::test

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string(argv[1]) == "--names") {
      std::cout << st::test::Json{{"ops", st::test::op_names()}, {"layers", st::test::layer_names()}} << "\n";
      return 0;
    }
    for (int i = 1; i < argc; ++i) st::test::answer_folder(argv[i]);
  } catch (const std::exception& e) {
    std::cerr << "parity_driver: " << e.what() << "\n";
    return 1;
  }
}
