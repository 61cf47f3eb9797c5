// Merging dimensions, splitting work over threads, packing blocks: what every elementwise kernel shares.
#include "spiraltorch/backend/cpu/iterator.h"

#include <algorithm>
#include <array>

#include "spiraltorch/backend/cpu/convert.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {
namespace {

constexpr int kMaxOperands = 4;    // the output and three inputs
constexpr int64_t kBlock = 512;    // elements: 4 KiB of doubles an operand
constexpr int64_t kLongRow = 128;  // rows this long are blocks of their own; shorter ones are packed together
constexpr double kThreadWork = 2e4;  // nanoseconds of work that make another thread worth waking

struct Operand {
  char* data;
  DType dtype;
  int64_t item;
  std::array<int64_t, kMaxDims> strides{};  // in elements, innermost first
  bool packed = false;                      // of another dtype than the loop's
  bool flat = false;                        // element i of the iteration lies at data + i
  bool constant = false;                    // every stride is 0
};

// The iteration space after merging: dimension 0 is the innermost.
struct Space {
  int dims = 0;
  std::array<int64_t, kMaxDims> sizes{};
  int count = 0;
  std::array<Operand, kMaxOperands> operands;
  int64_t total = 1;
};

void add_operand(Space& space, void* data, DType dtype, const Dims& sizes, const Dims& strides,
                 const Dims& shape, DType compute) {
  Operand& operand = space.operands[static_cast<size_t>(space.count++)];
  operand.data = static_cast<char*>(data);
  operand.dtype = dtype;
  operand.item = static_cast<int64_t>(item_size(dtype));
  operand.packed = dtype != compute;
  // Aligned at the right; a dimension that is missing or of size 1 is broadcast with stride 0.
  for (int d = 0; d < sizes.size(); ++d) {
    const size_t at = static_cast<size_t>(sizes.size() - 1 - d);
    operand.strides[at] = sizes[d] == 1 ? 0 : strides[d];
  }
  for (int d = 0; d < shape.size(); ++d) space.sizes[static_cast<size_t>(shape.size() - 1 - d)] = shape[d];
}

// Orders dimensions by the output's strides, then fuses neighbours that every operand walks through without a
// jump.
void merge(Space& space) {
  std::array<size_t, kMaxDims> order{};
  int kept = 0;
  for (size_t d = 0; d < static_cast<size_t>(space.dims); ++d) {
    if (space.sizes[d] != 1) order[static_cast<size_t>(kept++)] = d;
  }
  const auto& y = space.operands[0].strides;
  std::stable_sort(order.begin(), order.begin() + kept, [&](size_t a, size_t b) { return y[a] < y[b]; });

  const Space before = space;
  space.dims = 0;
  for (int i = 0; i < kept; ++i) {
    const size_t from = order[static_cast<size_t>(i)];
    const size_t last = static_cast<size_t>(space.dims - 1);
    bool joins = space.dims > 0;
    for (int k = 0; k < space.count && joins; ++k) {
      const size_t o = static_cast<size_t>(k);
      joins = before.operands[o].strides[from] == space.operands[o].strides[last] * space.sizes[last];
    }
    if (joins) {
      space.sizes[last] *= before.sizes[from];
      continue;
    }
    const size_t to = static_cast<size_t>(space.dims++);
    space.sizes[to] = before.sizes[from];
    for (size_t o = 0; o < static_cast<size_t>(space.count); ++o) {
      space.operands[o].strides[to] = before.operands[o].strides[from];
    }
  }

  for (size_t o = 0; o < static_cast<size_t>(space.count); ++o) {
    Operand& operand = space.operands[o];
    int64_t step = 1;
    bool dense = true, constant = true;
    for (size_t d = 0; d < static_cast<size_t>(space.dims); ++d) {
      dense = dense && operand.strides[d] == step;
      constant = constant && operand.strides[d] == 0;
      step *= space.sizes[d];
    }
    operand.flat = dense && !operand.packed;
    operand.constant = constant;
  }
}

// A position in the iteration: which row, how far into it, and where each operand's row begins.
class Cursor {
 public:
  Cursor(const Space& space, int64_t at) : space_(&space) {
    for (size_t d = 0; d < static_cast<size_t>(space.dims); ++d) {
      index_[d] = at % space.sizes[d];
      at /= space.sizes[d];
    }
  }
  int64_t left_in_row() const { return space_->dims ? space_->sizes[0] - index_[0] : 1; }
  int64_t offset(const Operand& operand) const {
    int64_t offset = 0;
    for (size_t d = 0; d < static_cast<size_t>(space_->dims); ++d) offset += index_[d] * operand.strides[d];
    return offset;
  }
  void advance(int64_t n) {
    index_[0] += n;
    for (size_t d = 0; d + 1 < static_cast<size_t>(space_->dims) && index_[d] == space_->sizes[d]; ++d) {
      index_[d] = 0;
      ++index_[d + 1];
    }
  }

