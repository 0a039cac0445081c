"""Elementwise operators, products, reductions and data movement."""

import torch
import torch.nn.functional as F

import cases_movement
from fixture import Draw, case, node


def unary(op, function, values="any", rtol=1e-9, **attributes):
    x = getattr(Draw(op), values)(3, 4)
    return case(op, {"x": x}, node(op, "x", **attributes), lambda x: function(x), rtol=rtol)


def binary(op, function, a, b, left="any", right="any", note="", **attributes):
    name = f"{op} {list(a)} {list(b)}{note}"
    draw = Draw(name)
    inputs = {"a": getattr(draw, left)(*a), "b": getattr(draw, right)(*b)}
    return case(name, inputs, node(op, "a b", **attributes), lambda a, b: function(a, b))


PAIRS = [
    ((2, 3), (2, 3)),
    ((), (2, 3)),
    ((2, 3), (3,)),
    ((2, 3), (2, 1)),
    ((2, 1, 4), (1, 3, 1)),
    ((3, 4), (2, 3, 4)),
]


def elementwise():
    cases = [
        unary("Relu", torch.relu, "tied"),
        unary("Exp", torch.exp),
        unary("Log", torch.log, "positive"),
        unary("Sqrt", torch.sqrt, "positive"),
        unary("Reciprocal", torch.reciprocal, "nonzero"),
        unary("Neg", torch.neg),
        unary("Abs", torch.abs, "tied"),
        unary("Sigmoid", torch.sigmoid),
        unary("Tanh", torch.tanh),
        # The rule's slope is a float32 constant.
        unary("HardSigmoid", lambda x: F.hardsigmoid(4 * x), "any", 1e-7, alpha=4 / 6, beta=0.5),
    ]
    for a, b in PAIRS:
        cases += [
            binary("Add", torch.add, a, b),
            binary("Sub", torch.sub, a, b),
            binary("Mul", torch.mul, a, b),
            binary("Div", torch.div, a, b, right="nonzero"),
            binary("Max", torch.maximum, a, b, "tied", "tied", " with ties"),
            binary("Min", torch.minimum, a, b, "tied", "tied", " with ties"),
        ]
    draw = Draw("Where")
    inputs = {"condition": draw.booleans(3, 1), "a": draw.any(2, 3, 4), "b": draw.any(4)}
    return cases + analysis() + powers() + several() + [case("Where", inputs, node("Where", "condition a b"), lambda condition, a, b: torch.where(condition, a, b))]


def analysis():
    return [
        # 2 over the root of pi is a float32 constant of the rule.
        unary("Erf", torch.erf, rtol=1e-7),
        unary("Sin", torch.sin),
        unary("Cos", torch.cos),
    ]


def power(name, base, exponent, constant=()):
    inputs = {"a": base, "b": exponent}
    return case(name, inputs, node("Pow", "a b"), lambda a, b: torch.pow(a, b), constant=constant)


def powers():
    draw = Draw("Pow")
    whole = torch.tensor([2.0, 3.0, -1.0, 0.0, 1.0, -2.0])
    return [binary("Pow", torch.pow, a, b, left="positive") for a, b in PAIRS] + [
        power("Pow of negative bases to whole exponents", draw.nonzero(6), whole, constant=("b",)),
        power("Pow to integer exponents", draw.nonzero(6), whole.to(torch.int64)),
        power("Pow of 0", torch.zeros(5), torch.tensor([2.0, 1.0, 0.0, 3.0, 1.5])),
        binary("Mod", torch.fmod, (3, 4), (3, 4), right="nonzero", fmod=1),
        binary("Mod", torch.fmod, (3, 4), (4,), right="nonzero", fmod=1),
    ]


def several():
    """Operators of any number of operands; of equal ones each gets the same part of the gradient."""
    cases = []
    for op, function in [
        ("Max", lambda x: x.amax(0)),
        ("Min", lambda x: x.amin(0)),
        ("Sum", lambda x: x.sum(0)),
        ("Mean", lambda x: x.mean(0)),
    ]:
        name = f"{op} of three"
        draw = Draw(name)
        inputs = {"a": draw.tied(2, 3), "b": draw.tied(3), "c": draw.tied(2, 1)}
        stacked = lambda a, b, c: torch.stack(torch.broadcast_tensors(a, b, c))
        cases.append(case(name, inputs, node(op, "a b c"), lambda a, b, c: function(stacked(a, b, c))))
    return cases


