// A copy is planned once: dimensions are put into the order of y's strides and merged. Then it is done row by
// row, or, where x runs along another dimension than y, block by block through a transpose. Bytes are moved
// by item size alone; conversions are written for contiguous elements and work on small blocks where a side
// is not.
#include "spiraltorch/backend/cpu/copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "spiraltorch/backend/cpu/convert.h"
#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/transpose.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {
namespace {

constexpr int64_t kGrainBytes = 64 << 10;  // a thread costs about what 64 KiB take to copy
constexpr int64_t kChunk = 512;            // elements converted at a time: 4 KiB of the widest type
constexpr int64_t kSide = 64;              // of a block that is transposed; a multiple of every tile's side
constexpr int64_t kStreamRows = 1024;      // the same past the caches: long runs of x
constexpr int64_t kConvertSide = 32;       // the same with a conversion: 8 KiB of the widest type
constexpr int64_t kStreamBytes = 4 << 20;  // a transpose this large writes past the caches

template <class To, class From>
void convert_run(const void* x, void* y, int64_t n) {
  const From* from = static_cast<const From*>(x);
  To* to = static_cast<To*>(y);
  for (int64_t i = 0; i < n; ++i) to[i] = convert<To>(from[i]);
}

Conversion conversion(DType from, DType to) {
  if (const Conversion by_vectors = vector_conversion(from, to)) return by_vectors;
  return visit_dtype(from, [to](auto from_tag) {
    return visit_dtype(to, [](auto to_tag) -> Conversion {
      return convert_run<typename decltype(to_tag)::type, typename decltype(from_tag)::type>;
    });
  });
}

template <class T>
void move_run(const void* from, int64_t x_stride, void* to, int64_t y_stride, int64_t n) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if (x_stride == 0) {
    const T value = *x;
    if (y_stride == 1) {
      std::fill_n(y, n, value);
    } else {
      for (int64_t i = 0; i < n; ++i) y[i * y_stride] = value;
    }
  } else if (y_stride == 1) {
    for (int64_t i = 0; i < n; ++i) y[i] = x[i * x_stride];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * y_stride] = x[i * x_stride];
  }
}

struct Axis {
  int64_t size = 1, x = 0, y = 0;  // strides in elements
};

struct Plan {
  const char* x;
  char* y;
  int64_t x_item, y_item;
  Conversion convert = nullptr;  // null where the types are the same
  Nest<2> outer = {};            // x and y; y's strides fall from the outermost loop to the innermost
  Axis row = {};
};

Axis axis_of(int64_t size, const std::array<int64_t, 2>& strides) { return {size, strides[0], strides[1]}; }

Plan make_plan(const In& x, const Out& y) {
  Plan plan{static_cast<const char*>(x.data), static_cast<char*>(y.data),
            static_cast<int64_t>(item_size(x.dtype)), static_cast<int64_t>(item_size(y.dtype))};
  if (x.dtype != y.dtype) plan.convert = conversion(x.dtype, y.dtype);
  const int missing = y.sizes->size() - x.sizes->size();  // leading dimensions of y that x lacks
  for (const int64_t axis : by_stride(*y.strides)) {
    const int d = static_cast<int>(axis), at = d - missing;
    const bool broadcast = at < 0 || (*x.sizes)[at] == 1;
    plan.outer.add((*y.sizes)[d], {broadcast ? 0 : (*x.strides)[at], (*y.strides)[d]});
  }
  std::array<int64_t, 2> strides;
  const int64_t size = plan.outer.pop(strides);
  plan.row = axis_of(size, strides);
  return plan;
}

// One row: n elements, in place where both sides are contiguous, else by way of a small block.
void copy_row(const Plan& plan, const char* x, int64_t x_stride, char* y, int64_t y_stride, int64_t n) {
  if (!plan.convert) return move_items(static_cast<size_t>(plan.x_item), x, x_stride, y, y_stride, n);
  alignas(64) std::byte from[kChunk * 8], to[kChunk * 8];
  const auto convert_to_y = [&](const void* source, char* target, int64_t count) {
    if (y_stride == 1) return plan.convert(source, target, count);
    plan.convert(source, to, count);
    move_items(static_cast<size_t>(plan.y_item), to, 1, target, y_stride, count);
  };
  if (x_stride == 0) {
    plan.convert(x, to, 1);
    return move_items(static_cast<size_t>(plan.y_item), to, 0, y, y_stride, n);
  }
  if (x_stride == 1 && y_stride == 1) return plan.convert(x, y, n);
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t count = std::min(kChunk, n - i);
    const char* source = x + i * x_stride * plan.x_item;
    char* target = y + i * y_stride * plan.y_item;
    if (x_stride == 1) {
      convert_to_y(source, target, count);
    } else {
      move_items(static_cast<size_t>(plan.x_item), source, x_stride, from, 1, count);
      convert_to_y(from, target, count);
    }
  }
}

