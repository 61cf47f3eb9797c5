// Every public function over tensors, with arguments that it cannot want: undefined tensors, other shapes,
// dtypes, devices, dimensions out of range and sizes at the ends of int64. Each call must do its work or
// throw an st::Error whose text begins with the function's name; what throws has changed no argument.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "spiraltorch/spiraltorch.h"
#include "tests/support/shadow_device.h"

namespace st {
namespace {

using Tensors = std::vector<Tensor>;
using Ints = std::vector<int64_t>;

struct Function {
  std::string name;  // with which its errors begin; of several, a|b, any will do
  Tensors tensors;   // arguments that it takes
  Ints ints;
  std::function<void(const Tensors& t, const Ints& i)> call;
  size_t optional = 0;  // so many of the tensors, from the end, may be undefined
};

Tensor matrix(int64_t rows, int64_t columns) {
  return reshape(arange(0, rows * columns, 1, DType::float32), {rows, columns});
}

#define ST_CALL(...) [](const Tensors& t [[maybe_unused]], const Ints& i [[maybe_unused]]) { __VA_ARGS__; }

std::vector<Function> functions() {
  const Tensor x = matrix(2, 3), y = matrix(2, 3) + 1, mask = x > 2, row = tensor({1.f, 2.f, 3.f});
  const Tensor positions = tensor({1, 0}), places = tensor({{1, 0, 1}, {0, 0, 1}}, DType::int64);
  std::vector<Function> table = {
      {"add", {x, y}, {}, ST_CALL(add(t[0], t[1]))},
      {"add", {x, y}, {}, ST_CALL(add(t[0], t[1], {.alpha = 2}))},
      {"add", {x}, {}, ST_CALL(add(t[0], 2.5))},
      {"add", {x, y}, {}, ST_CALL(Tensor z = t[0]; z += t[1])},
      {"sub", {x, y}, {}, ST_CALL(sub(t[0], t[1]))},
      {"sub", {x, y}, {}, ST_CALL(sub(t[0], t[1], {.alpha = 0.5}))},
      {"sub", {x}, {}, ST_CALL(sub(t[0], 1))},
      {"rsub", {x}, {}, ST_CALL(rsub(t[0], 1))},
      {"mul", {x, y}, {}, ST_CALL(mul(t[0], t[1]))},
      {"mul", {x}, {}, ST_CALL(mul(t[0], 3))},
      {"div", {x, y}, {}, ST_CALL(div(t[0], t[1]))},
      {"div", {x}, {}, ST_CALL(div(t[0], 3))},
      {"reciprocal", {x}, {}, ST_CALL(reciprocal(t[0]))},
      {"pow", {x, y}, {}, ST_CALL(pow(t[0], t[1]))},
      {"pow", {x}, {}, ST_CALL(pow(t[0], -2))},
      {"pow", {x}, {}, ST_CALL(pow(2, t[0]))},
      {"maximum", {x, y}, {}, ST_CALL(maximum(t[0], t[1]))},
      {"minimum", {x, y}, {}, ST_CALL(minimum(t[0], t[1]))},
      {"neg", {x}, {}, ST_CALL(neg(t[0]))},
      {"abs", {x}, {}, ST_CALL(abs(t[0]))},
      {"sign", {x}, {}, ST_CALL(sign(t[0]))},
      {"exp", {x}, {}, ST_CALL(exp(t[0]))},
      {"log", {x}, {}, ST_CALL(log(t[0]))},
      {"log1p", {x}, {}, ST_CALL(log1p(t[0]))},
      {"expm1", {x}, {}, ST_CALL(expm1(t[0]))},
      {"sqrt", {x}, {}, ST_CALL(sqrt(t[0]))},
      {"sin", {x}, {}, ST_CALL(sin(t[0]))},
      {"cos", {x}, {}, ST_CALL(cos(t[0]))},
      {"erf", {x}, {}, ST_CALL(erf(t[0]))},
      {"clamp", {x}, {}, ST_CALL(clamp(t[0], 1, 2))},
      {"where", {mask, x, y}, {}, ST_CALL(where(t[0], t[1], t[2]))},
      {"where", {mask, x}, {}, ST_CALL(where(t[0], t[1], 0))},
      {"where", {mask, x}, {}, ST_CALL(where(t[0], 0, t[1]))},
      {"relu", {x}, {}, ST_CALL(relu(t[0]))},
      {"tanh", {x}, {}, ST_CALL(tanh(t[0]))},
      {"sigmoid", {x}, {}, ST_CALL(sigmoid(t[0]))},
      {"eq", {x, y}, {}, ST_CALL(eq(t[0], t[1]))},
      {"ne", {x, y}, {}, ST_CALL(ne(t[0], t[1]))},
      {"lt", {x, y}, {}, ST_CALL(lt(t[0], t[1]))},
      {"le", {x, y}, {}, ST_CALL(le(t[0], t[1]))},
      {"gt", {x, y}, {}, ST_CALL(gt(t[0], t[1]))},
      {"ge", {x, y}, {}, ST_CALL(ge(t[0], t[1]))},
      {"eq", {x}, {}, ST_CALL(eq(t[0], 1))},
      {"ne", {x}, {}, ST_CALL(ne(t[0], 1))},
      {"lt", {x}, {}, ST_CALL(lt(t[0], 1))},
      {"le", {x}, {}, ST_CALL(le(t[0], 1))},
      {"gt", {x}, {}, ST_CALL(gt(t[0], 1))},
      {"ge", {x}, {}, ST_CALL(ge(t[0], 1))},
      {"logical_not", {mask}, {}, ST_CALL(logical_not(t[0]))},
      {"isnan", {x}, {}, ST_CALL(isnan(t[0]))},
      {"isfinite", {x}, {}, ST_CALL(isfinite(t[0]))},
      {"equal", {x, y}, {}, ST_CALL(equal(t[0], t[1]))},
      {"allclose", {x, y}, {}, ST_CALL(allclose(t[0], t[1]))},
      {"clone", {x}, {}, ST_CALL(clone(t[0]))},
      {"contiguous", {x}, {}, ST_CALL(contiguous(t[0]))},
      {"to", {x}, {}, ST_CALL(to(t[0], DType::float64))},
      {"to", {x}, {}, ST_CALL(to(t[0], Device::cpu))},
      {"index_select", {x, positions}, {0}, ST_CALL(index_select(t[0], i[0], t[1]))},
      {"gather", {x, places}, {0}, ST_CALL(gather(t[0], i[0], t[1]))},
      {"scatter_add", {x, places, y}, {0}, ST_CALL(scatter_add(t[0], i[0], t[1], t[2]))},
      {"index_add", {x, positions, y}, {0}, ST_CALL(index_add(t[0], i[0], t[1], t[2]))},
      {"index|unsqueeze", {x, positions}, {}, ST_CALL(index(t[0], {t[1]}))},
      {"index", {x, mask}, {}, ST_CALL(index(t[0], {t[1]}))},
      {"index|unsqueeze", {x, positions}, {}, ST_CALL(index(t[0], {None, t[1], Slice(0, 2)}))},
      {"index|select", {x}, {1}, ST_CALL(index(t[0], {i[0]}))},
      {"pad", {x}, {1, 1}, ST_CALL(pad(t[0], {i[0], i[1]}))},
      {"cat", {x, y}, {0}, ST_CALL(cat({t[0], t[1]}, i[0]))},
      {"stack", {x, y}, {0}, ST_CALL(stack({t[0], t[1]}, i[0]))},
      {"cross_entropy", {x, positions, row}, {}, ST_CALL(cross_entropy(t[0], t[1], {.weight = t[2]})), 1},
      {"cross_entropy", {x, softmax(x, 1)}, {}, ST_CALL(cross_entropy(t[0], t[1]))},
      {"mse_loss", {x, y}, {}, ST_CALL(mse_loss(t[0], t[1]))},
      {"nll_loss", {x, positions, row}, {}, ST_CALL(nll_loss(t[0], t[1], {.weight = t[2]})), 1},
      {"l1_loss", {x, y}, {}, ST_CALL(l1_loss(t[0], t[1]))},
      {"smooth_l1_loss", {x, y}, {}, ST_CALL(smooth_l1_loss(t[0], t[1]))},
      {"binary_cross_entropy",
       {sigmoid(x), sigmoid(y), row},
       {},
       ST_CALL(binary_cross_entropy(t[0], t[1], {.weight = t[2]})),
       1},
      {"binary_cross_entropy_with_logits",
       {x, sigmoid(y), row, row},
       {},
       ST_CALL(binary_cross_entropy_with_logits(t[0], t[1], {.weight = t[2], .pos_weight = t[3]})),
       2},
      {"kl_div", {x, sigmoid(y)}, {}, ST_CALL(kl_div(t[0], t[1], {.reduction = Reduction::batchmean}))},
      {"leaky_relu", {x}, {}, ST_CALL(leaky_relu(t[0]))},
      {"elu", {x}, {}, ST_CALL(elu(t[0]))},
      {"gelu", {x}, {}, ST_CALL(gelu(t[0], {Approximate::tanh}))},
      {"silu", {x}, {}, ST_CALL(silu(t[0]))},
      {"softplus", {x}, {}, ST_CALL(softplus(t[0]))},
      {"hardswish", {x}, {}, ST_CALL(hardswish(t[0]))},
      {"logsigmoid", {x}, {}, ST_CALL(logsigmoid(t[0]))},
      {"dropout", {x}, {}, ST_CALL(dropout(t[0]))},
      {"embedding", {positions, y}, {0}, ST_CALL(embedding(t[0], t[1], {i[0]}))},
      {"layer_norm", {x, row, row + 1}, {3}, ST_CALL(layer_norm(t[0], {i[0]}, t[1], t[2])), 2},
      {"matmul", {x, y.t()}, {}, ST_CALL(matmul(t[0], t[1]))},
      {"linear",
       {x, y, tensor({1.f, 2.f})},
       {},
       ST_CALL(linear(t[0], t[1], t[2], {.activation = Activation::relu})),
       1},
      {"batch_norm",
       {x, zeros({3}), ones({3}), row, row + 1},
       {},
       ST_CALL(batch_norm(t[0], t[1].defined() ? clone(t[1]) : t[1], t[2].defined() ? clone(t[2]) : t[2],
                          t[3], t[4], {.training = true})),
       4},
      {"batch_norm",
       {x, zeros({3}), ones({3}), row, row + 1},
       {},
       ST_CALL(batch_norm(t[0], t[1], t[2], t[3], t[4])),
       2},
      {"lstm",
       {ones({2, 2, 3}), ones({8, 3}), ones({8, 2}), ones({2, 2}), ones({2, 2}), ones({8}), ones({8})},
       {},
       ST_CALL(lstm(t[0], t[3], t[4], t[1], t[2], t[5], t[6])),
       4},
      {"sum", {x}, {0}, ST_CALL(sum(t[0], i[0]))},
      {"sum", {x}, {0, 1}, ST_CALL(sum(t[0], {i[0], i[1]}, keepdim))},
      {"mean", {x}, {0}, ST_CALL(mean(t[0], i[0]))},
      {"prod", {x}, {}, ST_CALL(prod(t[0]))},
      {"max", {x}, {}, ST_CALL(max(t[0]))},
      {"min", {x}, {}, ST_CALL(min(t[0]))},
      {"max", {x}, {0}, ST_CALL(max(t[0], i[0]))},
      {"min", {x}, {0}, ST_CALL(min(t[0], i[0]))},
      {"amax", {x}, {0}, ST_CALL(amax(t[0], i[0]))},
      {"amin", {x}, {0}, ST_CALL(amin(t[0], i[0]))},
      {"argmax", {x}, {0}, ST_CALL(argmax(t[0], i[0]))},
      {"argmin", {x}, {0}, ST_CALL(argmin(t[0], i[0]))},
      {"any", {mask}, {}, ST_CALL(any(t[0]))},
      {"all", {mask}, {}, ST_CALL(all(t[0]))},
      {"sum_to_size", {x}, {1, 3}, ST_CALL(sum_to_size(t[0], {i[0], i[1]}))},
      {"softmax", {x}, {1}, ST_CALL(softmax(t[0], i[0]))},
      {"log_softmax", {x}, {1}, ST_CALL(log_softmax(t[0], i[0]))},
      {"reshape", {x}, {3, 2}, ST_CALL(reshape(t[0], {i[0], i[1]}))},
      {"reshape", {x}, {3}, ST_CALL(reshape(t[0], {-1, i[0]}))},
      {"view", {x}, {3, 2}, ST_CALL(view(t[0], {i[0], i[1]}))},
      {"flatten", {x}, {0, 1}, ST_CALL(flatten(t[0], i[0], i[1]))},
      {"permute", {x}, {1, 0}, ST_CALL(permute(t[0], {i[0], i[1]}))},
      {"transpose", {x}, {1, 0}, ST_CALL(transpose(t[0], i[0], i[1]))},
      {"t", {x}, {}, ST_CALL(st::t(t[0]))},
      {"squeeze", {x}, {1}, ST_CALL(squeeze(t[0], i[0]))},
      {"unsqueeze", {x}, {1}, ST_CALL(unsqueeze(t[0], i[0]))},
      {"expand", {x}, {2, 2, 3}, ST_CALL(expand(t[0], {i[0], i[1], i[2]}))},
      {"narrow", {x}, {1, 0, 2}, ST_CALL(narrow(t[0], i[0], i[1], i[2]))},
      {"select", {x}, {1, 0}, ST_CALL(select(t[0], i[0], i[1]))},
      {"slice", {x}, {1, 0, 2, 1}, ST_CALL(slice(t[0], i[0], i[1], i[2], i[3]))},
      {"split", {x}, {1, 1}, ST_CALL(split(t[0], i[0], i[1]))},
      {"chunk", {x}, {2, 1}, ST_CALL(chunk(t[0], i[0], i[1]))},
      {"unbind", {x}, {1}, ST_CALL(unbind(t[0], i[0]))},
      {"zeros_like", {x}, {}, ST_CALL(zeros_like(t[0]))},
      {"ones_like", {x}, {}, ST_CALL(ones_like(t[0]))},
      {"full_like", {x}, {}, ST_CALL(full_like(t[0], 2))},
      {"empty_like", {x}, {}, ST_CALL(empty_like(t[0]))},
      {"rand_like", {x}, {}, ST_CALL(rand_like(t[0]))},
      {"randn_like", {x}, {}, ST_CALL(randn_like(t[0]))},
      {"empty", {}, {2, 3}, ST_CALL(empty({i[0], i[1]}))},
      {"zeros", {}, {2, 3}, ST_CALL(zeros({i[0], i[1]}))},
      {"ones", {}, {2, 3}, ST_CALL(ones({i[0], i[1]}, DType::bool_))},
      {"full", {}, {2, 3}, ST_CALL(full({i[0], i[1]}, 1.5))},
      {"eye", {}, {2, 3}, ST_CALL(eye(i[0], i[1]))},
      {"arange", {}, {2, 30, 3}, ST_CALL(arange(i[0], i[1], i[2]))},
      {"arange", {}, {2, 30, 3}, ST_CALL(arange(i[0], i[1], i[2], DType::float64))},
      {"linspace", {}, {3}, ST_CALL(linspace(0, 1, i[0]))},
      {"rand", {}, {2, 3}, ST_CALL(rand({i[0], i[1]}))},
      {"randn", {}, {2, 3}, ST_CALL(randn({i[0], i[1]}))},
      {"randint", {}, {2, 30, 3}, ST_CALL(randint(i[0], i[1], {i[2]}))},
      {"randperm", {}, {3}, ST_CALL(randperm(i[0]))},
      {"size", {x}, {1}, ST_CALL(t[0].size(i[0]))},
      {"stride", {x}, {1}, ST_CALL(t[0].stride(i[0]))},
      {"item", {tensor(1.5)}, {}, ST_CALL(t[0].item<float>())},
      {"to_vector", {x}, {}, ST_CALL(t[0].to_vector<int64_t>())},
      {"data", {x}, {}, ST_CALL(t[0].data<float>())},
      {"shape", {x}, {}, ST_CALL(t[0].shape())},
      {"strides", {x}, {}, ST_CALL(t[0].strides())},
      {"dim", {x}, {}, ST_CALL(t[0].dim())},
      {"numel", {x}, {}, ST_CALL(t[0].numel())},
      {"dtype", {x}, {}, ST_CALL(t[0].dtype())},
      {"device", {x}, {}, ST_CALL(t[0].device())},
      {"version", {x}, {}, ST_CALL(t[0].version())},
      {"is_contiguous", {x}, {}, ST_CALL(t[0].is_contiguous())},
      {"requires_grad", {x}, {}, ST_CALL(t[0].requires_grad())},
      {"detach|requires_grad_", {x}, {}, ST_CALL(t[0].detach().requires_grad_())},
      {"is_leaf", {x}, {}, ST_CALL(t[0].is_leaf())},
      {"grad", {x}, {}, ST_CALL(t[0].grad())},
      {"set_grad|detach", {x, y}, {}, ST_CALL((t[0].defined() ? t[0].detach() : t[0]).set_grad(t[1])), 1},
      {"detach", {x}, {}, ST_CALL(t[0].detach())},
      {"detach|requires_grad_", {x}, {}, ST_CALL(exp(t[0].detach().requires_grad_()).retain_grad())},
      {"backward|requires_grad_",
       {x},
       {},
       ST_CALL(if (!t[0].defined()) t[0].backward(); sum(t[0].detach().requires_grad_()).backward())},
      {"fill_", {x}, {}, ST_CALL(t[0].fill_(1))},
      {"zero_", {x}, {}, ST_CALL(t[0].zero_())},
      {"copy_", {x, row}, {}, ST_CALL(t[0].copy_(t[1]))},
      {"add_", {x, row}, {}, ST_CALL(t[0].add_(t[1]))},
      {"add_", {x, row}, {}, ST_CALL(t[0].add_(t[1], 0.5))},
      {"sub_", {x, row}, {}, ST_CALL(t[0].sub_(t[1]))},
      {"mul_", {x, row}, {}, ST_CALL(t[0].mul_(t[1]))},
      {"div_", {x, row}, {}, ST_CALL(t[0].div_(t[1]))},
      {"add_", {x}, {}, ST_CALL(t[0].add_(1.5))},
      {"sub_", {x}, {}, ST_CALL(t[0].sub_(1.5))},
      {"mul_", {x}, {}, ST_CALL(t[0].mul_(1.5))},
      {"div_", {x}, {}, ST_CALL(t[0].div_(1.5))},
      {"clamp_", {x}, {}, ST_CALL(t[0].clamp_(1.5))},
      {"uniform_", {x}, {}, ST_CALL(t[0].uniform_())},
      {"normal_", {x}, {}, ST_CALL(t[0].normal_())},
      {"init|uniform_", {x}, {}, ST_CALL(nn::init::kaiming_uniform_(t[0]))},
      {"constant_", {x}, {}, ST_CALL(nn::init::zeros_(t[0]))},
      {"BatchNorm1d|batch_norm", {x}, {}, ST_CALL(nn::BatchNorm1d("bn", 3)(t[0]))},
      {"linear", {x}, {}, ST_CALL(nn::Linear("fc", 3, 2)(t[0]))},
      {"flatten", {x}, {1, -1}, ST_CALL(nn::Flatten(i[0], i[1])(t[0]))},
      {"relu", {x}, {}, ST_CALL(nn::ReLU()(t[0]))},
      {"Lstm", {x}, {}, ST_CALL(nn::Lstm("lstm", 3, 2)(t[0]))},
      {"Lstm",
       {x, ones({1, 4}), ones({1, 4})},
       {},
       ST_CALL(nn::Lstm("lstm", 3, 4)(t[0], nn::LstmState{t[1], t[2]}))},
      {"Lstm", {ones({1, 4}), ones({1, 4})}, {}, ST_CALL(nn::Lstm("lstm", 3, 4).set_state(t[0], t[1]))},
      {"Lstm", {}, {3, 2}, ST_CALL(nn::Lstm("lstm", i[0], i[1]))},
      {"Linear|empty", {}, {3, 2}, ST_CALL(nn::Linear("fc", i[0], i[1]))},
      {"BatchNorm1d|ones", {}, {3}, ST_CALL(nn::BatchNorm1d("bn", i[0]))},
      {"TensorDataset", {x, y}, {}, ST_CALL(data::TensorDataset(t[0], t[1]))},
      {"Normalize", {reshape(x, {1, 2, 3})}, {}, ST_CALL(data::Normalize(1, 2)(t[0]))},
      {"save_safetensors",
       {x},
       {},
       ST_CALL(StateDict s; s.insert("x", t[0]); io::save_safetensors("/dev/null/x", s))},
  };
  return table;
}

std::vector<Tensor> other_tensors() {
  std::vector<Tensor> all;
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{7}, Shape{0, 3}, Shape{2, 0}, Shape{5, 7}, Shape{3, 2},
        Shape{2, 3, 4}, Shape{0, 0, 0}, Shape{2, 3, 1, 1}, Shape{1, 1, 1, 1, 1, 1, 1, 2}})
    all.push_back(ones(shape));
  for (const DType dtype : {DType::bool_, DType::uint8, DType::int32, DType::int64, DType::bfloat16,
                            DType::float16, DType::float64})
    all.push_back(full({2, 3}, 1, dtype));
  for (const DType dtype : {DType::int64, DType::int32}) {
    all.push_back(full({2}, -1, dtype));
    all.push_back(full({2, 3}, 99, dtype));
  }
  all.push_back(matrix(3, 2).t());
  all.push_back(expand(ones({1, 3}), {2, 3}));
  return all;
}

