// Pooling as layers. They have no parameters and take no name.
#pragma once

#include <string>

#include "spiraltorch/nn/module.h"
#include "spiraltorch/ops/pool.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

using MaxPool1dOptions = MaxPool1dFuncOptions;
using MaxPool2dOptions = MaxPool2dFuncOptions;
using AvgPool1dOptions = AvgPool1dFuncOptions;
using AvgPool2dOptions = AvgPool2dFuncOptions;

/// The function of the same name in ops/pool.h with one kernel size and options; the constructor refuses with
/// ValueError what the function would. The positions of the largest elements are had from
/// max_pool2d_with_indices. Source: torch.nn.MaxPool1d.
class MaxPool1d final : public Layer {
 public:
  explicit MaxPool1d(int64_t kernel_size, const MaxPool1dOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  int64_t kernel_size_;
  MaxPool1dOptions options_;
};
static_assert(ModuleValue<MaxPool1d>);

/// As MaxPool1d. Source: torch.nn.MaxPool2d.
class MaxPool2d final : public Layer {
 public:
  explicit MaxPool2d(Pair kernel_size, const MaxPool2dOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  Pair kernel_size_;
  MaxPool2dOptions options_;
};
static_assert(ModuleValue<MaxPool2d>);

/// As MaxPool1d. Source: torch.nn.AvgPool1d.
class AvgPool1d final : public Layer {
 public:
  explicit AvgPool1d(int64_t kernel_size, const AvgPool1dOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  int64_t kernel_size_;
  AvgPool1dOptions options_;
};
static_assert(ModuleValue<AvgPool1d>);

/// As MaxPool1d. Source: torch.nn.AvgPool2d.
class AvgPool2d final : public Layer {
 public:
  explicit AvgPool2d(Pair kernel_size, const AvgPool2dOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  Pair kernel_size_;
  AvgPool2dOptions options_;
};
static_assert(ModuleValue<AvgPool2d>);

/// As MaxPool1d; -1 keeps the size of x. Source: torch.nn.AdaptiveAvgPool1d.
class AdaptiveAvgPool1d final : public Layer {
 public:
  explicit AdaptiveAvgPool1d(int64_t output_size);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  int64_t output_size_;
};
static_assert(ModuleValue<AdaptiveAvgPool1d>);

/// As AdaptiveAvgPool1d. Source: torch.nn.AdaptiveAvgPool2d.
class AdaptiveAvgPool2d final : public Layer {
 public:
  explicit AdaptiveAvgPool2d(Pair output_size);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor&) override {}
  std::string extra_repr() const override;

 private:
  Pair output_size_;
};
static_assert(ModuleValue<AdaptiveAvgPool2d>);

}  // namespace nn
}  // namespace st
