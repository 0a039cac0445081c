"""
Writes fixtures/model-sizes.json: numbers of parameters, counted by PyTorch from its own modules, for src/models/models.test.ts.

    /usr/bin/python3 test/pytorch/model_sizes.py        (Debian's python3-torch, 1.13, and python3-torchvision, 0.14)

Models that torchvision has are torchvision's; the others are put together here from their papers.
"""

import torch.nn as nn
import torchvision

from fixture import write
from paper_models import DenseNetBC, ShuffleNet


def conv(inputs, outputs, kernel):
    return nn.Conv2d(inputs, outputs, kernel, bias=False)


def block(inputs, outputs):
    layers = [conv(inputs, outputs, 3), nn.BatchNorm2d(outputs), conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)]
    if inputs != outputs:
        layers += [conv(inputs, outputs, 1), nn.BatchNorm2d(outputs)]
    return layers


def resnet(depth, channels, classes):
    """The ResNets for small images: depth 6n + 2."""
    layers = [conv(channels, 16, 3), nn.BatchNorm2d(16)]
    for inputs, outputs in [(16, 16), (16, 32), (32, 64)]:
        for index in range((depth - 2) // 6):
            layers += block(inputs if index == 0 else outputs, outputs)
    return nn.ModuleList(layers + [nn.Linear(64, classes)])


def mlp(inputs, classes):
    return nn.ModuleList([nn.Linear(inputs, 256), nn.Linear(256, 128), nn.Linear(128, classes)])


def cnn(channels, classes):
    layers = []
    for inputs, outputs in [(channels, 32), (32, 64), (64, 128)]:
        layers += [conv(inputs, outputs, 3), nn.BatchNorm2d(outputs)]
    return nn.ModuleList(layers + [nn.Linear(128, classes)])


def vit(width, heads):
    return torchvision.models.VisionTransformer(224, 16, 12, heads, width, 4 * width)


# Our name, where it differs from torchvision's.
TORCHVISION = {
    **{f"resnet{depth}": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    **{f"densenet{depth}": f"densenet{depth}" for depth in (121, 169, 201)},
    "shufflenetv2": "shufflenet_v2_x1_0",
    "shufflenetv2-x0.5": "shufflenet_v2_x0_5",
    "shufflenetv2-x1.5": "shufflenet_v2_x1_5",
    "shufflenetv2-x2.0": "shufflenet_v2_x2_0",
    "mobilenetv2": "mobilenet_v2",
    "vit-b16": "vit_b_16",
}


def rows():
    def row(model, image, classes, module):
        parameters = sum(parameter.numel() for parameter in module.parameters())
        return {"model": model, "image": image, "classes": classes, "parameters": parameters}

    for depth in (8, 14, 20, 32, 44, 56, 110):
        yield row(f"resnet{depth}", [3, 32, 32], 10, resnet(depth, 3, 10))
    for depth in (50, 152):
        yield row(f"resnet{depth}-cifar", [3, 32, 32], 10, resnet(depth, 3, 10))
    yield row("resnet20", [1, 28, 28], 100, resnet(20, 1, 100))
    yield row("mlp", [1, 28, 28], 10, mlp(784, 10))
    yield row("cnn", [3, 32, 32], 10, cnn(3, 10))
    for depth, growth in ((100, 12), (40, 24), (10, 5)):
        yield row(f"densenet{depth}-bc{growth}", [3, 32, 32], 100, DenseNetBC(depth, growth, 100))
    for ours, theirs in TORCHVISION.items():
        yield row(ours, [3, 224, 224], 1000, getattr(torchvision.models, theirs)())
    yield row("shufflenet", [3, 224, 224], 1000, ShuffleNet(1000))
    yield row("vit-ti16", [3, 224, 224], 1000, vit(192, 3))
    yield row("vit-s16", [3, 224, 224], 1000, vit(384, 6))


if __name__ == "__main__":
    write("model-sizes", {"torchvision": torchvision.__version__, "models": list(rows())})
