// Reductions over any set of dimensions. Two forms: the dimension that lies densest in x is reduced (rows are
// folded along), or it is kept (rows are folded into a row of accumulators that stays in L1). Long reductions
// with few results are cut into chunks by the shape alone, and the chunks are folded in order: threads change
// no bit.
#include "spiraltorch/backend/cpu/reduce.h"

#include "spiraltorch/backend/cpu/simd/targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <vector>

#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/reduce-inl.h"
#include "spiraltorch/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {

template <class T, class Acc>
Fold<T, Acc> fold_for(Reduce op) {
  switch (op) {
    case Reduce::prod:
      return make_fold<Multiply, T, Acc>();
    case Reduce::max:
    case Reduce::any:
      return make_fold<Larger<true>, T, Acc>();
    case Reduce::min:
    case Reduce::all:
      return make_fold<Larger<false>, T, Acc>();
    default:
      return make_fold<Add, T, Acc>();
  }
}

Fold<float, double> float_sums(Reduce op) { return fold_for<float, double>(op); }
Fold<float, float> float_extrema(Reduce op) { return fold_for<float, float>(op); }
Fold<double, double> doubles(Reduce op) { return fold_for<double, double>(op); }
Fold<int64_t, int64_t> integers(Reduce op) { return fold_for<int64_t, int64_t>(op); }
Fold<uint8_t, uint8_t> truths(Reduce op) { return fold_for<uint8_t, uint8_t>(op); }

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(float_sums);
HWY_EXPORT(float_extrema);
HWY_EXPORT(doubles);
HWY_EXPORT(integers);
HWY_EXPORT(truths);

constexpr int64_t kRun = 512;            // results that are computed together: their accumulators stay in L1
constexpr int64_t kBlock = 2048;         // elements packed at a time
constexpr int64_t kChunkWork = 1 << 15;  // elements that are worth a chunk of their own
constexpr int64_t kMaxChunks = 64;

// Any nonzero element, NaN too, is true.
void pack_truths(DType from, const void* source, int64_t stride, uint8_t* block, int64_t n) {
  visit_dtype(from, [&](auto tag) {
    const auto* x = static_cast<const typename decltype(tag)::type*>(source);
    for (int64_t i = 0; i < n; ++i) block[i] = convert<bool>(x[i * stride]);
  });
}

template <class T, class Acc>
class Reduction {
 public:
  Reduction(const Fold<T, Acc>& fold, In x, DimSet dims, Out y) : fold_(fold), x_(x), y_(y) {
    for (int64_t at : by_stride(*x.strides)) {
      const int d = static_cast<int>(at);
      const int64_t size = (*x.sizes)[d], step = (*x.strides)[d];
      if (dims >> d & 1) {
        reduced_.add(size, {step});
      } else {
        kept_.add(size, {step, (*y.strides)[d]});
      }
    }
    count_ = reduced_.count();
    rows_ = reduced_.pop(row_step_);
    columns_ = kept_.pop(column_step_);
    along_ = columns_ == 1 || (rows_ > 1 && row_step_[0] < column_step_[0]);
    direct_ = (along_ ? row_step_[0] : column_step_[0]) == 1 && item_size(x.dtype) == sizeof(T) &&
              (std::is_same_v<T, uint8_t> ? x.dtype == DType::bool_ : x.dtype == dtype_of<T>());
  }

  void run(bool mean) const {
    const int64_t results = kept_.count() * columns_;
    if (results == 0) return;
    const int64_t width =
        along_ ? std::clamp<int64_t>(kChunkWork / std::max<int64_t>(count_, 1), 1, kRun) : kRun;
    const int64_t tiles = (columns_ + width - 1) / width, runs = kept_.count() * tiles;
    const int64_t chunks = std::clamp<int64_t>(results * count_ / kChunkWork / runs, 1, kMaxChunks);
    const int64_t grain = kChunkWork * runs * chunks / std::max<int64_t>(results * count_, 1);

    // Where y can take them, results go there at once; else the chunks of a run are gathered here and folded
    // below.
    std::vector<Acc> partial(static_cast<size_t>(chunks > 1 ? chunks * runs * width : 0));
    parallel_for(runs * chunks, grain, [&](int64_t begin, int64_t end) {
      alignas(64) Acc acc[kRun];
      for (int64_t item = begin; item < end; ++item) {
        const int64_t run = item / chunks, chunk = item % chunks;
        const Position<2> at(kept_, run / tiles);
        const int64_t first = run % tiles * width, n = std::min(width, columns_ - first);
        Acc* const into = chunks > 1 ? &partial[static_cast<size_t>(item * width)] : acc;
        fold_chunk(at[0] + first * column_step_[0], n, count_ * chunk / chunks, count_ * (chunk + 1) / chunks,
                   into);
        if (chunks == 1) finish(acc, n, mean, at[1] + first * column_step_[1]);
      }
    });
    for (int64_t run = 0; chunks > 1 && run < runs; ++run) {
      const Position<2> at(kept_, run / tiles);
      const int64_t first = run % tiles * width, n = std::min(width, columns_ - first);
      Acc* const acc = &partial[static_cast<size_t>(run * chunks * width)];
      fold_.merge(acc, acc + width, width, chunks - 1, n);
      finish(acc, n, mean, at[1] + first * column_step_[1]);
    }
  }

