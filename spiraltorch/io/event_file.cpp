// The three protobuf messages that a scalar needs, written by hand: Event, Summary, Summary.Value.
#include "spiraltorch/io/event_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>

#include "spiraltorch/io/system_error.h"

namespace st {
namespace io {
namespace {

constexpr size_t kWaiting = 1 << 16;  // bytes kept back for the next write

// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, a byte at a time.
constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    table[byte] = crc;
  }
  return table;
}();

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

// TFRecord stores checksums rotated and shifted: one of data that holds checksums is then still a good one.
uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof value; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xff);
  return bytes;
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

// Fields of a protobuf message: a number and a kind (0 varint, 1 eight bytes, 2 a string, 5 four bytes).
std::string key(int field, int kind) { return varint(static_cast<uint64_t>(field << 3 | kind)); }
std::string double_field(int field, double value) {
  return key(field, 1) + little_endian(std::bit_cast<uint64_t>(value));
}
std::string float_field(int field, float value) {
  return key(field, 5) + little_endian(std::bit_cast<uint32_t>(value));
}
std::string integer_field(int field, int64_t value) {
  return key(field, 0) + varint(static_cast<uint64_t>(value));
}
std::string bytes_field(int field, std::string_view bytes) {
  return key(field, 2) + varint(bytes.size()) + std::string(bytes);
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

EventFile::EventFile(const std::string& path)
    : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_ < 0) fail_with_errno("EventFile", "cannot open", path_);
  struct stat status = {};
  if (::fstat(file_, &status) == 0 && status.st_size == 0) {
    add_record(double_field(1, now()) + bytes_field(3, "brain.Event:2"));
  }
}

EventFile::~EventFile() {
  try {
    flush();
  } catch (const IoError&) {  // who wants to know calls flush()
  }
  ::close(file_);
}

void EventFile::add_scalar(std::string_view tag, double value, int64_t step) {
  const std::string scalar = bytes_field(1, tag) + float_field(2, static_cast<float>(value));
  add_record(double_field(1, now()) + integer_field(2, step) + bytes_field(5, bytes_field(1, scalar)));
}

void EventFile::add_record(std::string_view event) {
  const std::string length = little_endian(uint64_t{event.size()});
  waiting_ += length + little_endian(masked_crc(length));
  waiting_ += event;
  waiting_ += little_endian(masked_crc(event));
  if (waiting_.size() >= kWaiting) flush();
}

void EventFile::flush() {
  struct stat before = {};
  const bool known = ::fstat(file_, &before) == 0;
  for (size_t done = 0; done < waiting_.size();) {
    const ssize_t written = ::write(file_, waiting_.data() + done, waiting_.size() - done);
    if (written < 0 && errno != EINTR) {
      const int error = errno;
      // No part of a record stays: what is appended later would be unreadable behind it.
      if (!known || ::ftruncate(file_, before.st_size) != 0) waiting_.erase(0, done);
      fail_with_errno("EventFile", "cannot write", path_, error);
    }
    if (written > 0) done += static_cast<size_t>(written);
  }
  waiting_.clear();
}

}  // namespace io
}  // namespace st
