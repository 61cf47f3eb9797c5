// One file of memory, mapped twice at a constant distance: the closed view is what tensors hold, the open
// view what kernels are given.
#include "tests/support/shadow_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "spiraltorch/backend/registry.h"

namespace st::test {
namespace {

constexpr size_t kBytes = size_t{1} << 32;  // of address space; pages are taken when they are first written

class Memory {
 public:
  Memory() {
    const int file = ::memfd_create("shadow", MFD_CLOEXEC);
    if (file < 0 || ::ftruncate(file, static_cast<off_t>(kBytes)) != 0)
      throw std::runtime_error("memfd_create");
    closed_ = map(file, PROT_NONE);
    distance_ = map(file, PROT_READ | PROT_WRITE) - closed_;
    ::close(file);
  }

  // Blocks are powers of two; freed ones are kept for the next request.
  void* allocate(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t size = block(bytes);
    std::vector<char*>& kept = kept_[static_cast<size_t>(std::countr_zero(size))];
    if (!kept.empty()) {
      char* memory = kept.back();
      kept.pop_back();
      return memory;
    }
    if (size > kBytes - used_) throw std::bad_alloc();
    used_ += size;
    return closed_ + (used_ - size);
  }
  void release(void* memory, size_t bytes) {
    const std::lock_guard lock(mutex_);
    kept_[static_cast<size_t>(std::countr_zero(block(bytes)))].push_back(static_cast<char*>(memory));
  }

  // The address in the open view. It must be one of the closed view: no tensor of another device may get
  // here.
  template <class T>
  T* open(T* closed) const {
    if (closed == nullptr) return nullptr;
    const char* at = closed;
    if (at < closed_ || at >= closed_ + kBytes)
      throw std::logic_error("memory of another device reached a kernel");
    return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(closed) + static_cast<uintptr_t>(distance_));
  }

