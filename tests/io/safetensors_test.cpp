// safetensors: the reference implementation's files byte for byte, every rule of the format broken on its
// own, mapped and misaligned data, and files at random.
#include "spiraltorch/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "spiraltorch/core/error.h"
#include "spiraltorch/ops/creation.h"
#include "spiraltorch/ops/shape.h"
#include "tests/support/temp_dir.h"

namespace st {
namespace {

using io::load_safetensors;
using io::save_safetensors;
using testing::error_of;
using testing::read_bytes;
using testing::TempDir;
using testing::write_bytes;

const std::string kData = SPIRALTORCH_TESTS_DIR "/io/data/";

// A file of a header, padded as it is, and data.
std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}";
}

template <class T>
std::vector<T> values(const Tensor& x) {
  const auto span = x.data<T>();
  return {span.begin(), span.end()};
}

template <class T>
std::vector<float> widened(const Tensor& x) {
  std::vector<float> out;
  for (const T v : x.data<T>()) out.push_back(static_cast<float>(v));
  return out;
}

void expect_types(const StateDict& state) {
  ASSERT_EQ(state.size(), 11u);
  EXPECT_EQ(state.metadata, (std::map<std::string, std::string>{{"note", "ä \"b\"\\\n\t\x01"}}));
  EXPECT_EQ(state.at("weight").shape(), Shape({2, 3}));
  EXPECT_EQ(values<float>(state.at("weight")), (std::vector<float>{-.5f, -.25f, 0, .25f, .5f, .75f}));
  EXPECT_EQ(values<double>(state.at("double")),
            (std::vector<double>{0.1, std::numeric_limits<double>::infinity()}));
  EXPECT_EQ(widened<float16>(state.at("half")), (std::vector<float>{1.5f, -65504.f}));
  EXPECT_EQ(widened<bfloat16>(state.at("brain")), (std::vector<float>{1.f, 3.140625f, -2.f}));
  EXPECT_EQ(state.at("brain").shape(), Shape({1, 3}));
  EXPECT_EQ(values<int64_t>(state.at("long")), (std::vector<int64_t>{-1, int64_t{1} << 62}));
  EXPECT_EQ(values<int32_t>(state.at("int")), (std::vector<int32_t>{INT32_MIN, 7, INT32_MAX}));
  EXPECT_EQ(values<uint8_t>(state.at("byte")), (std::vector<uint8_t>{0, 128, 255}));
  EXPECT_EQ(values<bool>(state.at("flag")), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(state.at("scalar").dim(), 0);
  EXPECT_EQ(values<float>(state.at("scalar")), (std::vector<float>{2.5f}));
  EXPECT_EQ(state.at("none").shape(), Shape({0, 3}));
  EXPECT_EQ(state.at("none").dtype(), DType::float32);
  EXPECT_EQ(values<uint8_t>(state.at("näme \"quoted\"\n")), (std::vector<uint8_t>{9}));
}

TEST(Safetensors, ReadsTheReferenceImplementation) {
  expect_types(load_safetensors(kData + "types.safetensors"));
  EXPECT_TRUE(load_safetensors(kData + "empty.safetensors").empty());
}

TEST(Safetensors, WritesTheBytesOfTheReferenceImplementation) {
  const TempDir dir;
  for (const std::string name : {"types.safetensors", "empty.safetensors"}) {
    save_safetensors(dir / name, load_safetensors(kData + name));
    EXPECT_TRUE(read_bytes(dir / name) == read_bytes(kData + name)) << name;
  }
}

TEST(Safetensors, KeepsTheOrderOfTheStateAndAlignsTheData) {
  const TempDir dir;
  StateDict state{{"flag", tensor({true})}, {"z", tensor({1.f, 2.f})}, {"a", tensor({3, 4})}};
  state.metadata = {{"b", "2"}, {"a", "1"}};
  save_safetensors(dir / "x", state);
  const std::string bytes = read_bytes(dir / "x");
  EXPECT_EQ(bytes.substr(8, bytes.find("}}  ") + 2 - 8),
            "{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\"}," + entry("flag", "BOOL", "[1]", "[24,25]") + "," +
                entry("z", "F32", "[2]", "[16,24]") + "," + entry("a", "I64", "[2]", "[0,16]") + "}");
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_EQ(bytes.size(), 8 + header + 25);

  const StateDict loaded = load_safetensors(dir / "x");
  std::vector<std::string> names;
  for (const auto& [name, value] : loaded) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"flag", "z", "a"}));
  EXPECT_EQ(loaded.metadata, state.metadata);
  EXPECT_EQ(values<int64_t>(loaded.at("a")), (std::vector<int64_t>{3, 4}));
}

