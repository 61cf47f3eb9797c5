"""Makes tests/reference/values/OP.safetensors, PyTorch's numbers for the cases in tests/reference/cases/OP.json.

    python tests/reference/make_reference.py            writes what the table says
    python tests/reference/make_reference.py add sum    the same for some ops
    python tests/reference/make_reference.py --check    compares the committed files with the table

README.md beside it tells the format. A case runs in float64, which is taken as the truth, and in float32, which
shows how exact PyTorch itself is. Same table, same PyTorch: same bytes.
"""
import json
import math
import pathlib
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save

HERE = pathlib.Path(__file__).resolve().parent
MAX_BYTES = 5_000_000
DTYPES = {name: getattr(torch, name) for name in
          ("float32", "float64", "bfloat16", "float16", "int64", "int32", "uint8", "bool")}
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40, 3.4e38, -3.4e38, 0.5, -2.5, 1e-20, 88.8,
           -104.0, 7.0, -0.3]



def linear(x, weight, bias=None, activation="none"):
    return {"none": lambda y: y, "relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[activation](
        F.linear(x, weight, bias))


def slice_of(x, dim, start=None, end=None, step=1):
    return x[(slice(None),) * dim + (slice(start, end, step),)]


def lstm(x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, reverse=False):
    zeros = x.new_zeros(x.shape[1], weight_hh.shape[1])
    h0, c0 = ((zeros if t is None else t).unsqueeze(0) for t in (h0, c0))
    bias = [] if bias_ih is None else [bias_ih, torch.zeros_like(bias_ih) if bias_hh is None else bias_hh]
    x = x.flip(0) if reverse else x
    y, h, c = torch.lstm(x, (h0, c0), [weight_ih, weight_hh, *bias], bool(bias), 1, 0.0, False, False, False)
    return y.flip(0) if reverse else y, h[0], c[0]


def binary_cross_entropy_with_logits(x, target, weight=None, pos_weight=None, reduction="mean"):
    return F.binary_cross_entropy_with_logits(x, target, weight, pos_weight=pos_weight, reduction=reduction)


# Ops that are not torch.OP(*inputs, **arguments).
FUNCTIONS = {
    "linear": linear, "slice": slice_of, "pad": F.pad, "cross_entropy": F.cross_entropy, "mse_loss": F.mse_loss,
    "batch_norm": F.batch_norm, "conv1d": F.conv1d, "conv2d": F.conv2d, "max_pool1d": F.max_pool1d,
    "max_pool2d": F.max_pool2d, "avg_pool1d": F.avg_pool1d, "avg_pool2d": F.avg_pool2d,
    "adaptive_avg_pool1d": F.adaptive_avg_pool1d, "adaptive_avg_pool2d": F.adaptive_avg_pool2d, "interpolate": F.interpolate,
    "expand": torch.Tensor.expand, "view": torch.Tensor.view, "to": torch.Tensor.to,
    "lstm": lstm, "contiguous": torch.Tensor.contiguous, "repeat": torch.Tensor.repeat, "sum_to_size": torch.Tensor.sum_to_size,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    **{name: getattr(F, name) for name in (
        "leaky_relu elu gelu silu softplus hardswish logsigmoid layer_norm group_norm rms_norm embedding dropout nll_loss l1_loss "
        "smooth_l1_loss binary_cross_entropy kl_div normalize cosine_similarity one_hot scaled_dot_product_attention").split()},
}


# --- The table ---------------------------------------------------------------------------------------------------


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def substitute(value, names):
    """`value` with every string "$N" replaced by names["N"]; inside longer strings by its text."""
    if isinstance(value, str):
        if value[:1] == "$" and value[1:] in names:
            return names[value[1:]]
        for name, replacement in names.items():
            value = value.replace(f"${name}", text_of(replacement))
        return value
    if isinstance(value, list):
        return [substitute(v, names) for v in value]
    if isinstance(value, dict):
        return {key: substitute(v, names) for key, v in value.items()}
    return value


def expand(case):
    """The cases that a line with "for" stands for: one for every combination of the values of its names, which are part
    of the case's key."""
    combinations = [{}]
    for name, values in case.get("for", []):
        combinations = [{**c, name: value} for c in combinations for value in values]
    for names in combinations:
        one = substitute({k: v for k, v in case.items() if k != "for"}, names)
        one["key"] = case["name"] + "".join(f".{text_of(value)}" for value in names.values())
        yield one


def spec_of(entry):
    """An entry of "in" as a full description: a bare list is a shape."""
    return {"shape": entry} if isinstance(entry, list) else entry


# --- Inputs ------------------------------------------------------------------------------------------------------


