"""
Prints the numbers of parameters of the CIFAR ResNets, counted by PyTorch from its own modules: what src/models/models.test.ts expects.

    /usr/bin/python3 test/pytorch/model_sizes.py        (Debian's python3-torch, 1.13)
"""

import torch.nn as nn


def conv(inputs, outputs, kernel):
    return nn.Conv2d(inputs, outputs, kernel, bias=False)


def block(inputs, outputs):
    layers = [conv(inputs, outputs, 3), nn.BatchNorm2d(outputs), conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)]
    if inputs != outputs:
        layers += [conv(inputs, outputs, 1), nn.BatchNorm2d(outputs)]
    return layers


def resnet(depth, channels, classes):
    layers = [conv(channels, 16, 3), nn.BatchNorm2d(16)]
    for inputs, outputs in [(16, 16), (16, 32), (32, 64)]:
        for index in range((depth - 2) // 6):
            layers += block(inputs if index == 0 else outputs, outputs)
    return nn.ModuleList(layers + [nn.Linear(64, classes)])


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def mlp(inputs, classes):
    return nn.ModuleList([nn.Linear(inputs, 256), nn.Linear(256, 128), nn.Linear(128, classes)])


def cnn(channels, classes):
    layers = []
    for inputs, outputs in [(channels, 32), (32, 64), (64, 128)]:
        layers += [conv(inputs, outputs, 3), nn.BatchNorm2d(outputs)]
    return nn.ModuleList(layers + [nn.Linear(128, classes)])


for depth in (8, 14, 20, 32, 44, 56, 110):
    print(f"resnet{depth}", "3 channels, 10 classes:", count(resnet(depth, 3, 10)))
print("resnet20", "1 channel, 100 classes:", count(resnet(20, 1, 100)))
print("mlp", "1x28x28, 10 classes:", count(mlp(784, 10)))
print("cnn", "3 channels, 10 classes:", count(cnn(3, 10)))
