"""The softmax over the words of a vocabulary: F.cross_entropy of y Wᵀ + b, averaged over the batch, and log-likelihoods."""

import torch
import torch.nn.functional as F

from fixture import Draw, number, tensor


def numbers(values):
    return [number(value) for value in values.detach().flatten().tolist()]


def word_softmax():
    """The second case has logits of some ten thousand; labels repeat in both."""
    cases = []
    for name, words, features, spread in [("words", 13, 5, 1), ("extreme logits", 11, 4, 100)]:
        draw = Draw(name)
        scaled = (draw.any(7, features) * spread).requires_grad_(True)
        table = (draw.any(words, features) * spread).requires_grad_(True)
        bias = draw.any(words).requires_grad_(True)
        labels = tensor([0, words - 1, 3, 3, 0, 3, 6])
        logits = scaled @ table.T + bias
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        likelihoods = F.log_softmax(logits, 1).gather(1, labels[:, None])
        cases.append(
            {
                "name": name,
                "words": words,
                "features": features,
                "scaled": numbers(scaled),
                "table": numbers(table),
                "bias": numbers(bias),
                "labels": labels.tolist(),
                "loss": number(loss.item()),
                "likelihoods": numbers(likelihoods),
                "gradients": {"scaled": numbers(scaled.grad), "table": numbers(table.grad), "bias": numbers(bias.grad)},
            }
        )
    return {"cases": cases}
