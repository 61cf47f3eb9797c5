// A picture to draw on: rectangles and small text, then a PNG file.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "spiraltorch/tensor/tensor.h"

namespace tool {

using Colour = std::array<uint8_t, 3>;

class Canvas {
 public:
  Canvas(int64_t width, int64_t height, Colour background);

  /// What lies outside of the picture is left out.
  void rectangle(int64_t x, int64_t y, int64_t width, int64_t height, Colour colour);
  /// A frame of `thickness` inside the rectangle.
  void frame(int64_t x, int64_t y, int64_t width, int64_t height, int64_t thickness, Colour colour);
  /// Text of ASCII characters, its upper left corner at (x, y), each dot of the font 2 pixels wide.
  void text(int64_t x, int64_t y, const std::string& text, Colour colour);
  static int64_t text_width(const std::string& text);

  void save(const std::string& path) const;

 private:
  int64_t width_, height_;
  st::Tensor pixels_;  // (height, width, 3) uint8
  uint8_t* data_;
};

}  // namespace tool
