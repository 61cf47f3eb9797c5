// Primitives of convolution are made once for a problem and kept: making one takes as long as a small
// convolution. Images stay in the layout they have; weights take the one that oneDNN asks for, for plain ones
// would cost its reference loops.
#include "spiraltorch/backend/cpu/onednn/conv.h"

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "spiraltorch/backend/cpu/conv.h"
#include "spiraltorch/backend/cpu/onednn/context-inl.h"
#include "spiraltorch/backend/storage.h"

namespace st::cpu::onednn {
namespace {

using dnnl::memory;
using Forward = dnnl::convolution_forward;
using BackwardInput = dnnl::convolution_backward_data;
using BackwardWeight = dnnl::convolution_backward_weights;

// Everything that a primitive depends on. The dtype of the weights is that of the image.
struct Problem {
  Dims x, w, y;
  DType x_type = DType::float32, y_type = DType::float32, w_type = DType::float32;
  bool x_last = false, y_last = false, bias = false;
  ConvRule rule{};

  std::vector<int64_t> key() const {
    std::vector<int64_t> key;
    for (const Dims* dims : {&x, &w, &y}) key.insert(key.end(), dims->begin(), dims->end());
    for (const auto* pair : {&rule.stride, &rule.before, &rule.after, &rule.dilation})
      key.insert(key.end(), pair->begin(), pair->end());
    for (const DType dtype : {x_type, y_type, w_type}) key.push_back(static_cast<int64_t>(dtype));
    key.insert(key.end(), {rule.groups, x_last, y_last, bias, num_threads()});
    return key;
  }

