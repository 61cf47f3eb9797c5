// Text is stb_easy_font's: it gives each letter as rectangles of whole dots.
#include "apps/spiraltorch/canvas.h"

#include <algorithm>
#include <cstring>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_easy_font.h>
#pragma GCC diagnostic pop

#include "spiraltorch/io/png.h"

namespace tool {
namespace {

constexpr int64_t kDot = 2;  // pixels

struct Vertex {
  float x, y, z;
  uint8_t colour[4];
};

}  // namespace

Canvas::Canvas(int64_t width, int64_t height, Colour background)
    : width_(width),
      height_(height),
      pixels_(st::empty({height, width, 3}, st::DType::uint8)),
      data_(pixels_.mutable_data<uint8_t>().data()) {
  rectangle(0, 0, width, height, background);
}

void Canvas::rectangle(int64_t x, int64_t y, int64_t width, int64_t height, Colour colour) {
  const int64_t right = std::min(x + width, width_), bottom = std::min(y + height, height_);
  for (int64_t row = std::max<int64_t>(y, 0); row < bottom; ++row) {
    for (int64_t column = std::max<int64_t>(x, 0); column < right; ++column) {
      std::memcpy(data_ + 3 * (row * width_ + column), colour.data(), 3);
    }
  }
}

void Canvas::frame(int64_t x, int64_t y, int64_t width, int64_t height, int64_t thickness, Colour colour) {
  rectangle(x, y, width, thickness, colour);
  rectangle(x, y + height - thickness, width, thickness, colour);
  rectangle(x, y, thickness, height, colour);
  rectangle(x + width - thickness, y, thickness, height, colour);
}

void Canvas::text(int64_t x, int64_t y, const std::string& text, Colour colour) {
  std::string line = text;
  std::vector<Vertex> vertices(100 * (line.size() + 1));
  const int quads = stb_easy_font_print(0, 0, line.data(), nullptr, vertices.data(),
                                        static_cast<int>(vertices.size() * sizeof(Vertex)));
  for (size_t i = 0; i < 4 * static_cast<size_t>(quads); i += 4) {
    const Vertex &from = vertices[i], &to = vertices[i + 2];
    const auto left = static_cast<int64_t>(from.x), top = static_cast<int64_t>(from.y);
    rectangle(x + kDot * left, y + kDot * top, kDot * (static_cast<int64_t>(to.x) - left),
              kDot * (static_cast<int64_t>(to.y) - top), colour);
  }
}

int64_t Canvas::text_width(const std::string& text) {
  std::string line = text;
  return kDot * stb_easy_font_width(line.data());
}

void Canvas::save(const std::string& path) const { st::io::save_png(path, pixels_); }

}  // namespace tool
