"""Data movement beyond the basic operators: gathers and scatters, padding that repeats, blocks, triangles."""

import torch
import torch.nn.functional as F

from fixture import Draw, case, node


def one(name, op, function, size, **attributes):
    return case(name, {"x": Draw(name).any(*size)}, node(op, "x", **attributes), lambda x: function(x))


def indexed(name, op, function, shape, index, **attributes):
    inputs = {"x": Draw(name).any(*shape), "indices": torch.tensor(index)}
    return case(name, inputs, node(op, "x indices", **attributes), function)


def scatter(name, op, function, shape, index, updates, **attributes):
    draw = Draw(name)
    inputs = {"x": draw.any(*shape), "indices": torch.tensor(index), "updates": draw.any(*updates)}
    return case(name, inputs, node(op, "x indices updates", **attributes), function)


def padding():
    def value(x, value):
        return F.pad(x, (1, 2), value=0.0) + value * F.pad(torch.zeros_like(x), (1, 2), value=1.0)

    draw = Draw("Pad with a value")
    inputs = {"x": draw.any(2, 3), "value": draw.any()}
    image = dict(pads=[0, 0, 1, 2, 0, 0, 2, 1])
    return [
        case("Pad with a value", inputs, node("Pad", "x value", pads=[0, 1, 0, 2], mode="constant"), value),
        one("Pad edge", "Pad", lambda x: F.pad(x, (2, 1, 1, 2), mode="replicate"), (1, 2, 3, 3), mode="edge", **image),
        one("Pad reflect", "Pad", lambda x: F.pad(x, (2, 1, 1, 2), mode="reflect"), (1, 2, 3, 3), mode="reflect", **image),
        one("Pad edge crops", "Pad", lambda x: F.pad(x[:, :, 1:], (0, 2), mode="replicate"), (1, 2, 4), pads=[0, 0, -1, 0, 0, 2], mode="edge"),
    ]


def indexing():
    columns = [[3, 3, 0], [1, 2, 0]]
    pairs = [[0, 1], [2, 3], [0, 1]]
    return [
        indexed("GatherElements", "GatherElements", lambda x, indices: torch.gather(x, 1, indices), (2, 4), columns, axis=1),
        indexed("GatherND elements", "GatherND", lambda x, indices: x[indices[:, 0], indices[:, 1]], (3, 4), pairs, batch_dims=0),
        indexed("GatherND rows", "GatherND", lambda x, indices: x[indices[..., 0]], (3, 4), [[[2], [0]], [[2], [1]]], batch_dims=0),
        indexed(
            "GatherND batch",
            "GatherND",
            lambda x, indices: torch.stack([row[index[:, 0]] for row, index in zip(x, indices)]),
            (2, 3, 2),
            [[[1], [1]], [[2], [0]]],
            batch_dims=1,
        ),
        scatter(
            "ScatterElements replaces",
            "ScatterElements",
            lambda x, indices, updates: x.scatter(1, indices, updates),
            (2, 4),
            [[1, 0, 3], [0, 3, 2]],
            (2, 3),
            axis=1,
            reduction="none",
        ),
        scatter(
            "ScatterElements adds",
            "ScatterElements",
            lambda x, indices, updates: x.scatter_add(1, indices, updates),
            (2, 4),
            [[1, 1, 1], [0, 3, 0]],
            (2, 3),
            axis=1,
            reduction="add",
        ),
        scatter(
            "ScatterND replaces",
            "ScatterND",
            lambda x, indices, updates: x.index_put((indices[:, 0],), updates),
            (4, 2),
            [[2], [0], [3]],
            (3, 2),
            reduction="none",
        ),
        scatter(
            "ScatterND adds",
            "ScatterND",
            lambda x, indices, updates: x.index_put((indices[:, 0], indices[:, 1]), updates, accumulate=True),
            (3, 4),
            pairs,
            (3,),
            reduction="add",
        ),
    ]


def movement():
    back = dict(starts=[5, -1], ends=[0, -9], axes=[0, 1], steps=[-2, -1])
    return (
        padding()
        + indexing()
        + [
            one("Slice back to front", "Slice", lambda x: x.flip(0)[1:6:2].flip(1), (7, 3), **back),
            one("Squeeze", "Squeeze", lambda x: x.squeeze(3).squeeze(1), (2, 1, 3, 1), axes=[-1, 1]),
            one("Unsqueeze", "Unsqueeze", lambda x: x.unsqueeze(0).unsqueeze(3), (2, 3), axes=[0, -1]),
            one("Tile", "Tile", lambda x: x.repeat(3, 2), (2, 3), repeats=[3, 2]),
            one("DepthToSpace CRD", "DepthToSpace", lambda x: F.pixel_shuffle(x, 2), (2, 8, 2, 3), blocksize=2, mode="CRD"),
            one("Trilu upper", "Trilu", lambda x: x.triu(1), (2, 3, 4), k=[1], upper=1),
            one("Trilu lower", "Trilu", lambda x: x.tril(-1), (4, 3), k=[-1], upper=0),
        ]
    )