struct Before {
  explicit Before(const Tensors& tensors) {
    for (const Tensor& x : tensors) {
      versions.push_back(x.defined() ? x.version() : 0);
      const Tensor near = x.defined() ? x.to(Device::cpu).detach() : x;
      values.push_back(near.defined() ? near.clone() : near);
    }
  }
  bool same(const Tensors& tensors) const {
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (!tensors[i].defined()) continue;
      if (tensors[i].version() != versions[i]) return false;
      const Tensor now = contiguous(tensors[i].to(Device::cpu)), then = contiguous(values[i]);
      if (now.shape() != then.shape() || now.dtype() != then.dtype()) return false;
      const size_t bytes = static_cast<size_t>(now.numel()) * item_size(now.dtype());
      if (bytes > 0 && std::memcmp(now.in().data, then.in().data, bytes) != 0) return false;
    }
    return true;
  }
  std::vector<uint64_t> versions;
  Tensors values;
};

enum class Outcome { works, refused };

Outcome attempt(const Function& f, const Tensors& tensors, const Ints& ints) {
  const Before before(tensors);
  try {
    f.call(tensors, ints);
    return Outcome::works;
  } catch (const Error& e) {
    const std::string text = e.what(), first = text.substr(0, text.find(':'));
    EXPECT_NE(("|" + f.name + "|").find("|" + first + "|"), std::string::npos) << text;
    EXPECT_TRUE(before.same(tensors)) << "has changed an argument and then thrown: " << e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "throws no st::Error: " << e.what();
  }
  return Outcome::refused;
}

