// Reads the bytes as a PNG file, in each number of channels. A mutation is followed by one of the chunks'
// checksums: without them libpng looks no further.
#include "spiraltorch/io/png.h"

#include "spiraltorch/core/error.h"
#include "tests/fuzz/fuzz.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

uint32_t crc32(std::span<const uint8_t> bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned /*seed*/) {
  size = LLVMFuzzerMutate(data, size, max_size);
  // Behind the signature: length, name, content, checksum of name and content.
  for (size_t at = 8; size >= at + 12 && big_endian(data + at) <= size - at - 12;) {
    const size_t length = big_endian(data + at), end = at + 8 + length;
    const uint32_t crc = crc32({data + at + 4, length + 4});
    for (size_t i = 0; i < 4; ++i) data[end + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
    at = end + 4;
  }
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const st::test::InputFile file;
  const std::string& path = file.hold(data, size);
  for (const int channels : {0, 1, 3, 4}) {
    try {
      st::test::read_all(st::io::load_png(path, {.channels = channels}));
    } catch (const st::Error&) {
    }
  }
  return 0;
}
