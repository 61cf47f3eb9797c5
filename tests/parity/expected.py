"""expected.txt: how many samples of each line of the report pass. A call that C++ has no form for is no failure, so
that an argument lost in tests/support/calls.cpp would make its samples vanish in silence; here it is noticed. The counts
are those of every seed: what is drawn differs in values alone."""
import pathlib

import torch

FILE = pathlib.Path(__file__).with_name("expected.txt")
PYTORCH = "2.13"
COUNTS = (("samples", "passed"), ("samples", "not expressible"), ("errors", "refused"), ("errors", "not expressible"))
HEAD = f"""\
# Written by scripts/parity --record, with PyTorch {PYTORCH}: of float32 and float64 the samples that pass, the samples that C++
# has no form for, the error inputs that are refused, the error inputs that C++ has no form for.
"""


def counts_of(line):
    return tuple(getattr(line, part)[outcome] for part, outcome in COUNTS)


def load():
    """{name of the line: counts}"""
    rows = (text.split() for text in FILE.read_text().splitlines() if not text.startswith("#"))
    return {name: tuple(map(int, counts)) for name, *counts in rows}


def record(lines, complete):
    """Writes the counts of these lines; others stay, unless `complete`: nothing was left out."""
    counts = ({} if complete else load()) | {line.name: counts_of(line) for line in lines}
    FILE.write_text(HEAD + "".join(f"{name:50}{'{:5}{:5}{:5}{:5}'.format(*row)}\n" for name, row in sorted(counts.items())))


def problems(lines, complete):
    """What differs from the file."""
    if not torch.__version__.startswith(PYTORCH + "."):
        print(f"expected.txt is of PyTorch {PYTORCH}: not compared")
        return []
    known = load()
    found = [f"{line.name}: {part} {outcome}: {got}, expected {wanted}"
             for line in lines if line.name in known
             for (part, outcome), got, wanted in zip(COUNTS, counts_of(line), known[line.name]) if got != wanted]
    found += [f"{line.name} is new" for line in lines if line.name not in known]
    if complete:
        found += [f"{name} is gone" for name in sorted(known.keys() - {line.name for line in lines})]
    return found