TEST(Safetensors, WritesLogicalOrderWhateverTheStrides) {
  const TempDir dir;
  const Tensor x = tensor({{0., 1, 2}, {3, 4, 5}});
  save_safetensors(
      dir / "x",
      {{"t", transpose(x, 0, 1)}, {"column", narrow(x, 1, 1, 1)}, {"wide", expand(tensor({7.f}), {3})}});
  const StateDict loaded = load_safetensors(dir / "x");
  EXPECT_EQ(values<float>(loaded.at("t")), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(loaded.at("t").shape(), Shape({3, 2}));
  EXPECT_EQ(values<float>(loaded.at("column")), (std::vector<float>{1, 4}));
  EXPECT_EQ(values<float>(loaded.at("wide")), (std::vector<float>{7, 7, 7}));
}

TEST(Safetensors, LoadedTensorsAreOnesOwnAndOutliveTheFile) {
  const TempDir dir;
  const std::string path = dir / "x";
  save_safetensors(path, {{"a", tensor({1.f, 2.f})}});
  const std::string before = read_bytes(path);
  Tensor a = load_safetensors(path).at("a");
  const Tensor other = load_safetensors(path).at("a");
  a.mutable_data<float>()[0] = 9;
  EXPECT_EQ(values<float>(other), (std::vector<float>{1, 2}));
  EXPECT_EQ(read_bytes(path), before);

  save_safetensors(path, {{"a", a}});  // over the file it is mapped from
  EXPECT_EQ(values<float>(load_safetensors(path).at("a")), (std::vector<float>{9, 2}));
  EXPECT_EQ(values<float>(other), (std::vector<float>{1, 2}));
  std::filesystem::remove(path);
  EXPECT_EQ(values<float>(a), (std::vector<float>{9, 2}));
}

TEST(Safetensors, CopiesWhatIsNotAligned) {
  const TempDir dir;
  for (size_t pad = 0; pad < 8; ++pad) {
    float two[2] = {1.5f, -2};
    std::string data(9, '\1');
    std::memcpy(data.data() + 1, two, 8);
    write_bytes(dir / "x", file_of("{" + entry("b", "BOOL", "[1]", "[0,1]") + "," +
                                       entry("f", "F32", "[2]", "[1,9]") + "}" + std::string(pad, ' '),
                                   data));
    const Tensor f = load_safetensors(dir / "x").at("f");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(f.in().data) % 4, 0u);
    EXPECT_EQ(values<float>(f), (std::vector<float>{1.5f, -2}));
  }
}

