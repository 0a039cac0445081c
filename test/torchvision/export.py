"""
Writes models of torchvision as ONNX files, with the gradients that PyTorch computes of them.

    /usr/bin/python3 test/torchvision/export.py FOLDER [NAME ...]        (Debian's python3-torchvision, 0.14, CPU)

For each model: NAME.onnx (random weights, running statistics away from 0 and 1, inference mode, any batch size, nothing folded, so
that initializers have PyTorch's names), NAME.images.bin (float32), NAME.gradients.bin and NAME.json. The gradients are those of the mean
cross-entropy with respect to every parameter, computed in float64 and stored as float32, one after the other; the JSON says of each
how far PyTorch's own float32 gradient is from it, as a norm relative to the gradient's norm.
"""

import copy
import json
import os
import sys
import warnings

import torch
import torchvision.models as models
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.shufflenetv2 import ShuffleNetV2

warnings.filterwarnings("ignore")
BATCH = 2

# Each with a number of classes of its own, and sides of images that its strides divide.
MODELS = {
    "resnet18": (lambda: models.resnet18(weights=None), 64),
    "resnet50": (lambda: models.resnet50(weights=None), 64),
    "densenet121": (lambda: models.densenet121(weights=None), 64),
    "mobilenet_v2": (lambda: models.mobilenet_v2(weights=None), 64),
    "mobilenet_v3_small": (lambda: models.mobilenet_v3_small(weights=None), 64),
    "mobilenet_v3_large": (lambda: models.mobilenet_v3_large(weights=None), 64),
    "shufflenet_v2_x1_0": (lambda: models.shufflenet_v2_x1_0(weights=None), 64),
    "efficientnet_b0": (lambda: models.efficientnet_b0(weights=None), 64),
    "convnext_tiny": (lambda: models.convnext_tiny(weights=None), 64),
    "vit_b_16": (lambda: models.vit_b_16(weights=None, image_size=64), 64),
    "squeezenet1_1": (lambda: models.squeezenet1_1(weights=None), 64),
    # Small enough to be kept as fixtures.
    "narrow_mobilenet_v2": (
        lambda: MobileNetV2(num_classes=5, width_mult=0.25, inverted_residual_setting=[[1, 16, 1, 1], [6, 32, 2, 2]]),
        16,
    ),
    "narrow_shufflenet_v2": (lambda: ShuffleNetV2([2, 1, 2], [8, 16, 32, 48, 64], num_classes=5), 32),
}


def randomized(model):
    """No two tensors alike (the exporter stores equal ones once), none zero, scales that let gradients through."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() < 2:
                parameter.add_(0.1 * torch.randn_like(parameter))
            elif name.endswith("layer_scale"):
                parameter.copy_(0.3 + 0.1 * torch.rand_like(parameter))
            elif parameter.std() < 1e-3:
                parameter.copy_(0.05 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * torch.randn_like(buffer))
            elif name.endswith("running_var"):
                buffer.copy_(0.6 + 0.8 * torch.rand_like(buffer))
    return model


def gradients(model, images, labels):
    model.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    return loss.item(), {name: parameter.grad.detach().clone() for name, parameter in model.named_parameters()}


def write(folder, name):
    make, side = MODELS[name]
    torch.manual_seed(list(MODELS).index(name))
    model = randomized(make().eval())
    images = torch.randn(BATCH, 3, side, side)
    path = os.path.join(folder, name)
    torch.onnx.export(
        model,
        images,
        path + ".onnx",
        opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
    )
    classes = model(images).shape[1]
    labels = torch.tensor([1, classes - 1])
    _, single = gradients(model, images, labels)
    loss, double = gradients(copy.deepcopy(model).double(), images.double(), labels)
    parameters = []
    with open(path + ".gradients.bin", "wb") as file:
        for key, exact in double.items():
            norm = exact.norm().item()
            error = (single[key].double() - exact).norm().item() / norm
            parameters.append({"name": key, "shape": list(exact.shape), "norm": norm, "float32Error": error})
            file.write(exact.float().contiguous().numpy().tobytes())
    with open(path + ".images.bin", "wb") as file:
        file.write(images.numpy().tobytes())
    with open(path + ".json", "w") as file:
        facts = {"images": list(images.shape), "labels": labels.tolist(), "classes": classes, "loss": loss, "parameters": parameters}
        json.dump(facts, file, indent=1)
        file.write("\n")
    print(name, "written", flush=True)


if __name__ == "__main__":
    target = sys.argv[1]
    os.makedirs(target, exist_ok=True)
    for chosen in sys.argv[2:] or list(MODELS):
        write(target, chosen)