 private:
  static char* map(int file, int protection) {
    void* memory = ::mmap(nullptr, kBytes, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap");
    return static_cast<char*>(memory);
  }
  static size_t block(size_t bytes) { return std::bit_ceil(std::max<size_t>(bytes, 64)); }

  std::mutex mutex_;
  char* closed_ = nullptr;
  ptrdiff_t distance_ = 0;
  size_t used_ = 0;
  std::array<std::vector<char*>, 64> kept_;
};

Memory& memory() {
  static Memory* const instance = new Memory;  // tensors with static lifetime are released late
  return *instance;
}

// What a kernel of the CPU is given for an argument. A type that is not here would have to be looked at
// first.
In opened(In x) {
  x.data = memory().open(static_cast<const char*>(x.data));
  return x;
}
Out opened(Out x) {
  x.data = memory().open(static_cast<char*>(x.data));
  return x;
}
template <class T>
requires std::is_arithmetic_v<T> || std::is_enum_v<T> T opened(T x) { return x; }
const char* opened(const char* x) { return x; }
Scalar opened(Scalar x) { return x; }
CrossEntropyRule opened(CrossEntropyRule x) { return x; }
BallStep opened(BallStep x) { return x; }
CurveParameters opened(CurveParameters x) { return x; }
ConvRule opened(ConvRule x) { return x; }
MaxPoolRule opened(MaxPoolRule x) { return x; }
AvgPoolRule opened(AvgPoolRule x) { return x; }
Generator& opened(Generator& x) { return x; }
FlatLeaf opened(FlatLeaf x) {
  x.param = memory().open(static_cast<char*>(x.param));
  x.grad = memory().open(static_cast<const char*>(x.grad));
  return x;
}
void* open_state(void* x) { return memory().open(static_cast<char*>(x)); }
std::vector<SGDSlot> opened(std::span<const SGDSlot> slots) {
  std::vector<SGDSlot> result(slots.begin(), slots.end());
  for (SGDSlot& s : result) {
    static_cast<FlatLeaf&>(s) = opened(static_cast<FlatLeaf>(s));
    s.momentum_buffer = open_state(s.momentum_buffer);
  }
  return result;
}
std::vector<AdamSlot> opened(std::span<const AdamSlot> slots) {
  std::vector<AdamSlot> result(slots.begin(), slots.end());
  for (AdamSlot& s : result) {
    static_cast<FlatLeaf&>(s) = opened(static_cast<FlatLeaf>(s));
    s.exp_avg = open_state(s.exp_avg);
    s.exp_avg_sq = open_state(s.exp_avg_sq);
    s.max_exp_avg_sq = open_state(s.max_exp_avg_sq);
  }
  return result;
}
std::vector<RMSpropSlot> opened(std::span<const RMSpropSlot> slots) {
  std::vector<RMSpropSlot> result(slots.begin(), slots.end());
  for (RMSpropSlot& s : result) {
    static_cast<FlatLeaf&>(s) = opened(static_cast<FlatLeaf>(s));
    s.square_avg = open_state(s.square_avg);
    s.grad_avg = open_state(s.grad_avg);
    s.momentum_buffer = open_state(s.momentum_buffer);
  }
  return result;
}

std::atomic<int64_t> copies = 0;

// The kernel of the CPU in this slot, over opened arguments.
template <class K, K Kernels::*slot>
struct Through;
template <class... A, Kernel<A...> Kernels::*slot>
struct Through<Kernel<A...>, slot> {
  static void call(A... a) {
    if constexpr (std::is_same_v<Kernel<A...>, decltype(Kernels::copy)>) copies += slot == &Kernels::copy;
    (kernels(Device::cpu).*slot)(opened(static_cast<A>(a))...);
  }
};

template <class K>
K member_type(K Kernels::*);

template <auto... slots>
Kernels make_table() {
  static_assert(sizeof(Kernels) == sizeof...(slots) * sizeof(Kernel<>), "kernel_table names every slot once");
  Kernels table;
  const Kernels& cpu = kernels(Device::cpu);
  const auto fill = [&]<auto slot>(std::integral_constant<decltype(slot), slot>) {
    if ((cpu.*slot).fn) (table.*slot).fn = Through<decltype(member_type(slot)), slot>::call;
  };
  (fill(std::integral_constant<decltype(slots), slots>()), ...);
  return table;
}

const Kernels& kernel_table() {
  using K = Kernels;
  static const Kernels table = make_table<
      &K::unary, &K::unary_backward, &K::curve, &K::curve_backward, &K::point_loss, &K::point_loss_backward,
      &K::binary, &K::binary_scalar, &K::scalar_binary, &K::compare, &K::compare_scalar, &K::where, &K::clamp,
      &K::clamp_backward, &K::axpy, &K::copy, &K::fill, &K::arange, &K::linspace, &K::uniform, &K::normal,
      &K::randint, &K::randperm, &K::dropout, &K::reduce, &K::extremum, &K::sort, &K::topk, &K::cumsum,
      &K::cumprod, &K::linear_scan, &K::softmax, &K::softmax_backward, &K::log_softmax,
      &K::log_softmax_backward, &K::batch_norm, &K::batch_norm_eval, &K::batch_norm_backward, &K::group_norm,
      &K::group_norm_backward, &K::layer_norm, &K::layer_norm_backward, &K::rms_norm, &K::rms_norm_backward,
      &K::check_target, &K::cross_entropy, &K::cross_entropy_backward, &K::check_index, &K::index_select,
      &K::index_add, &K::gather, &K::scatter, &K::scatter_add, &K::matmul, &K::linear, &K::lstm,
      &K::lstm_backward, &K::conv2d, &K::conv2d_backward_input, &K::conv2d_backward_weight, &K::max_pool2d,
      &K::max_pool2d_scatter, &K::max_pool2d_gather, &K::avg_pool2d, &K::avg_pool2d_backward, &K::sgd,
      &K::adam, &K::rmsprop, &K::hyperbolic, &K::hyperbolic_backward, &K::hyperbolic_cdist,
      &K::hyperbolic_cdist_backward, &K::hyperbolic_mlr, &K::hyperbolic_mlr_backward, &K::hyperbolic_matvec,
      &K::hyperbolic_matvec_backward, &K::hyperbolic_midpoint, &K::hyperbolic_midpoint_backward,
      &K::ball_step, &K::unscale>();
  return table;
}

void* allocate(size_t bytes) { return memory().allocate(bytes); }
void release(void* block, size_t bytes) noexcept { memory().release(block, bytes); }
void from_host(void* device, const void* host, size_t bytes) {
  if (bytes > 0) std::memcpy(memory().open(static_cast<char*>(device)), host, bytes);
}
void to_host(void* host, const void* device, size_t bytes) {
  if (bytes > 0) std::memcpy(host, memory().open(static_cast<const char*>(device)), bytes);
}

}  // namespace

Device shadow_device() {
  static const Backend shadow{kernel_table, allocate, release,
                              from_host,    to_host,  backend(Device::cpu).has_instructions_for};
  static const bool registered = (register_device(Device::custom, shadow), true);
  (void)registered;
  return Device::custom;
}

int64_t shadow_copies() { return copies; }

Tensor moved(const Tensor& x, Device device) {
  const int64_t elements = static_cast<int64_t>(x.storage()->bytes() / item_size(x.dtype()));
  const Tensor all = make_view(x, {elements}, {1}, 0).to(device);
  const Tensor y = make_view(all, x.shape(), x.strides(), x.storage_offset());
  if (x.requires_grad()) y.requires_grad_();
  return y;
}

}  // namespace st::test
