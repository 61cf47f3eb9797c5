"""Writes tests/optim/schedules.safetensors: the rates of PyTorch's schedules over 1,000 steps, for
tests/optim/lr_scheduler_test.cpp, one_cycle_lr_test.cpp and reduce_lr_on_plateau_test.cpp.

    python tests/reference/schedule_reference.py

Each entry is (1001, 2): two groups of base rates 0.5 and 0.03, before the first step and after each. Those of one_cycle
have the first group's rate and its momentum, and as many rows as there are steps to take.
"""
import os

import torch
from safetensors.torch import save_file
from torch.optim import lr_scheduler as S


def optimizer():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.5, 0.03)]
    return torch.optim.SGD(groups, lr=0.5)


def metric(t):
    """Falls, stalls, falls again; with a NaN. Written the same way in C++."""
    if t == 400:
        return float("nan")
    return 1.0 / (1 + min(t, 50)) + (0.5 if t < 300 else 0.4) + 1e-5 * ((t * 7919) % 101)


def rates(make, step=lambda s, t: s.step()):
    opt = optimizer()
    schedule = make(opt)
    rows = [[g["lr"] for g in opt.param_groups]]
    for t in range(1, 1001):
        opt.step()
        step(schedule, t)
        rows.append([g["lr"] for g in opt.param_groups])
    return torch.tensor(rows, dtype=torch.float64)


def one_cycle(rows, max_lr, total_steps, **options):
    """Rows of rate and momentum. Adam's first beta stands in for momentum where the options say so."""
    beta = options.pop("beta", False)
    leaf = [torch.nn.Parameter(torch.zeros(1))]
    opt = torch.optim.Adam(leaf) if beta else torch.optim.SGD(leaf, lr=0.5, momentum=0.5)
    schedule = S.OneCycleLR(opt, max_lr, total_steps, **options)
    taken = []
    for t in range(rows):
        if t > 0:
            opt.step()
            schedule.step()
        group = opt.param_groups[0]
        taken.append([group["lr"], group["betas"][0] if beta else group["momentum"]])
    return torch.tensor(taken, dtype=torch.float64)


plateau = lambda s, t: s.step(metric(t))
values = {
    "step": rates(lambda o: S.StepLR(o, 30, gamma=0.9)),
    "multi_step": rates(lambda o: S.MultiStepLR(o, [300, 30, 700, 300], gamma=0.5)),
    "exponential": rates(lambda o: S.ExponentialLR(o, 0.995)),
    "constant": rates(lambda o: S.ConstantLR(o, factor=0.3, total_iters=400)),
    "polynomial": rates(lambda o: S.PolynomialLR(o, total_iters=800, power=2.5)),
    "linear": rates(lambda o: S.LinearLR(o, start_factor=0.25, end_factor=0.75, total_iters=700)),
    "linear_default": rates(lambda o: S.LinearLR(o)),
    "cosine": rates(lambda o: S.CosineAnnealingLR(o, 150, eta_min=1e-3)),
    "cosine_zero": rates(lambda o: S.CosineAnnealingLR(o, 1000)),
    "sequential": rates(lambda o: S.SequentialLR(
        o, [S.LinearLR(o, start_factor=0.1, total_iters=100), S.CosineAnnealingLR(o, 600, eta_min=1e-4),
            S.StepLR(o, 20, gamma=0.5)], [100, 700])),
    "sequential_more": rates(lambda o: S.SequentialLR(
        o, [S.ConstantLR(o, factor=0.1, total_iters=50), S.PolynomialLR(o, total_iters=300, power=0.5),
            S.MultiStepLR(o, [10, 20]), S.ExponentialLR(o, 0.99)], [100, 350, 400])),
    "one_cycle.0": one_cycle(1001, 0.5, 1000),
    "one_cycle.1": one_cycle(1000, 0.5, 1000, pct_start=0.4, anneal_strategy="linear", three_phase=True, beta=True),
    "one_cycle.2": one_cycle(10, 0.1, 10, anneal_strategy="linear", base_momentum=0.5, max_momentum=0.8),
    "one_cycle.3": one_cycle(13, 2.0, 12, pct_start=0.25, three_phase=True, div_factor=10.0, final_div_factor=100.0),
    "one_cycle.4": one_cycle(8, 0.1, 7, pct_start=0.0, cycle_momentum=False),
    "one_cycle.5": one_cycle(7, 0.1, 7, pct_start=1.0),
    "one_cycle.6": one_cycle(8, 0.1, 7, pct_start=0.8, three_phase=True),
    "one_cycle.7": one_cycle(2, 0.1, 1),
    "plateau": rates(lambda o: S.ReduceLROnPlateau(o), plateau),
    "plateau_options": rates(lambda o: S.ReduceLROnPlateau(
        o, factor=0.7, patience=5, threshold=1e-3, threshold_mode="abs", cooldown=20, min_lr=[0.01, 0.02]), plateau),
    "plateau_max": rates(lambda o: S.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=40, min_lr=1e-3), plateau),
}
here = os.path.dirname(os.path.abspath(__file__))
save_file(values, os.path.join(here, "..", "optim", "schedules.safetensors"),
          metadata={"made_by": "tests/reference/schedule_reference.py, PyTorch " + torch.__version__.split("+")[0]})
