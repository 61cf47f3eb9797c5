"""One comparison: what PyTorch says about a request, what we say, and whether that is the same."""
import dataclasses
import re

import torch

from wire import Request


@dataclasses.dataclass
class Case:
    """`expected`: label -> tensor, or None where PyTorch refuses the call. `truth()` gives the same in float64. `before`:
    the inputs as they were given; `expected` has those that PyTorch changed."""
    op: str
    text: str
    request: Request | None = None
    expected: dict | None = None
    active: list = dataclasses.field(default_factory=list)
    truth: object = None
    before: dict = dataclasses.field(default_factory=dict)
    inexpressible: str = ""


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


def difference(actual, expected, truth):
    """What is wrong with `actual`, or an empty text. Tolerances are those of PyTorch's own tests for the dtype; beyond
    them, float32 may be off by twice PyTorch's own distance from its float64 result."""
    if actual.dtype != expected.dtype:
        return f"dtype {actual.dtype}, PyTorch {expected.dtype}"
    if actual.shape != expected.shape:
        return f"shape {tuple(actual.shape)}, PyTorch {tuple(expected.shape)}"
    try:
        torch.testing.assert_close(actual, expected, equal_nan=True)
        return ""
    except AssertionError as e:
        text = " ".join(str(e).split())
    if expected.is_floating_point() and truth is not None and truth.shape == expected.shape:
        finite = expected.isfinite()
        if torch.equal(finite, actual.isfinite()) and torch.equal(expected[~finite].nan_to_num(), actual[~finite].nan_to_num()):
            ours, own = ((x.double() - truth.double())[finite].abs().max().item() for x in (actual, expected))
            if ours <= 2 * own:
                return ""
    return text


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
    differs = {label: d for label in common if (d := difference(answer["values"][label], expected[label], None))}
    if differs and case.truth:
        truth = case.truth()
        differs = {label: d for label in differs
                   if (d := difference(answer["values"][label], expected[label], truth.get(label)))}
    wrong += [f"{label}: {d}" for label, d in differs.items()]
    return ("failed", "; ".join(wrong)) if wrong else ("passed", "")


def reason_of(text):
    """A reason without the values in it, to be counted."""
    return re.sub(r" is (\[|\{|\"|-?\d|true|false).*, not ", " is not ", text)
