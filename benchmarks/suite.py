"""PyTorch's side of benchmarks/suite.cpp: the same cases, the same protocol.   suite.py SECONDS THREADS"""
import sys
import time

import torch

import suite_geometry

SIDE = 2048


def add():
    x, y = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    return lambda: x + y


def exp():
    x = torch.randn(SIDE, SIDE)
    return lambda: torch.exp(x)


def sum():
    x = torch.randn(SIDE, SIDE)
    return lambda: torch.sum(x)


def transposed_copy():
    x = torch.randn(SIDE, SIDE)
    return lambda: x.t().contiguous()


def chain():
    x, term, seed = torch.randn(16, requires_grad=True), torch.randn(16), torch.ones(16)

    def iteration():
        y = x
        for _ in range(1000):
            y = y + term
        x.grad = None
        y.backward(seed)

    return iteration


def adam(**options):
    leaves = []
    for _ in range(30):
        leaves += [torch.randn(577, 577, requires_grad=True), torch.randn(577, requires_grad=True)]
    for leaf in leaves:
        leaf.grad = torch.randn_like(leaf)
    return torch.optim.Adam(leaves, **options).step


def adam_fused():
    return adam(fused=True)


def mlp():
    nn = torch.nn
    return training(nn.Sequential(nn.Linear(784, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 512),
                                  nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 10)), torch.randn(128, 784))


def image_network():
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn(bfloat16=False):
    return training(image_network(), torch.randn(128, 1, 28, 28), bfloat16)


def cnn_bfloat16():
    return cnn(bfloat16=True)


def cnn_channels_last():
    last = torch.channels_last
    return training(image_network().to(memory_format=last), torch.randn(128, 1, 28, 28).contiguous(memory_format=last))


def autocast(bfloat16):
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16)


def training(model, x, bfloat16=False):
    optimizer = torch.optim.Adam(model.parameters())
    y = torch.randint(0, 10, (128,))

    def iteration():
        with autocast(bfloat16):
            loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return iteration


def lstm(bfloat16=False):
    model = torch.nn.LSTM(64, 256)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    x = torch.randn(100, 32, 64)

    def iteration():
        with autocast(bfloat16):
            loss = model(x)[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return iteration


def lstm_bfloat16():
    return lstm(bfloat16=True)


def seconds_of(iteration, least):
    """The time of one iteration, from a run of at least `least` seconds that shorter ones have warmed up."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            iteration()
        seconds = time.perf_counter() - start
        if seconds >= least:
            return seconds / count
        count = max(count + 1, min(10 * count, int(1.4 * least / max(seconds, 1e-9) * count)))


def main():
    least, threads = float(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    print("pytorch", torch.__version__, flush=True)
    cases = globals() | suite_geometry.CASES
    for line in sys.stdin:
        name = line.strip()
        print(name, seconds_of(cases[name](), least), flush=True)


main()
