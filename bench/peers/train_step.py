"""One training step of a network in PyTorch: the work of bench/contenders/train-step.ts."""

from networks import network, parameters_of
from serve import serve


def prepare(torch, options):
    batch, image, classes = options["batch"], options["image"], options["classes"]
    channels_last = options["layout"] == "channels_last"
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net = network(torch, options["model"], classes).to(memory_format=layout)
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

    return step, {"parameters": parameters_of(net)}


if __name__ == "__main__":
    serve(prepare)
