// Saving and loading: the bytes of safetensors files. The header is read and checked in safetensors_header.
#include "spiraltorch/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/io/atomic_file.h"
#include "spiraltorch/io/mapped_file.h"
#include "spiraltorch/io/safetensors_header.h"
#include "spiraltorch/ops/copy.h"

namespace st {
namespace io {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian, and so is this reader");

uint64_t bytes_of(const Tensor& x) { return static_cast<uint64_t>(x.numel()) * item_size(x.dtype()); }

// Whether the file begins with the first entry of a zip archive. In a safetensors file whose header had that
// length, the header's '{' would follow.
bool is_zip(std::span<const std::byte> bytes) {
  return std::memcmp(bytes.data(), "PK\3\4", 4) == 0 && (bytes.size() < 9 || bytes[8] != std::byte{'{'});
}

// Any byte but 0 and 1 is no value of C++'s bool.
void check_bool(const std::string& path, const std::string& name, std::span<const std::byte> bytes) {
  const auto bad = std::ranges::find_if(bytes, [](std::byte b) { return b > std::byte{1}; });
  check<IoError>(bad == bytes.end(), "load_safetensors: {}: BOOL tensor \"{}\": element {} is {}, not 0 or 1",
                 path, name, bad - bytes.begin(), bad == bytes.end() ? 0 : std::to_integer<int>(*bad));
}

// The tensor of `bytes`, which are part of `file`.
Tensor wrap(const SafetensorsEntry& entry, std::span<std::byte> bytes,
            const std::shared_ptr<MappedFile>& file) {
  if (bytes.empty()) return empty(entry.shape, entry.dtype);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % item_size(entry.dtype) != 0) {
    Tensor aligned = empty(entry.shape, entry.dtype);
    std::memcpy(aligned.storage()->data(), bytes.data(), bytes.size());
    return aligned;
  }
  return from_blob(bytes.data(), entry.shape, entry.dtype, [file](void*) {});
}

}  // namespace

void save_safetensors(const std::string& path, const StateDict& state) {
  SafetensorsHeader header;
  header.metadata = state.metadata;
  for (const auto& [name, value] : state) {
    check<ValueError>(name != "__metadata__",
                      "save_safetensors: a tensor cannot be named __metadata__, the format's own name");
    check<ValueError>(value.defined(), "save_safetensors: tensor \"{}\" is undefined", name);
    header.tensors.push_back({name, value.dtype(), value.shape(), 0, 0});
  }

  std::vector<size_t> order(state.size());  // in which the data is written
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](size_t i) { return item_size(header.tensors[i].dtype); });
  uint64_t end = 0;
  for (const size_t i : order) {
    header.tensors[i].begin = end;
    header.tensors[i].end = end += bytes_of(state.begin()[static_cast<ptrdiff_t>(i)].second);
  }
  const std::string text = format_safetensors_header(header);
  check<ValueError>(text.size() <= kMaxSafetensorsHeader,
                    "save_safetensors: {} tensors need a header of {} bytes, the format allows {}",
                    state.size(), text.size(), kMaxSafetensorsHeader);

  const NoGradGuard no_grad;
  AtomicFile file("save_safetensors", path);
  const uint64_t header_bytes = text.size();
  file.write(&header_bytes, sizeof header_bytes);
  file.write(text);
  for (const size_t i : order) {
    const Tensor row_major = contiguous(to(state.begin()[static_cast<ptrdiff_t>(i)].second, Device::cpu));
    file.write(row_major.in().data, bytes_of(row_major));
  }
  file.commit();
}

StateDict load_safetensors(const std::string& path) {
  const std::shared_ptr<MappedFile> file = MappedFile::open("load_safetensors", path);
  const std::span<std::byte> bytes = file->bytes();
  uint64_t header_bytes = 0;
  check<IoError>(bytes.size() >= sizeof header_bytes,
                 "load_safetensors: {}: the file has {} bytes, its header's length alone needs 8", path,
                 bytes.size());
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  check<IoError>(!is_zip(bytes),
                 "load_safetensors: {}: this is a zip file, as torch.save writes, and no safetensors file; "
                 "write one in Python by safetensors.torch.save_file(state_dict, path)",
                 path);
  check<IoError>(
      header_bytes <= kMaxSafetensorsHeader,
      "load_safetensors: {}: the header has {} bytes by the file's first 8, at most {} are allowed", path,
      header_bytes, kMaxSafetensorsHeader);
  check<IoError>(header_bytes <= bytes.size() - sizeof header_bytes,
                 "load_safetensors: {}: the header has {} bytes by the file's first 8, but only {} follow",
                 path, header_bytes, bytes.size() - sizeof header_bytes);

  const std::span<std::byte> text = bytes.subspan(sizeof header_bytes, header_bytes);
  const std::span<std::byte> data = bytes.subspan(sizeof header_bytes + header_bytes);
  SafetensorsHeader header =
      parse_safetensors_header(path, {reinterpret_cast<const char*>(text.data()), text.size()}, data.size());

  StateDict state;
  state.metadata = std::move(header.metadata);
  for (SafetensorsEntry& entry : header.tensors) {
    const std::span<std::byte> part = data.subspan(entry.begin, entry.end - entry.begin);
    if (entry.dtype == DType::bool_) check_bool(path, entry.name, part);
    Tensor value = wrap(entry, part, file);
    state.insert(std::move(entry.name), std::move(value));
  }
  return state;
}

}  // namespace io
}  // namespace st
