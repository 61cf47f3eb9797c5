// Tensors on another device: how they get there and back, what is refused, and a whole training on it. The
// case table (case_table_test.cpp) runs every op there.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "spiraltorch/spiraltorch.h"
#include "tests/support/message.h"
#include "tests/support/shadow_device.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using test::shadow_device;

TEST(Device, GoesThereAndBack) {
  const Device shadow = shadow_device();
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  const Tensor there = x.to(shadow);
  EXPECT_TRUE(there.device() == shadow);
  EXPECT_TRUE(there.to(shadow).is_same(there));
  EXPECT_TRUE(x.to(Device::cpu).is_same(x));
  EXPECT_TRUE(equal(there.to(Device::cpu), x));
  EXPECT_EQ(there.to_vector<int64_t>(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(there[1][2].item<float>(), 6);
  EXPECT_EQ(there.to_string(), x.to_string());
  EXPECT_EQ(zeros({0, 3}).to(shadow).to(Device::cpu).shape(), (Shape{0, 3}));
  EXPECT_EQ(to_text(shadow), "custom");
}

TEST(Device, KeepsDenseStridesAndClosesGaps) {
  const Device shadow = shadow_device();
  const Tensor x = reshape(arange(24), {2, 3, 4});
  const Tensor turned = permute(x, {2, 0, 1}).to(shadow);
  EXPECT_EQ(turned.strides(), permute(x, {2, 0, 1}).strides());
  EXPECT_TRUE(equal(turned.to(Device::cpu), permute(x, {2, 0, 1})));
  const Tensor gaps = slice(x, 2, 1, 4, 2);
  EXPECT_TRUE(gaps.to(shadow).is_contiguous());
  EXPECT_TRUE(equal(gaps.to(shadow).to(Device::cpu), gaps));
  EXPECT_TRUE(equal(slice(x.to(shadow), 2, 1, 4, 2).to(Device::cpu), gaps));
  EXPECT_TRUE(equal(expand(tensor({1.f}), {3}).to(shadow).to(Device::cpu), ones({3})));
}

TEST(Device, GradientsComeBack) {
  const Tensor x = tensor({1.f, 2.f, 3.f});
  x.requires_grad_();
  const Tensor there = x.to(shadow_device());
  sum(there * there).backward();
  EXPECT_TRUE(x.grad().device() == Device::cpu);
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{2, 4, 6}));
}

// What nothing flowed into has zeros on its own device.
TEST(Device, MissingGradientsAreZerosThere) {
  const Tensor x = ones({4, 2}).to(shadow_device());
  x.requires_grad_();
  const auto parts = split(x, 2);
  sum(parts[1]).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{0, 0, 0, 0, 1, 1, 1, 1}));
}

TEST(Device, CopyCrosses) {
  const Tensor x = zeros({2, 2}, DType::float32, shadow_device());
  x.copy_(tensor({1.f, 2.f}));
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2, 1, 2}));
  const Tensor y = zeros({2, 2}, DType::int64);
  y.copy_(x);
  EXPECT_EQ(y.to_vector<int64_t>(), (std::vector<int64_t>{1, 2, 1, 2}));
}

TEST(Device, IndexesByMasksAndPositions) {
  const Tensor x = tensor({1.f, -2.f, 3.f}).to(shadow_device());
  EXPECT_EQ(x.index({x > 0}).to_vector<float>(), (std::vector<float>{1, 3}));
  EXPECT_EQ(x.index({tensor({-1, 0}).to(shadow_device())}).to_vector<float>(), (std::vector<float>{3, 1}));
}

// What is no op of the case table: every kind of index, with its gradient.
TEST(Device, IndexesAsTheCpu) {
  const Tensor x = reshape(arange(24, DType::float64), {2, 3, 4});
  const auto results = [&](Device device) {
    const Tensor leaf = x.to(device).detach();
    leaf.requires_grad_();
    const Tensor rows = tensor({{2, -1}, {0, 0}}, DType::int64).to(device), mask = (x > 7).to(device);
    std::vector<Tensor> all = {leaf.index({1}),
                               leaf.index({0, Slice(1, {}), -1}),
                               leaf.index({Slice(), Slice({}, {}, 2), None}),
                               leaf.index({Slice(), rows}),
                               leaf.index({1, rows, Slice(0, 2)}),
                               leaf.index({mask}),
                               leaf[1][0]};
    std::vector<Tensor> seeds;
    for (const Tensor& y : all) seeds.push_back(y.detach() + 1);
    all.push_back(grad(all, {leaf}, {.grad_outputs = seeds})[0]);
    return all;
  };
  const std::vector<Tensor> here = results(Device::cpu), there = results(shadow_device());
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT_TRUE(there[i].device() == shadow_device()) << i;
    EXPECT_TRUE(equal(here[i], there[i].to(Device::cpu))) << i;
  }
}

