// The text of a ModuleList, with equal neighbours drawn together as PyTorch does.
#include "spiraltorch/nn/module_list.h"

namespace st::nn {

std::string list_to_string(const Module& list) {
  const std::vector<Visitor::Member> members = Visitor::members(list);
  std::string lines;
  for (size_t first = 0, end; first < members.size(); first = end) {
    const std::string text = members[first].child->to_string();
    for (end = first + 1; end < members.size() && members[end].child->to_string() == text; ++end) {
    }
    const bool run = end - first > 1;
    lines += "\n(" + members[first].name + (run ? "-" + members[end - 1].name : "") + "): ";
    lines += (run ? std::to_string(end - first) + " x " : "") + text;
  }
  std::string indented;
  for (char c : lines) {
    indented += c;
    if (c == '\n') indented += "  ";
  }
  return "ModuleList(" + indented + (members.empty() ? ")" : "\n)");
}

}  // namespace st::nn
