"""Writes tests/core/random_reference.inc: what PyTorch's CPU generator gives, for tests/core/random_test.cpp.

    python tests/reference/random_reference.py > tests/core/random_reference.inc

One stream a seed, calls of every kind in a row, so that a call which takes a draw too many or too few spoils all that
follow. A row holds the FNV-1a hash of the bits; what rests on the C library's log, sin and cos has no hash in its row
(0) and is compared in ULP against the short tables below.
"""
import torch

FLOAT, DOUBLE, LONG = torch.float32, torch.float64, torch.int64


def fnv1a(tensor):
    value = 0xCBF29CE484222325
    for byte in tensor.contiguous().view(torch.uint8).numpy().tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def draw(kind, n, a, b):
    if kind == "kUniformFloat":
        return torch.empty(n, dtype=FLOAT).uniform_(a, b)
    if kind == "kUniformDouble":
        return torch.empty(n, dtype=DOUBLE).uniform_(a, b)
    if kind == "kNormalFloat":
        return torch.empty(n, dtype=FLOAT).normal_(a, b)
    if kind == "kNormalDouble":
        return torch.empty(n, dtype=DOUBLE).normal_(a, b)
    if kind == "kNormal16":
        return torch.empty(n, dtype=torch.bfloat16).normal_(a, b)
    if kind == "kRandint":
        return torch.randint(a, b, (n,))
    if kind == "kRandperm":
        return torch.randperm(n)
    if kind == "kBernoulli":
        return torch.empty(n, dtype=torch.bool).bernoulli_(a)
    if kind == "kExponential":
        return torch.empty(n, dtype=DOUBLE).exponential_(a)
    if kind == "kInt63":
        return torch.stack([torch.empty((), dtype=LONG).random_() for _ in range(n)])
    raise ValueError(kind)


CALLS = [
    ("kNormalFloat", 3, 0, 1), ("kUniformFloat", 5, 0, 1), ("kNormalFloat", 17, 0, 1), ("kRandint", 7, 0, 10),
    ("kNormalFloat", 4, 0.5, 0.02), ("kUniformFloat", 100, -0.37, 1.91), ("kRandperm", 1, 0, 0),
    ("kRandperm", 10, 0, 0), ("kNormalFloat", 16, 0, 1), ("kNormalDouble", 5, 0, 1), ("kNormalDouble", 33, 1, 2),
    ("kUniformDouble", 9, 0, 1), ("kUniformDouble", 1025, -1, 3), ("kRandint", 9, -5, 7),
    ("kRandint", 9, 0, 2**28 - 1), ("kRandint", 9, 0, 2**28), ("kRandint", 9, 0, 2**40 + 17),
    ("kRandint", 9, -(2**63), 2**63 - 1), ("kBernoulli", 50, 0.3, 0), ("kBernoulli", 5, 0, 0), ("kBernoulli", 5, 1, 0),
    ("kExponential", 6, 2, 0), ("kInt63", 2, 0, 0), ("kNormalFloat", 624, 0, 1), ("kNormalFloat", 5003, 0, 1),
    ("kNormal16", 50, 0, 1), ("kUniformFloat", 10007, -1e-2, 1e-2), ("kUniformFloat", 700, 1, 1.0000001),
    ("kRandperm", 5000, 0, 0), ("kNormalFloat", 1, 0, 1), ("kUniformFloat", 1, 0, 1),
]  # fmt: skip
SEEDS = [0, 42, 2**40 + 5, 67280421310721]


def by_ulp(kind, n):
    return kind in ("kNormalDouble", "kExponential", "kNormal16") or (kind == "kNormalFloat" and n < 16)


def literal(x):
    return "INT64_MIN" if x == -(2**63) else str(x)


def table(name, ctype, tensor, suffix):
    values = ", ".join(float(x).hex() + suffix for x in tensor.flatten())
    print(f"constexpr {ctype} {name}[] = {{{values}}};")


def main():
    print(f"// Written by tests/reference/random_reference.py from PyTorch {torch.__version__.split('+')[0]}.")
    print("// clang-format off")
    print("constexpr Row kRows[] = {")
    for seed in SEEDS:
        torch.manual_seed(seed)
        print(f"    {{Kind::kSeed, {seed}, 0, 0, 0, 0, 0}},")
        for kind, n, a, b in CALLS:
            out = draw(kind, n, a, b)
            digest = 0 if by_ulp(kind, n) else fnv1a(out)
            whole = kind == "kRandint"
            reals, wholes = ("0, 0", f"{literal(a)}, {literal(b)}") if whole else (f"{a}, {b}", "0, 0")
            print(f"    {{Kind::{kind}, {n}, {reals}, {wholes}, {digest:#018x}}},")
    print("};")

    torch.manual_seed(42)
    table("kNormalFloat5", "float", torch.randn(5), "f")
    table("kNormalFloat17", "float", torch.randn(17), "f")
    table("kUniformFloat4", "float", torch.rand(4), "f")
    table("kNormalDouble3", "double", torch.randn(3, dtype=DOUBLE), "")
    table("kNormalDouble19", "double", torch.randn(19, dtype=DOUBLE), "")
    table("kExponential4", "double", torch.empty(4, dtype=DOUBLE).exponential_(2), "")
    table("kExponentialFloat4", "float", torch.empty(4).exponential_(2), "f")
    table("kNormalBfloat16x18", "float", torch.randn(18, dtype=torch.bfloat16).float(), "f")
    print(f"constexpr int64_t kRandperm12[] = {{{', '.join(str(x) for x in torch.randperm(12).tolist())}}};")
    print("// clang-format on")


main()