def gemm(trans_a, trans_b, bias):
    name = f"Gemm transA {trans_a} transB {trans_b} bias {list(bias)}"
    draw = Draw(name)
    flip = lambda shape, yes: shape[::-1] if yes else shape
    inputs = {"a": draw.any(*flip((2, 3), trans_a)), "b": draw.any(*flip((3, 4), trans_b)), "c": draw.any(*bias)}

    def function(a, b, c):
        return torch.addmm(c, a.T if trans_a else a, b.T if trans_b else b, beta=2, alpha=0.5)

    return case(name, inputs, node("Gemm", "a b c", alpha=0.5, beta=2, transA=trans_a, transB=trans_b), function)


def einsum(equation, *shapes):
    name = f"Einsum {equation} {[list(shape) for shape in shapes]}"
    draw = Draw(name)
    inputs = {key: draw.any(*shape) for key, shape in zip("abc", shapes)}
    return case(
        name, inputs, node("Einsum", " ".join(inputs), equation=equation), lambda **x: torch.einsum(equation, *x.values())
    )


def einsums():
    return [
        einsum("ij,jk->ik", (2, 3), (3, 4)),
        einsum("ij,kj", (2, 3), (4, 3)),
        einsum("ij->j", (2, 3)),
        einsum("ijk->", (2, 3, 2)),
        einsum("i,j->ij", (2,), (3,)),
        einsum("ijk,jl->il", (2, 3, 2), (3, 4)),
        einsum("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
        einsum("bhqd,bhkd->bhqk", (2, 2, 3, 2), (2, 2, 4, 2)),
        einsum("...ij,...jk->...ik", (2, 2, 3), (1, 3, 2)),
        einsum("ij,jk->ik", (2, 3), (1, 4)),
    ]


def products():
    shapes = [((2, 3), (3, 4)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2))]
    shapes += [((4,), (4,)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (2, 3, 4)), ((2, 3, 4), (4,))]
    return [binary("MatMul", torch.matmul, a, b) for a, b in shapes] + einsums() + [
        gemm(0, 0, (4,)),
        gemm(1, 0, (2, 1)),
        gemm(0, 1, (2, 4)),
        gemm(1, 1, (1, 4)),
    ]


def one(name, op, function, size, values="any", outputs="y", rtol=1e-9, **attributes):
    x = getattr(Draw(name), values)(*size)
    return case(name, {"x": x}, node(op, "x", outputs, **attributes), lambda x: function(x), outputs, rtol=rtol)


def product(x, axes, keep):
    """torch.prod takes one axis at a time."""
    x = x.movedim(axes, tuple(range(-len(axes), 0))).flatten(-len(axes)).prod(-1)
    if keep:
        for axis in sorted(axis % 3 for axis in axes):
            x = x.unsqueeze(axis)
    return x


norm = torch.linalg.vector_norm


def zero_row():
    """The norm of a zero vector has the gradient 0 in PyTorch."""
    x = Draw("zero row").any(3, 4)
    x[1] = 0
    options = dict(axes=[1], keepdims=0)
    return case("ReduceL2 with a row of zeros", {"x": x}, node("ReduceL2", "x", **options), lambda x: norm(x, 2, 1))


def running_sum(axis, exclusive, reverse):
    name = f"CumSum axis {axis} exclusive {exclusive} reverse {reverse}"
    inputs = {"x": Draw(name).any(2, 4, 3), "axis": torch.tensor(axis)}

    def function(x, axis):
        along = [int(axis)]
        y = x.flip(along) if reverse else x
        y = y.cumsum(along[0]) - (y if exclusive else 0)
        return y.flip(along) if reverse else y

    return case(name, inputs, node("CumSum", "x axis", exclusive=exclusive, reverse=reverse), function)


