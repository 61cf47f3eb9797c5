// Matrix products by oneDNN, with weights packed once a version.
#include "spiraltorch/backend/cpu/onednn/matmul.h"

#include <unordered_map>

#include "spiraltorch/backend/cpu/onednn/context-inl.h"
#include "spiraltorch/backend/storage.h"

namespace st::cpu::onednn {
namespace {

using dnnl::memory;

// Sizes and strides as oneDNN wants them: where a batch is repeated (stride 0) it has size 1, and dimensions
// of size 1, whose strides mean nothing, get the strides of a dense matrix.
memory::desc describe_matrix(Dims sizes, Dims strides, DType dtype) {
  const int rows = sizes.size() - 2, cols = sizes.size() - 1;
  for (int d = 0; d < rows; ++d) {
    if (strides[d] == 0) sizes[d] = 1;
  }
  if (sizes[cols] == 1) strides[cols] = strides[rows] == 1 ? sizes[rows] : 1;
  if (sizes[rows] == 1) strides[rows] = strides[cols] == 1 ? sizes[cols] : 1;
  const bool plain = (strides[cols] == 1 && strides[rows] >= sizes[cols]) ||
                     (strides[rows] == 1 && strides[cols] >= sizes[rows]);
  if (!plain) return {};
  int64_t extent = std::max(sizes[rows] * strides[rows], sizes[cols] * strides[cols]);
  for (int d = rows - 1; d >= 0; --d) {
    if (sizes[d] == 1) strides[d] = extent;
    extent = std::max(extent, sizes[d] * strides[d]);
  }
  return describe(sizes, strides, dtype);
}

struct Product {
  memory::desc a, b, bias, y;  // bias: empty where there is none
  bool valid() const { return !is_empty(a) && !is_empty(b) && !is_empty(y); }
};

dnnl::matmul::primitive_desc make(const Product& p, const memory::desc& b, bool add = false) {
  dnnl::primitive_attr attr = attributes();
  if (add) {
    dnnl::post_ops after;
    after.append_sum();
    attr.set_post_ops(after);
  }
  if (is_empty(p.bias)) return describe_primitive<dnnl::matmul>(attr, p.a, b, p.y);
  return describe_primitive<dnnl::matmul>(attr, p.a, b, p.bias, p.y);
}

bool serves(const dnnl::matmul::primitive_desc& pd) { return pd && !is_reference(pd); }

void execute(const dnnl::matmul::primitive_desc& pd, const Product& p, const void* a, const void* b,
             const void* bias, void* y) {
  const Scratchpad scratchpad(pd.scratchpad_desc());
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory_of(p.a, a)},
                                            {DNNL_ARG_WEIGHTS, memory_of(pd.weights_desc(), b)},
                                            {DNNL_ARG_DST, memory_of(p.y, y)},
                                            {DNNL_ARG_SCRATCHPAD, scratchpad.memory()}};
  if (bias) arguments.emplace(DNNL_ARG_BIAS, memory_of(p.bias, bias));
  dnnl::matmul(pd).execute(stream(), arguments);
  stream().wait();
}

// w^T, (k, n), in the layout of oneDNN's choice.
memory::desc any_layout(In w) {
  return memory::desc({(*w.sizes)[1], (*w.sizes)[0]}, data_type(w.dtype), memory::format_tag::any);
}

std::shared_ptr<Scratch<std::byte>> packed(const memory::desc& from_desc, const void* data,
                                           const memory::desc& to_desc) {
  auto bytes = std::make_shared<Scratch<std::byte>>(static_cast<int64_t>(to_desc.get_size()));
  memory from = memory_of(from_desc, data), to = memory_of(to_desc, bytes->data());
  dnnl::reorder(from, to).execute(stream(), from, to);
  stream().wait();
  return bytes;
}

// A weight in oneDNN's layout; without data it only says that the weight was met at this version.
struct PackedWeight {
  int64_t offset, rows, cols, row_stride, col_stride;  // which view of the storage, in elements
  DType dtype;
  memory::desc desc;
  std::shared_ptr<Scratch<std::byte>> data;

  bool same_view(const PackedWeight& o) const {
    return offset == o.offset && rows == o.rows && cols == o.cols && row_stride == o.row_stride &&
           col_stride == o.col_stride && dtype == o.dtype;
  }
  // The slot's key. Its upper byte says whose copy it is, and so of what type; two views that share the
  // others, a hash, are told apart by same_view.
  uint64_t kind() const {
    uint64_t hash = 0;
    for (int64_t value : {offset, rows, cols, row_stride, col_stride, static_cast<int64_t>(dtype)}) {
      hash = (hash ^ static_cast<uint64_t>(value)) * 0x9E3779B97F4A7C15;
      hash ^= hash >> 29;
    }
    return hash >> 8 | uint64_t{1} << 56;
  }
};

