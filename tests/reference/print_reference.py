"""Writes tests/tensor/print_reference.inc: how PyTorch prints some tensors, for tests/tensor/print_test.cpp.

    python tests/reference/print_reference.py > tests/tensor/print_reference.inc

A row is a dtype, a shape, the elements (or none: element i is then i a + b, computed in double) and the text.
"""
import math

import torch

INF, NAN = math.inf, math.nan


def literal(value):
    if math.isnan(value):
        return "-kNan" if math.copysign(1, value) < 0 else "kNan"
    if math.isinf(value):
        return "kInf" if value > 0 else "-kInf"
    return repr(float(value))


def row(dtype, shape, values=(), a=0.0, b=0.0):
    n = math.prod(shape)
    data = torch.tensor(values, dtype=torch.float64) if values else torch.arange(n, dtype=torch.float64) * a + b
    tensor = data.to(dtype).reshape(shape)
    name = str(dtype).removeprefix("torch.").replace("bool", "bool_")
    sizes = ", ".join(map(str, shape))
    elements = ", ".join(map(literal, values))
    print(f'{{DType::{name}, {{{sizes}}}, {{{elements}}}, {literal(a)}, {literal(b)},\n R"({str(tensor)})"}},')


F, D, H, B = torch.float32, torch.float64, torch.float16, torch.bfloat16
I, I32, U, BOOL = torch.int64, torch.int32, torch.uint8, torch.bool

print("// Written by tests/reference/print_reference.py.")
row(F, (2, 2), [1, 2, 3, 4])
row(F, (3,), [1.5, -2.25, 3])
row(F, (), [3.14159])
row(F, (), [7])
row(F, (), [NAN])
row(F, (), [1e-8])
row(F, (4,), [0, -0.0, 0, 0])
row(F, (3,), [1, INF, -INF])
row(F, (4,), [0.5, NAN, INF, -3])
row(F, (2,), [NAN, NAN])
row(F, (2,), [math.copysign(NAN, -1), 1])
row(F, (3,), [1, 1000, 1001])
row(F, (3,), [1.5, 1000, 2000])
row(F, (3,), [1e-5, 1, 2])
row(F, (2,), [1e9, 2e9])
row(F, (2,), [123456, 99999999])
row(F, (3,), [1e-4, 0.05, 0.1])
row(F, (3,), [1e-30, 1e30, INF])
row(F, (2,), [1e8, 1e8 + 8])
row(D, (3,), [0.1, 0.22, 1e-3])
row(D, (2,), [1e200, 1e-200])
row(D, (2, 1), [0.33333333333, 2])
row(H, (2,), [0.1, 65504])
row(H, (3,), [1, 2, 3])
row(B, (3,), [0.1, 2.5, -7])
row(B, (2,), [3e38, 1])
row(I, (2, 3), [1, -2, 3, 40, 500, -6000])
row(I, (), [-12345678901])
row(I32, (3,), [1, 2, 3])
row(U, (2, 2), [0, 255, 7, 8])
row(BOOL, (3,), [1, 0, 1])
row(BOOL, (2, 2), [1, 0, 1, 1])
row(F, (0,))
row(F, (0, 3))
row(I, (0,))
row(BOOL, (2, 0))
row(D, (0,))
row(F, (2, 2, 2), a=1.0)
row(F, (2, 1, 2, 2), a=0.5)
row(I, (30,), a=1.0)
row(F, (40,), a=0.25, b=-3)
row(I, (3, 40), a=1.0)
row(D, (26,), a=0.125)
row(I32, (21,), a=1.0)
row(I32, (19,), a=1.0)
row(H, (17,), a=1.0)
row(F, (1000,), a=1.0)
row(F, (1001,), a=1.0)
row(F, (1001,), a=0.001)
row(I, (40, 40), a=1.0)
row(D, (40, 40), a=0.37, b=-100)
row(F, (10, 10, 11), a=1.0)
row(I, (7, 200), a=1.0)
row(I, (6, 200), a=1.0)
row(F, (2, 600), a=0.5)
row(F, (2, 3, 2, 200), a=0.5)
row(U, (1001,), a=0.25)
row(F, (1, 1, 1, 1, 1, 1, 1, 1), [2.5])
