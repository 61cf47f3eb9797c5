// Lookup by name beside the order of insertion.
#include "spiraltorch/tensor/state_dict.h"

namespace st {

void StateDict::insert(std::string name, Tensor value) {
  const auto [at, is_new] = positions_.emplace(name, entries_.size());
  check<ValueError>(is_new, "StateDict.insert: the name \"{}\" appears twice", name);
  entries_.emplace_back(std::move(name), std::move(value));
}

void StateDict::insert(const std::string& prefix, const StateDict& part) {
  StateDict next = *this;
  const auto key = [&prefix](const std::string& name) { return prefix + "." + name; };
  for (const auto& [name, value] : part) next.insert(key(name), value);
  for (const auto& [name, text] : part.metadata) next.metadata[key(name)] = text;
  *this = std::move(next);
}

StateDict StateDict::part(const std::string& prefix) const {
  StateDict part;
  const std::string start = prefix + ".";
  for (const auto& [name, value] : *this) {
    if (name.starts_with(start)) part.insert(name.substr(start.size()), value);
  }
  for (const auto& [name, text] : metadata) {
    if (name.starts_with(start)) part.metadata[name.substr(start.size())] = text;
  }
  return part;
}

const Tensor* StateDict::find(std::string_view name) const {
  const auto at = positions_.find(name);
  return at == positions_.end() ? nullptr : &entries_[at->second].second;
}

const Tensor& StateDict::at(std::string_view name) const {
  const Tensor* value = find(name);
  check<IndexError>(value != nullptr, "StateDict.at: no entry is named \"{}\" ({} entries)", name, size());
  return *value;
}

}  // namespace st
