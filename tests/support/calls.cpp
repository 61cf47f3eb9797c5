// The table of ops by name.
#include "tests/support/calls.h"

#include "spiraltorch/ops/activation.h"
#include "spiraltorch/ops/arithmetic.h"
#include "spiraltorch/ops/arrange.h"
#include "spiraltorch/ops/attention.h"
#include "spiraltorch/ops/compare.h"
#include "spiraltorch/ops/conv.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/dropout.h"
#include "spiraltorch/ops/embedding.h"
#include "spiraltorch/ops/index.h"
#include "spiraltorch/ops/indexing.h"
#include "spiraltorch/ops/inplace.h"
#include "spiraltorch/ops/join.h"
#include "spiraltorch/ops/loss.h"
#include "spiraltorch/ops/mask.h"
#include "spiraltorch/ops/matmul.h"
#include "spiraltorch/ops/norm.h"
#include "spiraltorch/ops/pool.h"
#include "spiraltorch/ops/random.h"
#include "spiraltorch/ops/recurrent.h"
#include "spiraltorch/ops/reduce.h"
#include "spiraltorch/ops/scan.h"
#include "spiraltorch/ops/shape.h"
#include "spiraltorch/ops/softmax.h"
#include "spiraltorch/ops/sort.h"
#include "spiraltorch/ops/variance.h"
#include "spiraltorch/ops/vector_norm.h"
#include "spiraltorch/vision/resize.h"