std::string described(const Tensor& x) {
  return x.defined()
             ? std::string(dtype_name(x.dtype())) + " " + to_text(x.shape()) + " on " + to_text(x.device())
             : "undefined";
}

Tensors copies(const Tensors& tensors) {
  Tensors all;
  for (const Tensor& x : tensors) all.push_back(x.clone());
  return all;
}

TEST(WrongArguments, RightOnesAreTaken) {
  for (const Function& f : functions()) {
    if (f.name == "save_safetensors") continue;  // has nowhere to write to
    SCOPED_TRACE(f.name);
    EXPECT_NO_THROW(f.call(copies(f.tensors), f.ints));
  }
}

TEST(WrongArguments, UndefinedTensors) {
  for (const Function& f : functions()) {
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is undefined");
      Tensors tensors = copies(f.tensors);
      tensors[i] = Tensor();
      const Outcome outcome = attempt(f, tensors, f.ints);
      EXPECT_TRUE(outcome == Outcome::refused || i + f.optional >= f.tensors.size());
    }
  }
}

TEST(WrongArguments, OtherTensors) {
  for (const Function& f : functions()) {
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      for (const Tensor& other : other_tensors()) {
        SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is " + described(other));
        Tensors tensors = copies(f.tensors);
        tensors[i] = other;
        attempt(f, tensors, f.ints);
      }
    }
  }
}

