"""Whatever we have and PyTorch has cases for is asked: our tables and headers beside op_db and module_db."""
import collections
import pathlib
import re

from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

import layers
import ops

NN = pathlib.Path(__file__).resolve().parents[2] / "spiraltorch" / "nn"

# Lines of op_db (a pattern) for functions of ours that are not asked, and why.
LEFT_OUT = {
    r"bmm\.triton_optimized": "the samples of bmm",
    r"nn\.functional\.interpolate\.(?!bilinear).*": "of interpolate there is vision::resize_bilinear alone",
    r"round\.decimals_.*": "round has no decimals",
    r"nn\.functional\.silu\.complex": "there are no complex numbers",
    r"nn\.functional\.batch_norm\.without_cudnn": "the samples of nn.functional.batch_norm",
}


def omitted_ops(names):
    rows = ops.table()
    lines, used = {row[0] for row in rows}, {row[3] for row in rows}
    for info in op_db:
        line, ours = ops.full_name(info), info.name.removeprefix("nn.functional.")
        if ours in names and line not in lines and not any(re.fullmatch(pattern, line) for pattern in LEFT_OUT):
            yield f"op_db's {line} is in neither SAME nor OTHER of ops.py"
        if f"{ours}_" in names and f"{ours}_" not in used and info.get_inplace():
            yield f"{ours}_ is not in WRITING of ops.py"


def omitted_layers(names):
    asked = {layers.RECURRENT.get(name, name) for name in layers.rows()}
    known = {layers.RECURRENT.get(name, name) for name in (info.module_cls.__name__ for info in module_db)}
    public = {name for header in NN.rglob("*.h") for name in re.findall(r"^class (\w+) final : public", header.read_text(), re.M)}
    for name in sorted((public & known | set(names)) - asked):
        yield f"the layer {name} is not in layers.py"


def check(names):
    """Exits with what is omitted. `names`: those in the tables of ops and layers that parity_driver has."""
    found = [f"{table}: {name} stands there twice" for table, listed in names.items()
             for name, count in collections.Counter(listed).items() if count > 1]
    found += [*omitted_ops(names["ops"]), *omitted_layers(names["layers"])]
    if found:
        raise SystemExit("\n".join(found))
