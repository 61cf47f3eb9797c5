// ModuleList: a list of modules whose calls the owner writes out itself.
#pragma once

#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "spiraltorch/nn/any_layer.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// `text` with runs of equal children drawn together, "(0-2): 3 x Linear(...)".
std::string list_to_string(const Module& list);

/// A vector of modules of one type, or, as ModuleList<>, of layers of any types. Keys are positions,
/// "0.weight", whatever the names, as in torch.nn.ModuleList. Copy-assignment between lists of one length
/// fills.
template <class M = Layer>
class ModuleList final : public Module {
  static constexpr bool kMixed = std::same_as<M, Layer>;

 public:
  using Item = std::conditional_t<kMixed, AnyLayer, M>;

  ModuleList() = default;
  explicit ModuleList(std::vector<Item> items) : items_(std::move(items)) {}
  template <std::convertible_to<Item>... I>
  requires(sizeof...(I) > 0 && (!std::same_as<I, ModuleList> && ...)) explicit ModuleList(I... items) {
    items_.reserve(sizeof...(I));
    (items_.emplace_back(std::move(items)), ...);
  }

  void visit(Visitor& v) override {
    for (size_t i = 0; i < items_.size(); ++i) v(std::to_string(i), at(items_[i]));
  }
  std::string to_string() const override { return list_to_string(*this); }

  void push_back(Item item) { items_.push_back(std::move(item)); }
  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  /// The i-th module; -1 is the last. Throws IndexError.
  M& operator[](int64_t i) {
    const int64_t n = static_cast<int64_t>(size());
    check<IndexError>(i >= -n && i < n, "ModuleList: there is no module {}, it has {}", i, n);
    return at(items_[static_cast<size_t>(i < 0 ? i + n : i)]);
  }
  auto begin() {
    if constexpr (kMixed)
      return LayerIterator(items_.data());
    else
      return items_.begin();
  }
  auto end() {
    if constexpr (kMixed)
      return LayerIterator(items_.data() + items_.size());
    else
      return items_.end();
  }

 private:
  static M& at(Item& item) {
    if constexpr (kMixed)
      return *item;
    else
      return item;
  }

  std::vector<Item> items_;
};
static_assert(ModuleValue<ModuleList<>>);

}  // namespace nn
}  // namespace st
