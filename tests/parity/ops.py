"""The cases of torch.testing's op_db for the functions that we have."""
import functools

import torch
from torch.testing._internal.common_methods_invocations import op_db

from case import Case, describe_call, seed_all
from wire import NotExpressible, Request, copy_of

SEED = 42  # of random functions; op_db seeds them so itself


def to_arguments(x, *args, **kwargs):
    """x.to(device, dtype, ...) in any order: what remains is a dtype, or a tensor that has it."""
    values = [a for a in [*args, *kwargs.values()]
              if not (isinstance(a, (bool, torch.device)) or a is torch.preserve_format or isinstance(a, str) and a == "cpu")]
    if len(values) > 1 or values and not isinstance(values[0], (torch.dtype, torch.Tensor)):
        raise NotExpressible("argument memory_format")
    wanted = values[0] if values else x
    return (x, wanted if isinstance(wanted, torch.dtype) else wanted.dtype), {}


def cast_arguments(dtype):
    """x.float() and the like."""
    return lambda x, **kwargs: to_arguments(x, dtype, **kwargs)


def size_arguments(x, *size):
    """x.sum_to_size(2, 3) as with the one argument (2, 3)."""
    return (x, size[0] if len(size) == 1 and not isinstance(size[0], int) else size), {}


def randint_arguments(*args, **kwargs):
    """randint(high, size=...) as with low = 0."""
    return ((0, *args) if len(args) == 1 or isinstance(args[1], (tuple, list)) else args), kwargs


def index_arguments(x, index):
    """x[index] as a list of entries; a list of positions among them is a tensor in C++."""
    entries = list(index) if isinstance(index, tuple) else [index]
    return (x, [torch.tensor(e) if isinstance(e, list) else e for e in entries]), {}


def unbiased_arguments(x, *args, **kwargs):
    """var(x, unbiased) and var(x, dim, unbiased, keepdim)."""
    names = ("unbiased",) if args and isinstance(args[0], bool) else ("dim", "unbiased", "keepdim")
    return (x,), {**dict(zip(names, args)), **kwargs}


# The functions of op_db that we have under the same name.
SAME = """
__radd__ __rdiv__ __rmul__ __rpow__ __rsub__ abs add all allclose amax amin any arange argmax argmin argsort asinh bmm
cat ceil chunk clamp clone contiguous cos cumprod cumsum div.no_rounding_mode dot eq equal erf exp expand expand_as
expm1 eye flatten flip floor full full_like gather ge gt index_add index_select isfinite isinf isnan item le linspace
log log1p log_softmax log_softmax.with_dtype logical_and logical_not logical_or logical_xor logsumexp lt masked_fill
matmul maximum mean minimum mm mul narrow ne neg norm norm.fro norm.inf norm.nuc ones ones_like permute pow prod randn
randn_like reciprocal repeat repeat_interleave reshape roll round rsqrt rsub scalar_tensor scatter scatter_add select
sigmoid sign sin slice softmax softmax.with_dtype sort split split.list_args sqrt square squeeze squeeze.multiple stack
std sub sum t tanh topk transpose tril triu trunc unbind unsqueeze var var_mean view zeros zeros_like
max.reduction_with_dim max.reduction_no_dim min.reduction_with_dim min.reduction_no_dim
nn.functional.batch_norm nn.functional.cross_entropy nn.functional.linear nn.functional.mse_loss nn.functional.pad.constant
nn.functional.pad.reflect nn.functional.pad.replicate nn.functional.pad.replicate_negative nn.functional.pad.circular
nn.functional.relu
nn.functional.leaky_relu nn.functional.elu nn.functional.gelu nn.functional.silu nn.functional.softplus nn.functional.hardswish
nn.functional.logsigmoid nn.functional.layer_norm nn.functional.group_norm nn.functional.rms_norm nn.functional.dropout
nn.functional.nll_loss nn.functional.l1_loss nn.functional.smooth_l1_loss nn.functional.binary_cross_entropy
nn.functional.binary_cross_entropy_with_logits nn.functional.kl_div
nn.functional.conv1d nn.functional.conv2d nn.functional.max_pool1d nn.functional.max_pool2d nn.functional.avg_pool1d
nn.functional.avg_pool2d nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d
nn.functional.cosine_similarity nn.functional.one_hot nn.functional.scaled_dot_product_attention nn.functional.normalize
nn.functional.interpolate.bilinear
""".split()