  // One channel is both layouts: as a plain image it is one of oneDNN's first convolutions.
  memory::desc image(const Dims& sizes, DType dtype, bool last) const {
    using Tag = memory::format_tag;
    return {sizes.to_vector(), data_type(dtype), last && sizes[1] > 1 ? Tag::nhwc : Tag::nchw};
  }
  memory::desc x_desc() const { return image(x, x_type, x_last); }
  memory::desc y_desc() const { return image(y, y_type, y_last); }
  memory::desc bias_desc() const { return {{y[1]}, data_type(DType::float32), memory::format_tag::x}; }
  memory::dims weight_sizes() const {
    if (rule.groups == 1) return w.to_vector();
    return {rule.groups, w[0] / rule.groups, w[1], w[2], w[3]};
  }
  memory::desc plain_weight() const {
    using Tag = memory::format_tag;
    return {weight_sizes(), data_type(w_type), rule.groups == 1 ? Tag::oihw : Tag::goihw};
  }
  memory::desc any_weight() const { return {weight_sizes(), data_type(w_type), memory::format_tag::any}; }
  memory::dims stride() const { return {rule.stride[0], rule.stride[1]}; }
  memory::dims dilation() const { return {rule.dilation[0] - 1, rule.dilation[1] - 1}; }
  memory::dims before() const { return {rule.before[0], rule.before[1]}; }
  memory::dims after() const { return {rule.after[0], rule.after[1]}; }
};

Forward::primitive_desc describe(const Problem& p, const Forward*) {
  const auto kind = dnnl::prop_kind::forward_training;
  const auto direct = dnnl::algorithm::convolution_direct;
  if (p.bias)
    return describe_primitive<Forward>(attributes(), kind, direct, p.x_desc(), p.any_weight(), p.bias_desc(),
                                       p.y_desc(), p.stride(), p.dilation(), p.before(), p.after());
  return describe_primitive<Forward>(attributes(), kind, direct, p.x_desc(), p.any_weight(), p.y_desc(),
                                     p.stride(), p.dilation(), p.before(), p.after());
}

BackwardInput::primitive_desc describe(const Problem& p, const BackwardInput*) {
  const auto hint = describe(p, static_cast<const Forward*>(nullptr));
  if (!hint) return {};
  return describe_gradient<BackwardInput>(attributes(), hint, dnnl::algorithm::convolution_direct, p.x_desc(),
                                          p.any_weight(), p.y_desc(), p.stride(), p.dilation(), p.before(),
                                          p.after());
}

BackwardWeight::primitive_desc describe(const Problem& p, const BackwardWeight*) {
  const auto hint = describe(p, static_cast<const Forward*>(nullptr));
  if (!hint) return {};
  const auto direct = dnnl::algorithm::convolution_direct;
  if (p.bias)
    return describe_gradient<BackwardWeight>(attributes(), hint, direct, p.x_desc(), p.any_weight(),
                                             p.bias_desc(), p.y_desc(), p.stride(), p.dilation(), p.before(),
                                             p.after());
  return describe_gradient<BackwardWeight>(attributes(), hint, direct, p.x_desc(), p.any_weight(), p.y_desc(),
                                           p.stride(), p.dilation(), p.before(), p.after());
}

template <class Primitive>
struct Made {
  typename Primitive::primitive_desc pd;
  Primitive primitive;
};

// The primitive for a problem, or null where oneDNN does not serve it. The few shapes of a network are met
// again and again; a program that meets ever new ones starts over at times.
template <class Primitive>
std::shared_ptr<const Made<Primitive>> find(const Problem& p) {
  constexpr size_t kMost = 256;
  static std::mutex mutex;
  static std::map<std::vector<int64_t>, std::shared_ptr<const Made<Primitive>>> made;
  const std::vector<int64_t> key = p.key();
  {
    const std::lock_guard lock(mutex);
    if (const auto at = made.find(key); at != made.end()) return at->second;
  }
  std::shared_ptr<const Made<Primitive>> entry;
  if (auto pd = describe(p, static_cast<const Primitive*>(nullptr)); pd && !is_reference(pd))
    entry = std::make_shared<const Made<Primitive>>(Made<Primitive>{pd, Primitive(pd)});
  const std::lock_guard lock(mutex);
  if (made.size() >= kMost) made.clear();
  made.emplace(key, entry);
  return entry;
}

// Weights in a layout of oneDNN's.
struct PackedWeight {
  int64_t offset;  // of the plain ones in their storage, in bytes
  memory::desc plain, desc;
  Scratch<std::byte> data;
};

void reorder(const memory::desc& from, const void* source, const memory::desc& to, void* target) {
  memory a = memory_of(from, source), b = memory_of(to, target);
  dnnl::reorder(a, b).execute(stream(), a, b);
  stream().wait();
}

std::shared_ptr<const PackedWeight> pack(In w, const memory::desc& plain, const memory::desc& desc) {
  const bool keeps = w.owner && !w.owner->is_external();
  const int64_t offset =
      keeps ? static_cast<const char*>(w.data) - static_cast<const char*>(w.owner->data()) : 0;
  // The slot's key: the upper byte says whose copy it is. Another direction or view is told apart below.
  constexpr uint64_t kind = uint64_t{2} << 56;
  const uint64_t version = keeps ? w.owner->version() : 0;
  if (keeps) {
    auto found = std::static_pointer_cast<const PackedWeight>(w.owner->derived(kind));
    if (found && found->offset == offset && found->plain == plain && found->desc == desc) return found;
  }
  auto packed = std::shared_ptr<PackedWeight>(
      new PackedWeight{offset, plain, desc, Scratch<std::byte>(static_cast<int64_t>(desc.get_size()))});
  reorder(plain, w.data, desc, packed->data.data());
  if (keeps) w.owner->set_derived(kind, version, packed);
  return packed;
}

// The weights as a primitive wants them, for the time of one call.
class Weights {
 public:
  Weights(const Problem& p, In w, const memory::desc& desc) {
    const memory::desc plain = p.plain_weight();
    if (desc != plain) packed_ = pack(w, plain, desc);
    memory_ = memory_of(desc, packed_ ? packed_->data.data() : w.data);
  }
  const memory& get() const { return memory_; }

 private:
  std::shared_ptr<const PackedWeight> packed_;
  memory memory_;
};

using Arguments = std::unordered_map<int, memory>;

template <class Primitive>
void execute(const Made<Primitive>& made, Arguments arguments) {
  tell_openmp();
  const Scratchpad scratchpad(made.pd.scratchpad_desc());
  arguments.emplace(DNNL_ARG_SCRATCHPAD, scratchpad.memory());
  made.primitive.execute(stream(), arguments);
  stream().wait();
}

bool serves(DType dtype) { return data_type(dtype) != memory::data_type::undef; }

template <class X, class W, class Y>
Problem problem_of(const X& x, const W& w, const Y& y, const ConvRule& rule) {
  return {*x.sizes,
          *w.sizes,
          *y.sizes,
          x.dtype,
          y.dtype,
          w.dtype,
          is_channels_last(*x.sizes, *x.strides),
          is_channels_last(*y.sizes, *y.strides),
          false,
          rule};
}

// A bias as float32, as oneDNN adds it whatever it multiplies; read through its stride.
class Bias {
 public:
  explicit Bias(In bias) {
    if (!bias.defined()) return;
    const int64_t n = (*bias.sizes)[0], stride = (*bias.strides)[0];
    if (bias.dtype == DType::float32 && (stride == 1 || n == 1)) {
      data_ = bias.data;
      return;
    }
    values_.emplace(n);
    for (int64_t i = 0; i < n; ++i) {
      values_->data()[i] = bias.dtype == DType::float32 ? bias.as<float>()[i * stride]
                                                        : static_cast<float>(bias.as<bfloat16>()[i * stride]);
    }
    data_ = values_->data();
  }
  const void* data() const { return data_; }