TEST(WrongArguments, OtherDevices) {
  for (const Function& f : functions()) {
    if (f.tensors.size() < 2 || f.name == "copy_") continue;  // copy_ crosses devices
    for (size_t i = 0; i < f.tensors.size(); ++i) {
      SCOPED_TRACE(f.name + ", tensor " + std::to_string(i) + " is on another device");
      Tensors tensors = copies(f.tensors);
      tensors[i] = tensors[i].to(test::shadow_device());
      if (f.name == "TensorDataset") continue;  // each tensor is read alone
      EXPECT_TRUE(attempt(f, tensors, f.ints) == Outcome::refused);
    }
  }
}

TEST(WrongArguments, OtherInts) {
  constexpr int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
  for (const Function& f : functions()) {
    for (size_t i = 0; i < f.ints.size(); ++i) {
      for (const int64_t value :
           {low, low + 1, int64_t{-100}, int64_t{-3}, int64_t{-2}, int64_t{-1}, int64_t{0}, int64_t{1},
            int64_t{2}, int64_t{3}, int64_t{100}, high / 4, high - 1, high}) {
        SCOPED_TRACE(f.name + ", int " + std::to_string(i) + " is " + std::to_string(value));
        Ints ints = f.ints;
        ints[i] = value;
        attempt(f, copies(f.tensors), ints);
      }
    }
  }
}

TEST(WrongArguments, Lists) {
  EXPECT_THROW(cat({}), ValueError);
  EXPECT_THROW(stack({}), ValueError);
  EXPECT_THROW(pad(ones({2}), {1}), ValueError);
  EXPECT_THROW(pad(ones({2}), {1, 1, 1, 1}), ValueError);
  EXPECT_THROW(grad({Tensor()}, {ones({1})}), ValueError);
  EXPECT_THROW(grad({ones({1}).requires_grad_()}, {Tensor()}), ValueError);
  EXPECT_THROW(ones({1}).clamp({}), ValueError);
  EXPECT_THROW(ones({1}).index({0, 0}), IndexError);
}

}  // namespace
}  // namespace st
