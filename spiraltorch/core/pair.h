// Pair: an argument of one number for height and width, or one each. Padding: such a pair, or by name.
#pragma once

#include <concepts>
#include <cstdint>

namespace [[gnu::visibility("default")]] st {

/// `3`, or `{3, 2}` for height and width; unset where nothing is given.
class Pair {
 public:
  constexpr Pair() = default;
  template <std::integral I>
  requires(!std::same_as<I, bool>) constexpr Pair(I both)
      : h_(static_cast<int64_t>(both)), w_(static_cast<int64_t>(both)), set_(true) {}
  constexpr Pair(int64_t height, int64_t width) : h_(height), w_(width), set_(true) {}

  constexpr bool is_set() const { return set_; }
  constexpr int64_t h() const { return h_; }
  constexpr int64_t w() const { return w_; }
  /// This pair, or `otherwise` where it is unset.
  constexpr Pair or_else(Pair otherwise) const { return set_ ? *this : otherwise; }
  friend constexpr bool operator==(const Pair&, const Pair&) = default;

 private:
  int64_t h_ = 0, w_ = 0;
  bool set_ = false;
};

/// The zeros around an image: a number, `{height, width}`, "valid" (none) or "same" (the output is as large
/// as the input; where their number is odd, the last one stands behind). Another text throws ValueError.
class Padding {
 public:
  template <std::integral I>
  requires(!std::same_as<I, bool>) constexpr Padding(I both) : sizes_(both) {}
  constexpr Padding(int64_t height, int64_t width) : sizes_(height, width) {}
  constexpr Padding(Pair sizes) : sizes_(sizes) {}
  Padding(const char* name);

  constexpr bool is_same() const { return same_; }
  constexpr Pair sizes() const { return sizes_; }  // 0 for "same"
  friend constexpr bool operator==(const Padding&, const Padding&) = default;

 private:
  Pair sizes_;
  bool same_ = false;
};

}  // namespace st