 private:
  const Space* space_;
  std::array<int64_t, kMaxDims> index_{};
};

// f(offset of the operand, elements) for each piece of a row among the next n elements from `at` on.
template <class F>
void for_each_piece(const Operand& operand, Cursor at, int64_t n, const F& f) {
  while (n > 0) {
    const int64_t piece = std::min(n, at.left_in_row());
    f(at.offset(operand), piece);
    at.advance(piece);
    n -= piece;
  }
}

void run_range(const Space& space, DType compute, Loop loop, const void* params, int64_t begin, int64_t end) {
  alignas(64) std::byte blocks[kMaxOperands][kBlock * sizeof(double)];
  const size_t count = static_cast<size_t>(space.count);
  const int64_t compute_item = static_cast<int64_t>(item_size(compute));
  bool all_flat = true;
  for (size_t o = 0; o < count; ++o) {
    const Operand& operand = space.operands[o];
    all_flat = all_flat && operand.flat;
    if (operand.constant && o > 0)
      pack(operand.dtype, operand.data, 0, compute, blocks[o], std::min(kBlock, end - begin));
  }
  const bool long_rows = space.dims > 0 && space.sizes[0] >= kLongRow;

  Cursor cursor(space, begin);
  for (int64_t at = begin; at < end;) {
    int64_t n = all_flat ? end - at : std::min(end - at, kBlock);
    if (!all_flat && long_rows) n = std::min(n, cursor.left_in_row());

    // Where the operand can be read or written in place for this block; null where it must be packed.
    const auto direct = [&](const Operand& operand) -> char* {
      if (operand.flat) return operand.data + at * operand.item;
      if (operand.packed || !long_rows || operand.strides[0] != 1) return nullptr;
      return operand.data + cursor.offset(operand) * operand.item;
    };

    const void* in[kMaxOperands - 1];
    for (size_t o = 1; o < count; ++o) {
      const Operand& operand = space.operands[o];
      const char* place = operand.constant ? nullptr : direct(operand);
      if (!place && !operand.constant) {
        std::byte* block = blocks[o];
        for_each_piece(operand, cursor, n, [&](int64_t offset, int64_t piece) {
          pack(operand.dtype, operand.data + offset * operand.item, operand.strides[0], compute, block,
               piece);
          block += piece * compute_item;
        });
      }
      in[o - 1] = place ? static_cast<const void*>(place) : blocks[o];
    }

    const Operand& y = space.operands[0];
    char* const target = direct(y);
    loop(in, target ? static_cast<void*>(target) : blocks[0], n, params);
    if (!target) {
      const std::byte* block = blocks[0];
      for_each_piece(y, cursor, n, [&](int64_t offset, int64_t piece) {
        unpack(compute, block, y.dtype, y.data + offset * y.item, y.strides[0], piece);
        block += piece * compute_item;
      });
    }
    at += n;
    if (!all_flat) {
      if (long_rows) {
        cursor.advance(n);
      } else {
        cursor = Cursor(space, at);
      }
    }
  }
}

}  // namespace

void elementwise(Out y, std::initializer_list<In> xs, DType compute, Loop loop, const void* params,
                 double cost) {
  Space space;
  space.dims = y.sizes->size();
  space.total = numel_of(*y.sizes);
  if (space.total == 0) return;
  add_operand(space, y.data, y.dtype, *y.sizes, *y.strides, *y.sizes, compute);
  for (const In& x : xs) {
    add_operand(space, const_cast<void*>(x.data), x.dtype, *x.sizes, *x.strides, *y.sizes, compute);
  }
  merge(space);
  parallel_for(space.total, static_cast<int64_t>(kThreadWork / cost),
               [&](int64_t begin, int64_t end) { run_range(space, compute, loop, params, begin, end); });
}

namespace {

template <class To, class From>
void convert_strided(const From* source, int64_t source_stride, To* target, int64_t target_stride,
                     int64_t n) {
  if (source_stride == 1 && target_stride == 1) {
    for (int64_t i = 0; i < n; ++i) target[i] = convert<To>(source[i]);
  } else if (source_stride == 0 && target_stride == 1) {
    std::fill_n(target, n, convert<To>(*source));
  } else {
    for (int64_t i = 0; i < n; ++i) target[i * target_stride] = convert<To>(source[i * source_stride]);
  }
}

}  // namespace

void pack(DType from, const void* source, int64_t stride, DType compute, void* block, int64_t n) {
  if (stride == 1 && item_size(from) == 2) {
    if (const Conversion by_vectors = vector_conversion(from, compute)) return by_vectors(source, block, n);
  }
  visit_dtype(from, [&](auto from_tag) {
    visit_compute(compute, [&](auto to_tag) {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      convert_strided(static_cast<const From*>(source), stride, static_cast<To*>(block), 1, n);
    });
  });
}

void unpack(DType compute, const void* block, DType to, void* target, int64_t stride, int64_t n) {
  if (stride == 1 && item_size(to) == 2) {
    if (const Conversion by_vectors = vector_conversion(compute, to)) return by_vectors(block, target, n);
  }
  visit_compute(compute, [&](auto from_tag) {
    visit_dtype(to, [&](auto to_tag) {
      using From = typename decltype(from_tag)::type;
      using To = typename decltype(to_tag)::type;
      convert_strided(static_cast<const From*>(block), 1, static_cast<To*>(target), stride, n);
    });
  });
}

}  // namespace st::cpu
