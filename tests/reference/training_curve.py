#!/usr/bin/env python3
"""Writes tests/reference/training_curve.json: PyTorch's loss in each of the first steps of four trainings, 100 of two
perceptrons and 50 of two image networks.

tests/nn/training_curve_test.cpp runs the same programs in C++ from the same seed; no weights are handed over.
Needs PyTorch 2.13 and numpy:  python tests/reference/training_curve.py
"""
import json
import pathlib

import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = HERE.parent / "data" / "mnist_sample"


def sample():
    """The committed sample of MNIST: images (N, 1, 28, 28) in 0..1 and labels."""
    images = numpy.fromfile(SAMPLE / "train-images-idx3-ubyte", dtype=">u1", offset=16)
    labels = numpy.fromfile(SAMPLE / "train-labels-idx1-ubyte", dtype=">u1", offset=8)
    x = torch.from_numpy(images.astype("uint8")).view(-1, 1, 28, 28).float() / 255
    return x, torch.from_numpy(labels.astype("int64"))


def mlp(hidden):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, hidden), nn.BatchNorm1d(hidden), nn.ReLU(),
        nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(),
        nn.Linear(hidden, 10))


def cnn(c1, c2, hidden):
    return nn.Sequential(
        nn.Conv2d(1, c1, 3, padding=1), nn.BatchNorm2d(c1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(c1, c2, 3, padding=1), nn.BatchNorm2d(c2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(49 * c2, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def losses(make, dtype, seed, steps):
    torch.manual_seed(seed)
    net = make().to(dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(*sample()), batch_size=64, shuffle=True, drop_last=True)
    curve = []
    while len(curve) < steps:
        for x, y in loader:
            loss = nn.functional.cross_entropy(net(((x - 0.1307) / 0.3081).to(dtype)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
    return curve[:steps]


def main():
    torch.set_num_threads(1)
    curves = {
        "torch": torch.__version__,
        "float64": {"hidden": 32, "seed": 7, "losses": losses(lambda: mlp(32), torch.float64, 7, 100)},
        "float32": {"hidden": 512, "seed": 0, "losses": losses(lambda: mlp(512), torch.float32, 0, 100)},
        "cnn_float64": {"sizes": [4, 8, 16], "seed": 7, "losses": losses(lambda: cnn(4, 8, 16), torch.float64, 7, 50)},
        "cnn_float32": {"sizes": [32, 64, 128], "seed": 0,
                        "losses": losses(lambda: cnn(32, 64, 128), torch.float32, 0, 50)},
    }
    (HERE / "training_curve.json").write_text(json.dumps(curves, indent=1) + "\n")


if __name__ == "__main__":
    main()
