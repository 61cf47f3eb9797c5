// TensorDataset: tensors that are in memory already, as a data set.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>

#include "spiraltorch/core/check.h"
#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {
namespace data {

/// The entries of x's first dimension at `indices`: a copy.
Tensor take_rows(const Tensor& x, std::span<const int64_t> indices);

/// Example i is (x[i], y[i], ...) of N tensors with the same first size. Source:
/// torch.utils.data.TensorDataset.
///   DataLoader loader(TensorDataset(x, y), {.batch_size = 32});    for (auto& [xb, yb] : loader) ...
template <size_t N>
class TensorDataset {
 public:
  /// Throws ShapeError for a 0-dim tensor and where the first sizes differ.
  template <std::convertible_to<const Tensor&>... T>
  requires(sizeof...(T) == N) explicit TensorDataset(const T&... tensors) : tensors_{tensors...} {
    for (size_t i = 0; i < N; ++i) {
      check<ValueError>(tensors_[i].defined(), "TensorDataset: tensor {} is undefined", i);
      check<ShapeError>(tensors_[i].dim() >= 1, "TensorDataset: tensor {} has no dimension to count examples",
                        i);
      check<ShapeError>(tensors_[i].size(0) == tensors_[0].size(0),
                        "TensorDataset: all tensors need the same first size, tensor {} has shape {}, "
                        "tensor 0 {}",
                        i, tensors_[i].shape(), tensors_[0].shape());
    }
  }

  int64_t size() const { return tensors_[0].size(0); }
  /// N tensors: a std::array; for structured bindings.
  std::array<Tensor, N> get_batch(std::span<const int64_t> indices) const {
    std::array<Tensor, N> batch;
    for (size_t i = 0; i < N; ++i) batch[i] = take_rows(tensors_[i], indices);
    return batch;
  }
  const std::array<Tensor, N>& tensors() const { return tensors_; }

 private:
  std::array<Tensor, N> tensors_;
};

template <class... T>
TensorDataset(const T&...) -> TensorDataset<sizeof...(T)>;

}  // namespace data
}  // namespace st
