"""Writes tests/nn/lstm.safetensors: torch.nn.LSTM in float64, for tests/nn/lstm_test.cpp.

    python tests/reference/lstm_reference.py

Each network is made after manual_seed(5), and its weights are not handed over. Recorded are the input, the state at the
start, output, state at the end, cotangents and all gradients; of the largest network also the weights as drawn.
"""
import os

import torch
from safetensors.torch import save_file

CONFIGURATIONS = {
    "plain": {},
    "layers": {"num_layers": 3},
    "no_bias": {"bias": False, "num_layers": 2},
    "batch_first": {"batch_first": True},
    "bidirectional": {"bidirectional": True},
    "everything": {"num_layers": 2, "bidirectional": True, "batch_first": True},
}
STEPS, BATCH, IN, HIDDEN = 4, 3, 3, 5


def record(out, name, options, batched, with_state):
    torch.manual_seed(5)
    net = torch.nn.LSTM(IN, HIDDEN, **options)
    if name == "everything/batched/":
        out |= {f"weights/{key}": value.clone() for key, value in net.state_dict().items()}
    net = net.double()
    torch.manual_seed(6)
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    shape = (BATCH, STEPS, IN) if options.get("batch_first") else (STEPS, BATCH, IN)
    x = torch.randn(shape if batched else (STEPS, IN), dtype=torch.float64, requires_grad=True)
    start = [torch.randn((count, BATCH, HIDDEN) if batched else (count, HIDDEN), dtype=torch.float64, requires_grad=True)
             for _ in range(2)]
    y, (h, c) = net(x, tuple(start) if with_state else None)
    dy, dh, dc = (torch.randn_like(t) for t in (y, h, c))
    torch.autograd.backward([y, h, c], [dy, dh, dc])
    out |= {name + key: value.detach().contiguous() for key, value in
            {"x": x, "y": y, "h": h, "c": c, "dy": dy, "dh": dh, "dc": dc, "dx": x.grad}.items()}
    if with_state:
        out |= {name + key: value.detach() for key, value in
                {"h0": start[0], "c0": start[1], "dh0": start[0].grad, "dc0": start[1].grad}.items()}
    out |= {f"{name}grad.{key}": p.grad for key, p in net.named_parameters()}


def main():
    out = {}
    for name, options in CONFIGURATIONS.items():
        record(out, name + "/batched/", options, True, True)
    record(out, "plain/unbatched/", {}, False, True)
    record(out, "bidirectional/unbatched/", {"bidirectional": True}, False, True)
    record(out, "plain/zeros/", {}, True, False)
    here = os.path.dirname(os.path.abspath(__file__))
    save_file(out, os.path.join(here, "..", "nn", "lstm.safetensors"), {"torch": torch.__version__})


main()
