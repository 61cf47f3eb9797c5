// The choice, first that fits: float32 and bfloat16 go to oneDNN; float64, and what oneDNN serves only with
// its plain loops, to ours (of which thin_conv.h is for a network's first layer). Our own know float32 and
// float64: other dtypes are converted for them.
#include "spiraltorch/backend/cpu/conv.h"

#include <optional>

#include "spiraltorch/backend/cpu/copy.h"
#include "spiraltorch/backend/cpu/onednn/conv.h"
#include "spiraltorch/backend/cpu/reference/conv.h"
#include "spiraltorch/backend/cpu/scratch.h"
#include "spiraltorch/backend/cpu/thin_conv.h"

namespace st::cpu {
namespace {

bool is_half(DType dtype) { return dtype == DType::bfloat16 || dtype == DType::float16; }

// An operand without gaps as float32, in the same layout.
class AsFloat {
 public:
  explicit AsFloat(In x) : in_(x) {
    if (!x.defined()) return;
    memory_.emplace(numel_of(*x.sizes));
    in_.data = memory_->data();
    in_.dtype = DType::float32;
    in_.owner = nullptr;  // its derived copy is not one of these values
    copy(x, {memory_->data(), DType::float32, x.sizes, x.strides});
  }
  const In& in() const { return in_; }

 private:
  In in_;
  std::optional<Scratch<float>> memory_;
};

// A float32 result that becomes y.
class FromFloat {
 public:
  explicit FromFloat(Out y) : y_(y), out_(y) {
    if (!y.defined()) return;
    memory_.emplace(numel_of(*y.sizes));
    out_.data = memory_->data();
    out_.dtype = DType::float32;
  }
  const Out& out() const { return out_; }
  void finish() const {
    if (y_.defined()) copy({memory_->data(), DType::float32, y_.sizes, y_.strides, nullptr}, y_);
  }

 private:
  Out y_, out_;
  std::optional<Scratch<float>> memory_;
};

bool is_empty(const Dims& sizes) { return numel_of(sizes) == 0; }

}  // namespace

void conv2d(In x, In w, In bias, ConvRule rule, Out y) {
  if (is_empty(*y.sizes)) return;
  const bool has_work = !is_empty(*x.sizes) && !is_empty(*w.sizes);
  if (has_work && onednn::conv2d(x, w, bias, rule, y)) return;
  if (has_work && thin_conv2d(x, w, bias, rule, y)) return;
  if (!is_half(x.dtype)) return reference::conv2d(x, w, bias, rule, y);
  const AsFloat image(x), weight(w), shift(bias);
  const FromFloat result(y);
  conv2d(image.in(), weight.in(), shift.in(), rule, result.out());
  result.finish();
}

void conv2d_backward_input(In dy, In w, ConvRule rule, Out dx) {
  if (is_empty(*dx.sizes)) return;
  const bool has_work = !is_empty(*dy.sizes) && !is_empty(*w.sizes);
  if (has_work && onednn::conv2d_backward_input(dy, w, rule, dx)) return;
  if (!is_half(dy.dtype)) return reference::conv2d_backward_input(dy, w, rule, dx);
  const AsFloat gradient(dy), weight(w);
  const FromFloat result(dx);
  conv2d_backward_input(gradient.in(), weight.in(), rule, result.out());
  result.finish();
}

void conv2d_backward_weight(In x, In dy, ConvRule rule, Out dw, Out db) {
  const bool has_work = !is_empty(*x.sizes) && !is_empty(*dy.sizes) && dw.defined() && !is_empty(*dw.sizes);
  if (has_work && onednn::conv2d_backward_weight(x, dy, rule, dw, db)) return;
  if (has_work && thin_conv2d_backward_weight(x, dy, rule, dw, db)) return;
  if (!is_half(x.dtype)) return reference::conv2d_backward_weight(x, dy, rule, dw, db);
  const AsFloat image(x), gradient(dy);
  const FromFloat weight(dw), shift(db);
  conv2d_backward_weight(image.in(), gradient.in(), rule, weight.out(), shift.out());
  weight.finish();
  shift.finish();
}

}  // namespace st::cpu
