"""One comparison: what PyTorch says about a request, what we say, and whether that is the same."""
import dataclasses
import random
import re

import numpy
import torch

from wire import Request


@dataclasses.dataclass
class Case:
    """`expected`: label -> tensor, or None where PyTorch refuses the call. `truth(f)` gives the same in float64 for f of
    all floating tensors that the call is given. `before`: the inputs as they were given; `expected` has those that
    PyTorch changed."""
    op: str
    text: str
    request: Request | None = None
    expected: dict | None = None
    active: list = dataclasses.field(default_factory=list)
    truth: object = None
    before: dict = dataclasses.field(default_factory=dict)
    inexpressible: str = ""
    tolerance: dict = dataclasses.field(default_factory=dict)  # of assert_close; empty: its own for the dtype


# Sums and products, whatever the order of adding, stay within 1.2 eps of the same call on absolute values (the worst of
# the samples: matmul, conv2d); other processors add in other orders.
ROUNDINGS = 4


def seed_all(seed):
    """PyTorch's samples are drawn by torch's generator, a few by Python's and NumPy's."""
    torch.manual_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed)


def describe(value):
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        if value.numel() == 1 and value.dim() == 0:
            return f"{dtype}({value.item()})"
        return f"{dtype}{tuple(value.shape)}" + ("" if value.is_contiguous() else f" strides {tuple(value.stride())}")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(describe, value)) + "]"
    return str(value)


def describe_call(name, args, kwargs):
    return f"{name}({', '.join([describe(a) for a in args] + [f'{k}={describe(v)}' for k, v in kwargs.items()])})"


def difference(actual, expected, tolerance, truth=None, absolute=None):
    """What is wrong with `actual`, or an empty text. Tolerances are those of PyTorch's own tests; beyond them, an element
    of float32 may be off by twice PyTorch's own distance from its float64 result, or by ROUNDINGS of what the same call
    gives for absolute values."""
    if actual.dtype != expected.dtype:
        return f"dtype {actual.dtype}, PyTorch {expected.dtype}"
    if actual.shape != expected.shape:
        return f"shape {tuple(actual.shape)}, PyTorch {tuple(expected.shape)}"
    try:
        torch.testing.assert_close(actual, expected, equal_nan=True, **tolerance)
        return ""
    except AssertionError as e:
        text = " ".join(str(e).split())
    if expected.dtype != torch.float32 or truth is None or truth.shape != expected.shape:
        return text
    ours, own, truth = actual.double(), expected.double(), truth.double()
    scale = truth.abs()
    if absolute is not None and absolute.shape == truth.shape:
        scale = torch.maximum(scale, absolute.double().abs().nan_to_num(0, 0, 0))
    allowed = torch.maximum(2 * (own - truth).abs(), ROUNDINGS * torch.finfo(torch.float32).eps * scale)
    wrong = ((ours - truth).abs() > allowed) | (own.isfinite() != ours.isfinite()) | (~own.isfinite() & (ours != own))
    wrong &= ~(ours.isnan() & own.isnan())
    if not wrong.any():
        return ""
    at = tuple(wrong.nonzero()[0].tolist())
    return (f"{text} Element {list(at)} is {ours[at].item():.9g}, PyTorch's {own[at].item():.9g}, the truth {truth[at].item():.9g}: "
            f"off by more than {allowed[at].item():.3g}")


def absolute_of(case):
    """What PyTorch gives for absolute values; nothing where it refuses them, as probabilities over 1."""
    try:
        return case.truth(torch.abs)
    except RuntimeError:
        return {}


def judge(case, answer):
    """("passed" | "failed" | "not expressible" | "refused", text)"""
    outcome, text = answer["outcome"], answer.get("text", "")
    if outcome == "not expressible":
        return outcome, reason_of(text)
    if case.expected is None:
        return ("refused", text) if outcome == "refused" else ("failed", f"not refused: {text or outcome}")
    if outcome != "done":
        return "failed", f"{outcome}: {text}"
    wrong = []
    # We answer with every input that was written to, even by what was there.
    expected = {**{label: x for label, x in case.before.items() if label in answer["values"]}, **case.expected}
    # An undefined gradient is zero; where there is no element, nothing is lost by it.
    missing = {label for label in expected.keys() - answer["values"].keys() if label[0] != "g" or expected[label].numel()}
    extra = answer["values"].keys() - expected.keys()
    if missing or extra:
        wrong.append(f"PyTorch alone gives {sorted(missing)}, we alone {sorted(extra)}")
    if sorted(answer["active"]) != sorted(case.active):
        wrong.append(f"require a gradient: {answer['active']}, in PyTorch {case.active}")
    common = [label for label in expected if label in answer["values"]]
    differs = {label: d for label in common if (d := difference(answer["values"][label], expected[label], case.tolerance))}
    if differs and case.truth:
        truth, absolute = case.truth(lambda x: x), absolute_of(case)
        differs = {label: d for label in differs
                   if (d := difference(answer["values"][label], expected[label], case.tolerance, truth.get(label),
                                     absolute.get(label)))}
    wrong += [f"{label}: {d}" for label, d in differs.items()]
    return ("failed", "; ".join(wrong)) if wrong else ("passed", "")


def reason_of(text):
    """A reason without the values in it, to be counted."""
    return re.sub(r" is (\[|\{|\"|-?\d|true|false).*, not ", " is not ", text)