TEST(Safetensors, ReadsWhatOthersMayWrite) {
  const TempDir dir;
  const auto load = [&](const std::string& header, const std::string& data) {
    write_bytes(dir / "x", file_of(header, data));
    return load_safetensors(dir / "x");
  };
  EXPECT_TRUE(load("{}", "").empty());
  EXPECT_TRUE(load("{ \"__metadata__\" : {} }\n\t ", "").empty());
  const StateDict more =
      load(R"({"a":{"extra":{"x":[1,{"x":2}]},"data_offsets":[0,1],"shape":[],"dtype":"U8"}})", "\7");
  EXPECT_EQ(values<uint8_t>(more.at("a")), (std::vector<uint8_t>{7}));
  EXPECT_EQ(load("{" + entry("a", "F32", "[0,1152921504606846976]", "[0,0]") + "}", "").at("a").numel(), 0);
  EXPECT_EQ(load("{" + entry("b", "U8", "[1]", "[1,2]") + "," + entry("e", "F32", "[0]", "[1,1]") + "," +
                     entry("a", "U8", "[1]", "[0,1]") + "}",
                 "xy")
                .size(),
            3u);
  EXPECT_EQ(load("{" + entry("", "U8", "[1,1,1,1,1,1,1,1]", "[0,1]") + "}", "x").at("").dim(), 8);
}