 private:
  // acc[j] = the fold of elements begin..end of the reduced dimensions, for n results whose x begins at
  // `offset`.
  void fold_chunk(int64_t offset, int64_t n, int64_t begin, int64_t end, Acc* acc) const {
    if (count_ == 0) {
      std::fill_n(acc, n, fold_.neutral);
      return;
    }
    alignas(64) T block[kBlock];
    alignas(64) Acc wide[kRun];
    // Short rows that lie one behind the other are folded as a few long ones, and those at the end.
    const int64_t joined =
        !along_ && direct_ && row_step_[0] == n && n == columns_ ? std::min(kRun / n, rows_) : 1;
    Acc* const into = joined > 1 ? wide : acc;
    std::fill_n(into, joined * n, fold_.neutral);
    Position<1> at(reduced_, begin / rows_);
    for (int64_t row = begin % rows_; begin < end; at.next(), row = 0) {
      const int64_t rows = std::min(rows_ - row, end - begin);
      const int64_t from = offset + at[0] + row * row_step_[0];
      begin += rows;
      if (along_) {
        for (int64_t j = 0; j < n; ++j) acc[j] = fold_row(acc[j], from + j * column_step_[0], rows, block);
      } else if (direct_) {
        const T* const x = static_cast<const T*>(address(x_, from));
        const int64_t whole = rows / joined;
        fold_.down(into, x, joined * row_step_[0], whole, joined * n);
        fold_.down(into, x + whole * joined * row_step_[0], 0, 1, rows % joined * n);
      } else {
        fold_packed(acc, from, rows, n, block);
      }
    }
    if (joined > 1) {
      std::fill_n(acc, n, fold_.neutral);
      fold_.merge(acc, wide, n, joined, n);
    }
  }

  Acc fold_row(Acc acc, int64_t from, int64_t n, T* block) const {
    if (direct_) return fold_.along(acc, static_cast<const T*>(address(x_, from)), n);
    for (int64_t i = 0; i < n; i += kBlock) {
      const int64_t part = std::min(kBlock, n - i);
      pack_block(from + i * row_step_[0], row_step_[0], block, part);
      acc = fold_.along(acc, block, part);
    }
    return acc;
  }

  void fold_packed(Acc* acc, int64_t from, int64_t rows, int64_t n, T* block) const {
    for (int64_t r = 0; r < rows;) {
      const int64_t part = std::min(rows - r, kBlock / n);
      for (int64_t i = 0; i < part; ++i)
        pack_block(from + (r + i) * row_step_[0], column_step_[0], block + i * n, n);
      fold_.down(acc, block, n, part, n);
      r += part;
    }
  }

  void pack_block(int64_t from, int64_t stride, T* block, int64_t n) const {
    if constexpr (std::is_same_v<T, uint8_t>) {
      pack_truths(x_.dtype, address(x_, from), stride, block, n);
    } else {
      pack(x_.dtype, address(x_, from), stride, dtype_of<T>(), block, n);
    }
  }

  void finish(Acc* acc, int64_t n, bool mean, int64_t offset) const {
    if constexpr (std::is_same_v<Acc, double>) {
      for (int64_t j = 0; mean && j < n; ++j) acc[j] /= static_cast<double>(count_);
    }
    visit_dtype(y_.dtype, [&](auto tag) {
      using Y = typename decltype(tag)::type;
      Y* const y = static_cast<Y*>(address(y_, offset));
      for (int64_t j = 0; j < n; ++j) y[j * column_step_[1]] = convert<Y>(acc[j]);
    });
  }

  const Fold<T, Acc> fold_;
  const In x_;
  const Out y_;
  Nest<1> reduced_;  // without their innermost loop, which is the next two
  int64_t rows_;
  std::array<int64_t, 1> row_step_;
  Nest<2> kept_;  // x and y; likewise
  int64_t columns_;
  std::array<int64_t, 2> column_step_;
  int64_t count_;  // elements of x a result
  bool along_;
  bool direct_;  // vectors can read x in place
};

template <class T, class Acc>
void run(const Fold<T, Acc>& fold, Reduce op, In x, DimSet dims, Out y) {
  Reduction<T, Acc>(fold, x, dims, y).run(op == Reduce::mean);
}

}  // namespace

void reduce(Reduce op, In x, DimSet dims, Out y) {
  const bool is_extremum = op == Reduce::max || op == Reduce::min;
  if (op == Reduce::any || op == Reduce::all) return run(HWY_DYNAMIC_DISPATCH(truths)(op), op, x, dims, y);
  if (!is_floating(x.dtype)) return run(HWY_DYNAMIC_DISPATCH(integers)(op), op, x, dims, y);
  if (x.dtype == DType::float64) return run(HWY_DYNAMIC_DISPATCH(doubles)(op), op, x, dims, y);
  if (is_extremum) return run(HWY_DYNAMIC_DISPATCH(float_extrema)(op), op, x, dims, y);
  run(HWY_DYNAMIC_DISPATCH(float_sums)(op), op, x, dims, y);
}

}  // namespace st::cpu
#endif  // HWY_ONCE
