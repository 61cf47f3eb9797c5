// A program that uses an installed library through its umbrella header, and catches what it throws.
#include <spiraltorch/spiraltorch.h>

#include <cstdio>

int main() {
  std::printf("spiraltorch %s\n", st::version());
  const st::Tensor sum = st::tensor(std::vector<int64_t>{1, 2}).sum();
  std::printf("1 + 2 = %d\n", sum.item<int>());
  try {
    st::add(st::ones({2, 3}), st::ones({4}));
  } catch (const st::ShapeError& error) {
    std::printf("caught: %s\n", error.what());
  }
  return 0;
}