// Each malformed file and the error it gives behind "load_safetensors: PATH: ".
TEST(Safetensors, NamesTheBrokenRule) {
  const TempDir dir;
  const std::string path = dir / "x";
  const auto error_of_bytes = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    const std::string error = error_of<IoError>([&] { load_safetensors(path); });
    const std::string prefix = "load_safetensors: " + path + ": ";
    return error.starts_with(prefix) ? error.substr(prefix.size()) : error;
  };
  const auto error_of_file = [&](const std::string& header, const std::string& data = "") {
    return error_of_bytes(file_of(header, data));
  };
  const auto error_of_entry = [&](const std::string& dtype, const std::string& shape,
                                  const std::string& offsets, size_t bytes) {
    return error_of_file("{" + entry("a", dtype, shape, offsets) + "}", std::string(bytes, '\0'));
  };
  const auto with_length = [](uint64_t n, const std::string& rest) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &n, 8);
    return bytes + rest;
  };

  // the length
  EXPECT_EQ(error_of_bytes(""), "the file has 0 bytes, its header's length alone needs 8");
  EXPECT_EQ(error_of_bytes("1234567"), "the file has 7 bytes, its header's length alone needs 8");
  EXPECT_EQ(error_of_bytes(with_length(3, "{}")),
            "the header has 3 bytes by the file's first 8, but only 2 follow");
  EXPECT_EQ(error_of_bytes(with_length(100'000'000, "{}")),
            "the header has 100000000 bytes by the file's first 8, but only 2 follow");
  EXPECT_EQ(error_of_bytes(with_length(100'000'001, "{}")),
            "the header has 100000001 bytes by the file's first 8, at most 100000000 are allowed");
  EXPECT_EQ(error_of_bytes(with_length(UINT64_MAX, "{}")),
            "the header has 18446744073709551615 bytes by the file's first 8, at most 100000000 are allowed");

  // what torch.save writes
  const std::string is_a_zip =
      "this is a zip file, as torch.save writes, and no safetensors file; write one in Python by "
      "safetensors.torch.save_file(state_dict, path)";
  EXPECT_EQ(error_of_bytes(std::string("PK\3\4\0\0\x08\x08\0\0\0\0data.pkl", 20)), is_a_zip);
  EXPECT_EQ(error_of_bytes(std::string("PK\3\4\0\0\0\0", 8)), is_a_zip);
  EXPECT_EQ(error_of_bytes(with_length(0x04034b50, "{}")),
            "the header has 67324752 bytes by the file's first 8, but only 2 follow");

  // the JSON
  EXPECT_EQ(error_of_file(""), "the header does not begin with '{'");
  EXPECT_EQ(error_of_file(" {}"), "the header does not begin with '{'");
  EXPECT_EQ(error_of_file("[]"), "the header does not begin with '{'");
  EXPECT_EQ(error_of_file("{\"a\":"), "the header is not JSON (byte 6 of 5)");
  EXPECT_EQ(error_of_file("{} {}"), "the header is not JSON (byte 4 of 5)");
  EXPECT_EQ(error_of_file("{\"\xff\":1}"), "the header is not JSON (byte 3 of 7)");
  EXPECT_EQ(error_of_file("{\"a\":1e999}"),
            "the header is not JSON that can be read: a number is out of range");
  EXPECT_EQ(error_of_file("{\"a\":" + std::string(100000, '[')),
            "the header is nested more than 64 levels deep");
  std::string deep = "1";
  for (int i = 0; i < 1000; ++i) deep = "{\"a\":" + deep + "}";
  EXPECT_EQ(error_of_file(deep), "the header is nested more than 64 levels deep");
  const std::string one = entry("a", "U8", "[1]", "[0,1]");
  EXPECT_EQ(error_of_file("{" + one + "," + one + "}", "x"),
            "the header has the key \"a\" twice in one object");
  EXPECT_EQ(error_of_file(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"),
            "the header has the key \"dtype\" twice in one object");
  EXPECT_EQ(error_of_file(R"({"__metadata__":{"k":"1","\u006b":"2"}})"),
            "the header has the key \"k\" twice in one object");

  // the fields
  EXPECT_EQ(error_of_file(R"({"__metadata__":[]})"), "__metadata__ is not an object of text");
  EXPECT_EQ(error_of_file(R"({"__metadata__":null})"), "__metadata__ is not an object of text");
  EXPECT_EQ(error_of_file(R"({"__metadata__":{"epoch":3}})"), "__metadata__: \"epoch\" is not text");
  EXPECT_EQ(error_of_file(R"({"a":3})"), "tensor \"a\" is not described by an object");
  EXPECT_EQ(error_of_file(R"({"a":{}})"), "tensor \"a\" has no dtype");
  EXPECT_EQ(error_of_file(R"({"a":{"dtype":"F32"}})"), "tensor \"a\" has no shape");
  EXPECT_EQ(error_of_file(R"({"a":{"dtype":"F32","shape":[]}})"), "tensor \"a\" has no data_offsets");
  EXPECT_EQ(error_of_file(R"({"a":{"dtype":5}})"), "tensor \"a\": dtype is not text");
  EXPECT_EQ(error_of_file(R"({"a":{"dtype":"F32","shape":"[]"}})"), "tensor \"a\": shape is not a list");
  for (const char* offsets : {"7", "[]", "[0]", "[0,0,0]", "{}", "\"0,4\""}) {
    EXPECT_EQ(error_of_entry("F32", "[0]", offsets, 0),
              "tensor \"a\": data_offsets is not a list of two numbers");
  }

  // dtypes
  for (const std::string dtype : {"F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "I8", "I16",
                                  "U16", "U32", "U64", "C64"}) {
    EXPECT_EQ(error_of_entry(dtype, "[0]", "[0,0]", 0),
              "tensor \"a\" has dtype " + dtype +
                  ", which SpiralTorch does not have (it has F32 F64 BF16 F16 I64 I32 U8 BOOL)");
  }
  for (const std::string dtype : {"f32", "float32", "", "F320"}) {
    EXPECT_EQ(error_of_entry(dtype, "[0]", "[0,0]", 0),
              "tensor \"a\" has dtype \"" + dtype + "\", which is no dtype of the format");
  }

  // numbers
  const std::string no_whole = ", which is no whole number from 0 to 2^63 - 1";
  EXPECT_EQ(error_of_entry("U8", "[-1]", "[0,1]", 1), "tensor \"a\": shape holds -1" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[1.0]", "[0,1]", 1), "tensor \"a\": shape holds 1.0" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[1,null]", "[0,1]", 1), "tensor \"a\": shape holds null" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[[1]]", "[0,1]", 1), "tensor \"a\": shape holds array" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[true]", "[0,1]", 1), "tensor \"a\": shape holds boolean" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[9223372036854775808]", "[0,1]", 1),
            "tensor \"a\": shape holds 9223372036854775808" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[18446744073709551617]", "[0,1]", 1),
            "tensor \"a\": shape holds 1.8446744073709552e+19" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[1]", "[-1,0]", 1), "tensor \"a\": data_offsets holds -1" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[1]", "[0,0.5]", 1), "tensor \"a\": data_offsets holds 0.5" + no_whole);
  EXPECT_EQ(error_of_entry("U8", "[1]", "[0,18446744073709551615]", 1),
            "tensor \"a\": data_offsets holds 18446744073709551615" + no_whole);

  // shapes
  EXPECT_EQ(error_of_entry("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]", 1),
            "tensor \"a\" has 9 dimensions, at most 8 are supported");
  EXPECT_EQ(error_of_entry("F32", "[4294967296,4294967296]", "[0,0]", 0),  // 2^66 bytes, 0 modulo 2^64
            "tensor \"a\" of shape (4294967296, 4294967296) has more bytes than 2^63 - 1");
  EXPECT_EQ(error_of_entry("F64", "[1152921504606846976]", "[0,0]", 0),  // 2^63 bytes
            "tensor \"a\" of shape (1152921504606846976,) has more bytes than 2^63 - 1");
  EXPECT_EQ(error_of_entry("U8", "[0,4294967296,4294967296]", "[0,0]", 0),
            "tensor \"a\" of shape (0, 4294967296, 4294967296) has more bytes than 2^63 - 1");

  // offsets
  EXPECT_EQ(error_of_entry("U8", "[1]", "[1,0]", 1), "tensor \"a\": data_offsets [1, 0] are reversed");
  EXPECT_EQ(error_of_entry("F32", "[2]", "[0,7]", 7),
            "tensor \"a\": data_offsets [0, 7] hold 7 bytes, float32 of shape (2,) has 8");
  EXPECT_EQ(error_of_entry("BF16", "[]", "[0,4]", 4),
            "tensor \"a\": data_offsets [0, 4] hold 4 bytes, bfloat16 of shape () has 2");
  EXPECT_EQ(error_of_entry("F32", "[0]", "[0,4]", 4),
            "tensor \"a\": data_offsets [0, 4] hold 4 bytes, float32 of shape (0,) has 0");
  EXPECT_EQ(error_of_entry("F32", "[2]", "[0,8]", 7),
            "tensor \"a\" ends at byte 8 of the data, of which the file has 7 (cut short?)");
  EXPECT_EQ(error_of_entry("F32", "[2]", "[0,8]", 9), "1 bytes follow the last tensor");
  EXPECT_EQ(error_of_file("{}", "abc"), "3 bytes follow the last tensor");
  EXPECT_EQ(error_of_entry("U8", "[1]", "[1,2]", 2),
            "bytes 0 to 1 of the data, before tensor \"a\", belong to none");
  EXPECT_EQ(error_of_entry("U8", "[0]", "[1,1]", 1),
            "bytes 0 to 1 of the data, before tensor \"a\", belong to none");
  EXPECT_EQ(
      error_of_file("{" + entry("b", "U8", "[2]", "[3,5]") + "," + entry("a", "U8", "[2]", "[0,2]") + "}",
                    "12345"),
      "bytes 2 to 3 of the data, before tensor \"b\", belong to none");
  EXPECT_EQ(error_of_file(
                "{" + entry("b", "U8", "[2]", "[1,3]") + "," + entry("a", "U8", "[2]", "[0,2]") + "}", "123"),
            "tensor \"b\" begins at byte 1 of the data, overlapping another");
  EXPECT_EQ(error_of_file(
                "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[0,2]") + "}", "12")
                .substr(10),
            " begins at byte 0 of the data, overlapping another");

  // the data
  EXPECT_EQ(error_of_file("{" + entry("a", "BOOL", "[3]", "[0,3]") + "}", std::string("\1\0\7", 3)),
            "BOOL tensor \"a\": element 2 is 7, not 0 or 1");
}

