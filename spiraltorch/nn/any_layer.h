// AnyLayer: a layer of any type, held by value. Containers of mixed layers are vectors of these.
#pragma once

#include <iterator>
#include <memory>
#include <utility>

#include "spiraltorch/nn/module.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// Copying copies the layer, as its own type. Copy-assignment fills the layer that is there (leaves stay)
/// when both are of one type, and replaces it by a copy otherwise. Moved-from, it holds nothing and may only
/// be assigned to.
class AnyLayer {
 public:
  template <class L>
  requires std::derived_from<L, Layer> AnyLayer(L layer)
      : layer_(std::make_unique<L>(std::move(layer))), type_(&kType<L>) {
    static_assert(ModuleValue<L>, "a layer is a value: copyable, and movable without exceptions");
  }
  AnyLayer(const AnyLayer& other)
      : layer_(other.layer_ ? other.type_->copy(*other) : nullptr), type_(other.type_) {}
  AnyLayer(AnyLayer&&) noexcept = default;
  AnyLayer& operator=(const AnyLayer& other) {
    if (layer_ && other.layer_ && type_->fill == other.type_->fill) {
      type_->fill(*layer_, *other);
    } else {
      *this = AnyLayer(other);
    }
    return *this;
  }
  AnyLayer& operator=(AnyLayer&&) noexcept = default;
  ~AnyLayer() = default;

  Layer& operator*() const { return *layer_; }
  Layer* operator->() const { return layer_.get(); }

 private:
  // What has to be known of the layer's type.
  struct Type {
    std::unique_ptr<Layer> (*copy)(const Layer&);
    void (*fill)(Layer& to, const Layer& from);
  };
  template <class L>
  static inline constexpr Type kType = {
      [](const Layer& layer) -> std::unique_ptr<Layer> {
        return std::make_unique<L>(static_cast<const L&>(layer));
      },
      [](Layer& to, const Layer& from) { static_cast<L&>(to) = static_cast<const L&>(from); }};

  std::unique_ptr<Layer> layer_;
  const Type* type_;
};

/// Goes through a vector<AnyLayer> as through layers.
class LayerIterator {
 public:
  using value_type = Layer;
  using difference_type = std::ptrdiff_t;
  LayerIterator() = default;
  explicit LayerIterator(const AnyLayer* at) : at_(at) {}
  Layer& operator*() const { return **at_; }
  Layer* operator->() const { return &**at_; }
  LayerIterator& operator++() { return ++at_, *this; }
  LayerIterator operator++(int) { return LayerIterator(at_++); }
  bool operator==(const LayerIterator&) const = default;

 private:
  const AnyLayer* at_ = nullptr;
};

}  // namespace nn
}  // namespace st