namespace st::test {
namespace {

std::optional<DType> dtype(const Call& c) {
  return c.has("dtype") ? std::optional(c.dtype("dtype")) : std::nullopt;
}

Reduction reduction(const Call& c) {
  const std::string name = c.text("reduction", "mean");
  if (name == "none") return Reduction::none;
  if (name == "sum") return Reduction::sum;
  if (name == "mean") return Reduction::mean;
  if (name == "batchmean") return Reduction::batchmean;
  throw NotExpressible("reduction \"" + name + "\"");
}

Activation activation(const Call& c) {
  const std::string name = c.text("activation", "none");
  if (name == "none") return Activation::none;
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "sigmoid") return Activation::sigmoid;
  throw NotExpressible("activation \"" + name + "\"");
}

// The same where only one side is: a number, or a list of one.
std::optional<int64_t> single(const Call& c, const std::string& name) {
  if (!c.has(name)) return {};
  const std::vector<int64_t> values = c.integers(name);
  if (values.empty()) return {};
  if (values.size() > 1) throw NotExpressible("more than 1 number in " + name);
  return values[0];
}

int64_t one(const Call& c, const std::string& name) {
  const std::optional<int64_t> value = single(c, name);
  if (!value) throw NotExpressible("no number in " + name);
  return *value;
}

// f(x, dims, keep, options) of var and its like; torch's unbiased = false is a correction of 0.
template <class F>
auto variance(F f) {
  return [f](const Call& c) -> Result {
    const double correction = c.flag("unbiased", true) ? c.real("correction", 1) : 0;
    return f(c.tensor("input"), c.axes("dim"), c.keep(), VarOptions{correction});
  };
}

// The argument p: a number, or a name for one; the Frobenius norm of all elements is that of p = 2.
double norm_order(const Call& c) {
  try {
    return c.real("p", 2);
  } catch (const NotExpressible&) {
    if (c.text("p", "") == "fro") return 2;
    throw;
  }
}

MaxPool2dFuncOptions max_pool2d_options(const Call& c) {
  return {pair(c, "stride"), pair(c, "padding", 0), pair(c, "dilation", 1), c.flag("ceil_mode", false)};
}
MaxPool1dFuncOptions max_pool1d_options(const Call& c) {
  return {single(c, "stride"), single(c, "padding").value_or(0), single(c, "dilation").value_or(1),
          c.flag("ceil_mode", false)};
}

// f(x, y) where y may be a number.
template <class F>
auto with_other(F f) {
  return [f](const Call& c) -> Result {
    return c.is_tensor("other") ? f(c.tensor("input"), c.tensor("other"))
                                : f(c.tensor("input"), c.scalar("other"));
  };
}

// f(x, mask, value) where value may be a number.
template <class F>
auto with_value(F f) {
  return [f](const Call& c) -> Result {
    return c.is_tensor("value") ? f(c.tensor("input"), c.tensor("mask"), c.tensor("value"))
                                : f(c.tensor("input"), c.tensor("mask"), c.scalar("value"));
  };
}

// max(x), max(x, y) or max(x, dim).
template <class All, class Along, class Pair>
auto extremum(All all, Along along, Pair pair) {
  return [=](const Call& c) -> Result {
    if (c.is_tensor("dim")) return pair(c.tensor("input"), c.tensor("dim"));
    if (c.has("dim")) return along(c.tensor("input"), c.integer("dim"), c.keep());
    return all(c.tensor("input"));
  };
}

template <class F>
auto unary(F f) {
  return [f](const Call& c) -> Result { return f(c.tensor("input")); };
}

#define ST_CALL(f) [](const auto&... a) { return f(a...); }  // a set of overloads as one value

// An entry of x.index({...}): an integer, a tensor, null for None, or {"slice": [start, end, step]}.
Index index_of(const Json& entry, const std::vector<Tensor>& tensors) {
  if (entry.is_number_integer()) return entry.get<int64_t>();
  if (entry.is_null()) return None;
  if (entry.is_object() && entry.contains("tensor")) return tensors.at(entry.at("tensor"));
  if (!entry.is_object() || !entry.contains("slice"))
    throw NotExpressible("an index other than int, Slice, None, Tensor");
  const Json& s = entry.at("slice");
  const auto bound = [&s](size_t i) {
    return s.at(i).is_null() ? std::optional<int64_t>() : s.at(i).get<int64_t>();
  };
  return Slice(bound(0), bound(1), bound(2).value_or(1));
}

// The list is written at its place in C++, so that each length is a call of its own.
Tensor index_with(const Tensor& x, const std::vector<Index>& i) {
  switch (i.size()) {
    case 0:
      return index(x, {});
    case 1:
      return index(x, {i[0]});
    case 2:
      return index(x, {i[0], i[1]});
    case 3:
      return index(x, {i[0], i[1], i[2]});
    case 4:
      return index(x, {i[0], i[1], i[2], i[3]});
    case 5:
      return index(x, {i[0], i[1], i[2], i[3], i[4]});
    default:
      throw NotExpressible("more than 5 indices");
  }
}

const std::vector<Op>& ops() {
  using C = const Call&;
  static const std::vector<Op> table = {
      // --- elementwise
      {"add", "input other alpha",
       [](C c) -> Result {
         const AddOptions options{c.scalar("alpha", 1)};
         return c.is_tensor("other") ? add(c.tensor("input"), c.tensor("other"), options)
                                     : add(c.tensor("input"), c.scalar("other"), options);
       }},
      {"sub", "input other alpha",
       [](C c) -> Result {
         const AddOptions options{c.scalar("alpha", 1)};
         return c.is_tensor("other") ? sub(c.tensor("input"), c.tensor("other"), options)
                                     : sub(c.tensor("input"), c.scalar("other"), options);
       }},
      {"rsub", "input other", [](C c) -> Result { return rsub(c.tensor("input"), c.scalar("other")); }},
      {"mul", "input other", with_other(ST_CALL(mul))},
      {"div", "input other", with_other(ST_CALL(div))},
      {"pow", "input exponent",
       [](C c) -> Result {
         if (!c.is_tensor("input")) return pow(c.scalar("input"), c.tensor("exponent"));
         return c.is_tensor("exponent") ? pow(c.tensor("input"), c.tensor("exponent"))
                                        : pow(c.tensor("input"), c.scalar("exponent"));
       }},
      {"maximum", "input other", [](C c) -> Result { return maximum(c.tensor("input"), c.tensor("other")); }},
      {"minimum", "input other", [](C c) -> Result { return minimum(c.tensor("input"), c.tensor("other")); }},
      {"reciprocal", "input", unary(ST_CALL(reciprocal))},
      {"neg", "input", unary(ST_CALL(neg))},
      {"abs", "input", unary(ST_CALL(abs))},
      {"sign", "input", unary(ST_CALL(sign))},
      {"floor", "input", unary(ST_CALL(floor))},
      {"ceil", "input", unary(ST_CALL(ceil))},
      {"round", "input", unary(ST_CALL(round))},
      {"trunc", "input", unary(ST_CALL(trunc))},
      {"square", "input", unary(ST_CALL(square))},
      {"exp", "input", unary(ST_CALL(exp))},
      {"log", "input", unary(ST_CALL(log))},
      {"log1p", "input", unary(ST_CALL(log1p))},
      {"expm1", "input", unary(ST_CALL(expm1))},
      {"sqrt", "input", unary(ST_CALL(sqrt))},
      {"rsqrt", "input", unary(ST_CALL(rsqrt))},
      {"sin", "input", unary(ST_CALL(sin))},
      {"cos", "input", unary(ST_CALL(cos))},
      {"erf", "input", unary(ST_CALL(erf))},
      {"asinh", "input", unary(ST_CALL(asinh))},
      {"relu", "input", unary(ST_CALL(relu))},
      {"tanh", "input", unary(ST_CALL(tanh))},
      {"sigmoid", "input", unary(ST_CALL(sigmoid))},
      {"logsigmoid", "input", unary(ST_CALL(logsigmoid))},
      {"silu", "input", unary(ST_CALL(silu))},
      {"hardswish", "input", unary(ST_CALL(hardswish))},
      {"leaky_relu", "input negative_slope",
       [](C c) -> Result { return leaky_relu(c.tensor("input"), {c.real("negative_slope", 0.01)}); }},
      {"elu", "input alpha", [](C c) -> Result { return elu(c.tensor("input"), {c.real("alpha", 1)}); }},
      {"gelu", "input approximate",
       [](C c) -> Result {
         const std::string form = c.text("approximate", "none");
         if (form != "none" && form != "tanh") throw NotExpressible("approximate \"" + form + "\"");
         return gelu(c.tensor("input"), {form == "tanh" ? Approximate::tanh : Approximate::none});
       }},
      {"softplus", "input beta threshold",
       [](C c) -> Result {
         return softplus(c.tensor("input"), {c.real("beta", 1), c.real("threshold", 20)});
       }},
      {"clamp", "input min max",
       [](C c) -> Result {
         return clamp(c.tensor("input"), c.optional_scalar("min"), c.optional_scalar("max"));
       }},
      {"where", "condition input other",
       [](C c) -> Result {
         const Tensor condition = c.tensor("condition");
         if (!c.is_tensor("input")) return where(condition, c.scalar("input"), c.tensor("other"));
         if (!c.is_tensor("other")) return where(condition, c.tensor("input"), c.scalar("other"));
         return where(condition, c.tensor("input"), c.tensor("other"));
       }},
      {"masked_fill", "input mask value", with_value(ST_CALL(masked_fill))},
      {"tril", "input diagonal",
       [](C c) -> Result { return tril(c.tensor("input"), c.integer("diagonal", 0)); }},
      {"triu", "input diagonal",
       [](C c) -> Result { return triu(c.tensor("input"), c.integer("diagonal", 0)); }},
      {"eq", "input other", with_other(ST_CALL(eq))},
      {"ne", "input other", with_other(ST_CALL(ne))},
      {"lt", "input other", with_other(ST_CALL(lt))},
      {"le", "input other", with_other(ST_CALL(le))},
      {"gt", "input other", with_other(ST_CALL(gt))},
      {"ge", "input other", with_other(ST_CALL(ge))},
      {"logical_not", "input", unary(ST_CALL(logical_not))},
      {"logical_and", "input other",
       [](C c) -> Result { return logical_and(c.tensor("input"), c.tensor("other")); }},
      {"logical_or", "input other",
       [](C c) -> Result { return logical_or(c.tensor("input"), c.tensor("other")); }},
      {"logical_xor", "input other",
       [](C c) -> Result { return logical_xor(c.tensor("input"), c.tensor("other")); }},
      {"isfinite", "input", unary(ST_CALL(isfinite))},
      {"isnan", "input", unary(ST_CALL(isnan))},
      {"isinf", "input", unary(ST_CALL(isinf))},
      // --- copies
      {"clone", "input", unary(ST_CALL(clone))},
      {"contiguous", "input", unary(ST_CALL(contiguous))},
      {"to", "input dtype", [](C c) -> Result { return to(c.tensor("input"), c.dtype("dtype")); }},
      // --- reductions
      {"sum", "input dim keepdim dtype", [](C c) -> Result { return sum(c.tensor("input"), c.axes("dim"), c.keep(), dtype(c)); }},
      {"mean", "input dim keepdim dtype", [](C c) -> Result { return mean(c.tensor("input"), c.axes("dim"), c.keep(), dtype(c)); }},
      {"prod", "input dim keepdim dtype",
       [](C c) -> Result {
         if (!c.has("dim")) return prod(c.tensor("input"), dtype(c));
         return prod(c.tensor("input"), c.integer("dim"), c.keep(), dtype(c));
       }},
      {"max", "input dim keepdim", extremum(ST_CALL(max), ST_CALL(max), ST_CALL(maximum))},
      {"min", "input dim keepdim", extremum(ST_CALL(min), ST_CALL(min), ST_CALL(minimum))},
      {"amax", "input dim keepdim",
       [](C c) -> Result { return amax(c.tensor("input"), c.axes("dim"), c.keep()); }},
      {"amin", "input dim keepdim",
       [](C c) -> Result { return amin(c.tensor("input"), c.axes("dim"), c.keep()); }},
      {"argmax", "input dim keepdim",
       [](C c) -> Result { return argmax(c.tensor("input"), c.optional_integer("dim"), c.keep()); }},
      {"argmin", "input dim keepdim",
       [](C c) -> Result { return argmin(c.tensor("input"), c.optional_integer("dim"), c.keep()); }},
      {"any", "input dim keepdim",
       [](C c) -> Result { return any(c.tensor("input"), c.axes("dim"), c.keep()); }},
      {"all", "input dim keepdim",
       [](C c) -> Result { return all(c.tensor("input"), c.axes("dim"), c.keep()); }},
      {"var", "input dim correction keepdim unbiased", variance(ST_CALL(var))},
      {"std", "input dim correction keepdim unbiased", variance(ST_CALL(st::std))},
      {"var_mean", "input dim correction keepdim unbiased",
       variance([](const auto&... a) -> std::vector<Tensor> {
         const VarMean y = var_mean(a...);
         return {y.var, y.mean};
       })},
      {"norm", "input p dim keepdim dtype",
       [](C c) -> Result {
         return norm(c.tensor("input"), norm_order(c), c.axes("dim"), c.keep(), dtype(c));
       }},
      {"normalize", "input p dim eps",
       [](C c) -> Result {
         return normalize(c.tensor("input"), {c.real("p", 2), c.integer("dim", 1), c.real("eps", 1e-12)});
       }},
      {"cosine_similarity", "x1 x2 dim eps",
       [](C c) -> Result {
         return cosine_similarity(c.tensor("x1"), c.tensor("x2"), {c.integer("dim", 1), c.real("eps", 1e-8)});
       }},
      {"sum_to_size", "input size",
       [](C c) -> Result { return sum_to_size(c.tensor("input"), c.dims("size")); }},
      // --- order, running sums and products
      {"sort", "input dim descending stable",
       [](C c) -> Result {
         return sort(c.tensor("input"), c.integer("dim", -1), c.flag("descending", false));
       }},
      {"argsort", "input dim descending stable",
       [](C c) -> Result {
         return argsort(c.tensor("input"), c.integer("dim", -1), c.flag("descending", false));
       }},
      {"topk", "input k dim largest sorted",
       [](C c) -> Result {
         return topk(c.tensor("input"), c.integer("k"), c.integer("dim", -1), c.flag("largest", true),
                     c.flag("sorted", true));
       }},
      {"cumsum", "input dim dtype",
       [](C c) -> Result { return cumsum(c.tensor("input"), c.integer("dim"), dtype(c)); }},
      {"cumprod", "input dim dtype",
       [](C c) -> Result { return cumprod(c.tensor("input"), c.integer("dim"), dtype(c)); }},
      // --- shape
      {"reshape", "input shape", [](C c) -> Result { return reshape(c.tensor("input"), c.dims("shape")); }},
      {"view", "input size", [](C c) -> Result { return view(c.tensor("input"), c.dims("size")); }},
      {"flatten", "input start_dim end_dim",
       [](C c) -> Result {
         return flatten(c.tensor("input"), c.integer("start_dim", 0), c.integer("end_dim", -1));
       }},
      {"permute", "input dims", [](C c) -> Result { return permute(c.tensor("input"), c.dims("dims")); }},
      {"transpose", "input dim0 dim1",
       [](C c) -> Result { return transpose(c.tensor("input"), c.integer("dim0"), c.integer("dim1")); }},
      {"t", "input", unary(ST_CALL(t))},
      {"squeeze", "input dim", [](C c) -> Result { return squeeze(c.tensor("input"), c.axes("dim")); }},
      {"unsqueeze", "input dim",
       [](C c) -> Result { return unsqueeze(c.tensor("input"), c.integer("dim")); }},
      {"expand", "input size", [](C c) -> Result { return expand(c.tensor("input"), c.dims("size")); }},
      {"narrow", "input dim start length",
       [](C c) -> Result {
         return narrow(c.tensor("input"), c.integer("dim"), c.integer("start"), c.integer("length"));
       }},
      {"select", "input dim index",
       [](C c) -> Result { return select(c.tensor("input"), c.integer("dim"), c.integer("index")); }},
      {"slice", "input dim start end step",
       [](C c) -> Result {
         return slice(c.tensor("input"), c.integer("dim", 0), c.optional_integer("start"),
                      c.optional_integer("end"), c.integer("step", 1));
       }},
      {"split", "tensor split_size_or_sections dim",
       [](C c) -> Result {
         const Tensor& x = c.tensor("tensor");
         if (c.is_list("split_size_or_sections")) {
           return split(x, c.integers("split_size_or_sections"), c.integer("dim", 0));
         }
         return split(x, c.integer("split_size_or_sections"), c.integer("dim", 0));
       }},
      {"chunk", "input chunks dim",
       [](C c) -> Result { return chunk(c.tensor("input"), c.integer("chunks"), c.integer("dim", 0)); }},
      {"unbind", "input dim", [](C c) -> Result { return unbind(c.tensor("input"), c.integer("dim", 0)); }},
      {"flip", "input dims", [](C c) -> Result { return flip(c.tensor("input"), c.dims("dims")); }},
      {"roll", "input shifts dims",
       [](C c) -> Result {
         return roll(c.tensor("input"), c.dims("shifts"), c.has("dims") ? c.dims("dims") : Dims());
       }},
      {"repeat", "input repeats",
       [](C c) -> Result { return repeat(c.tensor("input"), c.dims("repeats")); }},
      {"repeat_interleave", "input repeats dim output_size",
       [](C c) -> Result {
         const std::optional<int64_t> dim = c.optional_integer("dim");
         return c.is_tensor("repeats") ? repeat_interleave(c.tensor("input"), c.tensor("repeats"), dim)
                                       : repeat_interleave(c.tensor("input"), c.integer("repeats"), dim);
       }},
      {"pad", "input pad mode value",
       [](C c) -> Result {
         return pad(c.tensor("input"), c.integers("pad"), pad_mode(c, "mode"), c.scalar("value", 0.0));
       }},
      {"cat", "tensors dim", [](C c) -> Result { return cat(c.tensors("tensors"), c.integer("dim", 0)); }},
      {"stack", "tensors dim",
       [](C c) -> Result { return stack(c.tensors("tensors"), c.integer("dim", 0)); }},
      // --- indices
      {"index_select", "input dim index",
       [](C c) -> Result { return index_select(c.tensor("input"), c.integer("dim"), c.tensor("index")); }},
      {"gather", "input dim index",
       [](C c) -> Result { return gather(c.tensor("input"), c.integer("dim"), c.tensor("index")); }},
      {"scatter", "input dim index src value",
       [](C c) -> Result {
         const Tensor &x = c.tensor("input"), &index = c.tensor("index");
         if (c.has("value")) return scatter(x, c.integer("dim"), index, c.scalar("value", 0));
         if (!c.is_tensor("src")) return scatter(x, c.integer("dim"), index, c.scalar("src", 0));
         return scatter(x, c.integer("dim"), index, c.tensor("src"));
       }},
      {"scatter_add", "input dim index src",
       [](C c) -> Result {
         return scatter_add(c.tensor("input"), c.integer("dim"), c.tensor("index"), c.tensor("src"));
       }},
      {"index_add", "input dim index source alpha",
       [](C c) -> Result {
         return index_add(c.tensor("input"), c.integer("dim"), c.tensor("index"), c.tensor("source"),
                          {c.scalar("alpha", 1)});
       }},
      // --- products, losses, norms
      {"matmul", "input other", [](C c) -> Result { return matmul(c.tensor("input"), c.tensor("other")); }},
      {"mm", "input mat2", [](C c) -> Result { return mm(c.tensor("input"), c.tensor("mat2")); }},
      {"bmm", "input mat2", [](C c) -> Result { return bmm(c.tensor("input"), c.tensor("mat2")); }},
      {"dot", "input tensor", [](C c) -> Result { return dot(c.tensor("input"), c.tensor("tensor")); }},
      {"linear", "input weight bias activation",
       [](C c) -> Result {
         return linear(c.tensor("input"), c.tensor("weight"), c.optional_tensor("bias"), {activation(c)});
       }},
      {"scaled_dot_product_attention", "query key value attn_mask dropout_p is_causal scale",
       [](C c) -> Result {
         const std::optional<double> scale =
             c.has("scale") ? std::optional(c.real("scale", 1)) : std::nullopt;
         return scaled_dot_product_attention(c.tensor("query"), c.tensor("key"), c.tensor("value"),
                                             {c.optional_tensor("attn_mask"), c.real("dropout_p", 0),
                                              c.flag("is_causal", false), scale});
       }},
      {"conv2d", "input weight bias stride padding dilation groups",
       [](C c) -> Result {
         return conv2d(c.tensor("input"), c.tensor("weight"), c.optional_tensor("bias"),
                       {pair(c, "stride", 1), padding(c), pair(c, "dilation", 1), c.integer("groups", 1)});
       }},
      {"conv1d", "input weight bias stride padding dilation groups",
       [](C c) -> Result {
         return conv1d(c.tensor("input"), c.tensor("weight"), c.optional_tensor("bias"),
                       {single(c, "stride").value_or(1), padding(c), single(c, "dilation").value_or(1),
                        c.integer("groups", 1)});
       }},
      {"max_pool2d", "input kernel_size stride padding dilation ceil_mode return_indices",
       [](C c) -> Result {
         if (c.flag("return_indices", false))
           return max_pool2d_with_indices(c.tensor("input"), pair(c, "kernel_size"), max_pool2d_options(c));
         return max_pool2d(c.tensor("input"), pair(c, "kernel_size"), max_pool2d_options(c));
       }},
      {"max_pool1d", "input kernel_size stride padding dilation ceil_mode return_indices",
       [](C c) -> Result {
         const int64_t kernel = one(c, "kernel_size");
         if (c.flag("return_indices", false))
           return max_pool1d_with_indices(c.tensor("input"), kernel, max_pool1d_options(c));
         return max_pool1d(c.tensor("input"), kernel, max_pool1d_options(c));
       }},
      {"avg_pool2d", "input kernel_size stride padding ceil_mode count_include_pad divisor_override",
       [](C c) -> Result {
         return avg_pool2d(c.tensor("input"), pair(c, "kernel_size"),
                           {pair(c, "stride"), pair(c, "padding", 0), c.flag("ceil_mode", false),
                            c.flag("count_include_pad", true), c.optional_integer("divisor_override")});
       }},
      {"avg_pool1d", "input kernel_size stride padding ceil_mode count_include_pad",
       [](C c) -> Result {
         return avg_pool1d(c.tensor("input"), one(c, "kernel_size"),
                           {single(c, "stride"), single(c, "padding").value_or(0), c.flag("ceil_mode", false),
                            c.flag("count_include_pad", true)});
       }},
      {"adaptive_avg_pool2d", "input output_size",
       [](C c) -> Result { return adaptive_avg_pool2d(c.tensor("input"), output_size(c)); }},
      {"adaptive_avg_pool1d", "input output_size",
       [](C c) -> Result {
         return adaptive_avg_pool1d(c.tensor("input"), one(c, "output_size"));
       }},
      {"interpolate", "input size scale_factor mode align_corners recompute_scale_factor antialias",
       [](C c) -> Result {
         const std::string mode = c.text("mode", "nearest");
         if (mode != "bilinear") throw NotExpressible("interpolate: mode " + mode);
         if (!c.has("size")) throw NotExpressible("interpolate: a scale_factor for a size");
         if (c.flag("align_corners", false)) throw NotExpressible("interpolate: align_corners");
         if (c.flag("antialias", false)) throw NotExpressible("interpolate: antialias");
         const std::vector<int64_t> size = c.integers("size");
         return vision::resize_bilinear(c.tensor("input"), size.front(), size.back());
       }},
      {"softmax", "input dim dtype", [](C c) -> Result { return softmax(c.tensor("input"), c.integer("dim"), dtype(c)); }},
      {"log_softmax", "input dim dtype", [](C c) -> Result { return log_softmax(c.tensor("input"), c.integer("dim"), dtype(c)); }},
      {"logsumexp", "input dim keepdim",
       [](C c) -> Result { return logsumexp(c.tensor("input"), c.axes("dim"), c.keep()); }},
      {"one_hot", "input num_classes",
       [](C c) -> Result { return one_hot(c.tensor("input"), c.integer("num_classes", -1)); }},
      {"cross_entropy", "input target weight ignore_index reduction label_smoothing",
       [](C c) -> Result {
         return cross_entropy(c.tensor("input"), c.tensor("target"),
                              {.weight = c.optional_tensor("weight"),
                               .ignore_index = c.integer("ignore_index", -100),
                               .reduction = reduction(c),
                               .label_smoothing = c.real("label_smoothing", 0)});
       }},
      {"mse_loss", "input target reduction",
       [](C c) -> Result { return mse_loss(c.tensor("input"), c.tensor("target"), {reduction(c)}); }},
      {"l1_loss", "input target reduction",
       [](C c) -> Result { return l1_loss(c.tensor("input"), c.tensor("target"), {reduction(c)}); }},
      {"smooth_l1_loss", "input target reduction beta",
       [](C c) -> Result {
         return smooth_l1_loss(c.tensor("input"), c.tensor("target"), {reduction(c), c.real("beta", 1)});
       }},
      {"nll_loss", "input target weight ignore_index reduction",
       [](C c) -> Result {
         return nll_loss(c.tensor("input"), c.tensor("target"),
                         {c.optional_tensor("weight"), c.integer("ignore_index", -100), reduction(c)});
       }},
      {"binary_cross_entropy", "input target weight reduction",
       [](C c) -> Result {
         return binary_cross_entropy(c.tensor("input"), c.tensor("target"),
                                     {c.optional_tensor("weight"), reduction(c)});
       }},
      {"binary_cross_entropy_with_logits", "input target weight reduction pos_weight",
       [](C c) -> Result {
         return binary_cross_entropy_with_logits(
             c.tensor("input"), c.tensor("target"),
             {c.optional_tensor("weight"), reduction(c), c.optional_tensor("pos_weight")});
       }},
      {"kl_div", "input target reduction log_target",
       [](C c) -> Result {
         return kl_div(c.tensor("input"), c.tensor("target"), {reduction(c), c.flag("log_target", false)});
       }},
      {"layer_norm", "input normalized_shape weight bias eps",
       [](C c) -> Result {
         return layer_norm(c.tensor("input"), c.dims("normalized_shape"), c.optional_tensor("weight"),
                           c.optional_tensor("bias"), {c.real("eps", 1e-5)});
       }},
      {"group_norm", "input num_groups weight bias eps",
       [](C c) -> Result {
         return group_norm(c.tensor("input"), c.integer("num_groups"), c.optional_tensor("weight"),
                           c.optional_tensor("bias"), {c.real("eps", 1e-5)});
       }},
      {"rms_norm", "input normalized_shape weight eps",
       [](C c) -> Result {
         std::optional<double> eps;
         if (c.has("eps")) eps = c.real("eps", 0);
         return rms_norm(c.tensor("input"), c.dims("normalized_shape"), c.optional_tensor("weight"), eps);
       }},
      {"dropout", "input p training",
       [](C c) -> Result { return dropout(c.tensor("input"), {c.real("p", 0.5), c.flag("training", true)}); }},
      {"embedding", "input weight padding_idx",
       [](C c) -> Result {
         return embedding(c.tensor("input"), c.tensor("weight"), {c.optional_integer("padding_idx")});
       }},
      {"batch_norm", "input running_mean running_var weight bias training momentum eps",
       [](C c) -> Result {
         return batch_norm(c.tensor("input"), c.optional_tensor("running_mean"),
                           c.optional_tensor("running_var"), c.optional_tensor("weight"),
                           c.optional_tensor("bias"),
                           {c.flag("training", false), c.real("momentum", 0.1), c.real("eps", 1e-5)});
       }},
      {"lstm", "input h0 c0 weight_ih weight_hh bias_ih bias_hh reverse",
       [](C c) -> Result {
         const LstmResult r = lstm(c.tensor("input"), c.optional_tensor("h0"), c.optional_tensor("c0"),
                                   c.tensor("weight_ih"), c.tensor("weight_hh"), c.optional_tensor("bias_ih"),
                                   c.optional_tensor("bias_hh"), {.reverse = c.flag("reverse", false)});
         return std::vector<Tensor>{r.output, r.h, r.c};
       }},
      // --- operators with a number on the left
      {"__radd__", "input other", with_other([](const Tensor& x, const auto& y) { return y + x; })},
      {"__rsub__", "input other", with_other([](const Tensor& x, const auto& y) { return y - x; })},
      {"__rmul__", "input other", with_other([](const Tensor& x, const auto& y) { return y * x; })},
      {"__rdiv__", "input other", with_other([](const Tensor& x, const auto& y) { return y / x; })},
      {"__rpow__", "input other", with_other([](const Tensor& x, const auto& y) { return pow(y, x); })},
      {"__getitem__", "input index",
       [](C c) -> Result {
         std::vector<Index> indices;
         for (const Json& entry : c.list("index")) indices.push_back(index_of(entry, c.all_tensors()));
         return index_with(c.tensor("input"), indices);
       }},
      {"expand_as", "input other",
       [](C c) -> Result { return c.tensor("input").expand_as(c.tensor("other")); }},
      // --- answers that are no tensors in C++
      {"equal", "input other", [](C c) -> Result { return tensor(equal(c.tensor("input"), c.tensor("other"))); }},
      {"allclose", "input other rtol atol equal_nan",
       [](C c) -> Result {
         return tensor(allclose(c.tensor("input"), c.tensor("other"),
                                {c.real("rtol", 1e-5), c.real("atol", 1e-8), c.flag("equal_nan", false)}));
       }},
      {"item", "input", [](C c) -> Result { return tensor(c.tensor("input").item<double>(), DType::float64); }},
      // --- from nothing
      // Of these two there is nothing to compare but the form.
      {"empty", "size dtype",
       [](C c) -> Result { return zero_(empty(c.dims("size"), c.dtype("dtype", DType::float32))); }},
      {"empty_like", "input dtype",
       [](C c) -> Result {
         const Tensor x = c.tensor("input");
         return zero_(empty_like(x, c.dtype("dtype", x.dtype())));
       }},
      {"zeros", "size dtype", [](C c) -> Result { return zeros(c.dims("size"), c.dtype("dtype", DType::float32)); }},
      {"ones", "size dtype", [](C c) -> Result { return ones(c.dims("size"), c.dtype("dtype", DType::float32)); }},
      {"full", "size fill_value dtype",
       [](C c) -> Result {
         return c.has("dtype") ? full(c.dims("size"), c.scalar("fill_value"), c.dtype("dtype"))
                               : full(c.dims("size"), c.scalar("fill_value"));
       }},
      {"scalar_tensor", "value dtype",
       [](C c) -> Result { return tensor(c.scalar("value"), c.dtype("dtype", DType::float32)); }},
      {"zeros_like", "input", unary(ST_CALL(zeros_like))},
      {"ones_like", "input", unary(ST_CALL(ones_like))},
      {"full_like", "input fill_value",
       [](C c) -> Result { return full_like(c.tensor("input"), c.scalar("fill_value")); }},
      {"eye", "n m dtype",
       [](C c) -> Result {
         return eye(c.integer("n"), c.integer("m", c.integer("n")), c.dtype("dtype", DType::float32));
       }},
      {"arange", "start end step dtype",
       [](C c) -> Result {
         const Scalar start = c.has("end") ? c.scalar("start") : 0, end = c.scalar(c.has("end") ? "end" : "start");
         return c.has("dtype") ? arange(start, end, c.scalar("step", 1), c.dtype("dtype"))
                               : arange(start, end, c.scalar("step", 1));
       }},
      {"linspace", "start end steps dtype",
       [](C c) -> Result {
         return linspace(c.scalar("start").to_double(), c.scalar("end").to_double(), c.integer("steps"),
                         c.dtype("dtype", DType::float32));
       }},
      {"randn", "size dtype", [](C c) -> Result { return randn(c.dims("size"), c.dtype("dtype", DType::float32)); }},
      {"randint", "low high size dtype",
       [](C c) -> Result {
         return randint(c.integer("low"), c.integer("high"), c.dims("size"), c.dtype("dtype", DType::int64));
       }},
      {"rand_like", "input", unary(ST_CALL(rand_like))},
      {"randn_like", "input", unary(ST_CALL(randn_like))},
      // --- writes
      {"add_", "input other alpha",
       [](C c) -> Result {
         if (c.is_tensor("other")) return add_(c.tensor("input"), c.tensor("other"), c.scalar("alpha", 1));
         if (c.has("alpha")) throw NotExpressible("argument alpha beside a number");
         return add_(c.tensor("input"), c.scalar("other"));
       }},
      {"sub_", "input other alpha",
       [](C c) -> Result {
         if (c.is_tensor("other")) return sub_(c.tensor("input"), c.tensor("other"), c.scalar("alpha", 1));
         if (c.has("alpha")) throw NotExpressible("argument alpha beside a number");
         return sub_(c.tensor("input"), c.scalar("other"));
       }},
      {"mul_", "input other", with_other(ST_CALL(mul_))},
      {"div_", "input other", with_other(ST_CALL(div_))},
      {"clamp_", "input min max",
       [](C c) -> Result {
         return clamp_(c.tensor("input"), c.optional_scalar("min"), c.optional_scalar("max"));
       }},
      {"fill_", "input value", [](C c) -> Result { return fill_(c.tensor("input"), c.scalar("value")); }},
      {"zero_", "input", unary(ST_CALL(zero_))},
      {"masked_fill_", "input mask value", with_value(ST_CALL(masked_fill_))},
      {"copy_", "input other", [](C c) -> Result { return copy_(c.tensor("input"), c.tensor("other")); }},
      {"uniform_", "input from to",
       [](C c) -> Result { return uniform_(c.tensor("input"), c.real("from", 0), c.real("to", 1)); }},
      {"normal_", "input mean std",
       [](C c) -> Result { return normal_(c.tensor("input"), c.real("mean", 0), c.real("std", 1)); }},
  };
  return table;
}

#undef ST_CALL

}  // namespace

Result::Result(const ValueIndex& pair) : vector{pair.values, pair.indices} {}

const Op& find_op(const std::string& name) {
  for (const Op& op : ops()) {
    if (op.name == name) return op;
  }
  throw NotExpressible("no op named " + name);
}

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const Op& op : ops()) names.emplace_back(op.name);
  return names;
}

std::vector<Tensor> call(const std::string& op, const Json& positional, const Json& named,
                         const std::vector<Tensor>& tensors) {
  const Op& found = find_op(op);
  return found.run(Call(found.parameters, positional, named, tensors));
}

}  // namespace st::test
