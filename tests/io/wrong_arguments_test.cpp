// Saving and data sets with wrong arguments (tests/support/wrong_arguments.h).
#include "tests/support/wrong_arguments.h"

#include <algorithm>

#include "spiraltorch/data/collate.h"
#include "spiraltorch/data/data_loader.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/data/normalize.h"
#include "spiraltorch/data/tensor_dataset.h"
#include "spiraltorch/io/npz.h"
#include "spiraltorch/io/png.h"
#include "spiraltorch/io/safetensors.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using test::Functions;

std::string path() {
  static const testing::TempDir dir;
  return dir / "file";
}

// The one-element list of indices that data sets take.
std::vector<int64_t> at(int64_t i) { return {i}; }

Functions functions() {
  const Tensor x = test::matrix(2, 3), y = full({2, 3}, 2.f), pixels = full({2, 3, 4}, 7, DType::uint8);
  const Tensor labels = full({2}, 1, DType::uint8);
  return {
      {"TensorDataset", {x, y}, {}, ST_CALL(data::TensorDataset(t[0], t[1])), 0, true},
      {"index_select|take_rows|TensorDataset", {x}, {0}, ST_CALL(data::take_rows(t[0], at(i[0])))},
      {"index_select|take_rows|TensorDataset",
       {x},
       {0},
       ST_CALL(data::TensorDataset(t[0]).get_batch(at(i[0])))},
      {"DataLoader",
       {},
       {2, 2},
       ST_CALL(data::check_options(
           {.batch_size = i[0], .prefetch_factor = static_cast<int>(std::clamp<int64_t>(i[1], -9, 9))}, 5))},
      {"DataLoader|stack", {x, y}, {}, ST_CALL(data::collate({t[0], t[1]}))},
      {"Normalize", {ones({1, 2, 3})}, {}, ST_CALL(data::Normalize(1, 2)(t[0]))},
      {"GreyImages", {pixels, labels}, {}, ST_CALL(data::GreyImages(t[0], t[1]))},
      {"GreyImages",
       {},
       {1},
       ST_CALL(data::GreyImages(full({2, 3, 4}, 7, DType::uint8), full({2}, 1, DType::uint8))
                   .get_batch(at(i[0])))},
      {"save_safetensors",
       {x},
       {},
       ST_CALL(StateDict s; s.insert("x", t[0]); io::save_safetensors(path(), s))},
      {"save_npz", {x}, {}, ST_CALL(StateDict s; s.insert("x", t[0]); io::save_npz(path(), s))},
      {"save_png", {full({2, 4, 3}, 7, DType::uint8)}, {}, ST_CALL(io::save_png(path(), t[0]))},
      {"load_png",
       {},
       {3},
       ST_CALL(io::save_png(path(), full({2, 2, 3}, 9, DType::uint8));
               io::load_png(path(), {.channels = static_cast<int>(i[0])}))},
  };
}

ST_TEST_WRONG_ARGUMENTS(functions)

}  // namespace
}  // namespace st
