// An MLP on your own table:   mlp_on_csv FILE.csv
// One example a line, the first line names the columns. The last column is the class, the others are numbers.
#include <spiraltorch/spiraltorch.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace st;

struct Table {
  Tensor x, y;  // (N, columns) float32, (N) int64
  std::vector<std::string> classes;
};

Table read_csv(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::vector<float> numbers;
  std::vector<int64_t> labels;
  std::vector<std::string> classes;
  std::string line, cell;
  std::getline(file, line);
  const int64_t columns = std::count(line.begin(), line.end(), ',');
  for (int64_t row = 2; std::getline(file, line); ++row) {
    std::istringstream cells(line);
    for (int64_t i = 0; i < columns && std::getline(cells, cell, ','); ++i) {
      char* end = nullptr;
      numbers.push_back(std::strtof(cell.c_str(), &end));
      if (cell.empty() || *end != '\0')
        throw std::runtime_error(path + ":" + std::to_string(row) + ": not a number: " + cell);
    }
    if (!std::getline(cells, cell) || cell.empty())
      throw std::runtime_error(path + ":" + std::to_string(row) + ": fewer columns than the first line");
    const auto at = std::find(classes.begin(), classes.end(), cell);
    labels.push_back(at - classes.begin());
    if (at == classes.end()) classes.push_back(cell);
  }
  const Tensor x = tensor(numbers).reshape({static_cast<int64_t>(labels.size()), columns});
  const Tensor centred = x - mean(x, 0, true);
  return {centred / sqrt(mean(centred * centred, 0, true) + 1e-12), tensor(labels), classes};
}

int main(int argc, char** argv) try {
  if (argc != 2) return std::cerr << "usage: mlp_on_csv FILE.csv\n", 2;
  manual_seed(0);
  const Table table = read_csv(argv[1]);
  const int64_t n = table.x.size(0), columns = table.x.size(1), held_out = n / 5;
  const int64_t classes = static_cast<int64_t>(table.classes.size());
  const Tensor order = randperm(n), train = narrow(order, 0, held_out, n - held_out);
  const Tensor test = narrow(order, 0, 0, held_out);

  nn::Sequential net{nn::Linear("fc1", columns, 32), nn::ReLU(), nn::Linear("fc2", 32, classes)};
  optim::Adam optimizer(net.parameters(), {.lr = 1e-2});
  data::DataLoader loader(data::TensorDataset(table.x.index({train}), table.y.index({train})),
                          {.batch_size = 16, .shuffle = true});
  for (int epoch = 1; epoch <= 30; ++epoch) {
    double total = 0;
    for (auto& [x, y] : loader) {
      const Tensor loss = cross_entropy(net(x), y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      total += loss.item<double>() * static_cast<double>(y.size(0));
    }
    if (epoch % 10 == 0)
      std::cout << "epoch " << epoch << "  loss " << total / static_cast<double>(n - held_out) << '\n';
  }
  NoGradGuard guard;
  const Tensor predicted = argmax(net(table.x.index({test})), 1);
  const double right = (predicted == table.y.index({test})).to(DType::float32).mean().item<double>();
  std::cout << "accuracy on " << held_out << " held-out rows: " << 100 * right << " %\n";
} catch (const std::exception& error) {
  std::cerr << "mlp_on_csv: " << error.what() << '\n';
  return 1;
}
