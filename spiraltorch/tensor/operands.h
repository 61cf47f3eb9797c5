// What every op asks of its tensors before anything else: that they are there and on one device. And the
// memory of a result, under the op's name.
#pragma once

#include <initializer_list>

#include "spiraltorch/tensor/tensor.h"

namespace st {

struct Operand {
  const char* name;
  const Tensor& tensor;
  bool optional = false;  // may be undefined
};

[[gnu::cold]] void throw_operands(const char* op, std::initializer_list<Operand> operands);

/// Throws ValueError, naming op and argument, for an undefined tensor or one on another device than the
/// first.
inline void check_operands(const char* op, std::initializer_list<Operand> operands) {
  const Storage* first = nullptr;
  for (const Operand& operand : operands) {
    const TensorImpl* x = operand.tensor.handle().get();
    if (x == nullptr) {
      if (!operand.optional) [[unlikely]]
        throw_operands(op, operands);
      continue;
    }
    if (first == nullptr) first = x->storage.get();
    if (x->storage->device() != first->device()) [[unlikely]]
      throw_operands(op, operands);
  }
}

/// The same for a list, whose entries are named by their place.
inline void check_operands(const char* op, const std::vector<Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    check<ValueError>(tensors[i].defined(), "{}: tensor {} is undefined", op, i);
    check<ValueError>(tensors[i].device() == tensors[0].device(),
                      "{}: tensor 0 is on {} and tensor {} on {}; move one of them with to(device)", op,
                      tensors[0].device(), i, tensors[i].device());
  }
}

/// Where a kernel writes what may not be asked for: nowhere if t is undefined.
inline Out out_of(const Tensor& t) { return t.defined() ? t.out() : Out(); }

/// For ops that write to x, before they do.
inline void check_not_read_only(const char* op, const char* name, const Tensor& x) {
  check<ValueError>(!x.storage()->is_read_only(),
                    "{}: the memory of {} {} is read-only; clone() it and write to the copy", op, name,
                    x.shape());
}

/// For ops of one tensor that have no meaning for integers.
inline void check_floating(const char* op, const Tensor& x) {
  check<DTypeError>(is_floating(x.dtype()), "{}: expected a floating-point tensor, got {}", op, x.dtype());
}

/// Fresh memory; errors carry the name of the op that asked for it.
Tensor empty_for(const char* op, const Shape& shape, const Strides& strides, DType dtype, Device device);
inline Tensor empty_for(const char* op, const Shape& shape, DType dtype, Device device = Device::cpu) {
  return empty_for(op, shape, contiguous_strides(shape), dtype, device);
}

}  // namespace st