TEST(Device, CreatesAsTheCpu) {
  const auto results = [](Device device) {
    manual_seed(3);
    const Tensor x = ones({2, 3}).to(device);
    return std::vector<Tensor>{zeros({2, 3}, DType::int32, device),
                               ones({2, 3}, DType::bool_, device),
                               full({2, 3}, 1.5, DType::bfloat16, device),
                               tensor(2.5, DType::float64, device),
                               zeros_like(x),
                               ones_like(x.t()),
                               full_like(x, 7),
                               rand_like(x),
                               randn_like(x.t()),
                               empty_like(x).zero_(),
                               empty_like(x, DType::int64).zero_(),
                               empty({2, 3}, DType::uint8, device).zero_(),
                               empty_strided({2, 3}, {1, 2}, DType::float16, device).zero_()};
  };
  const std::vector<Tensor> here = results(Device::cpu), there = results(shadow_device());
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT_TRUE(there[i].device() == shadow_device()) << i;
    EXPECT_EQ(there[i].dtype(), here[i].dtype()) << i;
    EXPECT_EQ(there[i].strides(), here[i].strides()) << i;
    EXPECT_TRUE(equal(here[i], there[i].to(Device::cpu))) << i;
  }
}

TEST(Device, WritesAsTheCpu) {
  const auto results = [](Device device) {
    manual_seed(4);
    const Tensor row = tensor({1.f, -2.f, 3.f}).to(device);
    const auto fresh = [&] { return reshape(arange(6, DType::float32), {2, 3}).to(device); };
    std::vector<Tensor> all;
    for (const Tensor& x : {fresh(), fresh().t().contiguous().t(), slice(fresh(), 0, 0, 2)}) {
      x.add_(row).add_(row, 0.5).add_(1).sub_(row, 2).sub_(0.25).mul_(row).mul_(3).div_(row).div_(2);
      all.push_back(x.clone());
      all.push_back(x.clamp_(-1, 5).clone());
      all.push_back(x.copy_(row).clone());
      all.push_back(x.uniform_(-1, 1).clone());
      all.push_back(x.normal_(2, 3).clone());
      all.push_back(x.fill_(4).clone());
      all.push_back(x.zero_().clone());
    }
    const Tensor whole = fresh();
    narrow(whole, 1, 1, 2).mul_(10);  // through a view
    select(whole, 0, 0).add_(select(whole, 0, 1));
    narrow(whole, 1, 0, 2).copy_(narrow(whole, 1, 1, 2));  // over itself
    all.push_back(whole);
    return all;
  };
  const std::vector<Tensor> here = results(Device::cpu), there = results(shadow_device());
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT_TRUE(there[i].device() == shadow_device()) << i;
    EXPECT_TRUE(equal(here[i], there[i].to(Device::cpu))) << i;
  }
}

TEST(Device, ComparesAsTheCpu) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto results = [&](Device device) {
    const Tensor x = tensor({1, 2, nan}, DType::float64).to(device), y = x + 1e-9;
    const Tensor a = narrow(x, 0, 0, 2), b = narrow(y, 0, 0, 2);
    return std::vector<bool>{equal(a, a),    equal(a, b),
                             equal(x, x),    equal(a, x),
                             allclose(a, b), allclose(a, b, {.rtol = 0, .atol = 0}),
                             allclose(x, y), allclose(x, y, {.equal_nan = true})};
  };
  EXPECT_EQ(results(Device::cpu), (std::vector<bool>{true, false, false, false, true, false, false, true}));
  EXPECT_EQ(results(shadow_device()), results(Device::cpu));
}

TEST(Device, MixingIsRefused) {
  const Tensor x = ones({2}), y = ones({2}).to(shadow_device());
  EXPECT_EQ(message<ValueError>([&] { x + y; }),
            "add: x is on cpu and y on custom; move one of them with to(device)");
  EXPECT_EQ(message<ValueError>([&] {
              cat({y, x});
            }),
            "cat: tensor 0 is on custom and tensor 1 on cpu; move one of them with to(device)");
  EXPECT_EQ(message<ValueError>([&] {
              linear(x, ones({1, 2}), y);
            }),
            "linear: x is on cpu and bias on custom; move one of them with to(device)");
  EXPECT_EQ(message<ValueError>([&] { x.add_(y); }),
            "add_: x is on cpu and y on custom; move one of them with to(device)");
  EXPECT_EQ(message<ValueError>([&] { x.set_grad(y); }),
            "set_grad: the gradient is on custom, the tensor on cpu");
  EXPECT_EQ(message<ValueError>([&] { y.data<float>(); }),
            "data: the tensor (2,) is on custom; call to(Device::cpu) or to_vector()");
}

