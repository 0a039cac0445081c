"""A training step of PyTorch's Linear with cross-entropy: forward, backward to weights and features, SGD with momentum."""

from serve import serve


def prepare(torch, options):
    features, classes, batch = options["features"], options["classes"], options["batch"]
    linear = torch.nn.Linear(features, classes, bias=False)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.05, momentum=0.9)
    x = torch.randn(batch, features, requires_grad=True)
    labels = torch.randint(0, classes, (batch,))

    def step():
        optimizer.zero_grad(set_to_none=True)
        x.grad = None
        if options["library"] == "oneDNN":
            # The same product as a 1x1 convolution, which PyTorch hands to oneDNN in training too.
            weight = linear.weight.view(classes, features, 1, 1)
            logits = torch.nn.functional.conv2d(x.view(batch, features, 1, 1), weight).view(batch, classes)
        else:
            logits = linear(x)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        (logits.argmax(1) == labels).sum().item()
        if not loss.isfinite():
            raise ValueError("the loss is not a number")

    return step, {"parameters": str(linear.weight.numel())}


if __name__ == "__main__":
    serve(prepare)