PackedWeight view_of(In w) {
  const auto* base = static_cast<const char*>(w.owner->data());
  const int64_t bytes = static_cast<const char*>(w.data) - base;
  return {bytes / static_cast<int64_t>(item_size(w.dtype)),
          (*w.sizes)[0],
          (*w.sizes)[1],
          (*w.strides)[0],
          (*w.strides)[1],
          w.dtype,
          {},
          nullptr};
}

// The packed form of w, or null while the plain one is to be used.
std::shared_ptr<const PackedWeight> packed_weight(const Product& p, In w) {
  constexpr int64_t kSmallest = 64 * 64;
  if (!w.owner || w.owner->is_external() || (*w.sizes)[0] * (*w.sizes)[1] < kSmallest) return nullptr;
  PackedWeight view = view_of(w);
  const uint64_t kind = view.kind(), version = w.owner->version();
  auto found = std::static_pointer_cast<const PackedWeight>(w.owner->derived(kind));
  if (found && found->same_view(view)) {
    if (found->data) return found;
    const auto pd = make(p, any_layout(w));
    if (!serves(pd)) return nullptr;
    view.desc = pd.weights_desc();
    view.data = packed(p.b, w.data, view.desc);
  }
  auto entry = std::make_shared<const PackedWeight>(std::move(view));
  w.owner->set_derived(kind, version, entry);
  return entry->data ? entry : nullptr;
}

Product product_of(In a, In b, Out y) {
  return {describe_matrix(*a.sizes, *a.strides, a.dtype),
          describe_matrix(*b.sizes, *b.strides, b.dtype),
          {},
          describe_matrix(*y.sizes, *y.strides, y.dtype)};
}

Product product_of(In x, In w, In bias, Out y) {
  const Dims sizes{(*w.sizes)[1], (*w.sizes)[0]}, strides{(*w.strides)[1], (*w.strides)[0]};
  In transposed = w;
  transposed.sizes = &sizes;
  transposed.strides = &strides;
  Product p = product_of(x, transposed, y);
  if (bias.defined()) p.bias = describe({1, sizes[1]}, {sizes[1], 1}, bias.dtype);
  return p;
}

bool serves_types(In a, In bias) {
  const bool bias_is_dense = !bias.defined() || (*bias.sizes)[0] == 1 || (*bias.strides)[0] == 1;
  return data_type(a.dtype) != memory::data_type::undef && bias_is_dense;
}

std::string name_of(const Product& p, const memory::desc& b) {
  if (!p.valid()) return {};
  const auto pd = make(p, b);
  return pd ? pd.impl_info_str() : std::string();
}

}  // namespace

bool matmul(In a, In b, Out y) {
  if (!serves_types(a, {})) return false;
  const Product p = product_of(a, b, y);
  if (!p.valid()) return false;
  const auto pd = make(p, p.b);
  if (!serves(pd)) return false;
  execute(pd, p, a.data, b.data, nullptr, y.data);
  return true;
}

bool linear(In x, In w, In bias, Out y) {
  if (!serves_types(x, bias)) return false;
  const Product p = product_of(x, w, bias, y);
  if (!p.valid()) return false;
  if (const auto packed = packed_weight(p, w)) {
    // Packed for another number of rows, perhaps; the layout serves any.
    if (const auto pd = make(p, packed->desc); serves(pd)) {
      execute(pd, p, x.data, packed->data->data(), bias.data, y.data);
      return true;
    }
  }
  const auto pd = make(p, p.b);
  if (!serves(pd)) return false;
  execute(pd, p, x.data, w.data, bias.data, y.data);
  return true;
}

RepeatedLinear repeated_linear(In x, In w, Out y, bool add) {
  if (!serves_types(x, {})) return {};
  const Product p = product_of(x, w, {}, y);
  if (!p.valid()) return {};
  const auto pd = make(p, any_layout(w), add);
  if (!serves(pd)) return {};
  const auto weights = packed(p.b, w.data, pd.weights_desc());
  return [p, pd, weights](const void* x_data, void* y_data) {
    execute(pd, p, x_data, weights->data(), nullptr, y_data);
  };
}

std::string linear_implementation(In x, In w, In bias, Out y, bool packed) {
  if (!serves_types(x, bias)) return {};
  const Product p = product_of(x, w, bias, y);
  if (!p.valid()) return {};
  return name_of(p, packed ? any_layout(w) : p.b);
}

std::string matmul_implementation(In a, In b, Out y) {
  if (!serves_types(a, {})) return {};
  const Product p = product_of(a, b, y);
  return name_of(p, p.b);
}

}  // namespace st::cpu::onednn
