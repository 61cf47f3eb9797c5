"""The cases of torch.testing's module_db for the layers and losses that we have."""
import copy
import inspect

import torch
from torch.testing._internal.common_modules import FunctionInput, ModuleInput, module_db

from case import Case, describe_call, seed_all
from ops import mapped, op_case, outputs_of
from wire import NotExpressible, Request, copy_of, name_of

LAYERS = ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d",
          "MaxPool1d", "MaxPool2d", "ELU", "Embedding", "Flatten", "GELU", "GroupNorm", "Hardswish", "Identity", "LayerNorm", "LeakyReLU", "Linear",
          "LogSigmoid", "LogSoftmax", "RMSNorm", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh")
LOSSES = {"BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
          "CrossEntropyLoss": "cross_entropy", "KLDivLoss": "kl_div", "L1Loss": "l1_loss", "MSELoss": "mse_loss",
          "NLLLoss": "nll_loss", "SmoothL1Loss": "smooth_l1_loss"}  # functions here
RECURRENT = {"LSTM": "Lstm"}  # PyTorch's name and ours; input, and perhaps a state; output and state


def flatten_inputs(make):
    """module_db has no Flatten."""
    return [ModuleInput(FunctionInput(*args, **kwargs), FunctionInput(make(shape)))
            for args, kwargs, shape in [((), {}, (4, 3, 2)), ((0,), {}, (2, 3)), ((1, 2), {}, (2, 3, 4, 5)),
                                        ((), {"start_dim": 2, "end_dim": -2}, (2, 3, 4, 5)), ((), {}, (0, 3, 2))]]


def identity_inputs(make):
    """Nor has it Identity."""
    return [ModuleInput(FunctionInput(), FunctionInput(make(shape))) for shape in ((4, 3), (), (0, 2))]


def inputs_of(name, dtype, training):
    missing = {"Flatten": flatten_inputs, "Identity": identity_inputs}.get(name)
    if missing:
        return missing(lambda shape: torch.randn(shape, dtype=dtype, requires_grad=True))
    info = next(m for m in module_db if m.module_cls.__name__ == name)
    return info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)


# Arguments that no layer of ours has, with the value that asks for nothing.
NOTHING = {"inplace": False, "_freeze": False, "_weight": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False,
           "sparse": False, "proj_size": 0}
LSTM_ARGUMENTS = "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size".split()


def bound(cls, given, drop=("self", "device", "dtype", "args", "kwargs")):
    """All constructor arguments by name, defaults too."""
    if cls is torch.nn.LSTM:  # LSTM(*args, **kwargs)
        arguments = dict(zip(LSTM_ARGUMENTS, given.args), **given.kwargs)
    else:
        arguments = inspect.signature(cls.__init__).bind(None, *given.args, **given.kwargs)
        arguments.apply_defaults()
        arguments = arguments.arguments
    return {k: v for k, v in arguments.items() if k not in drop and not (k in NOTHING and v == NOTHING[k])}


def flat(values):
    """Tensors out of tuples of tuples."""
    return [x for v in values for x in (flat(v) if isinstance(v, (tuple, list)) else [v])]


def floating_buffers(module):
    return {k: x for k, x in module.named_buffers() if x.is_floating_point()}


def layer_case(name, cls, given, forward, dtype, training):
    inputs = mapped([*forward.args, *forward.kwargs.values()], copy_of)
    case = Case(name, describe_call(name, given.args, given.kwargs) + describe_call("", inputs, {})
                + (" in training" if training else " in evaluation"))
    module = cls(*given.args, **given.kwargs).to(dtype).train(training)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p))
        for name_of_buffer, x in floating_buffers(module).items():
            x.copy_(torch.rand_like(x) + 0.5 if "var" in name_of_buffer else torch.randn_like(x))
    try:
        request = Request("layer", RECURRENT.get(name, name), dtype=name_of(dtype), training=training).arguments([], bound(cls, given))
        request.fields["state"] = {k: request.tensor(v) for k, v in module.state_dict().items()}
        if len(inputs) != 1 and name not in RECURRENT:
            raise NotExpressible("several inputs")
        request.fields["inputs"] = [request.tensor(x) for x in flat(inputs)]
    except NotExpressible as e:
        case.inexpressible = str(e)
        return case
    start = copy.deepcopy(module)
    case.expected, case.active, cotangents = run_torch(module, inputs, None)
    request.fields["cotangents"] = [request.tensor(c) for c in cotangents]
    case.request = request

    def truth(f):
        double = copy.deepcopy(start).double()
        with torch.no_grad():
            for x in [*double.parameters(), *floating_buffers(double).values()]:
                x.copy_(f(x))
        inputs64 = mapped(inputs, lambda x: f(x.detach().double()).requires_grad_(x.requires_grad) if x.is_floating_point() else x)
        return run_torch(double, inputs64, [f(c) for c in cotangents])[0]

    case.truth = truth
    return case


