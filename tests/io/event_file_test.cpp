// Event files parsed back by a reader that shares nothing with the writer. tests/files/read_files.py has
// TensorBoard read one.
#include "spiraltorch/io/event_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "spiraltorch/core/error.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using testing::error_of;
using testing::TempDir;

// Bit by bit from the definition.
uint32_t crc32c(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool one = ((crc ^ (static_cast<uint8_t>(c) >> bit)) & 1) != 0;
      crc = (crc >> 1) ^ (one ? 0x82f63b78u : 0u);
    }
  }
  return ~crc;
}

uint32_t masked(const std::string& bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
T number(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The fields of a protobuf message, by number: eight or four bytes, a string, or a varint as text.
std::map<int, std::string> fields(const std::string& message) {
  std::map<int, std::string> found;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<uint8_t>(message.at(at++));
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const uint64_t key = varint();
    const uint64_t size = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : key % 8 == 2 ? varint() : 0;
    const int field = static_cast<int>(key / 8);
    if (key % 8 == 0) {
      found[field] = std::to_string(static_cast<int64_t>(varint()));
    } else {
      found[field] = message.substr(at, size);
      at += size;
    }
  }
  return found;
}

// The events of a file, every checksum verified.
std::vector<std::map<int, std::string>> events(const std::string& path) {
  const std::string bytes = testing::read_bytes(path);
  std::vector<std::map<int, std::string>> all;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = number<uint64_t>(bytes, at);
    EXPECT_EQ(number<uint32_t>(bytes, at + 8), masked(bytes.substr(at, 8)));
    const std::string event = bytes.substr(at + 12, length);
    EXPECT_EQ(event.size(), length);
    EXPECT_EQ(number<uint32_t>(bytes, at + 12 + length), masked(event));
    all.push_back(fields(event));
    at += 16 + length;
  }
  return all;
}

TEST(EventFile, HoldsWhatWasAdded) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // the check value of CRC-32C
  const TempDir dir;
  const std::string path = dir / "events.out.tfevents.0";
  {
    io::EventFile file(path);
    file.add_scalar("train/loss", 0.25, 3);
    file.add_scalar("rate", 1e-3, int64_t{1} << 40);
  }
  io::EventFile(path).add_scalar("train/loss", -1.5, -1);  // goes on in the file that is there

  const auto all = events(path);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].at(3), "brain.Event:2");
  const char* tags[] = {"train/loss", "rate", "train/loss"};
  const char* steps[] = {"3", "1099511627776", "-1"};
  const float values[] = {0.25f, 1e-3f, -1.5f};
  for (size_t i = 0; i < 3; ++i) {
    const auto& event = all[i + 1];
    EXPECT_GT(number<double>(event.at(1), 0), 1.6e9);
    EXPECT_EQ(event.at(2), steps[i]);
    const auto scalar = fields(fields(event.at(5)).at(1));
    EXPECT_EQ(scalar.at(1), tags[i]);
    EXPECT_EQ(number<float>(scalar.at(2), 0), values[i]);
  }
}

TEST(EventFile, FlushPutsItThere) {
  const TempDir dir;
  io::EventFile file(dir / "tfevents");
  file.add_scalar("a", 1, 1);
  file.flush();
  EXPECT_EQ(events(dir / "tfevents").size(), 2u);
  for (int i = 0; i < 5000; ++i) file.add_scalar("a", i, i);
  EXPECT_GT(std::filesystem::file_size(dir / "tfevents"), 100000u);
  file.flush();
  EXPECT_EQ(events(dir / "tfevents").size(), 5002u);
}

TEST(EventFile, AFailedWriteLeavesWholeRecordsAndIsMadeUpFor) {
  const TempDir dir;
  const std::string path = dir / "tfevents";
  io::EventFile file(path);
  file.add_scalar("a", 0, 0);
  file.flush();
  // A limit on the size of files stands for a full disk: it, too, takes a part of what is written.
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = std::filesystem::file_size(path) + 7;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  file.add_scalar("a", 1, 1);
  const std::string error = error_of<IoError>([&] { file.flush(); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, "EventFile: cannot write " + path + ": File too large");
  EXPECT_EQ(events(path).size(), 2u);
  file.add_scalar("a", 2, 2);
  file.flush();
  EXPECT_EQ(events(path).size(), 4u);
}

TEST(EventFile, Errors) {
  EXPECT_EQ(error_of<IoError>([] { io::EventFile("/nowhere/tfevents"); }),
            "EventFile: cannot open /nowhere/tfevents: No such file or directory");
  io::EventFile full("/dev/full");
  full.add_scalar("a", 1, 1);
  EXPECT_EQ(error_of<IoError>([&] { full.flush(); }),
            "EventFile: cannot write /dev/full: No space left on device");
}

}  // namespace
}  // namespace st
