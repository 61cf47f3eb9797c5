// Reads, checks and writes the header. Every rule of the format stands here once, with its own error.
#include "spiraltorch/io/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "spiraltorch/core/check.h"

namespace st {
namespace io {
namespace {

using nlohmann::json;

constexpr int kMaxDepth =
    64;  // of the JSON text: the format needs three levels, unknown fields may have more

struct NamedType {
  std::string_view name;
  DType dtype;
};
constexpr NamedType kTypes[] = {{"F32", DType::float32}, {"F64", DType::float64}, {"BF16", DType::bfloat16},
                                {"F16", DType::float16}, {"I64", DType::int64},   {"I32", DType::int32},
                                {"U8", DType::uint8},    {"BOOL", DType::bool_}};

// Types of the format that have no counterpart here.
constexpr std::string_view kForeignTypes[] = {"F4",      "F6_E2M3", "F6_E3M2",     "F8_E5M2",    "F8_E4M3",
                                              "F8_E8M0", "I8",      "I16",         "U16",        "U32",
                                              "U64",     "C64",     "F8_E4M3FNUZ", "F8_E5M2FNUZ"};

// Errors about one file. Values follow the path.
class Reporter {
 public:
  explicit Reporter(const std::string& path) : path_(path) {}
  template <class... A>
  void require(bool rule, std::string_view text, const A&... values) const {
    if (!rule) [[unlikely]]
      fail<IoError>("load_safetensors: {}: " + std::string(text), path_, values...);
  }

 private:
  const std::string& path_;
};

struct ParsedJson {
  json root;
  std::vector<std::string> names;  // of the root object, in order: json itself sorts them
};

// The parser keeps the last of several equal keys and says nothing; this looks at every key as it comes.
ParsedJson parse_json(const Reporter& report, std::string_view text) {
  ParsedJson parsed;
  std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
  const auto look = [&](int depth, json::parse_event_t event, json& value) {
    switch (event) {
      case json::parse_event_t::object_start:
        report.require(depth < kMaxDepth, "the header is nested more than {} levels deep", kMaxDepth);
        keys.emplace_back();
        break;
      case json::parse_event_t::array_start:
        report.require(depth < kMaxDepth, "the header is nested more than {} levels deep", kMaxDepth);
        break;
      case json::parse_event_t::object_end:
        keys.pop_back();
        break;
      case json::parse_event_t::key: {
        const std::string& key = value.get_ref<const std::string&>();
        report.require(keys.back().insert(key).second, "the header has the key \"{}\" twice in one object",
                       key);
        if (keys.size() == 1) parsed.names.push_back(key);
        break;
      }
      default:
        break;
    }
    return true;
  };
  try {
    parsed.root = json::parse(text.begin(), text.end(), look);
  } catch (const json::parse_error& error) {
    report.require(false, "the header is not JSON (byte {} of {})", error.byte, text.size());
  } catch (const json::exception&) {  // a number too large for a double
    report.require(false, "the header is not JSON that can be read: a number is out of range");
  }
  return parsed;
}

std::map<std::string, std::string> read_metadata(const Reporter& report, const json& value) {
  report.require(value.is_object(), "__metadata__ is not an object of text");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    report.require(text.is_string(), "__metadata__: \"{}\" is not text", key);
    metadata.emplace(key, text.get_ref<const std::string&>());
  }
  return metadata;
}

const json& field(const Reporter& report, const std::string& name, const json& entry, const char* key) {
  const auto at = entry.find(key);
  report.require(at != entry.end(), "tensor \"{}\" has no {}", name, key);
  return *at;
}

DType read_dtype(const Reporter& report, const std::string& name, const json& value) {
  report.require(value.is_string(), "tensor \"{}\": dtype is not text", name);
  const std::string& text = value.get_ref<const std::string&>();
  for (const NamedType& type : kTypes) {
    if (type.name == text) return type.dtype;
  }
  const bool foreign = std::ranges::find(kForeignTypes, text) != std::end(kForeignTypes);
  report.require(false,
                 foreign ? "tensor \"{}\" has dtype {}, which SpiralTorch does not have (it has F32 F64 BF16 "
                           "F16 I64 I32 U8 BOOL)"
                         : "tensor \"{}\" has dtype \"{}\", which is no dtype of the format",
                 name, text);
  return {};
}

// A size or an offset. Fractions and what is beyond 64 bits have come out of the parser as floating numbers.
uint64_t read_whole(const Reporter& report, const std::string& name, const char* key, const json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX) {
    report.require(false, "tensor \"{}\": {} holds {}, which is no whole number from 0 to 2^63 - 1", name,
                   key, value.is_number() ? value.dump() : std::string(value.type_name()));
  }
  return value.get<uint64_t>();
}

SafetensorsEntry read_entry(const Reporter& report, const std::string& name, const json& value) {
  report.require(value.is_object(), "tensor \"{}\" is not described by an object", name);
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = read_dtype(report, name, field(report, name, value, "dtype"));

  const json& shape = field(report, name, value, "shape");
  report.require(shape.is_array(), "tensor \"{}\": shape is not a list", name);
  report.require(shape.size() <= kMaxDims, "tensor \"{}\" has {} dimensions, at most {} are supported", name,
                 shape.size(), kMaxDims);
  // The product leaves out sizes of 0, so that strides of empty tensors fit as well.
  uint64_t bytes = item_size(entry.dtype);
  bool fits = true;
  for (const json& size : shape) {
    const uint64_t n = read_whole(report, name, "shape", size);
    fits = fits && !__builtin_mul_overflow(bytes, std::max<uint64_t>(n, 1), &bytes) && bytes <= INT64_MAX;
    entry.shape.push_back(static_cast<int64_t>(n));
  }
  report.require(fits, "tensor \"{}\" of shape {} has more bytes than 2^63 - 1", name, entry.shape);
  if (std::ranges::find(entry.shape, 0) != entry.shape.end()) bytes = 0;

  const json& offsets = field(report, name, value, "data_offsets");
  report.require(offsets.is_array() && offsets.size() == 2,
                 "tensor \"{}\": data_offsets is not a list of two numbers", name);
  entry.begin = read_whole(report, name, "data_offsets", offsets[0]);
  entry.end = read_whole(report, name, "data_offsets", offsets[1]);
  report.require(entry.begin <= entry.end, "tensor \"{}\": data_offsets [{}, {}] are reversed", name,
                 entry.begin, entry.end);
  report.require(entry.end - entry.begin == bytes,
                 "tensor \"{}\": data_offsets [{}, {}] hold {} bytes, {} of shape {} has {}", name,
                 entry.begin, entry.end, entry.end - entry.begin, entry.dtype, entry.shape, bytes);
  return entry;
}

// The tensors must cover the data once, from its first byte to its last.
void check_cover(const Reporter& report, const std::vector<SafetensorsEntry>& tensors, uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> sorted;
  for (const SafetensorsEntry& entry : tensors) {
    report.require(entry.end <= data_bytes,
                   "tensor \"{}\" ends at byte {} of the data, of which the file has {} (cut short?)",
                   entry.name, entry.end, data_bytes);
    sorted.push_back(&entry);
  }
  std::ranges::sort(sorted, {}, [](const auto* entry) { return std::pair(entry->begin, entry->end); });
  uint64_t covered = 0;
  for (const SafetensorsEntry* entry : sorted) {
    report.require(entry->begin >= covered,
                   "tensor \"{}\" begins at byte {} of the data, overlapping another", entry->name,
                   entry->begin);
    report.require(entry->begin == covered,
                   "bytes {} to {} of the data, before tensor \"{}\", belong to none", covered, entry->begin,
                   entry->name);
    covered = entry->end;
  }
  report.require(covered == data_bytes, "{} bytes follow the last tensor", data_bytes - covered);
}

std::string quoted(const std::string& text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    fail<ValueError>("save_safetensors: \"{}\" is not UTF-8", text);
  }
}

