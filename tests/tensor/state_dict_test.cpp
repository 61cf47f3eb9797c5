// Ordered names and tensors.
#include "spiraltorch/tensor/state_dict.h"

#include <gtest/gtest.h>

namespace st {
namespace {

TEST(StateDict, KeepsOrderAndFindsByName) {
  const Tensor w = empty({2}), b = empty({3});
  StateDict sd{{"w", w}, {"b", b}};
  EXPECT_EQ(sd.size(), 2u);
  EXPECT_EQ(sd.begin()->first, "w");
  EXPECT_TRUE(sd.at("b").is_same(b));
  EXPECT_EQ(sd.find("c"), nullptr);
  EXPECT_TRUE(sd.contains("w"));
  const StateDict copy(sd.begin(), sd.end());
  EXPECT_TRUE(copy.at("w").is_same(w));
}

TEST(StateDict, HoldsOthersUnderAPrefix) {
  const Tensor w = empty({2}), m = empty({2}), step = empty({});
  StateDict model{{"fc.w", w}}, all{{"step", step}};
  model.metadata["fc.w.curvature"] = "-1";
  all.insert("model", model);
  all.insert("optimizer", StateDict{{"fc.w", m}});
  EXPECT_EQ(std::next(all.begin())->first, "model.fc.w");
  const StateDict part = all.part("model");
  EXPECT_EQ(part.size(), 1u);
  EXPECT_TRUE(part.at("fc.w").is_same(w));
  EXPECT_EQ(part.metadata, model.metadata);
  EXPECT_TRUE(all.part("opt").empty());
  EXPECT_THROW(all.insert("model", StateDict{{"new", m}, {"fc.w", m}}), ValueError);
  EXPECT_EQ(all.size(), 3u) << "nothing of it";
}

TEST(StateDict, RefusesWhatItCannotDo) {
  StateDict sd{{"w", empty({2})}};
  try {
    sd.at("fc.bias");
    FAIL();
  } catch (const IndexError& e) {
    EXPECT_STREQ(e.what(), "StateDict.at: no entry is named \"fc.bias\" (1 entries)");
  }
  EXPECT_THROW(sd.insert("w", empty({2})), ValueError);
  EXPECT_EQ(sd.size(), 1u);
}

}  // namespace
}  // namespace st
