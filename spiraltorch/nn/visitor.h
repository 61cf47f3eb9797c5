// Visitor: what Module::visit tells its members to. Everything that is said about a module's members (state
// dicts, parameters, copies between devices and dtypes, printing) comes from the list it makes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spiraltorch/nn/parameter.h"

namespace [[gnu::visibility("default")]] st {
namespace nn {

class Module;

/// The members of one module, in the order in which its `visit` names them.
///   v("weight", weight), v("running_mean", running_mean), v("fc1", fc1);      or v(fc1): under its own name
/// A child without a name is known by its position among the children: "0", "1", ... Throws ValueError for a
/// name that is empty or has a "." in it, and for a name that is taken.
class Visitor {
 public:
  /// One member: exactly one of the pointers is set.
  struct Member {
    std::string name;
    Parameter* parameter = nullptr;
    Buffer* buffer = nullptr;
    Module* child = nullptr;
  };

  /// The members of `module`, undefined tensors included. This is the one place where a const module is
  /// visited: visit is not const, for most walks change what they visit, but naming members changes nothing.
  /// A walk that goes on to change members starts from a module that is not const.
  static std::vector<Member> members(const Module& module);

  void operator()(std::string_view name, Parameter& parameter);
  void operator()(std::string_view name, Buffer& buffer);
  void operator()(std::string_view name, Module& child);
  void operator()(Module& child);

 private:
  explicit Visitor(const Module& module) : module_(module) {}
  void add(Member member);

  const Module& module_;
  size_t children_ = 0;
  std::vector<Member> members_;
};

}  // namespace nn
}  // namespace st
