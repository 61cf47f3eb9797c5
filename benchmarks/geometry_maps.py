"""Times geoopt's maps of the Poincaré ball, forward and backward, as benchmarks/geometry_maps.cpp times ours.

python benchmarks/geometry_maps.py        (needs torch and geoopt)
"""
import time

import geoopt
import torch

torch.set_num_threads(2)
BALL = geoopt.PoincareBall(c=1.0)
MAPS = {
    "dist": (2, lambda x, y, v: BALL.dist(x, y)),
    "expmap": (2, lambda x, y, v: BALL.expmap(x, y)),
    "logmap": (2, lambda x, y, v: BALL.logmap(x, y)),
    "mobius_add": (2, lambda x, y, v: BALL.mobius_add(x, y)),
    "expmap0": (1, lambda x, y, v: BALL.expmap0(x)),
    "logmap0": (1, lambda x, y, v: BALL.logmap0(x)),
    "transport": (3, lambda x, y, v: BALL.transp(x, y, v)),
}


def milliseconds(f, least=1.0):
    f()
    times = []
    start = time.perf_counter()
    while time.perf_counter() - start < least or len(times) < 5:
        begin = time.perf_counter()
        f()
        times.append(time.perf_counter() - begin)
    return 1e3 * sorted(times)[len(times) // 2]


def main():
    for rows, width in ((100000, 10), (10000, 128)):
        for name, (inputs, f) in MAPS.items():
            torch.manual_seed(0)
            args = [BALL.expmap0(torch.randn(rows, width) / width**0.5) for _ in range(3)]
            args = [a.requires_grad_(i < inputs) for i, a in enumerate(args)]
            gradient = torch.randn_like(f(*args).detach())

            def step():
                for a in args:
                    a.grad = None
                f(*args).backward(gradient)

            print(f"{name:12} {rows} x {width}: {milliseconds(step):7.2f} ms")


if __name__ == "__main__":
    main()
