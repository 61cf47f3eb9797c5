// What Tensor::to_string writes, against PyTorch's text.
#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/tensor/tensor.h"

namespace st {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

struct Row {
  DType dtype;
  Shape shape;
  std::vector<double> values;
  double a, b;
  const char* text;
};

const Row kRows[] = {
#include "tests/tensor/print_reference.inc"
};

Tensor made(const Row& row) {
  std::vector<double> values = row.values;
  for (int64_t i = 0; values.size() < static_cast<size_t>(numel_of(row.shape)); ++i) {
    values.push_back(static_cast<double>(i) * row.a + row.b);
  }
  return reshape(to(tensor(values), row.dtype), row.shape);
}

TEST(Print, WritesWhatPyTorchWrites) {
  for (const Row& row : kRows) EXPECT_EQ(made(row).to_string(), row.text) << to_text(row.shape);
}

TEST(Print, LayoutDoesNotShow) {
  const Tensor x = arange(2000).reshape({40, 50});
  EXPECT_EQ(x.t().to_string(), x.t().contiguous().to_string());
  EXPECT_EQ(tensor(1.5).expand({2}).to_string(), "tensor([1.5000, 1.5000])");
}

TEST(Print, SaysWhatAutogradKnows) {
  const Tensor x = tensor({1.0, 2.0}).requires_grad_();
  EXPECT_EQ(x.to_string(), "tensor([1., 2.], requires_grad=True)");
  EXPECT_EQ(reshape(x, {2, 1}).to_string(), "tensor([[1.],\n        [2.]], grad_fn=<reshape>)");
  // The suffix that does not fit a line of 80 starts another, as in torch.zeros(26, dtype=torch.float64).
  const Tensor long_row = full({10}, 0.25).requires_grad_();
  EXPECT_EQ(long_row.to_string(),
            "tensor([0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500,\n"
            "        0.2500], requires_grad=True)");
  const Tensor row = full({8}, 0.25).requires_grad_();
  EXPECT_EQ(row.to_string(),
            "tensor([0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500, 0.2500],\n"
            "       requires_grad=True)");
}

TEST(Print, StreamsAndUndefined) {
  std::ostringstream out;
  out << tensor({1, 2}) << Tensor();
  EXPECT_EQ(out.str(), "tensor([1, 2])tensor(undefined)");
}

}  // namespace
}  // namespace st