def run_torch(module, inputs, cotangents):
    """As run_layer of layers.cpp."""
    outputs = flat(outputs_of(module(*inputs)))
    values = {f"y{i}": y.detach() for i, y in enumerate(outputs)}
    active = {f"y{i}": y for i, y in enumerate(outputs) if y.requires_grad}
    if cotangents is None:
        cotangents = [torch.randn_like(y) for y in active.values()]
    cotangents = [c.to(y.dtype) for c, y in zip(cotangents, active.values())]
    wanted = {f"g{i}": x for i, x in enumerate(flat(inputs)) if x.requires_grad}
    wanted.update({f"grad.{k}": p for k, p in module.named_parameters()})
    if wanted:
        gradients = torch.autograd.grad(list(active.values()), list(wanted.values()), cotangents, allow_unused=True)
        values.update({k: g for k, g in zip(wanted, gradients) if g is not None})
    values.update({f"state.{k}": v.clone() for k, v in module.state_dict().items()})
    return values, list(active), cotangents


def loss_case(name, cls, given, forward):
    options = {k: v for k, v in bound(cls, given).items() if v is not None}
    module = cls(*given.args, **given.kwargs)
    inputs = [mapped(x, copy_of) for x in [*forward.args, *forward.kwargs.values()]]
    return op_case(name, module, LOSSES[name], inputs, {}, lambda *x: (x, options),
                   describe_call(name, given.args, given.kwargs) + describe_call("", inputs, {}))


def error_cases(name, seed):
    """module_db's error inputs, where it has any: refused when the layer is made, or when it is called."""
    info = next((m for m in module_db if m.module_cls.__name__ == name), None)
    if info is None or info.module_error_inputs_func is None:
        return
    seed_all(seed)
    for error in info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=True):
        given, forward = error.module_error_input.constructor_input, error.module_error_input.forward_input
        inputs = [*forward.args, *forward.kwargs.values()] if forward else []
        case = Case(name, describe_call(name, given.args, given.kwargs) + describe_call("", inputs, {}))
        module = None
        try:
            module = info.module_cls(*given.args, **given.kwargs)
            module(*inputs)
            continue  # PyTorch takes it here after all
        except Exception:
            pass
        try:
            options = {k: v for k, v in bound(info.module_cls, given).items() if v is not None}
            if name in LOSSES:
                case.request = Request("op", LOSSES[name], cotangents=[]).arguments(inputs, options)
            else:
                case.request = Request("layer", RECURRENT.get(name, name), dtype="float32", training=True).arguments([], options)
                fields = case.request.fields
                if module is not None:
                    fields["state"] = {k: case.request.tensor(v) for k, v in module.state_dict().items()}
                fields.update(inputs=[case.request.tensor(x) for x in flat(inputs)], cotangents=[])
        except NotExpressible as e:
            case.inexpressible = str(e)
        yield case


def rows():
    return sorted([*LAYERS, *RECURRENT, *LOSSES])


def cases(name, dtype, seed):
    cls = getattr(torch.nn, name)
    for training in (True, False) if name not in LOSSES else (True,):
        seed_all(seed)
        for sample in list(inputs_of(name, dtype, training)):
            given, forward = sample.constructor_input, sample.forward_input
            if name in LOSSES:
                yield loss_case(name, cls, given, forward)
            else:
                yield layer_case(name, cls, given, forward, dtype, training)
