"""Writes tests/nn/init_reference.inc: hashes of PyTorch's initial weights, for tests/nn/init_test.cpp.

    python tests/reference/nn_reference.py > tests/nn/init_reference.inc

Each row is one fill after manual_seed(7), as the FNV-1a hash of the bits; the rows of layers are weight and bias.
"""
import torch
from torch import nn
from torch.nn import init


def fnv1a(tensor):
    value = 0xCBF29CE484222325
    for byte in tensor.detach().contiguous().view(torch.uint8).numpy().tobytes():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


print("// Written by tests/reference/nn_reference.py with PyTorch", torch.__version__.split("+")[0])
print("// clang-format off")
print("const std::vector<LayerRow> kLayers = {  // after manual_seed(0): in, out, weight, bias")
for size in [(784, 512), (512, 10), (5, 3), (1, 1), (7, 33)]:
    torch.manual_seed(0)
    layer = nn.Linear(*size)
    print(f"    {{{size[0]}, {size[1]}, 0x{fnv1a(layer.weight):016x}, 0x{fnv1a(layer.bias):016x}}},")
print("};")
FILLS = [
    ("uniform_(w, -2, 3)", lambda w: init.uniform_(w, -2, 3)),
    ("normal_(w, 1, 0.5)", lambda w: init.normal_(w, 1, 0.5)),
    ("constant_(w, 0.3)", lambda w: init.constant_(w, 0.3)),
    ("kaiming_uniform_(w)", init.kaiming_uniform_),
    ("kaiming_uniform_(w, {.a = 0.2, .mode = FanMode::fan_out})", lambda w: init.kaiming_uniform_(w, 0.2, "fan_out")),
    ("kaiming_uniform_(w, {.nonlinearity = Nonlinearity::tanh})",
     lambda w: init.kaiming_uniform_(w, nonlinearity="tanh")),
    ("kaiming_normal_(w, {.nonlinearity = Nonlinearity::relu})",
     lambda w: init.kaiming_normal_(w, nonlinearity="relu")),
    ("kaiming_normal_(w, {.mode = FanMode::fan_out, .nonlinearity = Nonlinearity::selu})",
     lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="selu")),
    ("xavier_uniform_(w)", init.xavier_uniform_),
    ("xavier_uniform_(w, 5.0 / 3)", lambda w: init.xavier_uniform_(w, 5.0 / 3)),
    ("xavier_normal_(w, 2)", lambda w: init.xavier_normal_(w, 2)),
]
print("const std::vector<FillRow> kFills = {  // a (24, 6, 3, 3) float32 tensor after manual_seed(7)")
for text, fill in FILLS:
    torch.manual_seed(7)
    w = torch.empty(24, 6, 3, 3)
    fill(w)
    print(f'    {{"{text}", [](const Tensor& w) {{ init::{text}; }}, 0x{fnv1a(w):016x}}},')
print("};")
