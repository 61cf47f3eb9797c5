// The header is the text of a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
#include "spiraltorch/io/npy.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>
#include <string_view>

#include "spiraltorch/core/check.h"
#include "spiraltorch/ops/copy.h"
#include "spiraltorch/ops/shape.h"

namespace st {
namespace io {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

// A type of NumPy: its code, the bytes of an element and the type that it becomes here.
struct Type {
  std::string_view code;
  size_t size;
  DType dtype;
  bool same;  // the bytes are those of `dtype`
};
constexpr Type kTypes[] = {
    {"f4", 4, DType::float32, true}, {"f8", 8, DType::float64, true}, {"f2", 2, DType::float16, true},
    {"i8", 8, DType::int64, true},   {"i4", 4, DType::int32, true},   {"u1", 1, DType::uint8, true},
    {"b1", 1, DType::bool_, true},   {"i1", 1, DType::int32, false},  {"i2", 2, DType::int32, false},
    {"u2", 2, DType::int32, false},  {"u4", 4, DType::int64, false}};

// The text behind 'name': in the dict.
std::string_view field(const std::string& where, std::string_view dict, std::string_view name) {
  const std::string quoted = "'" + std::string(name) + "':";
  const size_t at = dict.find(quoted);
  check<IoError>(at != std::string_view::npos, "{}: the header lacks '{}'", where, name);
  dict.remove_prefix(at + quoted.size());
  dict.remove_prefix(std::min(dict.find_first_not_of(' '), dict.size()));
  return dict;
}

Shape parse_shape(const std::string& where, std::string_view text) {
  const size_t end = text.find(')');
  check<IoError>(text.starts_with('(') && end != std::string_view::npos, "{}: 'shape' is no tuple", where);
  text = text.substr(1, end - 1);
  Shape shape;
  while (!text.empty()) {
    if (text.front() == ' ' || text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    int64_t size = 0;
    const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    check<IoError>(error == std::errc() && size >= 0, "{}: 'shape' is ({})", where, text);
    check<IoError>(shape.size() < kMaxDims, "{}: more than {} dimensions", where, kMaxDims);
    shape.push_back(size);
    text.remove_prefix(static_cast<size_t>(next - text.data()));
  }
  return shape;
}

// One element of `from` as the int64 it stands for.
int64_t integer(std::string_view code, const std::byte* bytes) {
  uint64_t value = 0;
  const size_t size = static_cast<size_t>(code[1] - '0');
  std::memcpy(&value, bytes, size);  // little-endian by now
  if (code[0] == 'u') return static_cast<int64_t>(value);
  const int unused = static_cast<int>(64 - 8 * size);
  return static_cast<int64_t>(value << unused) >> unused;
}

}  // namespace

std::string npy_header(const Tensor& x) {
  const auto type =
      std::ranges::find_if(kTypes, [&](const Type& t) { return t.same && t.dtype == x.dtype(); });
  std::string dict = "{'descr': '";
  dict += type->size == 1 ? '|' : '<';
  dict += type->code;
  dict += "', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < x.dim(); ++i) dict += (i > 0 ? " " : "") + std::to_string(x.size(i)) + ",";
  if (x.dim() > 1) dict.pop_back();
  dict += "), }";
  dict.append(63 - (10 + dict.size()) % 64, ' ');
  dict += '\n';
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

Tensor parse_npy(const std::string& where, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  check<IoError>(text.size() >= 10 && text.starts_with(kMagic), "{}: no NumPy array", where);
  const int version = static_cast<unsigned char>(text[6]);
  check<IoError>(version >= 1 && version <= 3, "{}: version {} of the format is not known", where, version);
  const size_t begin = version == 1 ? 10 : 12;
  check<IoError>(text.size() >= begin, "{}: the header is cut off", where);
  size_t length = 0;
  for (size_t i = begin; i-- > 8;) length = length << 8 | std::to_integer<size_t>(bytes[i]);
  check<IoError>(length <= text.size() - begin, "{}: the header is cut off", where);
  const std::string_view dict = text.substr(begin, length);

  const std::string_view descr = field(where, dict, "descr");
  const size_t quote = descr.find('\'', 1);
  check<IoError>(descr.starts_with('\'') && quote != std::string_view::npos && quote >= 3,
                 "{}: an array of records is not supported", where);
  const char order = descr[1];
  const std::string_view code = descr.substr(2, quote - 2);
  const auto type = std::ranges::find_if(kTypes, [&](const Type& t) { return t.code == code; });
  check<IoError>(type != std::end(kTypes) && (order == '<' || order == '>' || order == '|' || order == '='),
                 "{}: type '{}' is not supported", where, descr.substr(1, quote - 1));
  const std::string_view fortran = field(where, dict, "fortran_order");
  check<IoError>(fortran.starts_with("True") || fortran.starts_with("False"),
                 "{}: 'fortran_order' is neither True nor False", where);
  Shape shape = parse_shape(where, field(where, dict, "shape"));

  const std::span<const std::byte> data = bytes.subspan(begin + length);
  uint64_t elements = 1;
  for (const int64_t size : shape) {
    check<IoError>(!__builtin_mul_overflow(elements, static_cast<uint64_t>(size), &elements),
                   "{}: shape {} is too large", where, shape);
  }
  check<IoError>(data.size() / type->size == elements && data.size() % type->size == 0,
                 "{}: shape {} of '{}' does not fit {} bytes of data", where, shape, code, data.size());

  std::vector<std::byte> native(data.begin(), data.end());
  if (order == '>') {
    for (size_t i = 0; i < native.size(); i += type->size) {
      std::reverse(native.begin() + static_cast<ptrdiff_t>(i),
                   native.begin() + static_cast<ptrdiff_t>(i + type->size));
    }
  }
  if (code == "b1") {
    check<IoError>(std::ranges::all_of(native, [](std::byte b) { return b <= std::byte{1}; }),
                   "{}: a byte of a bool array is neither 0 nor 1", where);
  }
  const bool reversed = fortran.starts_with("True");
  if (reversed) std::reverse(shape.begin(), shape.end());
  Tensor x = empty(shape, type->same ? type->dtype : DType::int64);
  if (!native.empty()) {
    if (type->same) {
      std::memcpy(x.out().data, native.data(), native.size());
    } else {
      const std::span<int64_t> values = x.mutable_data<int64_t>();
      for (size_t i = 0; i < values.size(); ++i) values[i] = integer(code, native.data() + i * type->size);
      x = to(x, type->dtype);
    }
  }
  if (!reversed) return x;
  Dims dims;
  for (int i = shape.size(); i-- > 0;) dims.push_back(i);
  return contiguous(permute(x, dims));
}

}  // namespace io
}  // namespace st
