// Writes the files that tests/files/read_files.py reads with NumPy, TensorBoard and libpng's other users:
//   write_files FOLDER
#include <cstdio>
#include <exception>
#include <string>

#include "spiraltorch/io/event_file.h"
#include "spiraltorch/io/npz.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const std::string folder = argv[1];
    const st::Tensor x = reshape(st::arange(0, 6, 1, st::DType::float64), {2, 3});
    const st::StateDict state{{"fc1.weight", transpose(x, 0, 1)},  {"float", x.to(st::DType::float32) * 0.1},
                              {"half", x.to(st::DType::float16)},  {"long", x.to(st::DType::int64)},
                              {"int", x.to(st::DType::int32)},     {"byte", x.to(st::DType::uint8)},
                              {"flag", st::tensor({true, false})}, {"scalar", st::tensor(2.5)},
                              {"none", st::zeros({0, 3})},         {"a/b", st::zeros({1})}};
    st::io::save_npz(folder + "/stored.npz", state);
    st::io::save_npz(folder + "/deflated.npz", state, {.compressed = true});
    st::io::save_npz(folder + "/nothing.npz", {});
    st::io::EventFile events(folder + "/events.out.tfevents.0");
    for (int step = 1; step <= 300; ++step) {
      events.add_scalar("train/loss", 1.0 / step, step);
      if (step % 100 == 0) events.add_scalar("test/accuracy", step / 300.0, step);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
