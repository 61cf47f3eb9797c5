// index_select is gather, and index_add is scatter_add, with an index that is broadcast over the other
// dimensions. Writes and additions to one element are made in the row-major order of the index, whatever the
// number of threads: threads share out dimensions along which nothing collides, or else the elements of y.
#include "spiraltorch/backend/cpu/index.h"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "spiraltorch/backend/cpu/copy.h"
#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/core/check.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that make another thread worth waking
constexpr int64_t kColumns = 32;   // of a row that make a thread's share: two cache lines of float

// The operands of a walk.
enum : int { kIndex, kPicked, kOther };

struct Axis {
  int64_t size;
  int64_t index;   // strides in elements: of the index,
  int64_t picked;  // of the tensor that is picked from or added to (0 along dim: the index moves there),
  int64_t other;   // of the tensor that has the index's shape
};

// The index's shape, merged, with the dimension of the index alone.
struct Walk {
  Nest<3> outer;
  Axis row{};
  bool row_is_dim = false;
  int64_t leading = 1;  // elements of the dimensions before that of the index
  int64_t rows = 1;
  int64_t step = 0;  // the picked tensor's stride along the dimension
  int64_t total = 1;
};

Walk make_walk(int dim, const Dims& sizes, const Dims& index, const Dims& picked, const Dims& other) {
  Walk walk;
  int depth_of_dim = 0;
  for (int d = 0; d < sizes.size(); ++d) {
    if (d < dim) walk.leading *= sizes[d];
    if (d == dim) {
      depth_of_dim = walk.outer.depth();
      walk.step = picked[d];
      walk.outer.add_apart(sizes[d], {index[d], 0, other[d]});
    } else {
      walk.outer.add(sizes[d], {index[d], picked[d], other[d]});
    }
  }
  walk.row_is_dim = walk.outer.depth() <= depth_of_dim + 1;
  std::array<int64_t, 3> strides;
  walk.row.size = walk.outer.pop(strides);
  walk.row = {walk.row.size, strides[kIndex], strides[kPicked], strides[kOther]};
  walk.rows = walk.outer.count();
  walk.total = walk.rows * walk.row.size;
  return walk;
}

template <class F>
void visit_index(DType dtype, const F& f) {
  if (dtype == DType::int32) return f(TypeTag<int32_t>{});
  f(TypeTag<int64_t>{});
}

// f(TypeTag<T>{}) with an unsigned integer of that many bytes.
template <class F>
void visit_item(size_t bytes, const F& f) {
  switch (bytes) {
    case 1:
      return f(TypeTag<uint8_t>{});
    case 2:
      return f(TypeTag<uint16_t>{});
    case 4:
      return f(TypeTag<uint32_t>{});
    default:
      return f(TypeTag<uint64_t>{});
  }
}

template <class T, class I>
void gather_rows(const Walk& walk, const T* x, const I* index, T* y) {
  const Axis row = walk.row;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(row.size, 1));
  const auto gather_piece = [&](const Position<3>& at, int64_t j, int64_t n) {
    const T* from = x + at[kPicked] + j * row.picked;
    const I* positions = index + at[kIndex] + j * row.index;
    T* to = y + at[kOther] + j * row.other;
    if (row.index == 0) {  // one index for the row
      return move_items(sizeof(T), from + *positions * walk.step, row.picked, to, row.other, n);
    }
    for (int64_t i = 0; i < n; ++i) {
      to[i * row.other] = from[i * row.picked + positions[i * row.index] * walk.step];
    }
  };
  if (walk.rows == 1) {
    const Position<3> at(walk.outer, 0);
    parallel_for(row.size, kGrain, [&](int64_t begin, int64_t end) { gather_piece(at, begin, end - begin); });
    return;
  }
  parallel_for(walk.rows, grain, [&](int64_t begin, int64_t end) {
    Position<3> at(walk.outer, begin);
    for (int64_t r = begin; r < end; ++r, at.next()) gather_piece(at, 0, row.size);
  });
}

void gather(const Walk& walk, const In& x, const In& index, const Out& y) {
  if (walk.total == 0) return;
  visit_item(item_size(y.dtype), [&](auto item) {
    visit_index(index.dtype, [&](auto position) {
      using T = typename decltype(item)::type;
      using I = typename decltype(position)::type;
      gather_rows(walk, x.as<T>(), index.as<I>(), y.as<T>());
    });
  });
}

// y + alpha x, rounded to T once: 16-bit types in float, bool as "or".
template <class T>
T added(T y, T x, [[maybe_unused]] T alpha) {
  if constexpr (std::is_same_v<T, bool>) {
    return y || (x && alpha);
  } else if constexpr (std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>) {
    return T(static_cast<float>(y) + static_cast<float>(alpha) * static_cast<float>(x));
  } else {
    return static_cast<T>(y + alpha * x);
  }
}

// The part of the writes that one thread makes.
struct Share {
  int64_t first_row, last_row;        // rows of the walk
  int64_t first_column, last_column;  // of every row
  int64_t first_target, last_target;  // indices; others are left to other threads
};

