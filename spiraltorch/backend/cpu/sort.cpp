// Every element becomes a number whose order as an unsigned integer is the wanted one, together with its
// position, so that no two are equal and whatever orders them is stable. Short lines are sorted by
// comparison, long ones by counting digits; of few that are selected a heap is kept, for many the line is
// split.
#include "spiraltorch/backend/cpu/sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <type_traits>
#include <utility>

#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/nest.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu {
namespace {

constexpr int64_t kCounted = 32;  // elements for each digit from which counting is faster than comparing
// Of a line's elements one in so many are selected by a heap; more than one in so many, in order, by sorting.
constexpr int64_t kHeapShare = 64, kSortShare = 4;
// Rough nanoseconds an element takes.
constexpr double kSortCost = 10, kHeapCost = 1;

/// A key of 32 bits above a position of 32 bits.
struct NarrowItem {
  using Key = uint32_t;
  uint64_t bits;
  NarrowItem() = default;
  NarrowItem(Key key, int64_t position) : bits(uint64_t{key} << 32 | static_cast<uint64_t>(position)) {}
  size_t digit(int place) const { return bits >> (32 + 8 * place) & 255; }
  int64_t position() const { return static_cast<uint32_t>(bits); }
  friend bool operator<(NarrowItem a, NarrowItem b) { return a.bits < b.bits; }
};

struct WideItem {
  using Key = uint64_t;
  Key key;
  int64_t at;
  WideItem() = default;
  WideItem(Key key, int64_t position) : key(key), at(position) {}
  size_t digit(int place) const { return key >> (8 * place) & 255; }
  int64_t position() const { return at; }
  friend bool operator<(const WideItem& a, const WideItem& b) {
    return a.key < b.key || (a.key == b.key && a.at < b.at);
  }
};

// The order of numbers as that of unsigned integers: both zeros are one, every NaN is the largest. `Key` may
// be wider than a floating x, and holds an integer x.
template <class Key, class T>
Key key_of(T x) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<Key>(x) ^ Key { 1 } << (8 * sizeof(Key) - 1);
  } else {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
    if (x != x) return ~Bits{0};
    const Bits bits = std::bit_cast<Bits>(x == 0 ? T{0} : x);
    return bits & kSign ? ~bits : bits | kSign;
  }
}

// A line of elements as items.
template <class Item, class T>
struct Line {
  const T* x;
  int64_t n;
  typename Item::Key flip;  // all bits for the descending order

  // A line of n > 0 elements has memory, which clang's analyser does not see through Scratch.
  // NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  Item operator[](int64_t i) const { return Item(key_of<typename Item::Key>(x[i]) ^ flip, i); }
  void copy(int64_t count, Item* items) const {
    for (int64_t i = 0; i < count; ++i) items[i] = (*this)[i];
  }
};

// Sorts `items` with room for as many in `spare`, and returns which of the two holds the result. Items come
// in the order of their positions, which counting keeps.
template <class Item>
const Item* sort_items(Item* items, Item* spare, int64_t n) {
  constexpr int kPlaces = sizeof(typename Item::Key);
  if (n < kCounted * kPlaces) {
    std::sort(items, items + n);
    return items;
  }
  std::array<std::array<int64_t, 256>, kPlaces> counts{};
  for (int64_t i = 0; i < n; ++i) {
    for (int p = 0; p < kPlaces; ++p) ++counts[static_cast<size_t>(p)][items[i].digit(p)];
  }
  for (int p = 0; p < kPlaces; ++p) {
    std::array<int64_t, 256>& next = counts[static_cast<size_t>(p)];
    if (next[items[0].digit(p)] == n) continue;  // one digit in all of them
    int64_t before = 0;
    for (int64_t& count : next) before += std::exchange(count, before);
    for (int64_t i = 0; i < n; ++i) spare[next[items[i].digit(p)]++] = items[i];
    std::swap(items, spare);
  }
  return items;
}

// The k first of a line by a heap of them, whose top is the last of the k.
template <class Item, class T>
void select_by_heap(const Line<Item, T>& line, int64_t k, bool sorted, Item* items) {
  line.copy(k, items);
  if (k == 0) return;
  std::make_heap(items, items + k);
  for (int64_t i = k; i < line.n; ++i) {
    const Item item = line[i];
    if (!(item < items[0])) continue;
    std::pop_heap(items, items + k);
    items[k - 1] = item;
    std::push_heap(items, items + k);
  }
  if (sorted) std::sort_heap(items, items + k);
}

