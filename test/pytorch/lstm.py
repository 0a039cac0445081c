"""
torch.nn.LSTM on small windows: outputs, last state, and the gradients of x, of the first state and of all weights.

Inputs follow from their names (formula.py), so that only results are written.
"""

import torch

import formula
from fixture import number, write

WIDTH, HIDDEN, BATCH = 5, 4, 3
CASES = [("one layer", 1, 4), ("two layers", 2, 4), ("one step", 1, 1)]


def named(name, *shape):
    """Uniform in [-1, 1), exact in float32."""
    values = formula.uniform(name, int(torch.tensor(shape).prod()))
    return torch.from_numpy(values.astype("float32").astype("float64").reshape(shape))


def numbers(value):
    return [number(v) for v in value.detach().flatten().tolist()]


def case(name, layers, steps):
    net = torch.nn.LSTM(WIDTH, HIDDEN, layers)
    with torch.no_grad():
        for key, parameter in net.named_parameters():
            parameter.copy_(named(key, *parameter.shape))
    x = named("x", steps, BATCH, WIDTH).requires_grad_(True)
    h = named("h", layers, BATCH, HIDDEN).requires_grad_(True)
    c = named("c", layers, BATCH, HIDDEN).requires_grad_(True)
    y, (last_h, last_c) = net(x, (h, c))
    outputs = {"y": y, "last_h": last_h, "last_c": last_c}
    sum((value * named(f"upstream {key}", *value.shape)).sum() for key, value in outputs.items()).backward()
    leaves = {"x": x, "h": h, "c": c, **dict(net.named_parameters())}
    return {
        "name": name,
        "layers": layers,
        "steps": steps,
        "outputs": {key: numbers(value) for key, value in outputs.items()},
        "gradients": {key: numbers(value.grad) for key, value in leaves.items()},
    }


def lstm():
    return {"width": WIDTH, "hidden": HIDDEN, "batch": BATCH, "cases": [case(*each) for each in CASES]}


if __name__ == "__main__":
    write("lstm", lstm())
