// The activation functions as layers. They have no parameters and take no name.
#pragma once

#include "spiraltorch/nn/module.h"
#include "spiraltorch/ops/activation.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// max(x, 0). Source: torch.nn.ReLU.
class ReLU final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<ReLU>);

/// tanh x. Source: torch.nn.Tanh.
class Tanh final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<Tanh>);

/// 1 / (1 + e^-x). Source: torch.nn.Sigmoid.
class Sigmoid final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<Sigmoid>);

/// log(1 / (1 + e^-x)). Source: torch.nn.LogSigmoid.
class LogSigmoid final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<LogSigmoid>);

/// x where x > 0, else negative_slope x. Source: torch.nn.LeakyReLU.
class LeakyReLU final : public Layer {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  double negative_slope_;
};
static_assert(ModuleValue<LeakyReLU>);

/// x where x > 0, else alpha (e^x - 1). Source: torch.nn.ELU.
class ELU final : public Layer {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  double alpha_;
};
static_assert(ModuleValue<ELU>);

/// x Phi(x), exact or by tanh (ops/activation.h). Source: torch.nn.GELU.
class GELU final : public Layer {
 public:
  explicit GELU(Approximate approximate = Approximate::none) : approximate_(approximate) {}
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  Approximate approximate_;
};
static_assert(ModuleValue<GELU>);

/// x / (1 + e^-x). Source: torch.nn.SiLU.
class SiLU final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<SiLU>);

/// log(1 + e^(beta x)) / beta; x where beta x > threshold. Throws ValueError for beta 0. Source:
/// torch.nn.Softplus.
class Softplus final : public Layer {
 public:
  explicit Softplus(double beta = 1, double threshold = 20);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  double beta_, threshold_;
};
static_assert(ModuleValue<Softplus>);

/// x min(max(x + 3, 0), 6) / 6. Source: torch.nn.Hardswish.
class Hardswish final : public Layer {
 public:
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
};
static_assert(ModuleValue<Hardswish>);

/// Softmax along dim. Source: torch.nn.Softmax, where dim may be missing.
class Softmax final : public Layer {
 public:
  explicit Softmax(int64_t dim) : dim_(dim) {}
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  int64_t dim_;
};
static_assert(ModuleValue<Softmax>);

/// The logarithm of softmax along dim. Source: torch.nn.LogSoftmax, where dim may be missing.
class LogSoftmax final : public Layer {
 public:
  explicit LogSoftmax(int64_t dim) : dim_(dim) {}
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  int64_t dim_;
};
static_assert(ModuleValue<LogSoftmax>);

}  // namespace nn
}  // namespace st
