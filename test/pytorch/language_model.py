"""
A word-level language model with tied word vectors in PyTorch: embedding, LSTM, softmax over the words, as inner products and as
cosines, with a carried state. The loss and its gradients, in float64.

Weights follow from their names (formula.py), so that only results are written.
"""

import torch
import torch.nn.functional as F

import formula
from fixture import number, write

WORDS, SIZE, HIDDEN, BATCH, WINDOW = 11, 4, 6, 3, 5
SIZES = [HIDDEN, SIZE]


def named(name, *shape):
    """Uniform in [-1, 1), exact in float32."""
    values = formula.uniform(name, int(torch.tensor(shape).prod()))
    return torch.from_numpy(values.astype("float32").astype("float64").reshape(shape))


def numbers(value):
    return [number(v) for v in value.detach().flatten().tolist()]


def case(logits, fixed):
    """`fixed`: the vectors of the words have unit length and get no gradient."""
    vectors = named("embedding.weight", WORDS, SIZE)
    if fixed:
        vectors = F.normalize(vectors, dim=1).float().double()
    leaves = {"embedding.scale": named("embedding.scale", 1), "head.bias": named("head.bias", WORDS)}
    if not fixed:
        leaves["embedding.weight"] = vectors
    if logits == "cosine":
        leaves["head.scale"] = named("head.scale", 1) + 4
    for value in leaves.values():
        value.requires_grad_(True)

    words = torch.arange(WINDOW * BATCH).reshape(WINDOW, BATCH) * 3 % WORDS
    targets = torch.arange(WINDOW * BATCH).reshape(WINDOW, BATCH) * 7 % WORDS
    x = F.embedding(words, vectors) * leaves["embedding.scale"]
    layers, states = [], {}
    for layer, width in enumerate(SIZES):
        lstm = torch.nn.LSTM(x.shape[2], width)
        names = {"weight_ih_l0": "weight_ih", "weight_hh_l0": "weight_hh", "bias_ih_l0": "bias"}
        with torch.no_grad():
            lstm.bias_hh_l0.zero_()
            for theirs, ours in names.items():
                parameter = getattr(lstm, theirs)
                parameter.copy_(named(f"lstm.{layer}.{ours}", *parameter.shape))
                leaves[f"lstm.{layer}.{ours}"] = parameter
        state = [named(f"state.{layer}.{kind}", 1, BATCH, width) for kind in ("hidden", "cell")]
        x, (h, c) = lstm(x, tuple(state))
        states[f"state.{layer}.hidden"], states[f"state.{layer}.cell"] = numbers(h), numbers(c)
        layers.append(lstm)
    y, rows = x.reshape(-1, SIZE), vectors
    if logits == "cosine":
        y, rows = F.normalize(y, dim=1) * leaves["head.scale"], F.normalize(vectors, dim=1) if not fixed else vectors
    loss = F.cross_entropy(y @ rows.t() + leaves["head.bias"], targets.reshape(-1))
    loss.backward()
    return {
        "logits": logits,
        "fixed": fixed,
        "loss": number(loss.item()),
        "states": states,
        "gradients": {key: numbers(value.grad) for key, value in leaves.items()},
    }


def language_model():
    cases = [case("dot", False), case("cosine", False), case("dot", True), case("cosine", True)]
    return {"words": WORDS, "size": SIZE, "hidden": HIDDEN, "batch": BATCH, "window": WINDOW, "cases": cases}


if __name__ == "__main__":
    write("language-model", language_model())
