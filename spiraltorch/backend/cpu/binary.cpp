// Elementwise functions of several tensors, or of a tensor and a number.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spiraltorch/backend/cpu/binary.cpp"
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include "spiraltorch/backend/cpu/elementwise.h"
#include "spiraltorch/backend/cpu/iterator.h"
#include "spiraltorch/backend/cpu/simd/targets.h"
// clang-format off
#include <hwy/foreach_target.h>  // compiles this file once for every target
// clang-format on
#include "spiraltorch/backend/cpu/loops-inl.h"
#include "spiraltorch/backend/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace st::cpu::HWY_NAMESPACE {
namespace {  // several kernel files have an AddOp

namespace math = st::simd::HWY_NAMESPACE;

// clang-format off
struct AddOp {
  template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Add(a, b); }
  static int64_t apply(int64_t a, int64_t b) { return wrap_add(a, b); }
};
struct SubOp {
  template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Sub(a, b); }
  static int64_t apply(int64_t a, int64_t b) { return wrap_sub(a, b); }
};
struct MulOp {
  template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Mul(a, b); }
  static int64_t apply(int64_t a, int64_t b) { return wrap_mul(a, b); }
};
struct DivOp { template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Div(a, b); } };
struct MaximumOp {  // NaN wins
  template <class D, class V> static HWY_INLINE V apply(D, V a, V b) {
    return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::Lt(a, b), b, hn::IfThenElse(hn::IsNaN(b), b, a)));
  }
  static int64_t apply(int64_t a, int64_t b) { return a < b ? b : a; }
};
struct MinimumOp {
  template <class D, class V> static HWY_INLINE V apply(D, V a, V b) {
    return hn::IfThenElse(hn::IsNaN(a), a, hn::IfThenElse(hn::Gt(a, b), b, hn::IfThenElse(hn::IsNaN(b), b, a)));
  }
  static int64_t apply(int64_t a, int64_t b) { return b < a ? b : a; }
};
struct PowOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return math::Pow(d, a, b); }
  static int64_t apply(int64_t a, int64_t b) {  // a negative power of an integer truncates to 0, but for +-1
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    int64_t result = 1;
    for (int64_t power = a; b; b >>= 1, power = wrap_mul(power, power)) {
      if (b & 1) result = wrap_mul(result, power);
    }
    return result;
  }
};
// The powers that occur most, as PyTorch computes them.
struct SquareOp { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Mul(x, x); } };
struct CubeOp { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Mul(hn::Mul(x, x), x); } };
struct RootOp { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Sqrt(x); } };
struct ReciprocalRootOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return hn::Div(hn::Set(d, 1), hn::Sqrt(x)); } };
struct ReciprocalOp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return hn::Div(hn::Set(d, 1), x); } };

template <class D, class M> HWY_INLINE auto one_where(D d, M mask) { return hn::IfThenElseZero(mask, hn::Set(d, 1)); }
struct EqOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Eq(a, b)); }
  static int64_t apply(int64_t a, int64_t b) { return a == b; }
};
struct NeOp {  // hn::Ne of Highway 1.0.3 is false for NaN on AVX2
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Not(hn::Eq(a, b))); }
  static int64_t apply(int64_t a, int64_t b) { return a != b; }
};
struct LtOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Lt(a, b)); }
  static int64_t apply(int64_t a, int64_t b) { return a < b; }
};
struct LeOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Le(a, b)); }
  static int64_t apply(int64_t a, int64_t b) { return a <= b; }
};
struct GtOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Gt(a, b)); }
  static int64_t apply(int64_t a, int64_t b) { return a > b; }
};
struct GeOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Ge(a, b)); }
  static int64_t apply(int64_t a, int64_t b) { return a >= b; }
};
template <class D, class V> HWY_INLINE auto is_true(D d, V x) { return hn::Not(hn::Eq(x, hn::Zero(d))); }
struct LogicalAndOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::And(is_true(d, a), is_true(d, b))); }
  static int64_t apply(int64_t a, int64_t b) { return a && b; }
};
struct LogicalOrOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Or(is_true(d, a), is_true(d, b))); }
  static int64_t apply(int64_t a, int64_t b) { return a || b; }
};
struct LogicalXorOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V a, V b) { return one_where(d, hn::Xor(is_true(d, a), is_true(d, b))); }
  static int64_t apply(int64_t a, int64_t b) { return !a != !b; }
};