def reductions():
    cases = []
    for axes in [(1,), (0, 2), (-1,)]:
        for keep in (0, 1):
            name = f"axes {list(axes)} keepdims {keep}"
            options = dict(axes=axes, keepdims=keep)
            cases += [
                one(f"ReduceSum {name}", "ReduceSum", lambda x: x.sum(axes, bool(keep)), (2, 4, 2), **options),
                one(f"ReduceMean {name}", "ReduceMean", lambda x: x.mean(axes, bool(keep)), (2, 4, 2), **options),
                one(f"ReduceMin {name} with ties", "ReduceMin", lambda x: x.amin(axes, bool(keep)), (2, 4, 2), "tied", **options),
                one(f"ReduceProd {name} with zeros", "ReduceProd", lambda x: product(x, axes, keep), (2, 4, 2), "tied", **options),
                one(f"ReduceL1 {name} with zeros", "ReduceL1", lambda x: norm(x, 1, axes, bool(keep)), (2, 4, 2), "tied", **options),
                one(f"ReduceL2 {name}", "ReduceL2", lambda x: norm(x, 2, axes, bool(keep)), (2, 4, 2), **options),
                one(f"ReduceSumSquare {name}", "ReduceSumSquare", lambda x: (x * x).sum(axes, bool(keep)), (2, 4, 2), **options),
                one(f"ReduceLogSum {name}", "ReduceLogSum", lambda x: x.sum(axes, bool(keep)).log(), (2, 4, 2), "positive", **options),
                one(f"ReduceLogSumExp {name}", "ReduceLogSumExp", lambda x: x.logsumexp(axes, bool(keep)), (2, 4, 2), **options),
                one(f"ReduceMax {name} with ties", "ReduceMax", lambda x: x.amax(axes, bool(keep)), (2, 4, 2), "tied", **options),
            ]
    for shape, axis in [((3, 5), -1), ((3, 2), 0), ((2, 3, 2, 2), 1)]:
        cases += [
            one(f"Softmax {list(shape)} axis {axis}", "Softmax", lambda x: F.softmax(x, axis), shape, axis=axis),
            one(f"LogSoftmax {list(shape)} axis {axis}", "LogSoftmax", lambda x: F.log_softmax(x, axis), shape, axis=axis),
        ]
    for p, axis in [(1, -1), (2, -1), (2, 0)]:
        name = f"LpNormalization p {p} axis {axis}"
        cases.append(one(name, "LpNormalization", lambda x: F.normalize(x, p, axis), (3, 4), "nonzero", axis=axis, p=p))
    return cases + [zero_row()] + [running_sum(a, e, r) for a, e, r in [(1, 0, 0), (0, 1, 0), (-1, 0, 1), (1, 1, 1)]]


def gather(name, shape, axis, index):
    inputs = {"x": Draw(name).any(*shape), "indices": torch.tensor(index)}

    def function(x, indices):
        flat = torch.index_select(x, axis, indices.flatten())
        return flat.reshape(*shape[:axis], *indices.shape, *shape[axis + 1 :])

    return case(name, inputs, node("Gather", "x indices", axis=axis), function)


def concatenation():
    draw = Draw("Concat")
    inputs = {"a": draw.any(2, 1, 2), "b": draw.any(2, 3, 2), "c": draw.any(2, 2, 2)}
    return case("Concat", inputs, node("Concat", "a b c", axis=1), lambda a, b, c: torch.cat((a, b, c), 1))


def movement():
    slicing = dict(starts=[1, -4], ends=[7, 1000], axes=[0, -1], steps=[3, 2])
    return [
        gather("Gather embedding with repeats", (4, 3), 0, [[2, 0, 2], [2, 3, 3]]),
        gather("Gather columns", (2, 4), 1, [3, 3, 0]),
        one("Slice with steps", "Slice", lambda x: x[1:7:3, :, -4::2], (7, 2, 5), **slicing),
        concatenation(),
        one("Split", "Split", lambda x: torch.split(x, (1, 3, 2), 1), (2, 6), outputs="y0 y1 y2", split=[1, 3, 2], axis=1),
        one("Pad", "Pad", lambda x: F.pad(x, (1, 2, 0, 1)), (1, 2, 3, 2), pads=[0, 0, 0, 1, 0, 0, 1, 2], mode="constant"),
        one("Pad crops", "Pad", lambda x: F.pad(x, (1, -2, -1, 0)), (3, 4), pads=[-1, 1, 0, -2], mode="constant"),
        one("Transpose", "Transpose", lambda x: x.permute(2, 0, 1), (2, 3, 4), perm=[2, 0, 1]),
        one("Reshape", "Reshape", lambda x: x.reshape(2, 12), (2, 3, 4), shape=[0, -1]),
        one("Flatten", "Flatten", lambda x: x.flatten(1), (2, 3, 2, 2), axis=1),
        one("Expand", "Expand", lambda x: x.expand(2, 3, 4), (3, 1), shape=[2, 3, 4]),
    ] + cases_movement.movement()
