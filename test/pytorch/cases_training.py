"""Losses, heads, optimisers and schedules."""

import math

import torch
import torch.nn.functional as F

from fixture import Draw, case, node, number, tensor


def numbers(values):
    return [number(value) for value in values.detach().flatten().tolist()]


def cross_entropy():
    """Mean over the batch of F.cross_entropy with label smoothing: target = (1 - s) one-hot + s/classes."""
    cases = []
    for smoothing in (0.0, 0.1, 0.5):
        for batch, classes, scale in [(4, 5, 1), (3, 10, 20)]:
            name = f"smoothing {smoothing}, {classes} classes, logits times {scale}"
            draw = Draw(name)
            logits = (draw.any(batch, classes) * scale).requires_grad_(True)
            labels = tensor(draw.random.randint(0, classes, batch))
            loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
            loss.backward()
            cases.append(
                {
                    "name": name,
                    "shape": [batch, classes],
                    "logits": numbers(logits),
                    "labels": labels.tolist(),
                    "labelSmoothing": smoothing,
                    "loss": number(loss.item()),
                    "gradient": numbers(logits.grad),
                }
            )
    return cases


def normalized_head():
    """Logits scale * H x/|x| + bias with the fixed order-4 Sylvester matrix H; H is a constant."""
    draw = Draw("normalised head")
    sylvester = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    inputs = {
        "x": draw.any(3, 4),
        "fixed": sylvester,
        "scale": draw.positive(),
        "bias": draw.any(4),
        "target": draw.positive(3, 4) / 8,
    }

    def function(x, fixed, scale, bias, target):
        logits = scale * (F.normalize(x, dim=1, eps=0) @ fixed) + bias
        return F.cross_entropy(logits, target, reduction="none")

    nodes = [
        node("Mul", "x x", "squares"),
        node("ReduceSum", "squares", "length2", axes=[1], keepdims=1),
        node("Sqrt", "length2", "length"),
        node("Div", "x length", "unit"),
        node("MatMul", "unit fixed", "products"),
        node("Mul", "products scale", "scaled"),
        node("Add", "scaled bias", "logits"),
        node("LogSoftmax", "logits", "logs", axis=1),
        node("Mul", "logs target", "weighted"),
        node("ReduceSum", "weighted", "minus", axes=[1], keepdims=0),
        node("Neg", "minus", "y"),
    ]
    return case("normalised head", inputs, nodes, function, constant=("fixed", "target"))


STEPS = 5
OPTIMIZERS = [
    ("sgd", torch.optim.SGD, dict(lr=0.1)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, weight_decay=0.05)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.05)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)),
    ("adam", torch.optim.Adam, dict(lr=0.01)),
    ("adam", torch.optim.Adam, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.05)),
    ("adamw", torch.optim.AdamW, dict(lr=0.01, weight_decay=0.0)),
    ("adamw", torch.optim.AdamW, dict(lr=0.01, weight_decay=0.1)),
    ("adamw", torch.optim.AdamW, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
]


def optimizers():
    """The parameter after each of five steps with given gradients; the learning rate halves after step 3."""
    draw = Draw("optimizers")
    start = draw.any(6)
    gradients = [draw.any(6) for _ in range(STEPS)]
    gradients[2][1] = 0
    factors = [1, 1, 1, 0.5, 0.5]
    cases = []
    for kind, constructor, options in OPTIMIZERS:
        parameter = torch.nn.Parameter(start.clone())
        optimizer = constructor([parameter], **options)
        trajectory = []
        for gradient, factor in zip(gradients, factors):
            optimizer.param_groups[0]["lr"] = options["lr"] * factor
            parameter.grad = gradient.clone()
            optimizer.step()
            trajectory.append(numbers(parameter))
        name = ", ".join([kind, *(f"{key} {value}" for key, value in options.items())])
        cases.append({"name": name, "optimizer": kind, "options": options, "trajectory": trajectory})
    return {
        "start": numbers(start),
        "gradients": [numbers(gradient) for gradient in gradients],
        "learningRateFactors": factors,
        "cases": cases,
    }


def clipping():
    """What clip_grad_norm_ makes of three gradients whose norm over all is far above, about at and below the limit."""
    draw = Draw("clipping")
    gradients = [draw.any(*shape) for shape in [(5,), (2, 3), (1,)]]
    total = torch.cat([g.flatten() for g in gradients]).norm().item()
    cases = []
    for limit in (0.25, total, 64.0):
        parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
        cases.append({"limit": limit, "norm": number(norm.item()), "clipped": [numbers(p.grad) for p in parameters]})
    return {"gradients": [numbers(g) for g in gradients], "cases": cases}


def schedules():
    """Learning rates that PyTorch's schedulers give for epochs 0, 1, ..., 11 from a base rate of 0.1."""
    kinds = [
        ("step", torch.optim.lr_scheduler.StepLR, dict(step_size=3, gamma=0.1)),
        ("multistep", torch.optim.lr_scheduler.MultiStepLR, dict(milestones=[2, 5, 9], gamma=0.2)),
        ("exponential", torch.optim.lr_scheduler.ExponentialLR, dict(gamma=0.9)),
        ("cosine", torch.optim.lr_scheduler.CosineAnnealingLR, dict(T_max=12)),
        ("cosine", torch.optim.lr_scheduler.CosineAnnealingLR, dict(T_max=12, eta_min=0.01)),
        ("linear", torch.optim.lr_scheduler.LinearLR, dict(start_factor=0.25, end_factor=1.0, total_iters=4)),
    ]
    cases = []
    for kind, constructor, options in kinds:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        scheduler = constructor(optimizer, **options)
        rates = []
        for _ in range(12):
            rates.append(number(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            scheduler.step()
        assert all(math.isfinite(rate) for rate in rates)
        cases.append({"schedule": kind, "options": options, "base": 0.1, "rates": rates})
    return cases