TEST(Safetensors, RefusesFilesThatCannotBeRead) {
  const TempDir dir;
  EXPECT_EQ(error_of<IoError>([&] { load_safetensors(dir / "no"); }),
            "load_safetensors: cannot open " + (dir / "no") + ": No such file or directory");
  EXPECT_EQ(error_of<IoError>([&] { load_safetensors(dir.path()); }),
            "load_safetensors: " + dir.path() + " is a directory");
  EXPECT_EQ(error_of<IoError>([&] { load_safetensors("/dev/null"); }),
            "load_safetensors: /dev/null is not a regular file");
}

TEST(Safetensors, RefusesWhatCannotBeSavedAndKeepsTheOldFile) {
  const TempDir dir;
  const std::string path = dir / "x";
  save_safetensors(path, {{"a", tensor({1})}});
  const std::string before = read_bytes(path);
  EXPECT_EQ(error_of<ValueError>([&] {
              save_safetensors(path, {{"a", Tensor()}});
            }),
            "save_safetensors: tensor \"a\" is undefined");
  EXPECT_EQ(error_of<ValueError>([&] {
              save_safetensors(path, {{"__metadata__", tensor({1})}});
            }),
            "save_safetensors: a tensor cannot be named __metadata__, the format's own name");
  EXPECT_EQ(error_of<ValueError>([&] {
              save_safetensors(path, {{"\xff", tensor({1})}});
            }),
            "save_safetensors: \"\xff\" is not UTF-8");
  StateDict state{{"a", tensor({1})}};
  state.metadata["k"] = "\xc3";
  EXPECT_EQ(error_of<ValueError>([&] { save_safetensors(path, state); }),
            "save_safetensors: \"\xc3\" is not UTF-8");
  state.metadata["k"] = std::string(100'000'000, ' ');
  EXPECT_EQ(error_of<ValueError>([&] { save_safetensors(path, state); }),
            "save_safetensors: 1 tensors need a header of 100000080 bytes, the format allows 100000000");
  EXPECT_EQ(error_of<IoError>([&] { save_safetensors(dir / "no/x", {}); }),
            "save_safetensors: cannot write " + (dir / "no/x") + ": No such file or directory");
  EXPECT_EQ(read_bytes(path), before);
  EXPECT_EQ(dir.names(), std::vector<std::string>{"x"});
}

