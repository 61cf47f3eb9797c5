// Running sums: the gradient of one from the start is one from the end, and the other way round.
#include "spiraltorch/ops/scan.h"

#include "spiraltorch/autograd/node.h"
#include "spiraltorch/backend/kernels.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/tensor/operands.h"

namespace st {
namespace {

Tensor running_sum(const char* op, const Tensor& x, int dim, bool from_end, DType dtype) {
  const Tensor y = empty_like(x, dtype);
  kernels(x.device()).cumsum(x.in(), dim, from_end, y.out());
  return record(op, y, {x}, {}, [dim, from_end](const Backward& b) -> Grads {
    return {running_sum(from_end ? "cumsum" : "cumsum_backward", b.dy(), dim, !from_end, b.dy().dtype())};
  });
}

}  // namespace

Tensor cumsum(const Tensor& input, int64_t axis, std::optional<DType> dtype) {
  check_operands("cumsum", {{"x", input}});
  const int dim = normalize_dim("cumsum", axis, input.dim());
  check<DTypeError>(dtype != DType::bool_,
                    "cumsum: sums have no dtype bool; leave dtype out for int64 (x: {})", input.shape());
  const Tensor x = dtype ? to(input, *dtype) : input;
  const DType sum = dtype.value_or(is_floating(x.dtype()) ? x.dtype() : DType::int64);
  return running_sum("cumsum", x, dim, false, sum);
}

}  // namespace st
