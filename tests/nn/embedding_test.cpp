// Embedding: PyTorch's initial bits, the padding, text and errors; the numbers are in the case table of
// embedding.
#include "spiraltorch/nn/embedding.h"

#include <gtest/gtest.h>

#include <bit>

#include "spiraltorch/core/random.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st::nn {
namespace {

std::vector<uint32_t> bits_of(const Tensor& x) {
  std::vector<uint32_t> bits;
  for (const float v : x.to_vector<float>()) bits.push_back(std::bit_cast<uint32_t>(v));
  return bits;
}

// torch.manual_seed(7); torch.nn.Embedding(...).weight, PyTorch 2.13
TEST(Embedding, StartsAsPyTorch) {
  manual_seed(7);
  const Embedding e("e", 4, 3, {.padding_idx = 1});
  EXPECT_EQ(bits_of(e.weight),
            (std::vector<uint32_t>{0xbe165174, 0x3f49408e, 0x3f7262e7, 0, 0, 0, 0xbeb6147c, 0x3f9dbed1,
                                   0x3e0d7d22, 0xbfd75248, 0x3ea2a6bb, 0x3e07fe8d}));
  manual_seed(7);
  std::vector<uint32_t> bits = bits_of(Embedding("e", 6, 5).weight);
  bits.resize(8);
  const std::vector<uint32_t> expected{0xbf51f456, 0x3eca902b, 0x3f661ede, 0xbfb1b738,
                                       0xbe2b0101, 0x3e91ff2d, 0xbf241e93, 0xbf64c69a};
  for (size_t i = 0; i < bits.size(); ++i)  // randn of 16 or more is PyTorch's to 1 ULP
    EXPECT_LE(std::abs(static_cast<int64_t>(bits[i]) - static_cast<int64_t>(expected[i])), 1) << i;
}

TEST(Embedding, ThePaddingGetsNoGradient) {
  Embedding e("e", 3, 2, {.padding_idx = -1});
  e(tensor({0, 2, 0})).sum().backward();
  EXPECT_EQ(e.weight.grad().to_vector<float>(), (std::vector<float>{2, 2, 0, 0, 0, 0}));
  EXPECT_EQ(e(tensor({{2, 2}, {0, 1}})).shape(), (Shape{2, 2, 2}));
  EXPECT_EQ(e(tensor({2})).to_vector<float>(), (std::vector<float>{0, 0}));
}

TEST(Embedding, PrintsAndListsAsPyTorch) {
  EXPECT_EQ(Embedding("e", 6, 5).to_string(), "Embedding(6, 5)");
  EXPECT_EQ(Embedding("e", 4, 3, {.padding_idx = -1}).to_string(), "Embedding(4, 3, padding_idx=3)");
  Embedding e("e", 4, 3), copy = e;
  ASSERT_EQ(e.state_dict().size(), 1u);
  EXPECT_EQ(e.state_dict().at("weight").shape(), (Shape{4, 3}));
  copy(tensor({1})).sum().backward();
  EXPECT_FALSE(e.weight.grad().defined());
}

TEST(Embedding, RefusesWhatMakesNoSense) {
  EXPECT_EQ(message<ValueError>([] { Embedding("", 0, 3); }),
            "Embedding: num_embeddings must be at least 1, got 0");
  EXPECT_EQ(message<ValueError>([] { Embedding("", 3, -1); }),
            "Embedding: embedding_dim must be at least 1, got -1");
  EXPECT_EQ(message<ValueError>([] { Embedding("", 3, 2, {.padding_idx = 3}); }),
            "Embedding: padding_idx must be a row of 3, got 3");
  EXPECT_THROW(Embedding("", 3, 2)(tensor({3})), IndexError);
}

}  // namespace
}  // namespace st::nn