def draw(spec, rng):
    """A float64 or integer array: the values of one input. Floats are rounded to float32, so that both runs see the
    same ones."""
    shape, kind, dtype = spec["shape"], spec.get("values", "normal"), spec.get("dtype", "float")
    n = math.prod(shape)
    if isinstance(kind, list):
        values = np.array([float(v) for v in kind])
        assert len(values) == n, f"{len(values)} values for shape {shape}"
    elif isinstance(kind, dict):
        low, high = kind["from"], kind["to"]
        values = (rng.integers(low, high, n) if dtype.startswith(("int", "uint"))
                  else low + (high - low) * rng.random(n))
    elif kind == "normal":
        values = {"bool": lambda: rng.integers(0, 2, n), "uint8": lambda: rng.integers(0, 10, n),
                  "int32": lambda: rng.integers(-9, 10, n), "int64": lambda: rng.integers(-9, 10, n)}.get(
                      dtype, lambda: rng.standard_normal(n))()
    elif kind == "apart":  # no two equal, none near zero
        values = (rng.permutation(n) + 0.5) / 4 * np.where(rng.integers(0, 2, n), 1, -1)
    elif kind == "ties":
        values = rng.integers(-1, 2, n)
    elif kind == "special":
        values = np.resize(np.array(SPECIAL), n)
    elif kind == "special_shifted":  # beside "special", every pair of special values comes together
        values = np.concatenate([np.roll(SPECIAL, k) for k in range(len(SPECIAL))])
        values = np.resize(values, n)
    else:
        raise ValueError(f"unknown values: {kind}")
    values = np.asarray(values).reshape(shape)
    return values.astype(np.float32).astype(np.float64) if dtype.startswith(("float", "bf")) else values


def arrange(tensor, layout):
    """The same elements in other memory, as tests/support/reference.cpp does it."""
    if layout == "transposed":
        return tensor.permute(*range(tensor.dim() - 1, -1, -1)).contiguous().permute(*range(tensor.dim() - 1, -1, -1))
    assert layout == "contiguous", layout
    return tensor


def make_inputs(case, key):
    inputs = []
    for i, entry in enumerate(case["in"]):
        spec = spec_of(entry)
        if spec is None or "number" in spec:
            inputs.append((spec, None))
        else:
            rng = np.random.default_rng(zlib.crc32(f"{key}/{i}".encode()))
            inputs.append((spec, draw(spec, rng)))
    return inputs


def number_of(value):
    return float(value) if value in ("nan", "inf", "-inf") else value


# --- Running -----------------------------------------------------------------------------------------------------


def run(table, case, inputs, dtype, cotangents=None, absolute=False):
    """(tensors given, outputs, gradients): one call of PyTorch and its backward; gradients for random cotangents, or
    for those given."""
    values_of, tensors = [], []
    for spec, values in inputs:
        if values is None:
            values_of.append(None if spec is None else number_of(spec["number"]))
            continue
        own = spec.get("dtype", "float")
        tensor = torch.from_numpy(np.array(values)).to(dtype if own == "float" else DTYPES[own])
        if absolute and tensor.is_floating_point():
            tensor = tensor.abs()
        tensor = arrange(tensor, spec.get("layout", "contiguous"))
        if tensor.is_floating_point() and spec.get("grad", True) and table.get("differentiable", True):
            tensor.requires_grad_()
        tensors.append(tensor)
        values_of.append(tensor)
    given = [t.detach().clone() for t in tensors]
    named = {name: values_of[value["tensor"]] if isinstance(value, dict) else number_of(value)
             for name, value in case.get("args", {}).items()}
    by_name = [value["tensor"] for value in case.get("args", {}).values() if isinstance(value, dict)]
    positional = [value for i, value in enumerate(values_of) if i not in by_name]
    if table.get("list"):
        positional = [positional]
    if "dtype" in named:
        named["dtype"] = DTYPES[named["dtype"]]
    result = FUNCTIONS.get(table["op"], getattr(torch, table["op"], None))(*positional, **named)
    outputs = [result] if isinstance(result, torch.Tensor) else list(result)
    outputs += [values_of[i] for i in table.get("writes", []) if values_of[i] is not None]
    wanted = [t for t in tensors if t.requires_grad]
    active = [i for i, y in enumerate(outputs) if y.requires_grad]
    if not wanted or not active or not case.get("backward", True):
        return given, outputs, [], []
    if cotangents is None:
        rng = np.random.default_rng(zlib.crc32(f"{table['op']}/{case['key']}/dy".encode()))
        cotangents = {i: rng.standard_normal(tuple(outputs[i].shape)).astype(np.float32) for i in active}
    dys = [torch.from_numpy(np.array(cotangents[i])).to(outputs[i].dtype) for i in active]
    if absolute:
        dys = [dy.abs() for dy in dys]
    gradients = torch.autograd.grad([outputs[i] for i in active], wanted, dys, allow_unused=True)
    positions = [i for i, t in enumerate(tensors) if t.requires_grad]
    return given, outputs, list(zip(positions, gradients)), cotangents


