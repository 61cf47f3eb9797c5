// Saving and data sets with wrong arguments (tests/support/wrong_arguments.h).
#include "tests/support/wrong_arguments.h"

#include <algorithm>

#include "spiraltorch/data/collate.h"
#include "spiraltorch/data/concat_dataset.h"
#include "spiraltorch/data/data_loader.h"
#include "spiraltorch/data/mnist.h"
#include "spiraltorch/data/normalize.h"
#include "spiraltorch/data/subset.h"
#include "spiraltorch/data/tensor_dataset.h"
#include "spiraltorch/io/event_file.h"
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

void read_batches(const Tensor& x, int64_t batch_size) {
  const data::TensorDataset examples(x);
  data::DataLoader loader(examples, {.batch_size = batch_size});
  for (const auto& batch : loader) EXPECT_TRUE(batch[0].defined());
}

data::TensorDataset<1> ten_rows() { return data::TensorDataset(test::matrix(10, 2)); }

// A data set of two examples whose batches go through Normalize.
void read_normalized(const Tensor& x, int64_t i) {
  data::map(data::TensorDataset(x), data::Normalize(0.5, 2)).get_batch(at(i));
}

// A file of `bytes`, to be read as another format.
void read_bytes_as(const char* format, int64_t bytes) {
  testing::write_bytes(path(), std::string(static_cast<size_t>(std::clamp<int64_t>(bytes, 0, 999)), 'x'));
  if (format[0] == 's') io::load_safetensors(path());
  if (format[0] == 'z') io::load_npz(path());
  if (format[0] == 'p') io::load_png(path());
}

// Whether reading junk of any length is refused; the row's own length, -1, reads nothing.
void refuse_bytes(const char* format, int64_t bytes) {
  if (bytes != -1) read_bytes_as(format, bytes);
}

Functions functions() {
  const Tensor x = test::matrix(2, 3), y = full({2, 3}, 2.f), pixels = full({2, 3, 4}, 7, DType::uint8);
  const Tensor labels = full({2}, 1, DType::uint8);
  return {
      {"TensorDataset", {x, y}, {}, ST_CALL(data::TensorDataset(t[0], t[1])), 0, true},
      {"take_rows", {x}, {0}, ST_CALL(data::take_rows(t[0], at(i[0])))},
      {"take_rows|TensorDataset", {x}, {0}, ST_CALL(data::TensorDataset(t[0]).get_batch(at(i[0])))},
      {"DataLoader",
       {},
       {2, 2},
       ST_CALL(data::check_options(
           {.batch_size = i[0], .prefetch_factor = static_cast<int>(std::clamp<int64_t>(i[1], -9, 9))}, 5))},
      {"take_rows|TensorDataset|Normalize", {ones({2, 1, 2, 3})}, {0}, ST_CALL(read_normalized(t[0], i[0]))},
      {"BatchSampler",
       {},
       {5, 2},
       ST_CALL(
           data::BatchSampler(std::min<int64_t>(i[0], 1000), {.batch_size = i[1], .shuffle = true}).next())},
      {"DataLoader|TensorDataset|take_rows", {x}, {2}, ST_CALL(read_batches(t[0], i[0]))},
      {"Subset", {}, {0, 1, 0}, ST_CALL(data::Subset(ten_rows(), {i[0], i[1]}).get_batch(at(i[2])))},
      {"Subset", {}, {0}, ST_CALL(data::check_indices("Subset", at(i[0]), 3))},
      {"Subset", {}, {0}, ST_CALL(data::pick_indices(at(7), at(i[0])))},
      {"random_split", {}, {4, 6}, ST_CALL(data::random_split(ten_rows(), {i[0], i[1]}))},
      {"random_split",
       {},
       {4},
       ST_CALL(data::random_parts(std::clamp<int64_t>(i[0], 0, 1000), std::vector<int64_t>{4}, nullptr))},
      {"random_split",
       {},
       {1},
       ST_CALL(data::lengths_of_fractions(10, std::vector<double>{static_cast<double>(i[0])}))},
      {"ConcatDataset", {}, {11}, ST_CALL(data::ConcatDataset({ten_rows(), ten_rows()}).get_batch(at(i[0])))},
      {"ConcatDataset", {}, {1}, ST_CALL(data::cumulative_sizes(std::vector<int64_t>{1, i[0]}))},
      {"ConcatDataset", {}, {1}, ST_CALL(data::find_example(std::vector<int64_t>{1, 3}, i[0]))},
      {"take_rows|cat", {x, y}, {2}, ST_CALL(data::join_rows({t[0], t[1]}, at(i[0])))},
      {"DataLoader", {x, y}, {}, ST_CALL(data::collate({t[0], t[1]}))},
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
      {"load_safetensors", {}, {-1}, ST_CALL(refuse_bytes("safetensors", i[0]))},
      {"load_npz", {}, {-1}, ST_CALL(refuse_bytes("zip", i[0]))},
      {"load_png", {}, {-1}, ST_CALL(refuse_bytes("png", i[0]))},
      {"StateDict.insert|StateDict.at",
       {x},
       {0},
       ST_CALL(StateDict s; s.insert("0", t[0]); s.at(std::to_string(i[0]))),
       1},
      {"load_png",
       {},
       {3},
       ST_CALL(io::save_png(path(), full({2, 2, 3}, 9, DType::uint8));
               io::load_png(path(), {.channels = static_cast<int>(std::clamp<int64_t>(i[0], -9, 9))}))},
  };
}

ST_TEST_WRONG_ARGUMENTS(functions, "io")

// What takes names and paths alone.
TEST(WrongArguments, Paths) {
  for (const std::string nowhere : {"", "/nowhere/file", "/", "/dev/null"}) {
    EXPECT_THROW(io::load_safetensors(nowhere), IoError) << nowhere;
    EXPECT_THROW(io::load_npz(nowhere), IoError) << nowhere;
    EXPECT_THROW(io::load_png(nowhere), IoError) << nowhere;
    EXPECT_THROW(data::mnist(nowhere, data::Split::test), IoError) << nowhere;
    EXPECT_THROW(io::save_safetensors(nowhere, {}), IoError) << nowhere;
    EXPECT_THROW(io::save_npz(nowhere, {}), IoError) << nowhere;
    if (nowhere != "/dev/null") {
      EXPECT_THROW(io::EventFile{nowhere}, IoError) << nowhere;
    }
  }
}

}  // namespace
}  // namespace st
