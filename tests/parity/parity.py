"""Runs PyTorch's own cases through parity_driver and reports, a line an op. `make parity` calls it; README.md beside it
tells what is compared."""
import argparse
import collections
import pathlib
import sys
import time
import warnings

import torch

import differences
import expected
import layers
import omissions
import ops
import optimizers
from case import judge
from wire import Driver

DTYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64, "int32": torch.int32,
          "uint8": torch.uint8, "bool": torch.bool}
SAMPLES = {"passed": 7, "failed": 7, "meant": 6, "not expressible": 11}  # columns and their widths
ERRORS = {"refused": 8, "failed": 7, "meant": 6, "not expressible": 11}


def columns(samples, errors):
    """The samples' columns and the error inputs', from functions that give a text for a name."""
    return " |".join("".join(f"{text(name):>{width}}" for name, width in part.items())
                     for text, part in ((samples, SAMPLES), (errors, ERRORS)))


def title(name):
    return "not in C++" if name == "not expressible" else name


class Line:
    """What is counted of one op."""

    def __init__(self, name):
        self.name, self.samples, self.errors = name, collections.Counter(), collections.Counter()
        self.reasons, self.failures = collections.Counter(), []

    def count(self, case, outcome, text, is_error):
        if outcome == "failed" and differences.is_meant(case.op, case.text, text):
            outcome = "meant"
        if outcome == "refused" and not is_error:
            outcome = "passed"  # a sample that PyTorch refuses, too
        if outcome == "failed":
            self.failures.append(f"{case.text}\n      {text}")
        if outcome == "not expressible":
            self.reasons[text] += 1
        (self.errors if is_error else self.samples)[outcome] += 1

    def __str__(self):
        counted = columns(lambda name: self.samples[name], lambda name: self.errors[name] if self.errors else "")
        reasons = ", ".join(f"{n} {reason}" for reason, n in self.reasons.most_common())
        return f"{self.name:28}{counted}   {reasons}".rstrip()


def judge_all(line, driver, cases, errors):
    """Counts the samples `cases` and the error inputs `errors`."""
    marked = [(case, False) for case in cases] + [(case, True) for case in errors]
    asked = [case.request for case, _ in marked if case.request and not case.inexpressible]
    answers = iter(driver.answer(asked)) if asked else iter(())
    for case, is_error in marked:
        if case.inexpressible:
            line.count(case, "not expressible", case.inexpressible, is_error)
        else:
            line.count(case, *judge(case, next(answers)), is_error)


def report(line, options):
    print(line)
    for failure in line.failures[:None if options.verbose else 1]:
        print(f"    {failure}")
    if not options.verbose and len(line.failures) > 1:
        print(f"    ... and {len(line.failures) - 1} more: --op {line.name} --verbose")


def summary(name, lines, samples, errors):
    return (f"{name}: {lines} lines; samples: {samples['passed']} passed, {samples['failed']} failed, {samples['meant']} differ "
            f"as meant, {samples['not expressible']} not expressible in C++; error inputs: {errors['refused']} refused, "
            f"{errors['failed']} not, {errors['meant']} differ as meant, {errors['not expressible']} not expressible")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def work(options):
    """[(heading, [(name, function from a dtype to cases, function to error inputs)])]"""
    seed = options.seed
    return [
        ("functions", [(row[0], lambda dtype, row=row: ops.sample_cases(row, dtype, seed, options.more),
                        lambda row=row: ops.error_cases(row, seed)) for row in ops.table()]),
        ("layers and losses", [(name, lambda dtype, name=name: layers.cases(name, dtype, seed) if dtype.is_floating_point else (),
                                lambda name=name: layers.error_cases(name, seed)) for name in layers.rows()]),
        ("optimisers", [(name, lambda dtype, name=name: optimizers.cases(name, dtype, seed) if dtype.is_floating_point else (),
                         lambda name=name: optimizers.error_cases(name, seed)) for name in optimizers.rows()]),
    ]


def main():
    parser = argparse.ArgumentParser(prog="scripts/parity", description=__doc__.split(".")[0] + ".")
    parser.add_argument("--driver", type=pathlib.Path, required=True, help="the program parity_driver")
    parser.add_argument("--seed", type=int, default=0, help="draws other samples")
    parser.add_argument("--op", action="append", help="only this line of the report; may be repeated")
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="default: float32 and float64")
    parser.add_argument("--more", action="store_true", help="PyTorch's larger set, reference_inputs, for the functions")
    parser.add_argument("--record", action="store_true", help="writes what passes to expected.txt")
    parser.add_argument("--verbose", action="store_true", help="shows every failure with its arguments")
    options = parser.parse_args()
    usual, complete = not options.dtype and not options.more, not options.op
    if options.record and not usual:
        parser.error("expected.txt is of the usual samples and dtypes: --record goes with neither --dtype nor --more")
    differences.check()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    dtypes = [DTYPES[name] for name in options.dtype or ("float32", "float64")]
    driver, start = Driver(options.driver.resolve()), time.monotonic()
    omissions.check(driver.names())
    total, errors, lines = collections.Counter(), collections.Counter(), []
    for heading, rows in work(options):
        samples_before, errors_before, ran_before = total.copy(), errors.copy(), len(lines)
        rows = [row for row in rows if not options.op or row[0] in options.op]
        if rows:
            print(f"{heading + ': samples | errors':28}{columns(title, title)}")
        for i, (name, samples, error_inputs) in enumerate(rows):
            progress(f"{heading} {i + 1}/{len(rows)}: {name}")
            line = Line(name)
            judge_all(line, driver, [case for dtype in dtypes for case in samples(dtype)], error_inputs())
            progress("")
            report(line, options)
            total.update(line.samples)
            errors.update(line.errors)
            lines.append(line)
        if rows:
            print(f"{summary(heading, len(lines) - ran_before, total - samples_before, errors - errors_before)}\n")
    if not lines:
        sys.exit(f"no line of the report is called {' or '.join(options.op)}")
    problems = []
    if options.record:
        expected.record(lines, complete)
    elif usual:
        problems += [f"{text} (tests/parity/expected.txt; --record writes it down)" for text in expected.problems(lines, complete)]
    if usual and complete:
        problems += [f"{text} is no longer seen: take it out of tests/parity/differences.py" for text in differences.unused()]
    for text in problems:
        print(text)
    print(f"{summary('parity', len(lines), total, errors)}; seed {options.seed}, PyTorch {torch.__version__}, "
          f"{time.monotonic() - start:.0f} s")
    return 1 if total["failed"] + errors["failed"] or problems else 0


if __name__ == "__main__":
    sys.exit(main())
