"""
Writes fixtures/resnet-step.json: two whole training steps of a ResNet-8 in PyTorch, in float64.

    /usr/bin/python3 test/pytorch/resnet_step.py        (Debian's python3-torch, 1.13, CPU)

Weights and images follow formulas that the test computes as well, so the file holds results only: losses, and of every tensor
its norm, a weighted sum and a few entries.
"""

import math

import torch
import torch.nn.functional as F

from fixture import number, write

torch.set_default_dtype(torch.float64)
BATCH, CLASSES, SIZE, FEATURES = 4, 8, 16, 64
# Numbers (and quotients 1/BATCH, 1/CLASSES) that float32 holds exactly, as they become constants of a float32 graph.
RATE, MOMENTUM, DECAY = 0.125, 0.875, 2.0**-10


def wave(count, phase):
    """sin(0.7 i + phase) + 0.5 sin(1.37 i + 0.3 sqrt(i) + 2 phase): no two elements alike, mean about 0."""
    return torch.tensor([math.sin(0.7 * i + phase) + 0.5 * math.sin(1.37 * i + 0.3 * math.sqrt(i) + 2 * phase) for i in range(count)])


class Net(torch.nn.Module):
    """He's ResNet for small images with 1x1 shortcuts, from F functions; names are fixhead's."""

    def __init__(self, fixed):
        super().__init__()
        self.fixed = fixed
        self.values, self.buffers_ = {}, {}

    def parameter(self, name, shape, centre, amplitude, trainable=True):
        if name not in self.values:
            count = math.prod(shape)
            data = centre + amplitude * wave(count, len(self.values) + 1.0)
            self.values[name] = data.reshape(shape).requires_grad_(trainable)
        return self.values[name]

    def conv(self, name, x, channels, kernel, stride=1):
        shape = (channels, x.shape[1], kernel, kernel)
        w = self.parameter(f"{name}.weight", shape, 0, math.sqrt(1 / (channels * kernel * kernel)))
        return F.conv2d(x, w, stride=stride, padding=(kernel - 1) // 2)

    def norm(self, name, x):
        channels = x.shape[1]
        scale = self.parameter(f"{name}.weight", (channels,), 0.9, 0.2)
        bias = self.parameter(f"{name}.bias", (channels,), 0, 0.2)
        mean = self.buffers_.setdefault(f"{name}.running_mean", torch.zeros(channels))
        variance = self.buffers_.setdefault(f"{name}.running_var", torch.ones(channels))
        return F.batch_norm(x, mean, variance, scale, bias, training=True, momentum=0.1, eps=1e-5)

    def block(self, name, x, channels, stride):
        hidden = F.relu(self.norm(f"{name}.bn1", self.conv(f"{name}.conv1", x, channels, 3, stride)))
        residual = self.norm(f"{name}.bn2", self.conv(f"{name}.conv2", hidden, channels, 3))
        if stride != 1 or x.shape[1] != channels:
            x = self.norm(f"{name}.downsample.bn", self.conv(f"{name}.downsample.conv", x, channels, 1, stride))
        return F.relu(residual + x)

    def forward(self, x):
        x = F.relu(self.norm("bn1", self.conv("conv1", x, 16, 3)))
        for stage, channels in enumerate((16, 32, 64)):
            x = self.block(f"stage{stage + 1}.0", x, channels, 2 if stage > 0 else 1)
        x = x.mean(dim=(2, 3))
        if not self.fixed:
            weight = self.parameter("head.weight", (CLASSES, FEATURES), 0, 0.1)
            return x @ weight.t() + self.parameter("head.bias", (CLASSES,), 0, 0.1)
        hadamard = torch.ones(1, 1)
        while hadamard.shape[0] < FEATURES:
            hadamard = torch.cat((torch.cat((hadamard, hadamard), 1), torch.cat((hadamard, -hadamard), 1)), 0)
        vectors = hadamard[1 : CLASSES + 1] / math.sqrt(FEATURES)
        cosines = (x / torch.sqrt((x * x).sum(1, keepdim=True))) @ vectors.t()
        scale = self.parameter("head.scale", (1,), 8, 0)
        return cosines * scale + self.parameter("head.bias", (CLASSES,), 0, 0.1)


def summary(values):
    """Per tensor: norm, sum weighted by cos(i), and entries 0, 37, 74, ... (modulo the size), five at most."""
    result = {}
    for name, value in values.items():
        flat = value.detach().flatten()
        weights = torch.tensor([math.cos(i) for i in range(len(flat))])
        places = sorted({37 * k % len(flat) for k in range(5)})
        result[name] = {
            "norm": number(flat.norm().item()),
            "weighted": number((flat * weights).sum().item()),
            "entries": [[place, number(flat[place].item())] for place in places],
        }
    return result


def train(fixed):
    net = Net(fixed)
    images = wave(BATCH * 3 * SIZE * SIZE, 0.0).reshape(BATCH, 3, SIZE, SIZE)
    labels = torch.tensor([(3 * i + 1) % CLASSES for i in range(BATCH)])
    with torch.no_grad():
        net(images)
    net.buffers_.clear()
    decayed = [value for value in net.values.values() if value.dim() > 1]
    others = [value for value in net.values.values() if value.dim() == 1]
    groups = [dict(params=decayed, weight_decay=DECAY), dict(params=others, weight_decay=0)]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)
    losses, gradients = [], []
    for _ in range(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels, label_smoothing=0.125)
        loss.backward()
        losses.append(number(loss.item()))
        gradients.append(summary({name: value.grad for name, value in net.values.items()}))
        optimizer.step()
    return {
        "losses": losses,
        "gradients": gradients,
        "parameters": summary(net.values),
        "buffers": summary(net.buffers_),
    }


def steps():
    return {"learned": train(False), "hadamard": train(True)}


if __name__ == "__main__":
    write("resnet-step", steps())
