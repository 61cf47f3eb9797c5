// StateDict: tensors under dotted names, in order, with text beside them: what modules, optimisers and files
// exchange.
#pragma once

#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spiraltorch/tensor/tensor.h"

namespace [[gnu::visibility("default")]] st {

/// Ordered (name, tensor) pairs with unique names, and string metadata. Looking a name up takes logarithmic
/// time.
class StateDict {
 public:
  using Entry = std::pair<std::string, Tensor>;
  using const_iterator = std::vector<Entry>::const_iterator;

  StateDict() = default;
  StateDict(std::initializer_list<Entry> entries) : StateDict(entries.begin(), entries.end()) {}
  template <std::input_iterator It>
  StateDict(It first, It last) {
    for (; first != last; ++first) insert(first->first, first->second);
  }

  /// Appends an entry. Throws ValueError if the name is there already.
  void insert(std::string name, Tensor value);
  /// Appends every entry NAME of `part`, and its metadata, as PREFIX.NAME: several state dicts in one file.
  /// Throws ValueError, and appends nothing, if one is there already.
  void insert(const std::string& prefix, const StateDict& part);
  /// The entries and the metadata PREFIX.NAME as NAME; none if there are none.
  StateDict part(const std::string& prefix) const;
  /// The tensor of that name. Throws IndexError naming it.
  const Tensor& at(std::string_view name) const;
  /// The tensor of that name, or null.
  const Tensor* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

  /// Text beside the tensors: safetensors' __metadata__, a parameter's manifold and curvature.
  std::map<std::string, std::string> metadata;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> positions_;
};

}  // namespace st
