// Sequential: layers applied one after the other.
#pragma once

#include <string>
#include <vector>

#include "spiraltorch/nn/any_layer.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

/// y = layer_n(... layer_1(x)). Takes layers of any type by value:
///   nn::Sequential net{nn::Linear("fc1", 784, 128), nn::ReLU(), nn::Linear("fc2", 128, 10)};
/// In braces C++ makes the layers from the first to the last, so that a seed gives PyTorch's weights; in
/// round brackets it may make them in any order. A layer's key is its name, or its position if it has none:
/// "fc1.weight", "2.weight". A string in front is the name of the Sequential itself. Source:
/// torch.nn.Sequential.
class Sequential : public Layer {
 public:
  Sequential() = default;
  template <std::derived_from<Layer> First, std::derived_from<Layer>... Rest>
  requires(sizeof...(Rest) > 0 || !std::same_as<First, Sequential>) explicit Sequential(First first,
                                                                                        Rest... rest) {
    reserve_and_add(std::move(first), std::move(rest)...);
  }
  template <std::derived_from<Layer>... L>
  explicit Sequential(std::string name, L... layers) : Layer(std::move(name)) {
    reserve_and_add(std::move(layers)...);
  }

  Tensor forward(const Tensor& x) override;
  void visit(Visitor& v) override;

  /// Appends a layer. Throws ValueError if its key is taken.
  void push_back(AnyLayer layer);
  size_t size() const { return layers_.size(); }
  bool empty() const { return layers_.empty(); }
  /// The i-th layer; -1 is the last. Throws IndexError.
  Layer& operator[](int64_t i) const;
  /// The i-th layer as an L. Throws ValueError if it is of another type.
  template <std::derived_from<Layer> L>
  L& at(int64_t i) const {
    Layer& layer = (*this)[i];
    L* typed = dynamic_cast<L*>(&layer);
    check<ValueError>(typed != nullptr, "Sequential: layer {} is a {}, another type was asked for", i,
                      layer.type_name());
    return *typed;
  }
  LayerIterator begin() const { return LayerIterator(layers_.data()); }
  LayerIterator end() const { return LayerIterator(layers_.data() + layers_.size()); }

 private:
  template <class... L>
  void reserve_and_add(L&&... layers) {
    layers_.reserve(sizeof...(L));
    (push_back(std::move(layers)), ...);
  }

  std::vector<AnyLayer> layers_;
};
static_assert(ModuleValue<Sequential>);

}  // namespace nn
}  // namespace st
