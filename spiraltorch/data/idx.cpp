// Reads IDX files: the header is checked against the size of the file before any memory is taken.
#include "spiraltorch/data/idx.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>

#include "spiraltorch/core/check.h"

namespace st {
namespace data {
namespace {

class InputFile {
 public:
  explicit InputFile(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (file_ < 0) fail_reading();
  }
  ~InputFile() { ::close(file_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const {
    struct stat status = {};
    if (::fstat(file_, &status) != 0) fail_reading();
    check<IoError>(S_ISREG(status.st_mode), "read_idx: {} is {}", path_,
                   S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
    return static_cast<uint64_t>(status.st_size);
  }

  void read(void* to, size_t bytes) const {
    char* next = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t count = ::read(file_, next, std::min(bytes, size_t{1} << 30));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_reading();
      check<IoError>(count > 0, "read_idx: {} ended while it was read", path_);
      next += count;
      bytes -= static_cast<size_t>(count);
    }
  }

 private:
  [[noreturn]] void fail_reading() const {
    fail<IoError>("read_idx: cannot read {}: {}", path_, std::generic_category().message(errno));
  }

  const std::string& path_;
  int file_;
};

uint32_t big_endian(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

DType element_type(const std::string& path, unsigned char code) {
  switch (code) {
    case 0x08:
      return DType::uint8;
    case 0x0c:
      return DType::int32;
    case 0x0d:
      return DType::float32;
    case 0x0e:
      return DType::float64;
    case 0x09:
    case 0x0b:
      fail<IoError>(
          "read_idx: {} holds {}, which SpiralTorch does not have (it reads uint8, int32, float32, float64)",
          path, code == 0x09 ? "int8" : "int16");
    default:
      fail<IoError>("read_idx: {} is no IDX file: {} is no code of an element type", path, code);
  }
}

}  // namespace

Tensor read_idx(const std::string& path) {
  static_assert(std::endian::native == std::endian::little);
  const InputFile file(path);
  const uint64_t file_bytes = file.size();
  unsigned char magic[4] = {};
  file.read(magic, std::min<size_t>(sizeof magic, file_bytes));
  check<IoError>(magic[0] != 0x1f || magic[1] != 0x8b, "read_idx: {} is compressed: gunzip it first", path);
  check<IoError>(file_bytes >= sizeof magic && magic[0] == 0 && magic[1] == 0,
                 "read_idx: {} is no IDX file: it does not begin with two zero bytes, a type and a number of "
                 "dimensions",
                 path);
  const DType dtype = element_type(path, magic[2]);
  const int dims = magic[3];
  check<IoError>(dims <= kMaxDims, "read_idx: {} has {} dimensions, at most {} are supported", path, dims,
                 kMaxDims);
  const uint64_t header_bytes = sizeof magic + 4 * static_cast<uint64_t>(dims);
  check<IoError>(file_bytes >= header_bytes, "read_idx: {} has {} bytes, a header of {} dimensions has {}",
                 path, file_bytes, dims, header_bytes);

  unsigned char sizes[4 * kMaxDims] = {};
  file.read(sizes, 4 * static_cast<size_t>(dims));
  Shape shape;
  uint64_t bytes = item_size(dtype);
  bool fits = true, is_empty = false;
  for (int d = 0; d < dims; ++d) {
    const uint32_t size = big_endian(sizes + 4 * d);
    shape.push_back(size);
    is_empty = is_empty || size == 0;
    fits = fits && !__builtin_mul_overflow(bytes, std::max<uint64_t>(size, 1), &bytes) && bytes <= INT64_MAX;
  }
  check<IoError>(fits, "read_idx: {}: an array of shape {} has more bytes than 2^63 - 1", path, shape);
  if (is_empty) bytes = 0;
  check<IoError>(file_bytes - header_bytes == bytes,
                 "read_idx: {} has {} bytes after its header, {} of shape {} has {}", path,
                 file_bytes - header_bytes, dtype, shape, bytes);

  Tensor x = empty(shape, dtype);
  auto* data = static_cast<unsigned char*>(x.out().data);
  file.read(data, bytes);
  if (const size_t item = item_size(dtype); item > 1) {
    for (unsigned char* at = data; at < data + bytes; at += item) std::reverse(at, at + item);
  }
  return x;
}

}  // namespace data
}  // namespace st
