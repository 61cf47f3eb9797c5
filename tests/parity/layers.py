"""The cases of torch.testing's module_db for the layers and losses that we have."""
import copy
import inspect

import torch
from torch.testing._internal.common_modules import FunctionInput, ModuleInput, module_db

from case import Case, describe_call
from ops import mapped, op_case, outputs_of
from wire import NotExpressible, Request, copy_of, name_of

LAYERS = ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d",
          "Conv2d", "Flatten", "Linear", "MaxPool1d", "MaxPool2d", "ReLU", "Sigmoid", "Tanh")
LOSSES = {"CrossEntropyLoss": "cross_entropy", "MSELoss": "mse_loss"}  # functions here


def flatten_inputs(make):
    """module_db has no Flatten."""
    return [ModuleInput(FunctionInput(*args, **kwargs), FunctionInput(make(shape)))
            for args, kwargs, shape in [((), {}, (4, 3, 2)), ((0,), {}, (2, 3)), ((1, 2), {}, (2, 3, 4, 5)),
                                        ((), {"start_dim": 2, "end_dim": -2}, (2, 3, 4, 5)), ((), {}, (0, 3, 2))]]


def inputs_of(name, dtype, training):
    if name == "Flatten":
        return flatten_inputs(lambda shape: torch.randn(shape, dtype=dtype, requires_grad=True))
    info = next(m for m in module_db if m.module_cls.__name__ == name)
    return info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)


def bound(cls, given, drop=("self", "device", "dtype", "args", "kwargs")):
    """All constructor arguments by name, defaults too."""
    arguments = inspect.signature(cls.__init__).bind(None, *given.args, **given.kwargs)
    arguments.apply_defaults()
    return {k: v for k, v in arguments.arguments.items() if k not in drop}


def layer_case(name, cls, given, forward, dtype, training):
    options = bound(cls, given)
    inputs = [copy_of(x) if isinstance(x, torch.Tensor) else x for x in [*forward.args, *forward.kwargs.values()]]
    case = Case(name, describe_call(name, given.args, given.kwargs) + describe_call("", inputs, {})
                + (" in training" if training else " in evaluation"))
    if options.pop("inplace", False):
        case.inexpressible = "argument inplace"
        return case
    module = cls(*given.args, **given.kwargs).to(dtype).train(training)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p))
    try:
        request = Request("layer", name, dtype=name_of(dtype), training=training).arguments([], options)
        request.fields["state"] = {k: request.tensor(v) for k, v in module.state_dict().items()}
        if len(inputs) != 1:
            raise NotExpressible("several inputs")
        request.fields["input"] = request.tensor(inputs[0])
    except NotExpressible as e:
        case.inexpressible = str(e)
        return case
    double = copy.deepcopy(module).double()
    case.expected, case.active, cotangents = run_torch(module, inputs[0], None)
    request.fields["cotangents"] = [request.tensor(c) for c in cotangents]
    case.request = request
    case.truth = lambda: run_torch(double, inputs[0].detach().double().requires_grad_(inputs[0].requires_grad), cotangents)[0]
    return case


def run_torch(module, x, cotangents):
    """As run_layer of layers.cpp."""
    y, = outputs_of(module(x))
    values = {"y0": y.detach()}
    cotangents = [torch.randn_like(y)] if cotangents is None else [c.to(y.dtype) for c in cotangents]
    wanted = {"g0": x} if x.requires_grad else {}
    wanted.update({f"grad.{k}": p for k, p in module.named_parameters()})
    if wanted:
        gradients = torch.autograd.grad([y], list(wanted.values()), cotangents, allow_unused=True)
        values.update({k: g for k, g in zip(wanted, gradients) if g is not None})
    values.update({f"state.{k}": v.clone() for k, v in module.state_dict().items()})
    return values, ["y0"] if y.requires_grad else [], cotangents


def loss_case(name, cls, given, forward):
    options = {k: v for k, v in bound(cls, given).items() if v is not None}
    module = cls(*given.args, **given.kwargs)
    inputs = [mapped(x, copy_of) for x in [*forward.args, *forward.kwargs.values()]]
    return op_case(name, module, LOSSES[name], inputs, {}, lambda *x: (x, options),
                   describe_call(name, given.args, given.kwargs) + describe_call("", inputs, {}))


def rows():
    return sorted([*LAYERS, *LOSSES])


def cases(name, dtype, seed):
    cls = getattr(torch.nn, name)
    for training in (True, False) if name in LAYERS else (True,):
        torch.manual_seed(seed)
        for sample in list(inputs_of(name, dtype, training)):
            given, forward = sample.constructor_input, sample.forward_input
            if name in LOSSES:
                yield loss_case(name, cls, given, forward)
            else:
                yield layer_case(name, cls, given, forward, dtype, training)
