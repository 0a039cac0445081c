"""Activation functions, at their kinks too: many inputs of the tied draws lie on them."""

import torch
import torch.nn.functional as F

from cases_tensors import one
from fixture import Draw, case, node


def clip(name, low, high, function):
    """`low` and `high` are bounds or None. At a bound no gradient passes, as in hardtanh and relu6."""
    inputs = {"x": Draw(name).tied(4, 5) * 2}
    for key, bound in (("low", low), ("high", high)):
        if bound is not None:
            inputs[key] = torch.tensor(float(bound))
    given = " ".join(["x", "low" if low is not None else "-", "high" if high is not None else "-"])
    return case(name, inputs, node("Clip", given), lambda x, **_: function(x), constant=("low", "high"))


def learned_bounds():
    """torch.clamp passes gradients at a bound, so no element lies on one."""
    name = "Clip with learned bounds"
    inputs = {"x": Draw(name).any(4, 5), "low": torch.tensor(-97 / 128), "high": torch.tensor(65 / 128)}
    return case(name, inputs, node("Clip", "x low high"), lambda x, low, high: torch.clamp(x, low, high))


def prelu(shape, slope, note):
    name = f"PRelu {note}"
    draw = Draw(name)
    inputs = {"x": draw.tied(*shape), "slope": draw.any(*slope)}
    return case(name, inputs, node("PRelu", "x slope"), lambda x, slope: F.prelu(x, slope.flatten()))


def activations():
    kinks = {"x": torch.tensor([-3.5, -3.0, 0.0, 3.0, 3.5])}
    size = (3, 4)
    return [
        clip("Clip to 1 as hardtanh", -1, 1, F.hardtanh),
        clip("Clip from 0 to 2", 0, 2, lambda x: F.hardtanh(x, 0, 2)),
        clip("Clip from below as relu", 0, None, torch.relu),
        clip("Clip from above", None, 0, lambda x: -torch.relu(-x)),
        learned_bounds(),
        one("LeakyRelu", "LeakyRelu", lambda x: F.leaky_relu(x, 0.25), size, "tied", alpha=0.25),
        one("LeakyRelu of negative slope", "LeakyRelu", lambda x: F.leaky_relu(x, -0.5), size, "tied", alpha=-0.5),
        prelu((2, 3, 2, 2), (3, 1, 1), "with a slope for each channel"),
        prelu((2, 4), (1,), "with one slope"),
        one("ThresholdedRelu", "ThresholdedRelu", lambda x: F.threshold(x, 1, 0), size, "any", alpha=1),
        one("ThresholdedRelu below 0", "ThresholdedRelu", lambda x: F.threshold(x, -1, 0), size, "tied", alpha=-1),
        one("Elu", "Elu", lambda x: F.elu(x, 0.5), size, "tied", alpha=0.5),
        # The standard gives alpha and gamma as float32.
        one("Selu", "Selu", F.selu, size, rtol=2e-7, alpha=1.6732632, gamma=1.050701),
        one("Celu", "Celu", lambda x: F.celu(x, 0.5), size, "tied", alpha=0.5),
        one("HardSwish", "HardSwish", F.hardswish, (4, 5)),
        case("HardSwish at its kinks", kinks, node("HardSwish", "x"), lambda x: F.hardswish(x)),
        one("Mish", "Mish", F.mish, size),
        one("Softplus", "Softplus", F.softplus, size),
        one("Softsign", "Softsign", F.softsign, size),
    ]


def recorded(name, function, *shape):
    """Output and gradient of a function of one tensor, for what is written as several operators."""
    draw = Draw(name)
    x = (draw.any(*shape) * 2).requires_grad_(True)
    y = function(x)
    upstream = draw.any(*shape)
    y.backward(upstream)
    flat = lambda tensor: tensor.detach().flatten().tolist()
    return {"shape": list(shape), "x": flat(x), "y": flat(y), "upstream": flat(upstream), "gradient": flat(x.grad)}


def functions():
    """What src/graph/functions offers to model builders."""
    subjects = {
        "gelu": F.gelu,
        "gelu, tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "relu6": F.relu6,
        "hardSigmoid": F.hardsigmoid,
        "hardSwish": F.hardswish,
        "mish": F.mish,
        "softplus": F.softplus,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "elu": F.elu,
        "leakyRelu": F.leaky_relu,
    }
    return {name: recorded(name, function, 3, 5) for name, function in subjects.items()}