# op_db's name -> ours, where they differ, and how the arguments are arranged.
OTHER = {
    "empty": ("empty", None),
    "empty_like": ("empty_like", None),
    "randint": ("randint", randint_arguments),
    "rand_like": ("rand_like", None),
    "sum_to_size": ("sum_to_size", size_arguments),
    "nn.functional.embedding": ("embedding", lambda weight, index, **kwargs: ((index, weight), kwargs)),
    **{name: ("to", cast_arguments(dtype))
       for name, dtype in {"bfloat16": torch.bfloat16, "bool": torch.bool, "byte": torch.uint8, "double": torch.float64,
                           "float": torch.float32, "half": torch.float16, "int": torch.int32, "long": torch.int64}.items()},
    "__getitem__": ("__getitem__", index_arguments),
    "div.trunc_rounding": ("div", None),
    "div.floor_rounding": ("div", None),
    "linalg.vector_norm": ("norm", lambda x, ord=2, dim=None, **kwargs: ((x, ord, dim), kwargs)),
    "linspace.tensor_overload": ("linspace", None),
    "max.binary": ("max", None),
    "min.binary": ("min", None),
    "normal.in_place": ("normal_", None),
    **{f"{name}.unbiased": (name, unbiased_arguments) for name in ("std", "var", "var_mean")},
    "to": ("to", to_arguments),
    "true_divide": ("div", None),
    "uniform": ("uniform_", None),
    "where": ("where", lambda x, condition, *other: ((condition, x, *other), {})),
    "zero_": ("zero_", None),
}

# Where op_db's own function is not the one to compare with: its zero_ works on a copy, its rand_like is randn_like, and
# nobody knows what empty memory holds.
FUNCTIONS = {"zero_": torch.Tensor.zero_, "rand_like": torch.rand_like,
             "empty": lambda *args, **kwargs: torch.empty(*args, **kwargs).zero_(),
             "empty_like": lambda x, **kwargs: torch.empty_like(x, **kwargs).zero_()}

# Where PyTorch's own tests allow float32 more than usual.
TOLERANCES = {"nn.functional.scaled_dot_product_attention": {"atol": 5e-5, "rtol": 5e-6}}

# Functions whose writing form, x.NAME_(...), we have too.
WRITING = ("add", "clamp", "div.no_rounding_mode", "fill", "masked_fill", "mul", "sub")


def is_writing(name):
    return name.endswith("_") and not name.startswith("__")


def full_name(info):
    return ".".join(filter(None, (info.name, info.variant_test_name)))


def table():
    """[(line of the report, OpInfo, PyTorch's function, our name, arrangement of the arguments)]"""
    infos = {full_name(info): info for info in op_db}
    rows = []
    for name in SAME:
        rows.append((name, infos[name], infos[name].op, infos[name].name.removeprefix("nn.functional."), None))
    for name, (ours, arrange) in OTHER.items():
        rows.append((name, infos[name], FUNCTIONS.get(name, infos[name].op), ours, arrange))
    for name in WRITING:
        rows.append((infos[name].name + "_", infos[name], infos[name].get_inplace(), infos[name].name + "_", None))
    return sorted(rows, key=lambda row: row[0].strip("_"))


def mapped(value, f):
    if isinstance(value, torch.Tensor):
        return f(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(v, f) for v in value) if not isinstance(value, torch.Size) else value
    return value


def tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for v in value for t in tensors_in(v)] if isinstance(value, (list, tuple)) else []


def outputs_of(result):
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, (list, tuple)):
        return list(result)
    return [torch.tensor(result, dtype=torch.float64 if isinstance(result, float) else None)]


def same(x, y):
    return torch.allclose(x, y, rtol=0, atol=0, equal_nan=True)


