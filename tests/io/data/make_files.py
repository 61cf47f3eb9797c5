"""Makes the files of this folder with the reference implementation (safetensors 0.8 with torch): python make_files.py"""
import os

import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))

# Every element type, no dimension, no element; safetensors_test.cpp holds the same values.
save_file(
    {
        "weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4 - 0.5,
        "double": torch.tensor([0.1, float("inf")], dtype=torch.float64),
        "half": torch.tensor([1.5, -65504.0], dtype=torch.float16),
        "brain": torch.tensor([[1.0, 3.140625, -2.0]], dtype=torch.bfloat16),
        "long": torch.tensor([-1, 2**62], dtype=torch.int64),
        "int": torch.tensor([-(2**31), 7, 2**31 - 1], dtype=torch.int32),
        "byte": torch.tensor([0, 128, 255], dtype=torch.uint8),
        "flag": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
        'näme "quoted"\n': torch.tensor([9], dtype=torch.uint8),
    },
    os.path.join(HERE, "types.safetensors"),
    metadata={"note": 'ä "b"\\\n\t\x01'},  # one entry: the order of several is left to chance
)
save_file({}, os.path.join(HERE, "empty.safetensors"))