const char* x_at(const Plan& plan, int64_t offset) { return plan.x + offset * plan.x_item; }
char* y_at(const Plan& plan, int64_t offset) { return plan.y + offset * plan.y_item; }

void copy_rows(const Plan& plan) {
  const Axis row = plan.row;
  const int64_t grain = kGrainBytes / std::max(plan.x_item, plan.y_item);
  parallel_for(plan.outer.count() * row.size, grain, [&](int64_t begin, int64_t end) {
    Position<2> at(plan.outer, begin / row.size);
    int64_t skip = begin % row.size;
    while (begin < end) {
      const int64_t n = std::min(row.size - skip, end - begin);
      copy_row(plan, x_at(plan, at[0] + skip * row.x), row.x, y_at(plan, at[1] + skip * row.y), row.y, n);
      begin += n;
      skip = 0;
      at.next();
    }
  });
}

// x runs along `down`, one of y's outer loops that is taken out, and y along its rows.
void copy_blocks(const Plan& plan, const Axis& down) {
  const Axis across = plan.row;
  const int64_t matrices = plan.outer.count();
  const bool stream = !plan.convert && matrices * down.size * across.size * plan.y_item >= kStreamBytes;
  const int64_t side = plan.convert ? kConvertSide : kSide, height = stream ? kStreamRows : side;
  const int64_t tall = (down.size + height - 1) / height, wide = (across.size + side - 1) / side;
  const int64_t grain = kGrainBytes / (height * side * plan.y_item);
  parallel_for(matrices * tall * wide, std::max<int64_t>(grain, 1), [&](int64_t begin, int64_t end) {
    alignas(64) std::byte block[kConvertSide * kConvertSide * 8];
    for (int64_t i = begin; i < end; ++i) {
      const Position<2> at(plan.outer, i / (tall * wide));
      const int64_t r = i / wide % tall * height, c = i % wide * side;
      const int64_t rows = std::min(height, down.size - r), cols = std::min(side, across.size - c);
      const char* x = x_at(plan, at[0] + r * down.x + c * across.x);
      char* y = y_at(plan, at[1] + r * down.y + c * across.y);
      if (!plan.convert) {
        transpose_block(static_cast<size_t>(plan.x_item), x, across.x, y, down.y, rows, cols, stream);
        continue;
      }
      transpose_block(static_cast<size_t>(plan.x_item), x, across.x, block, kConvertSide, rows, cols, false);
      for (int64_t j = 0; j < rows; ++j) {
        plan.convert(block + j * kConvertSide * plan.x_item, y + j * down.y * plan.y_item, cols);
      }
    }
  });
}

// The outer loop along which x runs, where it is another than y's; else -1.
int transposed_loop(const Plan& plan) {
  if (plan.row.y != 1 || plan.row.x <= 1) return -1;
  for (int d = 0; d < plan.outer.depth(); ++d) {
    if (plan.outer.strides(0)[d] == 1) return d;
  }
  return -1;
}

}  // namespace

void move_items(size_t item, const void* x, int64_t x_stride, void* y, int64_t y_stride, int64_t n) {
  if (x_stride == 1 && y_stride == 1) {
    std::memcpy(y, x, static_cast<size_t>(n) * item);
    return;
  }
  switch (item) {
    case 1:
      return move_run<uint8_t>(x, x_stride, y, y_stride, n);
    case 2:
      return move_run<uint16_t>(x, x_stride, y, y_stride, n);
    case 4:
      return move_run<uint32_t>(x, x_stride, y, y_stride, n);
    default:
      return move_run<uint64_t>(x, x_stride, y, y_stride, n);
  }
}

void copy(In x, Out y) {
  if (numel_of(*y.sizes) == 0) return;
  Plan plan = make_plan(x, y);
  if (const int d = transposed_loop(plan); d >= 0) {
    std::array<int64_t, 2> strides;
    const int64_t size = plan.outer.take(d, strides);
    copy_blocks(plan, axis_of(size, strides));
  } else {
    copy_rows(plan);
  }
}

void fill(Scalar value, Out y) {
  const Dims scalar;
  alignas(8) std::byte element[8];
  visit_dtype(y.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T converted = value.is_floating() ? convert<T>(value.to_double()) : convert<T>(value.to_int64());
    std::memcpy(element, &converted, sizeof(T));
  });
  copy({element, y.dtype, &scalar, &scalar}, y);
}

}  // namespace st::cpu
