// What every use of oneDNN needs: its engine, this thread's stream, scratchpads from our allocator, memory
// descriptors of our views. For the .cpp files of this folder alone: nobody else sees dnnl.hpp.
#pragma once

#include <dnnl.hpp>
#include <string_view>

#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/core/dims.h"
#include "spiraltorch/core/dtype.h"
#include "spiraltorch/core/parallel.h"

namespace st::cpu::onednn {

inline const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

/// A stream a thread: oneDNN's streams are not for several threads at once.
inline dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

/// The memory of a primitive's scratchpad for one execution.
class Scratchpad {
 public:
  explicit Scratchpad(const dnnl::memory::desc& desc)
      : bytes_(static_cast<int64_t>(desc.get_size())), memory_(desc, engine(), bytes_.data()) {}
  const dnnl::memory& memory() const { return memory_; }

 private:
  Scratch<std::byte> bytes_;
  dnnl::memory memory_;
};

/// Attributes with the scratchpad given by the caller. Every primitive begins here, so this is also where
/// OpenMP is told how many threads oneDNN, which asks it, may use.
inline dnnl::primitive_attr attributes() {
  tell_openmp();
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

inline dnnl::memory::data_type data_type(DType dtype) {
  using Type = dnnl::memory::data_type;
  return dtype == DType::float32 ? Type::f32 : dtype == DType::bfloat16 ? Type::bf16 : Type::undef;
}

/// An empty descriptor (not one of oneDNN's own meaning) where oneDNN cannot describe the strides: elements
/// that overlap, or a step of zero.
inline dnnl::memory::desc describe(const Dims& sizes, const Dims& strides, DType dtype) {
  return dnnl::memory::desc(sizes.to_vector(), data_type(dtype), strides.to_vector(), true);
}

inline bool is_empty(const dnnl::memory::desc& desc) { return desc == dnnl::memory::desc(); }

inline dnnl::memory memory_of(const dnnl::memory::desc& desc, const void* data) {
  return dnnl::memory(desc, engine(), const_cast<void*>(data));
}

/// Whether the implementation is oneDNN's plain loops, a hundred times slower than ours.
template <class PrimitiveDesc>
bool is_reference(const PrimitiveDesc& pd) {
  return std::string_view(pd.impl_info_str()).starts_with("ref");
}

/// The one place where the two versions of the API differ: version 3 has no operation descriptors. Returns an
/// empty one where oneDNN has no implementation.
template <class Primitive, class... A>
typename Primitive::primitive_desc describe_primitive(const dnnl::primitive_attr& attr,
                                                      const A&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine(), arguments..., attr, true);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attr, engine(), true);
#endif
}

/// The same for a gradient, which is made after its forward.
template <class Primitive, class Forward, class... A>
typename Primitive::primitive_desc describe_gradient(const dnnl::primitive_attr& attr, const Forward& forward,
                                                     const A&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine(), arguments..., forward, attr, true);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attr, engine(), forward,
                                            true);
#endif
}

}  // namespace st::cpu::onednn
