#!/usr/bin/env python3
"""Writes tests/reference/lstm_curve.json: PyTorch's loss in each of the first 50 steps of an LSTM that reads images row
by row. tests/nn/lstm_curve_test.cpp runs the same programs in C++ from the same seed; no weights are handed over.

    python tests/reference/lstm_curve.py            (PyTorch 2.13, numpy)
"""
import json

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from training_curve import HERE, sample

STEPS = 50


class Classifier(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lstm = nn.LSTM(28, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 10)

    def forward(self, x):
        _, (h, _) = self.lstm(x.squeeze(1))
        return self.fc(h[0])


def losses(hidden, dtype, seed):
    torch.manual_seed(seed)
    net = Classifier(hidden).to(dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    loader = DataLoader(TensorDataset(*sample()), batch_size=64, shuffle=True, drop_last=True)
    curve = []
    while len(curve) < STEPS:
        for x, y in loader:
            loss = nn.functional.cross_entropy(net(((x - 0.1307) / 0.3081).to(dtype)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
    return curve[:STEPS]


torch.set_num_threads(1)
curves = {"torch": torch.__version__,
          "float64": {"hidden": 16, "seed": 7, "losses": losses(16, torch.float64, 7)},
          "float32": {"hidden": 128, "seed": 0, "losses": losses(128, torch.float32, 0)}}
(HERE / "lstm_curve.json").write_text(json.dumps(curves, indent=1) + "\n")
