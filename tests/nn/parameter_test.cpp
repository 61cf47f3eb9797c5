// Leaves as values: what copies, what fills, what moves, and what does not compile.
#include "spiraltorch/nn/parameter.h"

#include <gtest/gtest.h>

#include "spiraltorch/autograd/meta.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/ops/creation.h"
#include "tests/support/message.h"

namespace st {

class Manifold {};

namespace nn {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Parameter> &&
              std::is_nothrow_move_assignable_v<Parameter>);
static_assert(std::is_convertible_v<Parameter, Tensor> && !std::is_convertible_v<Tensor, Parameter>);
static_assert(!std::is_assignable_v<Parameter&, Tensor>);
template <class P>
concept HasPlusAssign = requires(P p) {
  p += p;
};
template <class P>
concept HasTimesAssignNumber = requires(P p) {
  p *= 2.0;
};
static_assert(!HasPlusAssign<Parameter> && !HasPlusAssign<Buffer> && !HasTimesAssignNumber<Parameter>);

TEST(Parameter, RequiresAGradientAndSharesMemory) {
  const Tensor values = tensor({1.f, 2.f});
  const Parameter p(values);
  EXPECT_TRUE(p.requires_grad());
  EXPECT_TRUE(p.is_leaf());
  EXPECT_FALSE(values.requires_grad());
  EXPECT_EQ(p.storage(), values.storage());
  EXPECT_FALSE(Parameter().defined());
  EXPECT_THROW(Parameter(tensor({1, 2})), DTypeError);
}

TEST(Parameter, ConvertingSharesTheLeaf) {
  const Parameter p(tensor({1.f, 2.f}));
  const Tensor t = p;
  EXPECT_TRUE(t.is_same(p));
}

TEST(Parameter, CopyIsANewLeaf) {
  Parameter p(tensor({1.f, 2.f}));
  p.set_grad(tensor({3.f, 4.f}));
  autograd_meta(p).manifold = std::make_shared<const Manifold>();
  const Parameter copy = p;
  EXPECT_FALSE(copy.is_same(p));
  EXPECT_NE(copy.storage(), p.storage());
  EXPECT_TRUE(copy.is_leaf());
  EXPECT_TRUE(copy.requires_grad());
  EXPECT_FALSE(copy.grad().defined());
  EXPECT_EQ(autograd_meta(copy).manifold, autograd_meta(p).manifold);
  p.mutable_data<float>()[0] = 9;
  EXPECT_EQ(copy.to_vector<float>(), (std::vector<float>{1, 2}));

  p.requires_grad_(false);
  EXPECT_FALSE(Parameter(p).requires_grad());
  EXPECT_FALSE(Parameter(Parameter()).defined());
}

TEST(Parameter, CopyAssignmentFillsTheLeaf) {
  Parameter p(zeros({2})), q(tensor({1.f, 2.f}));
  const Tensor leaf = p;
  p = q;
  EXPECT_TRUE(leaf.is_same(p));
  EXPECT_EQ(leaf.to_vector<float>(), (std::vector<float>{1, 2}));
  q.mutable_data<float>()[0] = 9;
  EXPECT_EQ(leaf.to_vector<float>()[0], 1);

  Parameter wide(zeros({2}, DType::float64));
  wide = q;
  EXPECT_EQ(wide.dtype(), DType::float64);
  EXPECT_EQ(wide.to_vector<double>(), (std::vector<double>{9, 2}));
  const Parameter& self = p;
  p = self;
  EXPECT_EQ(p.to_vector<float>(), (std::vector<float>{1, 2}));

  Parameter none;
  none = q;
  EXPECT_FALSE(none.is_same(q));
  EXPECT_EQ(none.to_vector<float>(), q.to_vector<float>());
  none = Parameter();  // a move takes the leaf, here none
  EXPECT_FALSE(none.defined());
}

TEST(Parameter, AssignmentRefusesWhatDoesNotFit) {
  Parameter p(zeros({2}));
  const Parameter q(zeros({1})), none;
  EXPECT_EQ(message<ShapeError>([&] { p = q; }),
            "assignment: values of shape (1,) do not fit the parameter or buffer (2,)");
  EXPECT_EQ(message<ValueError>([&] { p = none; }),
            "assignment: the parameter or buffer (2,) cannot be filled from an undefined one");
}

TEST(Parameter, MovingTakesTheLeaf) {
  Parameter p(tensor({1.f, 2.f}));
  const Tensor leaf = p;
  Parameter q = std::move(p);
  EXPECT_TRUE(leaf.is_same(q));
  Parameter r(zeros({5}));
  r = std::move(q);
  EXPECT_TRUE(leaf.is_same(r));
}

TEST(Buffer, IsALeafWithoutGradient) {
  Buffer b(tensor({1, 2}));
  EXPECT_FALSE(b.requires_grad());
  EXPECT_TRUE(b.persistent());
  const Buffer copy = Buffer(zeros({1}), {.persistent = false});
  EXPECT_FALSE(Buffer(copy).persistent());
  const Tensor leaf = b;
  b = Buffer(b);  // a temporary moves
  EXPECT_FALSE(leaf.is_same(b));
  const Buffer other(tensor({3, 4}));
  const Tensor now = b;
  b = other;
  EXPECT_TRUE(now.is_same(b));
  EXPECT_EQ(now.to_vector<int64_t>(), (std::vector<int64_t>{3, 4}));
}

}  // namespace
}  // namespace nn
}  // namespace st