// The same by parting all of them.
template <class Item, class T>
void select_by_parting(const Line<Item, T>& line, int64_t k, bool sorted, Item* items) {
  line.copy(line.n, items);
  if (k < line.n) std::nth_element(items, items + k, items + line.n);
  if (sorted) std::sort(items, items + k);
}

// Sizes and strides of the lines; a 0-dim tensor is one of one element.
int64_t along(const Dims& dims, int dim) { return dims.empty() ? 1 : dims[dim]; }

// Writes, for each line of x, in parallel, the elements whose items `order(line, items, spare)` returns; it
// has room for a line twice.
template <class T, class Item, class Order>
void run(In x, int dim, bool descending, Out values, Out indices, double cost, const Order& order) {
  constexpr DType compute = dtype_of<T>();
  const Dims& value_strides = values.defined() ? *values.strides : *indices.strides;
  Nest<3> nest;
  for (int64_t at : by_stride(*x.strides)) {
    const int d = static_cast<int>(at);
    if (d != dim) nest.add((*x.sizes)[d], {(*x.strides)[d], value_strides[d], (*indices.strides)[d]});
  }
  const int64_t n = along(*x.sizes, dim), k = along(*indices.sizes, dim);
  if (nest.count() * k == 0) return;
  using Key = typename Item::Key;
  const Key flip = descending ? ~Key{0} : Key{0};
  const int64_t step = along(*x.strides, dim);
  const bool packed = x.dtype != compute || step != 1;
  const int64_t grain = static_cast<int64_t>(kWorkPerThread / cost) / n;

  parallel_for(nest.count(), grain, [&](int64_t begin, int64_t end) {
    const Scratch<T> line(packed ? n : 0), value(values.defined() ? k : 0);
    const Scratch<Item> items(n), spare(n);
    const Scratch<int64_t> index(k);
    Position<3> at(nest, begin);
    for (; begin < end; ++begin, at.next()) {
      if (packed) pack(x.dtype, address(x, at[0]), step, compute, line.data(), n);
      const T* data = packed ? line.data() : static_cast<const T*>(address(x, at[0]));
      const Item* first = order(Line<Item, T>{data, n, flip}, items.data(), spare.data());
      for (int64_t i = 0; i < k; ++i) index.data()[i] = first[i].position();
      unpack(DType::int64, index.data(), indices.dtype, address(indices, at[2]), along(*indices.strides, dim),
             k);
      if (!values.defined()) continue;
      for (int64_t i = 0; i < k; ++i) value.data()[i] = data[first[i].position()];
      unpack(compute, value.data(), values.dtype, address(values, at[1]), along(value_strides, dim), k);
    }
  });
}

// The same with the type that x is computed in and the items that hold it.
template <class Order>
void run(In x, int dim, bool descending, Out values, Out indices, double cost, const Order& order) {
  const bool wide = item_size(x.dtype) == 8 || along(*x.sizes, dim) > std::numeric_limits<uint32_t>::max();
  visit_compute(compute_dtype(x.dtype), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_same_v<T, double>) {
      if (!wide) return run<T, NarrowItem>(x, dim, descending, values, indices, cost, order);
    }
    run<T, WideItem>(x, dim, descending, values, indices, cost, order);
  });
}

// As many elements as `indices` takes of the sorted lines.
void sort_first(In x, int dim, bool descending, Out values, Out indices) {
  run(x, dim, descending, values, indices, kSortCost, [](const auto& line, auto* items, auto* spare) {
    line.copy(line.n, items);
    return sort_items(items, spare, line.n);
  });
}

}  // namespace

void sort(In x, int dim, bool descending, Out values, Out indices) {
  sort_first(x, dim, descending, values, indices);
}

void topk(In x, int dim, bool largest, bool sorted, Out values, Out indices) {
  const int64_t n = along(*x.sizes, dim), k = along(*indices.sizes, dim);
  if (sorted && k > n / kSortShare) return sort_first(x, dim, largest, values, indices);
  const bool few = k <= n / kHeapShare;
  run(x, dim, largest, values, indices, few ? kHeapCost : kSortCost,
      [k, few, sorted](const auto& line, auto* items, auto*) {
        few ? select_by_heap(line, k, sorted, items) : select_by_parting(line, k, sorted, items);
        return items;
      });
}

}  // namespace st::cpu
