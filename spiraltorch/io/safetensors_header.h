// The header of a safetensors file: a JSON object that says where which tensor lies in the data behind it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spiraltorch/core/dims.h"
#include "spiraltorch/core/dtype.h"

namespace st {
namespace io {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::float32;
  Shape shape;
  uint64_t begin = 0, end = 0;  // bytes of the data
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  // in the order of the file
  std::map<std::string, std::string> metadata;
};

inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

/// Reads the JSON text of a header and checks every rule of the format, given the size of the data that
/// follows. Throws IoError that begins with "load_safetensors: path: ".
SafetensorsHeader parse_safetensors_header(const std::string& path, std::string_view json,
                                           uint64_t data_bytes);

/// The JSON text, padded with spaces to a multiple of 8 bytes. Throws ValueError for text that is not UTF-8.
std::string format_safetensors_header(const SafetensorsHeader& header);

}  // namespace io
}  // namespace st