// Whatever the bytes are: a state, or an IoError.
TEST(Safetensors, SurvivesRandomChanges) {
  const TempDir dir;
  const std::string path = dir / "x";
  const std::string good = read_bytes(kData + "types.safetensors");
  const std::string pieces[] = {"{",       "}",   "[",  "]",    "\"",
                                ",",       ":",   "0",  "-1",   "1e9",
                                "U8",      "I64", "F4", "BOOL", "99999999999999999999",
                                "\\u0000", "null"};
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  int loaded = 0, refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = good;
    for (size_t change = 1 + below(3); change > 0; --change) {
      const size_t at = below(bytes.size());
      switch (below(6)) {
        case 0:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 1:
          bytes.resize(at);
          break;
        case 2:
          bytes.insert(at, pieces[below(std::size(pieces))]);
          break;
        case 3:
          bytes.erase(at, 1 + below(9));
          break;
        case 4:  // a digit for a digit: the likeliest to be valid
          for (size_t k = at; k < bytes.size(); ++k) {
            if (bytes[k] >= '0' && bytes[k] <= '9') {
              bytes[k] = static_cast<char>('0' + below(10));
              break;
            }
          }
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      }
      if (bytes.empty()) bytes = "x";
    }
    std::filesystem::remove(path);  // some file systems wait for the disk when a file is overwritten
    write_bytes(path, bytes);
    try {
      for (const auto& [name, x] : load_safetensors(path)) {
        const auto* data = static_cast<const volatile unsigned char*>(x.in().data);
        for (size_t b = 0; b < static_cast<size_t>(x.numel()) * item_size(x.dtype()); ++b) (void)data[b];
      }
      ++loaded;
    } catch (const IoError&) {
      ++refused;
    }
  }
  EXPECT_GT(loaded, 100);  // changes of the data, of names
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace st
