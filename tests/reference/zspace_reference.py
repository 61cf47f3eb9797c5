"""Writes what PyTorch in float64 makes of the formulas of Z-space:

    python tests/reference/zspace_reference.py

tests/nn/zspace.safetensors: ZSpaceBatchNorm1d and Mlr, values and gradients, written out below.
tests/optim/riemannian.safetensors: geoopt's RiemannianSGD and RiemannianAdam (pip install --no-deps geoopt==0.5.1) on
geoopt.PoincareBall, twenty steps of three points. geoopt starts the momentum buffer as the Euclidean gradient and adds
the Riemannian one to it; here it starts at 0, so that the first one is the Riemannian gradient.
"""
import os

import geoopt
import torch
from safetensors.torch import save_file

torch.manual_seed(0)
F64 = torch.float64
here = os.path.dirname(os.path.abspath(__file__))


def leaf(t):
    return t.detach().clone().requires_grad_()


def batch_norm(out, k):
    n, f = 7, 5
    x = leaf(torch.randn(n, f, dtype=F64) * 2 + 1)
    weight, bias = leaf(torch.rand(f, dtype=F64) + 0.5), leaf(torch.randn(f, dtype=F64))
    x_hat = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5)
    v = (x_hat * weight + bias) / f**0.5
    z = (-k) ** 0.5 * v.norm(dim=1, keepdim=True)
    y = torch.tanh(z) * v / z
    dy = torch.randn(n, f, dtype=F64)
    y.backward(dy)
    name = f"batch_norm{k:g}/"
    out |= {name + "x": x, name + "weight": weight, name + "bias": bias, name + "y": y, name + "dy": dy,
            name + "dx": x.grad, name + "dweight": weight.grad, name + "dbias": bias.grad,
            name + "radius": (2 * v.norm(dim=1)).mean().reshape(1)}


def mlr(out, k):
    n, f, m = 6, 4, 3
    c = -k
    root = c**0.5
    x = torch.randn(n, f, dtype=F64)
    x = x / x.norm(dim=1, keepdim=True) * torch.tensor([[0.01], [0.3], [0.6], [0.9], [0.99], [0.9999]], dtype=F64) / root
    x, z, r = leaf(x), leaf(torch.randn(m, f, dtype=F64)), leaf(torch.tensor([-0.4, 0.0, 0.7], dtype=F64))
    lam = 2 / (1 - c * (x * x).sum(1, keepdim=True))
    norm = z.norm(dim=1)
    y = 2 * norm / root * torch.asinh(lam * root * (x @ z.T) / norm * torch.cosh(2 * root * r)
                                      - (lam - 1) * torch.sinh(2 * root * r))
    dy = torch.randn(n, m, dtype=F64)
    y.backward(dy)
    name = f"mlr{k:g}/"
    out |= {name + "x": x, name + "weight": z, name + "bias": r, name + "y": y, name + "dy": dy, name + "dx": x.grad,
            name + "dweight": z.grad, name + "dbias": r.grad}


def gradient(p, step):
    i = torch.arange(p.numel(), dtype=F64).reshape(p.shape)
    return 0.5 * p.detach() + ((7 * step + 3 * i) % 11 - 5) / 10


def trajectory(make, c):
    points = torch.tensor([[-0.5, 0.3, 0.1], [0.02, 0.0, 0.6], [0.0, 0.0, 0.0]], dtype=F64) / c**0.5
    p = geoopt.ManifoldParameter(points, manifold=geoopt.PoincareBall(c=torch.tensor(c, dtype=F64)))
    opt = make(p)
    rows = []
    for step in range(20):
        p.grad = gradient(p, step)
        opt.step()
        rows.append(p.detach().clone())
    return torch.stack(rows)


def sgd(p, **options):
    opt = geoopt.optim.RiemannianSGD([p], **options)
    if options.get("momentum"):
        opt.state[p]["momentum_buffer"] = torch.zeros_like(p)
    return opt


layers = {}
for k in (-1.0, -0.25, -4.0):
    batch_norm(layers, k)
    mlr(layers, k)
steps = {}
for c in (1.0, 0.3):
    steps |= {
        f"sgd/{c:g}": trajectory(lambda p: sgd(p, lr=0.1), c),
        f"sgd_decay/{c:g}": trajectory(lambda p: sgd(p, lr=0.1, weight_decay=0.05), c),
        f"sgd_momentum/{c:g}": trajectory(lambda p: sgd(p, lr=0.1, momentum=0.9), c),
        f"sgd_nesterov/{c:g}": trajectory(lambda p: sgd(p, lr=0.1, momentum=0.8, nesterov=True), c),
        f"adam/{c:g}": trajectory(lambda p: geoopt.optim.RiemannianAdam([p], lr=0.05), c),
        f"adam_decay/{c:g}": trajectory(lambda p: geoopt.optim.RiemannianAdam(
            [p], lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.05), c),
        f"adam_amsgrad/{c:g}": trajectory(lambda p: geoopt.optim.RiemannianAdam(
            [p], lr=0.05, betas=(0.5, 0.6), amsgrad=True), c),
    }
for path, values in (("nn/zspace", layers), ("optim/riemannian", steps)):
    save_file({k: v.detach().contiguous() for k, v in values.items()}, os.path.join(here, "..", path + ".safetensors"),
              metadata={"made_by": "tests/reference/zspace_reference.py, PyTorch " + torch.__version__.split("+")[0]})
