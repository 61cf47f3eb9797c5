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
    model = nn.Sequential(nn.Linear(784, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 512),
                          nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.Adam(model.parameters())
    x, y = torch.randn(128, 784), torch.randint(0, 10, (128,))

    def iteration():
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return iteration


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
