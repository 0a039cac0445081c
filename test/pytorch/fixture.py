"""Cases of the PyTorch fixtures: a small graph in fixhead's operators, the same function in PyTorch, and its results."""

import json
import pathlib
import zlib

import numpy
import torch

FOLDER = pathlib.Path(__file__).parent / "fixtures"
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def tensor(values):
    """A tensor of NumPy values, which are bare numbers for rank 0."""
    return torch.as_tensor(numpy.asarray(values))


class Draw:
    """Inputs whose values are multiples of 1/64 (short to print, exact in float32), seeded by the case's name."""

    def __init__(self, name):
        self.random = numpy.random.RandomState(zlib.crc32(name.encode()) % 2**31)

    def any(self, *shape):
        """In [-2, 2)."""
        return tensor(self.random.randint(-128, 128, shape) / 64.0)

    def positive(self, *shape):
        """In [1/2, 5/2)."""
        return tensor(self.random.randint(32, 160, shape) / 64.0)

    def nonzero(self, *shape):
        """Magnitude in [1/2, 5/2)."""
        return self.positive(*shape) * tensor(self.random.choice([-1.0, 1.0], shape))

    def distinct(self, *shape):
        """No two equal elements."""
        size = int(numpy.prod(shape))
        return tensor((self.random.permutation(size) - size // 2).reshape(shape) / 16.0)

    def tied(self, *shape):
        """Elements -1, 0 and 1: many are equal."""
        return tensor(self.random.randint(-1, 2, shape).astype(numpy.float64))

    def booleans(self, *shape):
        return tensor(self.random.randint(0, 2, shape).astype(bool))


def number(value):
    """13 significant digits: 1e-13 relative, far below what is compared."""
    return float(f"{value:.13g}")


def plain(value):
    """A tensor as shape and row-major data."""
    kind = {torch.float64: "float32", torch.int64: "int64", torch.bool: "bool"}[value.dtype]
    flat = value.detach().flatten().tolist()
    data = [number(v) for v in flat] if kind == "float32" else [int(v) for v in flat]
    return {"dtype": kind, "shape": list(value.shape), "data": data}


def node(op, inputs, outputs="y", **attributes):
    """A node of the mini-graph; inputs and outputs are names separated by blanks, '-' an absent input."""
    return {
        "op": op,
        "inputs": ["" if name == "-" else name for name in inputs.split()],
        "outputs": outputs.split(),
        "attributes": attributes,
    }


def case(name, inputs, nodes, function, outputs="y", constant=(), unused=(), rtol=1e-9):
    """
    Runs `function(**inputs)` in PyTorch. Its results are the graph's `outputs`; the loss is the sum of upstream * output over all
    of them but the `unused`. Records the gradients of all float inputs but the `constant` ones.
    """
    wrt = [key for key, value in inputs.items() if value.dtype == torch.float64 and key not in constant]
    for key in wrt:
        inputs[key].requires_grad_(True)
    results = function(**inputs)
    results = results if isinstance(results, tuple) else (results,)
    draw = Draw(name + " upstream")
    names = outputs.split()
    assert len(names) == len(results), name
    upstream = {key: draw.any(*value.shape) for key, value in zip(names, results) if key not in unused}
    sum((value * upstream[key]).sum() for key, value in zip(names, results) if key in upstream).backward()
    return {
        "name": name,
        "rtol": rtol,
        "inputs": {key: plain(value) for key, value in inputs.items()},
        "nodes": nodes if isinstance(nodes, list) else [nodes],
        "outputs": {key: plain(value) for key, value in zip(names, results)},
        "upstream": {key: plain(value) for key, value in upstream.items()},
        "gradients": {key: plain(inputs[key].grad) for key in wrt},
    }


def write(name, content):
    text = json.dumps({"torch": torch.__version__, **content}, separators=(",", ":"), allow_nan=False)
    path = FOLDER / f"{name}.json"
    path.write_text(text + "\n")
    print(f"{path.name}: {len(text)} bytes")
