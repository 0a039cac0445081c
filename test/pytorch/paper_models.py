"""Models that torchvision lacks, as torch modules, their layers named as in src/models."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision.models.densenet import _DenseBlock, _Transition


class DenseNetBC(nn.Module):
    """DenseNet-BC for small images (Huang et al. 2017): 3x3 stem, three dense blocks (torchvision's), compression 1/2."""

    def __init__(self, depth, growth, classes):
        super().__init__()
        layers = (depth - 4) // 6
        channels = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, channels, 3, padding=1, bias=False))
        for index in range(3):
            block = _DenseBlock(layers, channels, bn_size=4, growth_rate=growth, drop_rate=0)
            self.features.add_module(f"denseblock{index + 1}", block)
            channels += layers * growth
            if index < 2:
                self.features.add_module(f"transition{index + 1}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm4", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean([2, 3]))


class Normalized(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.bn(self.conv(x))


class ShuffleUnit(nn.Module):
    """Zhang et al. 2018, figures 2 (b) and (c), with a bottleneck of a quarter of the branch's channels."""

    def __init__(self, inputs, outputs, stride, groups):
        super().__init__()
        made = outputs if stride == 1 else outputs - inputs
        self.stride, self.groups, self.width = stride, groups, made // 4
        self.compress = Normalized(inputs, self.width, 1, groups=1 if inputs == 24 else groups)
        self.depthwise = Normalized(self.width, self.width, 3, stride, groups=self.width)
        self.expand = Normalized(self.width, made, 1, groups=groups)

    def forward(self, x):
        hidden = F.relu(self.compress(x))
        n, c, h, w = hidden.shape
        hidden = hidden.view(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)
        branch = self.expand(self.depthwise(hidden))
        if self.stride == 1:
            return F.relu(x + branch)
        return F.relu(torch.cat([F.avg_pool2d(x, 3, 2, 1), branch], 1))


class ShuffleNet(nn.Module):
    """Three groups, width 1x, biases everywhere, no BatchNorm behind the first convolution."""

    def __init__(self, classes, groups=3):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, 2, 1)
        inputs = 24
        for stage, (outputs, count) in enumerate([(240, 4), (480, 8), (960, 4)], start=2):
            units = [ShuffleUnit(inputs if i == 0 else outputs, outputs, 2 if i == 0 else 1, groups) for i in range(count)]
            self.add_module(f"stage{stage}", nn.Sequential(*units))
            inputs = outputs
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        return self.fc(self.stage4(self.stage3(self.stage2(x))).mean([2, 3]))
