"""One training step of a CIFAR ResNet in PyTorch: the work of bench/contenders/train-step.ts."""

from serve import serve


def network(torch, depth, classes):
    nn, relu = torch.nn, torch.nn.functional.relu

    class Block(nn.Module):
        def __init__(self, inputs, channels, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            changes = stride != 1 or inputs != channels
            projection = [nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)]
            self.shortcut = nn.Sequential(*projection) if changes else nn.Identity()

        def forward(self, x):
            y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            return relu(y + self.shortcut(x))

    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for channels, first_stride in ((16, 1), (32, 2), (64, 2)):
        for index in range((depth - 2) // 6):
            layers.append(Block(inputs, channels, first_stride if index == 0 else 1))
            inputs = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def prepare(torch, options):
    batch, image, classes = options["batch"], options["image"], options["classes"]
    channels_last = options["layout"] == "channels_last"
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net = network(torch, int(options["model"].removeprefix("resnet")), classes).to(memory_format=layout)
    weights = list(net.parameters())
    groups = [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": 1e-4},
        {"params": [w for w in weights if w.dim() == 1], "weight_decay": 0},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
    images = torch.randn(batch, 3, image, image).contiguous(memory_format=layout)
    labels = torch.randint(0, classes, (batch,))

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = net(images)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        (logits.argmax(1) == labels).sum().item()
        if not loss.isfinite():
            raise ValueError("the loss is not a number")

    return step, {"parameters": str(sum(w.numel() for w in weights))}


if __name__ == "__main__":
    serve(prepare)
