"""Logits of a batch of images from a network in PyTorch, eager: the work of bench/contenders/inference.ts."""

from networks import network, parameters_of
from serve import serve


def prepare(torch, options):
    batch, image, classes = options["batch"], options["image"], options["classes"]
    net = network(torch, options["model"], classes).eval()
    images = torch.randn(batch, 3, image, image)

    def call():
        with torch.inference_mode():
            if not net(images).isfinite().all():
                raise ValueError("a logit is not a number")

    return call, {"parameters": parameters_of(net)}


if __name__ == "__main__":
    serve(prepare)