def is_poly(inputs):
    """Whether the case has inputs of dtype "float": it is run in float64 and float32."""
    return any(values is not None and spec.get("dtype", "float") == "float" for spec, values in inputs)


def reference(table, case):
    """The tensors of one case: x inputs, dy cotangents, y outputs, g gradients (the truth); y32, g32 what PyTorch gets
    in float32; ys, gs the same op on absolute values, where the table asks for that scale."""
    inputs = make_inputs(case, f"{table['op']}/{case['key']}")
    poly = is_poly(inputs)
    given, outputs, gradients, cotangents = run(table, case, inputs, torch.float64)
    found = {}
    poly_at = [spec.get("dtype", "float") == "float" for spec, values in inputs if values is not None]
    for i, x in enumerate(given):
        found[f"x{i}"] = x.float() if poly_at[i] else x
    for i, y in enumerate(outputs):
        found[f"y{i}"] = y
    for i, dy in (cotangents or {}).items():
        found[f"dy{i}"] = torch.from_numpy(dy)
    for i, g in gradients:
        if g is not None:
            found[f"g{i}"] = g
    if poly:
        _, outputs, gradients, _ = run(table, case, inputs, torch.float32, cotangents or None)
        for i, y in enumerate(outputs):
            found[f"y{i}_32"] = y
        for i, g in gradients:
            if g is not None:
                found[f"g{i}_32"] = g
    scales = {part: table.get("tolerance", {}).get(part, {}).get("scale") for part in ("value", "gradient")}
    if poly and "absolute" in scales.values():
        _, outputs, gradients, _ = run(table, case, inputs, torch.float64, cotangents or None, absolute=True)
        if scales["value"] == "absolute":
            found.update({f"y{i}_scale": y.abs().float() for i, y in enumerate(outputs) if y.is_floating_point()})
        if scales["gradient"] == "absolute":
            found.update({f"g{i}_scale": g.abs().float() for i, g in gradients if g is not None})
    return {f"{case['key']}/{name}": t.detach().clone(memory_format=torch.contiguous_format)
            for name, t in found.items()}


def make(path):
    table = json.loads(path.read_text())
    assert table["op"] == path.stem, f"{path.name} is a table of {table['op']}"
    tensors = {}
    for line in table["cases"]:
        for case in expand(line):
            assert f"{case['key']}/y0" not in tensors, f"{path.name}: two cases are named {case['key']}"
            tensors.update(reference(table, case))
    return tensors


def same(made, committed):
    """What differs. Inputs and cotangents must be equal; results may come from another processor's code paths."""
    differences = [f"{key}: missing" for key in made.keys() - committed.keys()]
    differences += [f"{key}: not in the table" for key in committed.keys() - made.keys()]
    for key in made.keys() & committed.keys():
        a, b, name = made[key], committed[key], key.rsplit("/", 1)[1]
        if a.dtype != b.dtype or a.shape != b.shape:
            differences.append(f"{key}: {a.dtype} {tuple(a.shape)}, committed {b.dtype} {tuple(b.shape)}")
            continue
        exact = name[0] in "xd" or not a.is_floating_point()
        tolerance = 0 if exact else 1e-12 if a.dtype == torch.float64 else 1e-2 if a.dtype != torch.float32 else 1e-5
        scale = b.double().abs().nan_to_num(0, 0, 0).max().item() if b.numel() else 0
        if not torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance * scale, equal_nan=True):
            differences.append(f"{key}: values differ")
    return sorted(differences)


def main(arguments):
    check = "--check" in arguments
    ops = [a for a in arguments if not a.startswith("-")]
    torch.set_num_threads(1)
    paths = [HERE / "cases" / f"{op}.json" for op in ops] or sorted((HERE / "cases").glob("*.json"))
    (HERE / "values").mkdir(exist_ok=True)
    failed = False
    for path in paths:
        target = HERE / "values" / f"{path.stem}.safetensors"
        tensors = make(path)
        if check:
            differences = same(tensors, load_file(target)) if target.exists() else ["no such file"]
            failed |= bool(differences)
            print(f"{target.name}: {len(tensors)} tensors, {len(differences)} differences", *differences[:10],
                  sep="\n    ")
        else:
            target.write_bytes(save(tensors, {"torch": torch.__version__}))
            print(f"{target.name}: {len(tensors)} tensors, {target.stat().st_size:,} bytes")
    total = sum(p.stat().st_size for p in (HERE / "values").glob("*.safetensors"))
    print(f"{total:,} bytes of {MAX_BYTES:,}")
    if total > MAX_BYTES:
        sys.exit("the reference files are too large together")
    stale = {p.stem for p in (HERE / "values").glob("*")} - {p.stem for p in (HERE / "cases").glob("*.json")}
    if stale and not ops:
        sys.exit(f"values without cases: {sorted(stale)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
