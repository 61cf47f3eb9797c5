// A program that uses an installed library through its umbrella header.
#include <spiraltorch/spiraltorch.h>

#include <cstdio>

int main() {
  std::printf("spiraltorch %s\n", st::version());
  return 0;
}
