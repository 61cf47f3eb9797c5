// A CNN on your own pictures:   cnn_on_images FOLDER
// FOLDER holds a folder of PNG files for each class, all of one size; they are looked at in grey.
#include <spiraltorch/spiraltorch.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

using namespace st;
namespace fs = std::filesystem;

struct Pictures {
  Tensor x, y;  // (N, 1, H, W) float32 in 0..1, (N) int64
  std::vector<std::string> classes;
};

std::vector<fs::path> sorted(const fs::path& folder) {
  std::vector<fs::path> paths(fs::directory_iterator(folder), {});
  std::sort(paths.begin(), paths.end());
  return paths;
}

Pictures read_folder(const std::string& folder) {
  std::vector<Tensor> images;
  std::vector<int64_t> labels;
  std::vector<std::string> classes;
  for (const fs::path& name : sorted(folder)) {
    if (!fs::is_directory(name)) continue;
    for (const fs::path& file : sorted(name)) {
      const Tensor pixels = io::load_png(file.string(), {.channels = 1});  // (H, W, 1) uint8
      if (!images.empty() && pixels.size(0) * pixels.size(1) != images[0].numel())
        throw std::runtime_error(file.string() + " is not of the size of the pictures before it");
      images.push_back(pixels.to(DType::float32).reshape({1, pixels.size(0), pixels.size(1)}) / 255);
      labels.push_back(static_cast<int64_t>(classes.size()));
    }
    classes.push_back(name.filename().string());
  }
  if (images.empty()) throw std::runtime_error("no pictures in the folders of " + folder);
  return {stack(images), tensor(labels), classes};
}

int main(int argc, char** argv) try {
  if (argc != 2) return std::cerr << "usage: cnn_on_images FOLDER\n", 2;
  manual_seed(0);
  const Pictures all = read_folder(argv[1]);
  const int64_t n = all.x.size(0), held_out = n / 5, side = (all.x.size(2) / 4) * (all.x.size(3) / 4);
  const Tensor order = randperm(n), test = narrow(order, 0, 0, held_out);
  const Tensor train = narrow(order, 0, held_out, n - held_out);

  nn::Sequential net{nn::Conv2d("conv1", 1, 16, 3, {.padding = 1}),
                     nn::BatchNorm2d("bn1", 16),
                     nn::ReLU(),
                     nn::MaxPool2d(2),
                     nn::Conv2d("conv2", 16, 32, 3, {.padding = 1}),
                     nn::BatchNorm2d("bn2", 32),
                     nn::ReLU(),
                     nn::MaxPool2d(2),
                     nn::Flatten(),
                     nn::Linear("fc", 32 * side, static_cast<int64_t>(all.classes.size()))};
  optim::Adam optimizer(net.parameters(), {.lr = 3e-3});
  data::DataLoader loader(data::TensorDataset(all.x.index({train}), all.y.index({train})),
                          {.batch_size = 16, .shuffle = true});
  for (int epoch = 1; epoch <= 10; ++epoch) {
    for (auto& [x, y] : loader) {
      const Tensor loss = cross_entropy(net(x), y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
  }
  net.eval();
  NoGradGuard guard;
  const Tensor predicted = argmax(net(all.x.index({test})), 1);
  const double right = (predicted == all.y.index({test})).to(DType::float32).mean().item<double>();
  std::cout << "accuracy on " << held_out << " held-out pictures: " << 100 * right << " %\n";
} catch (const std::exception& error) {
  std::cerr << "cnn_on_images: " << error.what() << '\n';
  return 1;
}
