// The archive by libzip; what stands in it is npy.cpp's.
#include "spiraltorch/io/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include <memory>
#include <vector>

#include "spiraltorch/core/check.h"
#include "spiraltorch/core/modes.h"
#include "spiraltorch/io/atomic_file.h"
#include "spiraltorch/io/mapped_file.h"
#include "spiraltorch/io/npy.h"
#include "spiraltorch/ops/copy.h"

namespace st {
namespace io {
namespace {

constexpr std::string_view kSuffix = ".npy";

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_source_t* source) const { zip_source_free(source); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Source = std::unique_ptr<zip_source_t, Discard>;
using File = std::unique_ptr<zip_file_t, Discard>;

struct ZipError {
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  std::string text() { return zip_error_strerror(&error); }
  zip_error_t error;
};

// What is in one entry of the archive.
std::vector<std::byte> read_entry(const std::string& where, zip_t* archive, uint64_t index, uint64_t size) {
  const File file(zip_fopen_index(archive, index, 0));
  check<IoError>(file != nullptr, "{}: {}", where, zip_strerror(archive));
  // The size is the archive's word: memory grows with what is really there.
  constexpr uint64_t kPart = uint64_t{1} << 24;
  std::vector<std::byte> bytes;
  while (true) {
    const size_t before = bytes.size();
    bytes.resize(before + std::min(kPart, size - before + 1));
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + before, bytes.size() - before);
    check<IoError>(got >= 0, "{}: {}", where, zip_file_strerror(file.get()));
    bytes.resize(before + static_cast<size_t>(got));
    check<IoError>(bytes.size() <= size, "{}: longer than the archive says", where);
    if (got == 0) break;
  }
  check<IoError>(bytes.size() == size, "{}: {} bytes, the archive says {}", where, bytes.size(), size);
  return bytes;
}

}  // namespace

void save_npz(const std::string& path, const StateDict& state, const SaveNpzOptions& options) {
  for (const auto& [name, x] : state) {
    check<ValueError>(!name.empty(), "save_npz: an array needs a name");
    check<ValueError>(x.defined(), "save_npz: tensor \"{}\" is undefined", name);
    check<DTypeError>(x.dtype() != DType::bfloat16,
                      "save_npz: tensor \"{}\" is bfloat16, which NumPy does not have; convert it to float32",
                      name);
  }
  const NoGradGuard no_grad;
  ZipError error;
  const Source memory(zip_source_buffer_create(nullptr, 0, 0, &error.error));
  check<IoError>(memory != nullptr, "save_npz: cannot write {}: {}", path, error.text());
  zip_source_keep(memory.get());  // the archive takes the other count
  Archive archive(zip_open_from_source(memory.get(), ZIP_TRUNCATE, &error.error));
  check<IoError>(archive != nullptr, "save_npz: cannot write {}: {}", path, error.text());

  std::vector<Tensor> kept;  // until the archive is closed
  std::vector<std::string> headers;
  kept.reserve(state.size()), headers.reserve(state.size());
  for (const auto& [name, x] : state) {
    kept.push_back(contiguous(to(x.detach(), Device::cpu)));
    headers.push_back(npy_header(kept.back()));
    const In data = kept.back().in();
    const uint64_t bytes = static_cast<uint64_t>(kept.back().numel()) * item_size(data.dtype);
    zip_buffer_fragment_t parts[2] = {
        {reinterpret_cast<zip_uint8_t*>(headers.back().data()), headers.back().size()},
        {const_cast<zip_uint8_t*>(static_cast<const zip_uint8_t*>(data.data)), bytes}};
    Source source(zip_source_buffer_fragment(archive.get(), parts, bytes > 0 ? 2 : 1, 0));
    const zip_int64_t index = source == nullptr
                                  ? -1
                                  : zip_file_add(archive.get(), (name + std::string(kSuffix)).c_str(),
                                                 source.get(), ZIP_FL_ENC_UTF_8);
    check<IoError>(index >= 0, "save_npz: cannot write {}: \"{}\": {}", path, name,
                   zip_strerror(archive.get()));
    static_cast<void>(source.release());
    const auto entry = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), entry, options.compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), entry, 0, 1 << 5 | 1, 0);  // 1980: the same tensors, the same bytes
  }
  check<IoError>(zip_close(archive.get()) == 0, "save_npz: cannot write {}: {}", path,
                 zip_strerror(archive.get()));
  static_cast<void>(archive.release());

  AtomicFile file("save_npz", path);
  if (state.empty()) {  // libzip makes no archive of nothing: the end record alone
    const std::string nothing("PK\5\6", 4);
    file.write(nothing + std::string(18, '\0'));
  } else {
    check<IoError>(zip_source_open(memory.get()) == 0, "save_npz: cannot write {}: out of memory", path);
    std::vector<char> part(1 << 20);
    while (true) {
      const zip_int64_t got = zip_source_read(memory.get(), part.data(), part.size());
      check<IoError>(got >= 0, "save_npz: cannot write {}: the archive cannot be read back", path);
      if (got == 0) break;
      file.write(part.data(), static_cast<size_t>(got));
    }
    zip_source_close(memory.get());
  }
  file.commit();
}

StateDict load_npz(const std::string& path) {
  const auto file = MappedFile::open("load_npz", path);
  check<IoError>(!file->bytes().empty(), "load_npz: {}: the file is empty",
                 path);  // to libzip an empty archive
  ZipError error;
  Source source(zip_source_buffer_create(file->bytes().data(), file->bytes().size(), 0, &error.error));
  check<IoError>(source != nullptr, "load_npz: {}: {}", path, error.text());
  const Archive archive(zip_open_from_source(source.get(), ZIP_RDONLY, &error.error));
  check<IoError>(archive != nullptr, "load_npz: {}: {}", path, error.text());
  static_cast<void>(source.release());

  StateDict state;
  const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(entries); ++i) {
    zip_stat_t status;
    check<IoError>(zip_stat_index(archive.get(), i, 0, &status) == 0 && (status.valid & ZIP_STAT_SIZE) != 0 &&
                       (status.valid & ZIP_STAT_NAME) != 0,
                   "load_npz: {}: entry {} is damaged", path, i);
    std::string name = status.name;
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    const std::string where = fmt::format("load_npz: {}: array \"{}\"", path, name);
    check<IoError>(!state.contains(name), "{}: stands there twice", where);
    state.insert(name, parse_npy(where, read_entry(where, archive.get(), i, status.size)));
  }
  return state;
}

}  // namespace io
}  // namespace st