std::string_view type_name(DType dtype) { return std::ranges::find(kTypes, dtype, &NamedType::dtype)->name; }

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& path, std::string_view text,
                                           uint64_t data_bytes) {
  const Reporter report(path);
  report.require(text.starts_with('{'), "the header does not begin with '{'");
  const ParsedJson parsed = parse_json(report, text);
  SafetensorsHeader header;
  for (const std::string& name : parsed.names) {
    const json& value = parsed.root[name];
    if (name == "__metadata__") {
      header.metadata = read_metadata(report, value);
    } else {
      header.tensors.push_back(read_entry(report, name, value));
    }
  }
  check_cover(report, header.tensors, data_bytes);
  return header;
}

std::string format_safetensors_header(const SafetensorsHeader& header) {
  std::string text;
  const auto next = [&text](const std::string& key) {
    text += text.empty() || text.back() == '{' ? "" : ",";
    text += quoted(key) + ":";
  };
  text += "{";
  if (!header.metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : header.metadata) {
      next(key);
      text += quoted(value);
    }
    text += "}";
  }
  for (const SafetensorsEntry& entry : header.tensors) {
    next(entry.name);
    text += format_text("{\"dtype\":\"{}\",\"shape\":[", {std::string(type_name(entry.dtype))});
    for (int d = 0; d < entry.shape.size(); ++d) text += (d ? "," : "") + to_text(entry.shape[d]);
    text += format_text("],\"data_offsets\":[{},{}]}", {to_text(entry.begin), to_text(entry.end)});
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace io
}  // namespace st
