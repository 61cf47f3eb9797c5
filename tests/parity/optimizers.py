"""The cases of torch.testing's optim_db for the optimisers that we have: parameters after each of several steps, and
the state at the end; without and with optim_db's schedules of the rate."""
import types

import torch
from torch.testing._internal.common_optimizers import optim_db

from case import Case, describe, seed_all
from wire import NotExpressible, Request

STEPS = 6
SCHEDULED_STEPS = 14  # ReduceLROnPlateau waits for 10 that are no better
SHAPES = ((4, 3), (17,), (), (2, 3, 5))


def rows():
    return ["Adam", "AdamW", "RMSprop", "SGD"]


def info_of(name):
    return next(o for o in optim_db if o.optim_cls.__name__ == name)


def groups_of(given, leaves):
    """[(parameters, options)]: as PyTorch's constructor takes them."""
    if given is None:
        return [(leaves, {})]
    if isinstance(given, torch.Tensor) or not isinstance(given, (list, tuple)):
        raise NotExpressible(f"parameters given as {type(given).__name__}")
    if all(isinstance(g, dict) for g in given) and given:
        groups = []
        for group in given:
            options = {k: v for k, v in group.items() if k != "params"}
            params = group["params"]
            groups.append(([params] if isinstance(params, torch.Tensor) else list(params), options))
        return groups
    return [(list(given), {})]


def described(make):
    """Name and arguments of the schedule that make(optimizer) would give: its code, run with classes that only tell."""
    told = {name: lambda optimizer, name=name, **kwargs: {"name": name, "kwargs": kwargs} for name in make.__code__.co_names}
    return types.FunctionType(make.__code__, told)(None)


def make_request(name, sample, leaves, steps, schedules):
    request = Request("optimizer", name, schedules=[described(make) for make in schedules])
    groups = []
    for params, options in groups_of(sample.params, leaves):
        if not all(isinstance(p, torch.Tensor) for p in params):
            raise NotExpressible("parameters that are no tensors")
        options = {**sample.kwargs, **options}
        for option, value in options.items():
            if isinstance(value, torch.Tensor):
                raise NotExpressible(f"argument {option} is a tensor")
            if isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value):
                raise NotExpressible(f"argument {option} is a tensor")
        groups.append({"params": [request.tensor(p) for p in params],
                       "options": {k: request.encode(v) for k, v in options.items()}})
    request.fields["groups"] = groups
    request.fields["steps"] = [[None if g is None else request.tensor(g) for g in gradients] for gradients in steps]
    return request


def run_torch(cls, params, kwargs, leaves, steps, schedules):
    """As run_optimizer of optimizers.cpp."""
    optimizer = cls(params, **kwargs)
    schedules = [make(optimizer) for make in schedules]
    leaves = [p for group in optimizer.param_groups for p in group["params"]]
    values = {}
    for step, gradients in enumerate(steps):
        for leaf, gradient in zip(leaves, gradients):
            leaf.grad = None if gradient is None else gradient.clone()
        optimizer.step()
        for schedule in schedules:
            schedule.step(*[1.0] * isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau))
        if schedules:
            values.update({f"lr.{i}.{step}": torch.tensor(group["lr"], dtype=torch.float64)
                           for i, group in enumerate(optimizer.param_groups)})
        values.update({f"p{i}.{step}": leaf.detach().clone() for i, leaf in enumerate(leaves)})
    for i, leaf in enumerate(leaves):
        for name, value in optimizer.state.get(leaf, {}).items():
            if value is not None:
                values[f"state.{i}.{name}"] = value.to(torch.int64) if name == "step" else value.detach().clone()
    return values


def trajectory_case(name, sample, dtype, schedules=()):
    cls = info_of(name).optim_cls
    leaves = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in SHAPES]
    case = Case(name, f"{name}({', '.join(f'{k}={describe(v)}' for k, v in sample.kwargs.items())})"
                + "".join(f" with {s['name']}({s['kwargs']})" for s in map(described, schedules)))
    try:
        groups = groups_of(sample.params, leaves)
        flat = [p for params, _ in groups for p in params]
        # One parameter has no gradient at first and one never has.
        steps = [[None if i == 1 and s < 2 or i == 3 else torch.randn_like(p) for i, p in enumerate(flat)]
                 for s in range(SCHEDULED_STEPS if schedules else STEPS)]
        case.request = make_request(name, sample, leaves, steps, schedules)
    except NotExpressible as e:
        case.inexpressible = str(e)
        return case
    start = {id(p): p.detach().clone() for p in flat}
    case.expected = run_torch(cls, sample.params or leaves, sample.kwargs, leaves, steps, schedules)

    def truth(f):
        doubles = [f(start[id(p)].double()).requires_grad_() for p in leaves]
        if sample.params is not None:
            return {}
        return run_torch(cls, doubles, sample.kwargs, doubles, [[None if g is None else f(g.double()) for g in s] for s in steps],
                         schedules)

    case.truth = truth
    return case


def cases(name, dtype, seed):
    info = info_of(name)
    seed_all(seed)
    samples = info.optim_inputs_func(device="cpu", dtype=dtype)
    for sample in samples:
        yield trajectory_case(name, sample, dtype)
    for schedules in info.scheduler_inputs:
        yield trajectory_case(name, samples[0], dtype, schedules)


def error_cases(name, seed):
    info = info_of(name)
    seed_all(seed)
    for error in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        sample = error.optimizer_error_input
        leaves = [torch.randn(shape, requires_grad=True) for shape in SHAPES]
        case = Case(name, f"{name}({describe(sample.params)}, {sample.kwargs})")
        try:
            steps = [[torch.ones_like(p) for params, _ in groups_of(sample.params, leaves) for p in params]]
            case.request = make_request(name, sample, leaves, steps, ())
        except NotExpressible as e:
            case.inexpressible = str(e)
        except (AttributeError, KeyError, TypeError):
            case.inexpressible = "arguments of no form that we have"
        yield case
