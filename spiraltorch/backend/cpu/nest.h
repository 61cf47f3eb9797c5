// How kernels walk over tensors whose dimensions matter to them (reductions, copies, indices): a nest of
// merged dimensions, and positions in it. Elementwise kernels leave that to iterator.h, which also packs and
// converts blocks for the kernels here.
#pragma once

#include <array>

#include "spiraltorch/backend/view.h"

namespace st::cpu {

/// Nanoseconds of work that make another thread worth waking.
inline constexpr double kWorkPerThread = 2e4;

/// A nest of loops over K operands, outermost first. add() puts another loop inside and merges it with the
/// one around it where every operand steps through both as through one.
template <int K>
class Nest {
 public:
  void add(int64_t size, const std::array<int64_t, K>& strides) {
    if (size == 1) return;
    const int last = sizes_.size() - 1;
    bool merge = last > apart_;
    for (int k = 0; merge && k < K; ++k) merge = strides_[at(k)][last] == size * strides[at(k)];
    if (merge) {
      sizes_[last] *= size;
      for (int k = 0; k < K; ++k) strides_[at(k)][last] = strides[at(k)];
    } else {
      sizes_.push_back(size);
      for (int k = 0; k < K; ++k) strides_[at(k)].push_back(strides[at(k)]);
    }
  }

  /// Puts a loop inside that merges with none, whatever its size.
  void add_apart(int64_t size, const std::array<int64_t, K>& strides) {
    apart_ = sizes_.size();
    sizes_.push_back(size);
    for (int k = 0; k < K; ++k) strides_[at(k)].push_back(strides[at(k)]);
  }

  /// Takes loop d out and returns its size.
  int64_t take(int d, std::array<int64_t, K>& strides) {
    const int64_t size = sizes_[d];
    for (int k = 0; k < K; ++k) {
      strides[at(k)] = strides_[at(k)][d];
      strides_[at(k)].erase(d);
    }
    sizes_.erase(d);
    return size;
  }

  /// Takes the innermost loop out and returns its size; 1, with strides 0, when there is none.
  int64_t pop(std::array<int64_t, K>& strides) {
    strides.fill(0);
    return sizes_.empty() ? 1 : take(sizes_.size() - 1, strides);
  }

  int depth() const { return sizes_.size(); }
  int64_t count() const { return numel_of(sizes_); }
  const Dims& sizes() const { return sizes_; }
  const Dims& strides(int k) const { return strides_[at(k)]; }

 private:
  static constexpr size_t at(int k) { return static_cast<size_t>(k); }
  Dims sizes_;
  std::array<Dims, K> strides_;
  int apart_ = -1;  // the loop that stays alone
};

/// One position of a Nest and the offsets of its operands there, in elements.
template <int K>
class Position {
 public:
  Position(const Nest<K>& loop, int64_t index) : loop_(loop), at_(loop.sizes()) {
    for (int d = at_.size() - 1; d >= 0; --d) {
      at_[d] = index % loop.sizes()[d];
      index /= loop.sizes()[d];
      for (int k = 0; k < K; ++k) offsets_[static_cast<size_t>(k)] += at_[d] * loop.strides(k)[d];
    }
  }

  void next() {
    for (int d = at_.size() - 1; d >= 0; --d) {
      const bool wraps = ++at_[d] == loop_.sizes()[d];
      const int64_t step = wraps ? 1 - at_[d] : 1;
      for (int k = 0; k < K; ++k) offsets_[static_cast<size_t>(k)] += step * loop_.strides(k)[d];
      if (!wraps) return;
      at_[d] = 0;
    }
  }

  int64_t operator[](int k) const { return offsets_[static_cast<size_t>(k)]; }

 private:
  const Nest<K>& loop_;
  Dims at_;
  std::array<int64_t, K> offsets_{};
};

/// The dimensions of a tensor from the largest stride to the smallest; the order of equals is kept.
inline Dims by_stride(const Strides& strides) {
  Dims order;
  for (int d = 0; d < strides.size(); ++d) {
    int at = order.size();
    while (at > 0 && strides[static_cast<int>(order[at - 1])] < strides[d]) --at;
    order.insert(at, d);
  }
  return order;
}

/// The address of element `offset`.
inline const void* address(const In& x, int64_t offset) {
  return static_cast<const char*>(x.data) + offset * static_cast<int64_t>(item_size(x.dtype));
}
inline void* address(const Out& y, int64_t offset) {
  return static_cast<char*>(y.data) + offset * static_cast<int64_t>(item_size(y.dtype));
}

}  // namespace st::cpu