// put(y element, x element) for every pair of the share.
template <class T, class I, class Put>
void put_share(const Walk& walk, T* y, const I* index, const T* x, const Put& put, const Share& share) {
  const Axis row = walk.row;
  const auto mine = [&](int64_t target) {
    return target >= share.first_target && target < share.last_target;
  };
  Position<3> at(walk.outer, share.first_row);
  for (int64_t r = share.first_row; r < share.last_row; ++r, at.next()) {
    const int64_t j = share.first_column, n = share.last_column - j;
    const T* from = x + at[kOther] + j * row.other;
    const I* positions = index + at[kIndex] + j * row.index;
    T* to = y + at[kPicked] + j * row.picked;
    if (row.index == 0) {  // one index for the row
      const int64_t target = *positions;
      if (!mine(target)) continue;
      to += target * walk.step;
      if (row.picked == 1 && row.other == 1) {
        for (int64_t i = 0; i < n; ++i) put(to[i], from[i]);
      } else {
        for (int64_t i = 0; i < n; ++i) put(to[i * row.picked], from[i * row.other]);
      }
      continue;
    }
    for (int64_t i = 0; i < n; ++i) {
      const int64_t target = positions[i * row.index];
      if (!mine(target)) continue;
      put(to[i * row.picked + target * walk.step], from[i * row.other]);
    }
  }
}

template <class T, class I, class Put>
void put_rows(const Walk& walk, int64_t targets, T* y, const I* index, const T* x, const Put& put) {
  const Share all{0, walk.rows, 0, walk.row.size, 0, targets};
  const auto run = [&](int64_t count, auto narrow_to) {
    const int64_t grain = std::max<int64_t>(1, kGrain * count / walk.total);
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
      Share share = all;
      narrow_to(share, begin, end);
      put_share(walk, y, index, x, put, share);
    });
  };
  const int64_t threads = num_threads();
  if (walk.leading >= threads) {
    const int64_t rows_each = walk.rows / walk.leading;
    run(walk.leading, [rows_each](Share& share, int64_t begin, int64_t end) {
      share.first_row = begin * rows_each;
      share.last_row = end * rows_each;
    });
  } else if (!walk.row_is_dim && walk.row.size >= kColumns * threads) {
    run(walk.row.size, [](Share& share, int64_t begin, int64_t end) {
      share.first_column = begin;
      share.last_column = end;
    });
  } else {
    run(targets, [](Share& share, int64_t begin, int64_t end) {
      share.first_target = begin;
      share.last_target = end;
    });
  }
}

void add(const Walk& walk, int64_t targets, const Out& y, const In& index, const In& x, Scalar alpha) {
  if (walk.total == 0) return;
  visit_dtype(y.dtype, [&](auto element) {
    visit_index(index.dtype, [&](auto position) {
      using T = typename decltype(element)::type;
      using I = typename decltype(position)::type;
      const T scale = alpha.is_floating() ? convert<T>(alpha.to_double()) : convert<T>(alpha.to_int64());
      put_rows(walk, targets, y.as<T>(), index.as<I>(), x.as<T>(),
               [scale](T& sum, T element) { sum = added(sum, element, scale); });
    });
  });
}

int64_t size_along(const Dims& sizes, int dim) { return sizes.empty() ? 1 : sizes[dim]; }

// The strides of a 1-dim index that is broadcast over the other dimensions of a shape.
Dims broadcast_strides(const In& index, int dim, const Dims& sizes) {
  Dims strides = Dims::filled(sizes.size(), 0);
  if (!sizes.empty() && !index.strides->empty()) strides[dim] = (*index.strides)[0];
  return strides;
}

}  // namespace

void check_index(const char* op, In index, int64_t low, int64_t high) {
  const Dims none = Dims::filled(index.sizes->size(), 0);
  const Walk walk = make_walk(0, *index.sizes, *index.strides, none, none);
  if (walk.total == 0) return;
  visit_index(index.dtype, [&](auto position) {
    using I = typename decltype(position)::type;
    const Axis row = walk.row;
    Position<3> at(walk.outer, 0);
    for (int64_t r = 0; r < walk.rows; ++r, at.next()) {
      const I* positions = index.as<I>() + at[kIndex];
      bool good = true;
      for (int64_t i = 0; i < row.size; ++i) {
        const int64_t value = positions[i * row.index];
        good = good & (value >= low) & (value < high);
      }
      if (good) continue;
      while (*positions >= low && *positions < high) positions += row.index;
      fail<IndexError>("{}: index {} is out of range for a dimension of size {}, expected one in [{}, {}]",
                       op, *positions, high, low, high - 1);
    }
  });
}

void index_select(In x, int dim, In index, Out y) {
  gather(make_walk(dim, *y.sizes, broadcast_strides(index, dim, *y.sizes), *x.strides, *y.strides), x, index,
         y);
}

void gather(In x, int dim, In index, Out y) {
  gather(make_walk(dim, *y.sizes, *index.strides, *x.strides, *y.strides), x, index, y);
}

void index_add(Out y, int dim, In index, In x, Scalar alpha) {
  add(make_walk(dim, *x.sizes, broadcast_strides(index, dim, *x.sizes), *y.strides, *x.strides),
      size_along(*y.sizes, dim), y, index, x, alpha);
}

void scatter(Out y, int dim, In index, In x) {
  const Walk walk = make_walk(dim, *index.sizes, *index.strides, *y.strides, *x.strides);
  if (walk.total == 0) return;
  visit_item(item_size(y.dtype), [&](auto item) {
    visit_index(index.dtype, [&](auto position) {
      using T = typename decltype(item)::type;
      using I = typename decltype(position)::type;
      put_rows(walk, size_along(*y.sizes, dim), y.as<T>(), index.as<I>(), x.as<T>(),
               [](T& place, T element) { place = element; });
    });
  });
}

void scatter_add(Out y, int dim, In index, In x) {
  add(make_walk(dim, *index.sizes, *index.strides, *y.strides, *x.strides), size_along(*y.sizes, dim), y,
      index, x, 1);
}

}  // namespace st::cpu
