"""Writes tests/optim/optim_reference.inc: where PyTorch's optimisers take two float64 parameters in ten steps, for
tests/optim/trajectory_test.cpp.

    python tests/reference/optim_reference.py > tests/optim/optim_reference.inc

Gradients come from a formula of position and step, so that no backward takes part. The second parameter has none in
every third step. A row holds the C++ options and both parameters after 1, 2 and 10 steps.
"""
import torch

SGD, ADAM, ADAMW, RMSPROP = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop
CASES = [
    (SGD, dict(lr=0.1)),
    (SGD, dict(lr=0.1, weight_decay=0.05)),
    (SGD, dict(lr=0.1, momentum=0.9)),
    (SGD, dict(lr=0.1, momentum=0.9, dampening=0.3)),
    (SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True)),
    (SGD, dict(lr=0.1, momentum=0.8, weight_decay=0.02, nesterov=True, maximize=True)),
    (SGD, dict(lr=0.1, weight_decay=0.05, maximize=True)),
    (ADAM, dict()),
    (ADAM, dict(lr=0.1)),
    (ADAM, dict(lr=0.1, betas=(0.8, 0.95), eps=1e-3)),
    (ADAM, dict(lr=0.1, weight_decay=0.05)),
    (ADAM, dict(lr=0.1, betas=(0.5, 0.6), amsgrad=True)),
    (ADAM, dict(lr=0.1, weight_decay=0.05, amsgrad=True, maximize=True)),
    (ADAMW, dict()),
    (ADAMW, dict(lr=0.1)),
    (ADAMW, dict(lr=0.1, betas=(0.8, 0.95), weight_decay=0.2)),
    (ADAMW, dict(lr=0.1, betas=(0.5, 0.6), weight_decay=0.2, amsgrad=True)),
    (ADAMW, dict(lr=0.1, weight_decay=0.2, maximize=True)),
    (RMSPROP, dict()),
    (RMSPROP, dict(lr=0.1, alpha=0.8, eps=1e-3, weight_decay=0.05)),
    (RMSPROP, dict(lr=0.1, alpha=0.9, centered=True)),
    (RMSPROP, dict(lr=0.02, alpha=0.9, momentum=0.9)),
    (RMSPROP, dict(lr=0.02, alpha=0.7, weight_decay=0.05, momentum=0.8, centered=True, maximize=True)),
]


def cpp(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "{" + ", ".join(map(cpp, value)) + "}"
    return repr(value)


def gradient(p, step):
    i = torch.arange(p.numel(), dtype=torch.float64).reshape(p.shape)
    return 0.5 * p.detach() + ((7 * step + 3 * i) % 11 - 5) / 10


print("// Written by tests/reference/optim_reference.py with PyTorch", torch.__version__.split("+")[0])
print("// clang-format off")
print("const std::vector<Case> kCases = {")
for rule, options in CASES:
    w = torch.nn.Parameter(torch.tensor([[-1, -0.6, -0.25], [0.2, 0.6, 1]], dtype=torch.float64))
    b = torch.nn.Parameter(torch.tensor([0.25, -0.75], dtype=torch.float64))
    optimizer = rule([w, b], **options)
    values = []
    for step in range(10):
        w.grad = gradient(w, step)
        b.grad = None if step % 3 == 2 else gradient(b, step)
        optimizer.step()
        if step in (0, 1, 9):
            values += w.flatten().tolist() + b.tolist()
    order = ["lr", "momentum", "dampening", "betas", "eps", "weight_decay", "nesterov", "amsgrad", "maximize"]
    if rule is RMSPROP:
        order = ["lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"]
    fields = ", ".join(f".{k} = {cpp(options[k])}" for k in order if k in options)
    name = rule.__name__
    print(f'    {{"{name}({fields})",')
    print(f"     [](const Leaves& p) -> Made {{ return std::make_unique<{name}>(p, {name}Options{{{fields}}}); }},")
    print("     {" + ", ".join(map(repr, values)) + "}},")
print("};")