def run_torch(function, args, kwargs, inputs, cotangents):
    """(label -> tensor, labels that require a gradient, cotangents): as run_op of driver.cpp. Draws the cotangents if
    they are None."""
    before = [x.detach().clone() for x in inputs]
    torch.manual_seed(SEED)
    outputs = outputs_of(function(*args, **kwargs))
    values = {f"y{i}": y.detach().clone() for i, y in enumerate(outputs)}
    values.update({f"x{i}": x.detach().clone() for i, x in enumerate(inputs) if not same(x, before[i])})
    active = [y for y in outputs if y.requires_grad]
    wanted = [i for i, x in enumerate(inputs) if x.requires_grad]
    if cotangents is None:
        cotangents = [torch.randn(y.shape, dtype=y.dtype) for y in active]
    if active and wanted:
        gradients = torch.autograd.grad(active, [inputs[i] for i in wanted], [c.to(y.dtype) for c, y in zip(cotangents, active)],
                                        allow_unused=True)
        values.update({f"g{i}": g for i, g in zip(wanted, gradients) if g is not None})
    names = [f"y{i}" for i, y in enumerate(outputs) if y.requires_grad]
    return values, names + [f"x{i}" for i in range(len(inputs)) if f"x{i}" in values and inputs[i].requires_grad], cotangents


def op_case(line, function, ours, args, kwargs, arrange=None, shown=None):
    """The case of function(*args, **kwargs) as our op `ours`."""
    case = Case(line, shown or describe_call(line, args, kwargs))
    try:
        request = Request("op", ours, seed=SEED)
        our_args, our_kwargs = arrange(*args, **kwargs) if arrange else (args, kwargs)
        request.arguments(our_args, our_kwargs)
    except NotExpressible as e:
        case.inexpressible = str(e)
        return case
    inputs = list(request.tensors)
    case.request, request.fields["cotangents"] = request, []
    case.before = {f"x{i}": x.detach().clone() for i, x in enumerate(inputs)}
    try:
        case.expected, case.active, cotangents = run_torch(function, args, kwargs, inputs, None)
    except (RuntimeError, TypeError):
        if not is_writing(line):
            raise
        if not isinstance(args[0], torch.Tensor):
            case.inexpressible = "no tensor to write to"
        return case  # a writing form cannot take what the sample broadcasts: neither may we
    request.fields["cotangents"] = [request.tensor(c) for c in cotangents]

    def truth(f):
        before = {id(x): m.as_strided(x.shape, x.stride()) for x, m in zip(request.tensors, request.memory)}
        inputs64 = {}
        for x in inputs:
            y = before[id(x)].clone()
            inputs64[id(x)] = (f(y.double()) if x.dtype == torch.float32 else y).requires_grad_(x.requires_grad)
        swap = functools.partial(mapped, f=lambda x: inputs64.get(id(x), x))
        values, _, _ = run_torch(function, swap(args), {k: swap(v) for k, v in kwargs.items()},
                                 [inputs64[id(x)] for x in inputs], [f(c) for c in cotangents])
        return values

    case.truth = truth
    return case


def sample_cases(row, dtype, seed, more=False):
    line, info, function, ours, arrange = row
    if dtype not in info.dtypes:
        return
    seed_all(seed)
    draw = info.reference_inputs if more else info.sample_inputs
    follows = info.supports_autograd and dtype.is_floating_point and not is_writing(line)
    try:
        samples = list(draw("cpu", dtype, requires_grad=follows, set_seed=False))
    except ValueError:  # the larger set of `where` asks for gradients of integers
        samples = list(draw("cpu", dtype, requires_grad=False, set_seed=False))
    for sample in samples:
        args = mapped([sample.input, *sample.args], copy_of)
        case = op_case(line, function, ours, args, {k: mapped(v, copy_of) for k, v in sample.kwargs.items()}, arrange)
        case.tolerance = TOLERANCES.get(line, {}) if dtype == torch.float32 else {}
        yield case


def error_cases(row, seed):
    line, info, function, ours, arrange = row
    if info.error_inputs_func is None:
        return
    seed_all(seed)
    for error in info.error_inputs("cpu", set_seed=False):
        sample = error.sample_input
        args = [sample.input, *sample.args]
        case = Case(line, describe_call(line, args, sample.kwargs))
        try:
            function(*args, **sample.kwargs)
            continue  # PyTorch takes it here after all
        except Exception:
            pass
        try:
            our_args, our_kwargs = arrange(*args, **sample.kwargs) if arrange else (args, sample.kwargs)
            case.request = Request("op", ours, seed=SEED, cotangents=[]).arguments(our_args, our_kwargs)
        except NotExpressible as e:
            case.inexpressible = str(e)
        except TypeError:
            case.inexpressible = "arguments of no form that we have"
        yield case
