"""
Writes fixtures/model-outputs.json: what torchvision's models (and the modules of paper_models.py) compute in float64 with the weights of
formula.py: logits in inference; loss and gradients of one training batch.

    /usr/bin/python3 test/pytorch/model_outputs.py      (Debian's python3-torch, 1.13, and python3-torchvision, 0.14)
"""

import numpy
import torch
import torch.nn.functional as F
import torchvision.models as zoo

from fixture import number, write
from formula import fill, uniform
from paper_models import DenseNetBC, ShuffleNet

CLASSES = 10
BATCH = 4

MODELS = [
    # our name, image side, torch module, the name of its last layer; and whether a training batch is compared, too
    ("resnet18", 64, lambda: zoo.resnet18(num_classes=CLASSES), "fc", True),
    ("resnet50", 64, lambda: zoo.resnet50(num_classes=CLASSES), "fc", False),
    ("densenet121", 64, lambda: zoo.densenet121(num_classes=CLASSES), "classifier", False),
    ("densenet22-bc12", 16, lambda: DenseNetBC(22, 12, CLASSES), "classifier", True),
    ("shufflenet", 64, lambda: ShuffleNet(CLASSES), "fc", True),
    ("shufflenetv2-x0.5", 64, lambda: zoo.shufflenet_v2_x0_5(num_classes=CLASSES), "fc", True),
    ("shufflenetv2", 64, lambda: zoo.shufflenet_v2_x1_0(num_classes=CLASSES), "fc", False),
    ("mobilenetv2", 64, lambda: zoo.mobilenet_v2(num_classes=CLASSES, dropout=0.0), "classifier.1", True),
    ("vit-tiny", 32, lambda: zoo.VisionTransformer(32, 8, 3, 4, 32, 64, num_classes=CLASSES), "heads.head", True),
]


def training(module, images, rename):
    module.train()
    loss = F.cross_entropy(module(images), torch.arange(BATCH) * 3 % CLASSES)
    loss.backward()
    gradients = {}
    for key, parameter in module.named_parameters():
        gradient = parameter.grad.flatten().numpy()
        projection = gradient @ uniform(f"projection {rename(key)}", gradient.size)
        # Of each parameter's gradient: its product with a fixed vector, and its norm.
        gradients[rename(key)] = [float(f"{projection:.8g}"), float(f"{numpy.linalg.norm(gradient):.8g}")]
    return {"loss": number(loss.item()), "gradients": gradients}


def outputs(name, side, create, last, trained):
    def rename(key):
        return f"head{key[len(last):]}" if key.startswith(last + ".") else key

    module = fill(create().double(), rename)
    pixels = (2 * uniform("images", BATCH * 3 * side * side)).astype(numpy.float32).astype(numpy.float64)
    images = torch.from_numpy(pixels).reshape(BATCH, 3, side, side)
    module.eval()
    with torch.no_grad():
        logits = module(images)
    result = {"model": name, "side": side, "logits": [float(f"{v:.9g}") for v in logits.flatten().tolist()]}
    return {**result, "training": training(module, images, rename)} if trained else result


if __name__ == "__main__":
    write("model-outputs", {"batch": BATCH, "classes": CLASSES, "models": [outputs(*model) for model in MODELS]})