struct WhereOp {
  template <class D, class V> static HWY_INLINE V apply(D d, V c, V a, V b) { return hn::IfThenElse(hn::Eq(c, hn::Zero(d)), b, a); }
  static int64_t apply(int64_t c, int64_t a, int64_t b) { return c ? a : b; }
};
// clang-format on

template <class F, class T>
Loop in_form(Form form) {
  return form == Form::tensors        ? map2<F, T>
         : form == Form::scalar_right ? map_scalar_right<F, T>
                                      : map_scalar_left<F, T>;
}

Loop binary_loop(Binary op, Form form, DType compute) {
  return visit_compute(compute, [&](auto tag) -> Loop {
    using T = typename decltype(tag)::type;
    switch (op) {
      case Binary::add:
        return in_form<AddOp, T>(form);
      case Binary::sub:
        return in_form<SubOp, T>(form);
      case Binary::mul:
        return in_form<MulOp, T>(form);
      case Binary::pow:
        return in_form<PowOp, T>(form);
      case Binary::maximum:
        return in_form<MaximumOp, T>(form);
      case Binary::minimum:
        return in_form<MinimumOp, T>(form);
      case Binary::div:
        break;
    }
    if constexpr (std::is_same_v<T, int64_t>) {
      return nullptr;  // integers divide as floating-point numbers
    } else {
      return in_form<DivOp, T>(form);
    }
  });
}

template <class T>
Loop power_loop_of(double exponent) {
  if (exponent == 2) return map1<SquareOp, T>;
  if (exponent == 3) return map1<CubeOp, T>;
  if (exponent == 0.5) return map1<RootOp, T>;
  if (exponent == -0.5) return map1<ReciprocalRootOp, T>;
  if (exponent == -1) return map1<ReciprocalOp, T>;
  return map_scalar_right<PowOp, T>;
}

Loop power_loop(double exponent, DType compute) {
  return compute == DType::float64 ? power_loop_of<double>(exponent) : power_loop_of<float>(exponent);
}

Loop compare_loop(Compare op, Form form, DType compute) {
  return visit_compute(compute, [&](auto tag) -> Loop {
    using T = typename decltype(tag)::type;
    switch (op) {
      case Compare::eq:
        return in_form<EqOp, T>(form);
      case Compare::ne:
        return in_form<NeOp, T>(form);
      case Compare::lt:
        return in_form<LtOp, T>(form);
      case Compare::le:
        return in_form<LeOp, T>(form);
      case Compare::gt:
        return in_form<GtOp, T>(form);
      case Compare::ge:
        return in_form<GeOp, T>(form);
      case Compare::logical_and:
        return in_form<LogicalAndOp, T>(form);
      case Compare::logical_or:
        return in_form<LogicalOrOp, T>(form);
      case Compare::logical_xor:
        break;
    }
    return in_form<LogicalXorOp, T>(form);
  });
}

Loop where_loop(DType compute) {
  return visit_compute(compute, [](auto tag) -> Loop { return map3<WhereOp, typename decltype(tag)::type>; });
}

// --- with two or more parameters ---
template <class T>
struct AxpyWith {
  T s;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return hn::MulAdd(b, hn::Set(d, s), a);
  }
};

template <class T>
void axpy_of(const void* const* in, void* out, int64_t n, const void* params) {
  const T *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  const T s = *static_cast<const T*>(params);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = AddOp::apply(a[i], MulOp::apply(s, b[i]));
  } else {
    map_vectors(y, n, AxpyWith<T>{s}, a, b);
  }
}

template <class T>
struct Bounds {
  T lo, hi;
};

template <class T>
struct ClampWith {
  Bounds<T> bounds;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x) const {
    const V lo = hn::Set(d, bounds.lo), hi = hn::Set(d, bounds.hi);
    const V raised = hn::IfThenElse(hn::Ge(x, lo), x, lo);
    return hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElse(hn::Le(raised, hi), raised, hi));
  }
};

template <class T>
void clamp_of(const void* const* in, void* out, int64_t n, const void* params) {
  const Bounds<T> bounds = *static_cast<const Bounds<T>*>(params);
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int64_t i = 0; i < n; ++i) y[i] = MinimumOp::apply(MaximumOp::apply(x[i], bounds.lo), bounds.hi);
  } else {
    map_vectors(y, n, ClampWith<T>{bounds}, x);
  }
}

template <class T>
struct ClampGradWith {
  Bounds<T> bounds;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V x, V dy) const {
    return hn::IfThenElseZero(hn::And(hn::Ge(x, hn::Set(d, bounds.lo)), hn::Le(x, hn::Set(d, bounds.hi))),
                              dy);
  }
};

