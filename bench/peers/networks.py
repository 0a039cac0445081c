"""The networks of bench/step-models.ts in PyTorch: torchvision's, and those for CIFAR that it does not have."""


def cifar_resnet(torch, depth, classes):
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


def cifar_densenet(torch, depth, growth, classes):
    nn = torch.nn

    def norm_relu(channels):
        return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]

    class Layer(nn.Module):
        def __init__(self, inputs):
            super().__init__()
            inner = 4 * growth
            self.new = nn.Sequential(
                *norm_relu(inputs),
                nn.Conv2d(inputs, inner, 1, bias=False),
                *norm_relu(inner),
                nn.Conv2d(inner, growth, 3, 1, 1, bias=False),
            )

        def forward(self, x):
            return torch.cat([x, self.new(x)], 1)

    channels = 2 * growth
    layers = [nn.Conv2d(3, channels, 3, 1, 1, bias=False)]
    for block in range(3):
        for _ in range((depth - 4) // 6):
            layers.append(Layer(channels))
            channels += growth
        if block < 2:
            halved = channels // 2
            layers += [*norm_relu(channels), nn.Conv2d(channels, halved, 1, bias=False), nn.AvgPool2d(2)]
            channels = halved
    layers += [*norm_relu(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*layers)


def network(torch, name, classes):
    if name == "densenet100-bc12":
        return cifar_densenet(torch, 100, 12, classes)
    if name in ("resnet50", "mobilenetv2"):
        import torchvision

        if name == "resnet50":
            return torchvision.models.resnet50(num_classes=classes)
        return torchvision.models.mobilenet_v2(num_classes=classes, dropout=0.0)
    return cifar_resnet(torch, int(name[len("resnet") :]), classes)


def parameters_of(net):
    return str(sum(w.numel() for w in net.parameters()))
