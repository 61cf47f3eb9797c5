"""geoopt's side of benchmarks/suite_geometry.h."""
import geoopt
import torch

BALL = geoopt.PoincareBall(c=1.0)
MAPS = {
    "dist": (2, BALL.dist),
    "expmap": (2, BALL.expmap),
    "logmap": (2, BALL.logmap),
    "mobius_add": (2, BALL.mobius_add),
    "expmap0": (1, BALL.expmap0),
    "logmap0": (1, BALL.logmap0),
}


def points(rows, width):
    return BALL.expmap0(torch.randn(rows, width) / width**0.5)


def of_map(name, rows, width):
    inputs, f = MAPS[name]
    args = [points(rows, width).requires_grad_() for _ in range(inputs)]
    gradient = torch.randn_like(f(*args).detach())

    def iteration():
        for a in args:
            a.grad = None
        f(*args).backward(gradient)

    return iteration


def riemannian_adam():
    leaf = geoopt.ManifoldParameter(points(100000, 10), manifold=BALL)
    leaf.grad = torch.randn_like(leaf) * 1e-3
    return geoopt.optim.RiemannianAdam([leaf]).step


CASES = {f"{name}_{width}": lambda name=name, rows=rows, width=width: of_map(name, rows, width)
         for rows, width in ((100000, 10), (10000, 128)) for name in MAPS} | {"riemannian_adam": riemannian_adam}