template <class T>
void clamp_backward_of(const void* const* in, void* out, int64_t n, const void* params) {
  map_vectors(static_cast<T*>(out), n, ClampGradWith<T>{*static_cast<const Bounds<T>*>(params)},
              static_cast<const T*>(in[0]), static_cast<const T*>(in[1]));
}

Loop axpy_loop(DType compute) {
  return visit_compute(compute, [](auto tag) -> Loop { return axpy_of<typename decltype(tag)::type>; });
}

Loop clamp_loop(DType compute) {
  return visit_compute(compute, [](auto tag) -> Loop { return clamp_of<typename decltype(tag)::type>; });
}

Loop clamp_backward_loop(DType compute) {
  return compute == DType::float64 ? clamp_backward_of<double> : clamp_backward_of<float>;
}

}  // namespace
}  // namespace st::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace st::cpu {
namespace {

HWY_EXPORT(binary_loop);
HWY_EXPORT(power_loop);
HWY_EXPORT(compare_loop);
HWY_EXPORT(where_loop);
HWY_EXPORT(axpy_loop);
HWY_EXPORT(clamp_loop);
HWY_EXPORT(clamp_backward_loop);

// Rough nanoseconds an element takes.
double cost_of(Binary op) { return op == Binary::pow ? 5 : 0.4; }

// Numbers as elements of the compute type, in the memory that a loop's params point to.
class Params {
 public:
  Params(DType compute, std::initializer_list<Scalar> values) {
    visit_compute(compute, [&](auto tag) {
      using T = typename decltype(tag)::type;
      std::byte* to = bytes_;
      for (const Scalar& value : values) {
        const T element = value.to<T>();
        std::memcpy(to, &element, sizeof(T));
        to += sizeof(T);
      }
    });
  }
  const void* data() const { return bytes_; }

 private:
  alignas(8) std::byte bytes_[16];
};

}  // namespace

void binary(Binary op, In a, In b, Out y) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {a, b}, compute, HWY_DYNAMIC_DISPATCH(binary_loop)(op, Form::tensors, compute), nullptr,
              cost_of(op));
}

void binary_scalar(Binary op, In a, Scalar b, Out y) {
  const DType compute = compute_dtype(y.dtype);
  const Loop loop = op == Binary::pow && is_floating(compute)
                        ? HWY_DYNAMIC_DISPATCH(power_loop)(b.to_double(), compute)
                        : HWY_DYNAMIC_DISPATCH(binary_loop)(op, Form::scalar_right, compute);
  elementwise(y, {a}, compute, loop, Params(compute, {b}).data(), cost_of(op));
}

void scalar_binary(Binary op, Scalar a, In b, Out y) {
  const DType compute = compute_dtype(y.dtype);
  const Loop loop = HWY_DYNAMIC_DISPATCH(binary_loop)(op, Form::scalar_left, compute);
  elementwise(y, {b}, compute, loop, Params(compute, {a}).data(), cost_of(op));
}

void axpy(In a, In b, Scalar s, Out y) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {a, b}, compute, HWY_DYNAMIC_DISPATCH(axpy_loop)(compute), Params(compute, {s}).data());
}

void compare(Compare op, In a, In b, Out y) {
  const DType compute = compute_dtype(promote(a.dtype, b.dtype));
  elementwise(y, {a, b}, compute, HWY_DYNAMIC_DISPATCH(compare_loop)(op, Form::tensors, compute));
}

void compare_scalar(Compare op, In a, Scalar b, Out y) {
  const DType compute = compute_dtype(promote(a.dtype, b));
  const Loop loop = HWY_DYNAMIC_DISPATCH(compare_loop)(op, Form::scalar_right, compute);
  elementwise(y, {a}, compute, loop, Params(compute, {b}).data());
}

void where(In condition, In a, In b, Out y) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {condition, a, b}, compute, HWY_DYNAMIC_DISPATCH(where_loop)(compute));
}

void clamp(In x, Scalar lo, Scalar hi, Out y) {
  const DType compute = compute_dtype(y.dtype);
  elementwise(y, {x}, compute, HWY_DYNAMIC_DISPATCH(clamp_loop)(compute), Params(compute, {lo, hi}).data());
}

void clamp_backward(In x, In dy, Scalar lo, Scalar hi, Out dx) {
  const DType compute = compute_dtype(dx.dtype);
  elementwise(dx, {x, dy}, compute, HWY_DYNAMIC_DISPATCH(clamp_backward_loop)(compute),
              Params(compute, {lo, hi}).data());
}

}  // namespace st::cpu
#endif  // HWY_ONCE
