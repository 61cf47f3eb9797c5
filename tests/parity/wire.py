"""Requests to parity_driver and its answers: how PyTorch's arguments are written down, and the folder in which both
programs meet."""
import json
import math
import pathlib
import subprocess
import tempfile

import torch
from safetensors.torch import load_file, save_file

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool)

# Arguments that say what is the case anyway.
DEFAULTS = {"device": (None, "cpu", torch.device("cpu")), "layout": (None, torch.strided), "requires_grad": (False,),
            "pin_memory": (False,), "memory_format": (None, torch.preserve_format, torch.contiguous_format)}


class NotExpressible(Exception):
    """A call that C++ has no words for; the text is the reason."""


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def memory_of(tensor):
    """The memory that a tensor sees, from its first element on, as a fresh flat tensor."""
    if tensor.numel() == 0:
        return tensor.new_empty(0)
    extent = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride()))
    return tensor.detach().as_strided((extent,), (1,)).clone()


def copy_of(tensor):
    """The same elements in fresh memory with the same strides; a leaf."""
    copy = memory_of(tensor).as_strided(tensor.shape, tensor.stride())
    return copy.requires_grad_(tensor.requires_grad)


class Request:
    """One call. Tensors are numbered as they come; their memory is kept as it was then."""

    def __init__(self, kind, name, **fields):
        self.fields = {"kind": kind, "name": name, **fields}
        self.tensors, self.specs, self.memory = [], [], []

    def tensor(self, value):
        for i, known in enumerate(self.tensors):
            if known is value:
                return i
        if value.dtype not in DTYPES:
            raise NotExpressible(f"dtype {name_of(value.dtype)}")
        if value.layout != torch.strided:
            raise NotExpressible("sparse tensors")
        self.tensors.append(value)
        self.memory.append(memory_of(value))
        self.specs.append({"shape": list(value.shape), "strides": list(value.stride()),
                           "requires_grad": value.requires_grad})
        return len(self.tensors) - 1

    def encode(self, value):
        if isinstance(value, torch.Tensor):
            return {"tensor": self.tensor(value)}
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, torch.dtype):
            return name_of(value)
        if isinstance(value, (list, tuple)):
            return [self.encode(v) for v in value]
        if isinstance(value, slice):
            return {"slice": [value.start, value.stop, value.step]}
        raise NotExpressible("complex numbers" if isinstance(value, complex) else f"{type(value).__name__} as an argument")

    def arguments(self, args, kwargs):
        """Writes down the call's arguments."""
        self.fields["args"] = self.encode(list(args))
        self.fields["kwargs"] = {k: self.encode(v) for k, v in kwargs.items()
                                 if not any(v is d or type(v) is type(d) and v == d for d in DEFAULTS.get(k, ()))}
        return self


# A request takes milliseconds; the largest batch of a debug build under load takes seconds.
BATCH_SECONDS, REQUEST_SECONDS = 300, 20


class Driver:
    """The C++ program. It runs once a batch; when it dies or hangs, once a request of that batch, to find the one."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def names(self):
        """{"ops": [...], "layers": [...]}: what the tables in C++ have."""
        return json.loads(subprocess.run([self.path, "--names"], capture_output=True, check=True).stdout)

    def answer(self, requests):
        try:
            return self._batch(requests, BATCH_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return [self._alone(r) for r in requests]

    def _alone(self, request):
        try:
            return self._batch([request], REQUEST_SECONDS)[0]
        except subprocess.CalledProcessError:
            return {"outcome": "broken", "text": "the driver died"}
        except subprocess.TimeoutExpired:
            return {"outcome": "broken", "text": f"no answer in {REQUEST_SECONDS} s"}

    def _batch(self, requests, seconds):
        """[{outcome, text or values and active}]"""
        with tempfile.TemporaryDirectory(prefix="spiraltorch-parity-") as folder:
            folder = pathlib.Path(folder)
            memory, written = {}, []
            for number, request in enumerate(requests):
                specs = []
                for i, (spec, content) in enumerate(zip(request.specs, request.memory)):
                    memory[f"{number}/{i}"] = content
                    specs.append({**spec, "memory": f"{number}/{i}"})
                written.append({**request.fields, "tensors": specs})
            save_file(memory, folder / "requests.safetensors")
            (folder / "requests.json").write_text(json.dumps(written))
            subprocess.run([self.path, folder], stdout=subprocess.DEVNULL, check=True, timeout=seconds)
            values = load_file(folder / "answers.safetensors")
            answers = json.loads((folder / "answers.json").read_text())
            for number, answer in enumerate(answers):
                answer["values"] = {label: values[f"{number}/{label}"] for label in answer.get("labels", [])}
            return answers
