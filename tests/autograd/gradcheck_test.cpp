// gradcheck finds wrong gradients of any input, output, element or order, and accepts right ones.
#include "spiraltorch/autograd/gradcheck.h"

#include <gtest/gtest.h>

#include <string>

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace {

Tensor leaf(std::initializer_list<double> values) { return tensor(values, DType::float64).requires_grad_(); }

// x^2 whose gradient is wrong by `error` in element 1, and whose second derivative is that of the gradient
// given.
Tensor square(const Tensor& x, double error) {
  const Tensor y = x.detach() * x.detach();
  return record("square", y, {x}, Keep{x}, [error](const Backward& b) -> Grads {
    const Tensor x = b.kept(0);
    return {b.dy() * (x * 2 + tensor({0.0, error, 0.0}, DType::float64))};
  });
}

// x^2 whose gradient is right but loses its own history.
Tensor flat_square(const Tensor& x) {
  const Tensor y = x.detach() * x.detach();
  return record("flat_square", y, {x}, Keep{x},
                [](const Backward& b) -> Grads { return {b.dy() * (b.kept(0).detach() * 2)}; });
}

TEST(Gradcheck, AcceptsWhatIsRight) {
  const Tensor x = leaf({1, -2, 3}), y = leaf({0.5, 2, -1});
  const TensorFunction f = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{exp(in[0]) * in[1], sum(in[0] * in[0] / in[1]), in[2]};
  };
  EXPECT_TRUE(gradcheck(f, {x, y, ones({2})}));
  EXPECT_TRUE(gradgradcheck(f, {x, y, ones({2})}));
  EXPECT_FALSE(x.grad().defined());
}

TEST(Gradcheck, NamesTheElement) {
  const Tensor x = leaf({1, -2, 3}), w = leaf({1});
  const TensorFunction f = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{in[0] * 2, square(in[1], 0.5)};
  };
  try {
    gradcheck(f, {w, x});
    FAIL();
  } catch (const ValueError& e) {
    const std::string text = e.what();
    EXPECT_EQ(
        text.find("gradcheck: the gradient of output 1 with respect to element (1,) of input 1 (3,) is "), 0u)
        << text;
  }
  EXPECT_TRUE(gradcheck([](const auto& in) { return std::vector<Tensor>{square(in[0], 1e-9)}; }, {x}));
}

TEST(Gradcheck, SecondOrderSeesALostHistory) {
  const Tensor x = leaf({1, -2, 3});
  const TensorFunction f = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{flat_square(in[0])};
  };
  EXPECT_TRUE(gradcheck(f, {x}));
  EXPECT_THROW(gradgradcheck(f, {x}), ValueError);
}

TEST(Gradcheck, ViewsAndOtherLayouts) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}}, DType::float64).transpose(0, 1).requires_grad_();
  const TensorFunction f = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{in[0], in[0].narrow(0, 1, 2) * 3};
  };
  EXPECT_TRUE(gradcheck(f, {x}));
  EXPECT_TRUE(gradgradcheck(f, {x}));
}

TEST(Gradcheck, RefusesWhatItCannotCheck) {
  const auto twice = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{in[0] * 2}; };
  EXPECT_THROW(gradcheck(twice, {ones({2}, DType::float64)}), ValueError);
  EXPECT_THROW(gradcheck(twice, {ones({2}).requires_grad_()}), DTypeError);
  EXPECT_THROW(gradcheck([](const auto& in) { return std::vector<Tensor>{in[0].detach()}; }, {leaf({1})}),
               ValueError);
}

TEST(Gradcheck, EmptyAndScalar) {
  const auto f = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{in[0] * in[0]}; };
  EXPECT_TRUE(gradcheck(f, {zeros({0, 3}, DType::float64).requires_grad_()}));
  EXPECT_TRUE(gradcheck(f, {tensor(2.0, DType::float64).requires_grad_()}));
}

}  // namespace
}  // namespace st
