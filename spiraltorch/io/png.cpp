// PNG through libpng's simplified interface, from and to memory: files are MappedFile's and AtomicFile's
// business.
#include "spiraltorch/io/png.h"

#include <png.h>

#include <limits>
#include <vector>

#include "spiraltorch/core/check.h"
#include "spiraltorch/io/atomic_file.h"
#include "spiraltorch/io/mapped_file.h"
#include "spiraltorch/ops/copy.h"

namespace st {
namespace io {
namespace {

struct Image : png_image {
  Image() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~Image() { png_image_free(this); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
};

uint32_t format_of(int64_t channels) {
  return channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
}

}  // namespace

void save_png(const std::string& path, const Tensor& image) {
  check<ValueError>(image.defined(), "save_png: the image is undefined");
  check<DTypeError>(image.dtype() == DType::uint8, "save_png: the image is {}, expected uint8",
                    image.dtype());
  const int64_t channels = image.dim() == 2 ? 1 : image.dim() == 3 ? image.size(2) : 0;
  check<ShapeError>(channels == 1 || channels == 3 || channels == 4,
                    "save_png: the image is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {}",
                    image.shape());
  const int64_t height = image.size(0), width = image.size(1);
  constexpr int64_t kMost = 1'000'000;  // libpng's own limit
  check<ShapeError>(height >= 1 && width >= 1 && height <= kMost && width <= kMost,
                    "save_png: the image has {} x {} pixels, each side is 1 to {}", height, width, kMost);

  const Tensor pixels = contiguous(to(image.detach(), Device::cpu));
  Image png;
  png.width = static_cast<uint32_t>(width);
  png.height = static_cast<uint32_t>(height);
  png.format = format_of(channels);
  const uint8_t* data = pixels.data<uint8_t>().data();
  std::vector<uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(png));
  png_alloc_size_t size = bytes.size();
  const bool written = png_image_write_to_memory(&png, bytes.data(), &size, 0, data, 0, nullptr) != 0;
  check<IoError>(written, "save_png: cannot write {}: {}", path, png.message);
  AtomicFile file("save_png", path);
  file.write(bytes.data(), size);
  file.commit();
}

Tensor load_png(const std::string& path, const LoadPngOptions& options) {
  const int wanted = options.channels;
  check<ValueError>(wanted == 0 || wanted == 1 || wanted == 3 || wanted == 4,
                    "load_png: channels is {}, expected 1, 3, 4 or 0", wanted);
  const auto file = MappedFile::open("load_png", path);
  Image png;
  check<IoError>(png_image_begin_read_from_memory(&png, file->bytes().data(), file->bytes().size()) != 0,
                 "load_png: {}: {}", path, png.message);
  // Deflate makes 1032 bytes of one at most, and a pixel takes a bit at least.
  const uint64_t bytes = file->bytes().size();
  check<IoError>(uint64_t{png.width} * png.height <= bytes * 1032 * 8,
                 "load_png: {}: {} x {} pixels are not to be had from {} bytes", path, png.width, png.height,
                 bytes);
  const bool colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
  const bool alpha = (png.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  const int64_t channels = wanted != 0 ? wanted : alpha ? 4 : colour ? 3 : 1;
  png.format = format_of(channels);
  Tensor pixels = empty({png.height, png.width, channels}, DType::uint8);
  // A transparent pixel shows black where the result has no transparency.
  const png_color black{0, 0, 0};
  check<IoError>(png_image_finish_read(&png, &black, pixels.mutable_data<uint8_t>().data(), 0, nullptr) != 0,
                 "load_png: {}: {}", path, png.message);
  return pixels;
}

}  // namespace io
}  // namespace st
