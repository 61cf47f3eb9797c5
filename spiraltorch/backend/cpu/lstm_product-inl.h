// The product at the heart of the LSTM's step: rows times a matrix of weights in panels of four vectors. In
// the form by gate a panel is the four gates of as many hidden units as a vector has lanes, in the form by
// unit four vectors of neighbouring units.
#if defined(SPIRALTORCH_BACKEND_CPU_LSTM_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPIRALTORCH_BACKEND_CPU_LSTM_PRODUCT_INL_H_
#undef SPIRALTORCH_BACKEND_CPU_LSTM_PRODUCT_INL_H_
#else
#define SPIRALTORCH_BACKEND_CPU_LSTM_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <memory>
#include <type_traits>

#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/storage.h"
#include "spiraltorch/backend/view.h"
#include "spiraltorch/core/dtype.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace {

constexpr int kVectors = 4;  // of a panel: the gates, or neighbouring units
// Rows that are multiplied at once: their sums are 24 of the 32 registers, or 12 of 16.
constexpr int kRows = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 6 : 3;
constexpr int64_t kChunkBytes = 16 << 10;  // of a panel: it stays in the first cache for all rows of a unit

template <class T>
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
template <class T>
constexpr int64_t kWidth = kVectors* kLanes<T>;

// Weights as panels: `depth` rows of kWidth, the next panel behind them.
template <class T>
struct Panels {
  std::shared_ptr<Scratch<T>> memory;
  int64_t depth;
  const T* panel(int64_t i) const { return memory->data() + i * depth * kWidth<T>; }
};

// sums (R, kWidth) = or += a (R, depth) panel (depth, kWidth)
template <int R, class T>
void multiply(const T* HWY_RESTRICT a, int64_t a_row, const T* HWY_RESTRICT panel, int64_t depth, bool first,
              T* HWY_RESTRICT sums) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  V sum[R][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = first ? hn::Zero(d) : hn::Load(d, sums + r * kWidth<T> + v * kLanes<T>);
  }
  for (int64_t k = 0; k < depth; ++k, panel += kWidth<T>) {
    V w[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) w[v] = hn::Load(d, panel + v * kLanes<T>);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const V left = hn::Set(d, a[r * a_row + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(left, w[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) hn::Store(sum[r][v], d, sums + r * kWidth<T> + v * kLanes<T>);
  }
}

template <int R, class T>
void multiply_rows(int64_t rows, const T* a, int64_t a_row, const T* panel, int64_t depth, bool first,
                   T* sums) {
  if (rows == R) return multiply<R>(a, a_row, panel, depth, first, sums);
  if constexpr (R > 1) multiply_rows<R - 1>(rows, a, a_row, panel, depth, first, sums);
}

// sums (rows, kWidth) = a (rows, depth) panel, a chunk of the panel after the other.
template <class T>
void product(const T* a, int64_t a_row, int64_t rows, const T* panel, int64_t depth, T* sums) {
  constexpr int64_t kChunk = kChunkBytes / (kWidth<T> * static_cast<int64_t>(sizeof(T)));
  const int64_t blocks = (rows + kRows - 1) / kRows;
  for (int64_t k = 0; k < depth; k += kChunk) {
    for (int64_t i = 0; i < blocks; ++i) {
      const int64_t row = rows * i / blocks, count = rows * (i + 1) / blocks - row;
      multiply_rows<kRows>(count, a + row * a_row + k, a_row, panel + k * kWidth<T>,
                           std::min(kChunk, depth - k), k == 0, sums + row * kWidth<T>);
    }
  }
}

// --- weights as panels

// Panel p: for each k the weights from h_k to gates i, f, g, o of units p kLanes...
template <class T, class W>
Panels<T> pack_by_gate(In w, int64_t hidden) {
  constexpr int64_t L = kLanes<T>;
  const int64_t panels = (hidden + L - 1) / L;
  Panels<T> packed{std::make_shared<Scratch<T>>(panels * hidden * kWidth<T>), hidden};
  T* const to = packed.memory->data();
  const W* const from = w.as<W>();
  parallel_for(panels, std::max<int64_t>(1, 65536 / (hidden * kWidth<T>)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      T* const panel = to + p * hidden * kWidth<T>;
      for (int64_t gate = 0; gate < 4; ++gate) {
        for (int64_t j = 0; j < L; ++j) {
          const int64_t unit = p * L + j;
          T* column = panel + gate * L + j;
          const W* row = from + (gate * hidden + unit) * hidden;
          for (int64_t k = 0; k < hidden; ++k)
            column[k * kWidth<T>] = unit < hidden ? static_cast<T>(row[k]) : T(0);
        }
      }
    }
  });
  return packed;
}

template <class T>
Panels<T> pack_by_gate(In w, int64_t hidden) {
  if constexpr (std::is_same_v<T, float>) {
    if (w.dtype == DType::bfloat16) return pack_by_gate<T, bfloat16>(w, hidden);
  }
  return pack_by_gate<T, T>(w, hidden);
}

// The packed form is kept with the weights until they are written to.
template <class T>
struct KeptPanels {
  const void* data;
  int64_t hidden;
  Panels<T> panels;
};

template <class T>
Panels<T> panels_by_gate(In w, int64_t hidden) {
  constexpr uint64_t kKind = uint64_t{5} << 56 | uint64_t{sizeof(T)} << 8 | kLanes<T>;
  if (!w.owner || w.owner->is_external()) return pack_by_gate<T>(w, hidden);
  const uint64_t version = w.owner->version();
  const auto found = std::static_pointer_cast<const KeptPanels<T>>(w.owner->derived(kKind));
  if (found && found->data == w.data && found->hidden == hidden) return found->panels;
  Panels<T> panels = pack_by_gate<T>(w, hidden);
  w.owner->set_derived(kKind, version,
                       std::make_shared<const KeptPanels<T>>(KeptPanels<T>{w.data, hidden, panels}));
  return panels;
}

// Panel p: for each gate's row of weights those to units p kWidth...
template <class T, class W>
Panels<T> pack_by_unit(In w, int64_t hidden) {
  const int64_t panels = (hidden + kWidth<T> - 1) / kWidth<T>, depth = 4 * hidden;
  Panels<T> packed{std::make_shared<Scratch<T>>(panels * depth * kWidth<T>), depth};
  T* const to = packed.memory->data();
  const W* const from = w.as<W>();
  parallel_for(panels, std::max<int64_t>(1, 131072 / (depth * kWidth<T>)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t unit = p * kWidth<T>, count = std::min(kWidth<T>, hidden - unit);
      for (int64_t k = 0; k < depth; ++k) {
        T* const row = to + (p * depth + k) * kWidth<T>;
        std::transform(from + k * hidden + unit, from + k * hidden + unit + count, row,
                       [](W x) { return static_cast<T>(x); });
        std::fill(row + count, row + kWidth<T>, T(0));
      }
    }
  });
  return packed;
}

template <class T>
Panels<T> pack_by_unit(In w, int64_t hidden) {
  if constexpr (std::is_same_v<T, float>) {
    if (w.dtype == DType::bfloat16) return pack_by_unit<T, bfloat16>(w, hidden);
  }
  return pack_by_unit<T, T>(w, hidden);
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SPIRALTORCH_BACKEND_CPU_LSTM_PRODUCT_INL_H_
