"""What is meant to differ from PyTorch among its own cases. Each entry has its line in docs/differences.md, which
gives the reason."""
import dataclasses
import pathlib
import re

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "differences.md"


@dataclasses.dataclass
class Difference:
    op: str        # pattern of the op's name
    call: str      # pattern found in the call
    outcome: str   # pattern found in what is wrong
    line: str      # how the line of docs/differences.md begins, after "| "
    seen: int = 0


MEANT = [
    Difference("__getitem__", "", "at most one index may be a tensor", "`x.index({i, j})` of several tensors"),
    Difference(r"squeeze\.multiple", r", \[\]\)$", r"shape \(\)", "`squeeze(x, {})`"),
    Difference("gather", r"(uint8|int16|int8)\((\d+, )*0", "the index is uint8", "an empty index tensor of another dtype"),
    Difference(r"nn\.functional\.adaptive_avg_pool[12]d", r"output_size=\[-1", "not refused: done",
               "`adaptive_avg_pool2d(x, (None, 2))`"),
    Difference(r"nn\.functional\.dropout", r"^(?!.*(p=0\.0|p=1\.0|training=False))", "Tensor-likes are not",
               "which elements dropout keeps"),
    Difference(r"nn\.functional\.scaled_dot_product_attention", r"dropout_p=0\.5", "Tensor-likes are not",
               "which elements dropout keeps"),
    Difference(r"nn\.functional\.batch_norm", r"\(float\d\d\(0,\)", "expected x of", "`batch_norm` of one dimension"),
]


def check():
    """Exits unless each entry's line is in the document."""
    text = DOCUMENT.read_text()
    for entry in MEANT:
        if f"\n| {entry.line}" not in text:
            raise SystemExit(f"differences.py: docs/differences.md has no line that begins with \"| {entry.line}\"")


def is_meant(op, call, outcome):
    for entry in MEANT:
        if re.fullmatch(entry.op, op) and re.search(entry.call, call) and re.search(entry.outcome, outcome):
            entry.seen += 1
            return True
    return False


def unused():
    return [f"{e.op} {e.call}" for e in MEANT if not e.seen]