 private:
  std::optional<Scratch<float>> values_;
  const void* data_ = nullptr;
};

template <class Primitive>
std::string name_of(const Problem& p) {
  const auto made = find<Primitive>(p);
  return made ? made->pd.impl_info_str() : std::string();
}

}  // namespace

bool conv2d(In x, In w, In bias, const ConvRule& rule, Out y) {
  if (!serves(x.dtype)) return false;
  Problem p = problem_of(x, w, y, rule);
  p.bias = bias.defined();
  const auto made = find<Forward>(p);
  if (!made) return false;
  const Weights weights(p, w, made->pd.weights_desc());
  const Bias shift(bias);
  Arguments arguments{{DNNL_ARG_SRC, memory_of(p.x_desc(), x.data)},
                      {DNNL_ARG_WEIGHTS, weights.get()},
                      {DNNL_ARG_DST, memory_of(p.y_desc(), y.data)}};
  if (p.bias) arguments.emplace(DNNL_ARG_BIAS, memory_of(p.bias_desc(), shift.data()));
  execute(*made, std::move(arguments));
  return true;
}

bool conv2d_backward_input(In dy, In w, const ConvRule& rule, Out dx) {
  if (!serves(dy.dtype)) return false;
  const Problem p = problem_of(dx, w, dy, rule);
  const auto made = find<BackwardInput>(p);
  if (!made) return false;
  const Weights weights(p, w, made->pd.weights_desc());
  execute(*made, {{DNNL_ARG_DIFF_SRC, memory_of(p.x_desc(), dx.data)},
                  {DNNL_ARG_WEIGHTS, weights.get()},
                  {DNNL_ARG_DIFF_DST, memory_of(p.y_desc(), dy.data)}});
  return true;
}

bool conv2d_backward_weight(In x, In dy, const ConvRule& rule, Out dw, Out db) {
  if (!serves(x.dtype) || (db.defined() && db.dtype != DType::float32)) return false;
  Problem p = problem_of(x, dw, dy, rule);
  p.bias = db.defined();
  const auto made = find<BackwardWeight>(p);
  if (!made) return false;
  const memory::desc desc = made->pd.diff_weights_desc(), plain = p.plain_weight();
  std::optional<Scratch<std::byte>> blocked;
  if (desc != plain) blocked.emplace(static_cast<int64_t>(desc.get_size()));
  Arguments arguments{{DNNL_ARG_SRC, memory_of(p.x_desc(), x.data)},
                      {DNNL_ARG_DIFF_DST, memory_of(p.y_desc(), dy.data)},
                      {DNNL_ARG_DIFF_WEIGHTS, memory_of(desc, blocked ? blocked->data() : dw.data)}};
  if (p.bias) arguments.emplace(DNNL_ARG_DIFF_BIAS, memory_of(p.bias_desc(), db.data));
  execute(*made, std::move(arguments));
  if (blocked) reorder(desc, blocked->data(), plain, dw.data);
  return true;
}

std::string conv2d_implementation(In x, In w, const ConvRule& rule, In y) {
  return serves(x.dtype) ? name_of<Forward>(problem_of(x, w, y, rule)) : std::string();
}

std::string conv2d_backward_input_implementation(In dy, In w, const ConvRule& rule, In dx) {
  return serves(dy.dtype) ? name_of<BackwardInput>(problem_of(dx, w, dy, rule)) : std::string();
}

std::string conv2d_backward_weight_implementation(In x, In dy, const ConvRule& rule, In dw) {
  return serves(x.dtype) ? name_of<BackwardWeight>(problem_of(x, dw, dy, rule)) : std::string();
}

}  // namespace st::cpu::onednn