// The same network, data and seed on both devices: every loss and every weight to the bit.
TEST(Device, TrainsThere) {
  const auto train = [](Device device, StateDict& weights, StateDict& state) {
    manual_seed(1);
    nn::Sequential net{nn::Linear("fc1", 8, 16), nn::BatchNorm1d("bn1", 16), nn::ReLU(),
                       nn::Linear("fc2", 16, 3)};
    const Tensor x = randn({20, 8}), y = randint(3, {20});
    net.to(device);
    optim::Adam optimizer(net.parameters(), {.lr = 1e-2, .amsgrad = true});
    data::DataLoader loader(data::TensorDataset(x.to(device), y.to(device)),
                            {.batch_size = 5, .shuffle = true});
    std::vector<double> losses;
    for (int epoch = 0; epoch < 3; ++epoch) {
      for (auto& [inputs, classes] : loader) {
        const Tensor loss = cross_entropy(net(inputs), classes);
        optimizer.zero_grad();
        loss.backward();
        clip_grad_norm_(net.parameters(), 1.0);
        optimizer.step();
        losses.push_back(loss.item<double>());
      }
    }
    weights = net.state_dict();
    state = optimizer.state_dict();
    return losses;
  };
  StateDict here, there, state_here, state_there;
  EXPECT_EQ(train(Device::cpu, here, state_here), train(shadow_device(), there, state_there));
  for (const auto& [name, value] : there) {
    EXPECT_TRUE(value.device() == shadow_device()) << name;
    EXPECT_TRUE(equal(value.to(Device::cpu), here.at(name))) << name;
  }
  for (const auto& [name, value] : state_there)
    EXPECT_TRUE(equal(value.to(Device::cpu), state_here.at(name))) << name;

  const testing::TempDir dir;
  const std::string path = dir / "net.safetensors";
  io::save_safetensors(path, there);
  nn::Sequential net{nn::Linear("fc1", 8, 16), nn::BatchNorm1d("bn1", 16), nn::ReLU(),
                     nn::Linear("fc2", 16, 3)};
  net.load_state_dict(io::load_safetensors(path));
  nn::Sequential far = net;
  far.to(shadow_device());
  far.load_state_dict(io::load_safetensors(path));
  far.eval();
  net.eval();
  const Tensor x = randn({2, 8});
  EXPECT_TRUE(equal(net(x), far(x.to(shadow_device())).to(Device::cpu)));
  optim::Adam optimizer(far.parameters(), {.lr = 1e-2, .amsgrad = true});
  optimizer.load_state_dict(state_here);
  for (const auto& [name, value] : optimizer.state_dict())
    EXPECT_TRUE(equal(value.to(Device::cpu), state_here.at(name)));
}

// Points of a ball under the ZSpaceOptimizer, with a scaled loss: the same on both devices to the bit.
TEST(Device, TrainsPointsThere) {
  const auto train = [](Device device) {
    manual_seed(2);
    nn::Sequential net{nn::Linear("fc", 4, 6), nn::ZSpaceBatchNorm1d("zbn", 6),
                       nn::hyperbolic::Mlr("mlr", 6, 3)};
    const Tensor x = randn({12, 4}).to(device), y = randint(3, {12}).to(device);
    net.to(device);
    optim::ZSpaceOptimizer optimizer(0.05, {.rule = optim::Rule::adam});
    optimizer.set_mode(optim::OptimizerMode::hypergrad(-1, 0.05));
    optimizer.prepare_module(net);
    amp::GradScaler scaler(1024);
    std::vector<double> results;
    for (int step = 0; step < 5; ++step) {
      const Tensor loss = cross_entropy(net(geometry::project(x)), y);
      scaler.scale_loss(loss).backward();
      EXPECT_TRUE(scaler.step(optimizer, net));
      results.push_back(loss.item<double>());
    }
    for (const Tensor& w : net.parameters()) {
      EXPECT_TRUE(w.device() == device);
      for (const double value : w.to_vector<double>()) results.push_back(value);
    }
    return results;
  };
  EXPECT_EQ(train(Device::cpu), train(shadow_device()));
}

}  // namespace
}  // namespace st
