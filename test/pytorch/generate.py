"""
Writes fixtures/*.json: what PyTorch computes in float64 for small inputs, checked in so that tests need no PyTorch.

    /usr/bin/python3 test/pytorch/generate.py        (Debian's python3-torch, 1.13, CPU)

Everything is seeded by case names; a second run writes the same bytes.
"""

import cases_activations
import cases_images
import cases_normalization
import cases_resize
import cases_tensors
import cases_training
import language_model
import lstm
import resnet_step
import word_softmax
from fixture import FOLDER, write


def main():
    FOLDER.mkdir(exist_ok=True)
    write("convolutions", {"cases": cases_images.convolutions()})
    write("pools", {"cases": cases_images.pools()})
    write("resizing", {"cases": cases_resize.resizing()})
    write("normalizations", {"cases": cases_normalization.normalizations()})
    write("activations", {"cases": cases_activations.activations()})
    write("functions", {"cases": cases_activations.functions()})
    write("elementwise", {"cases": cases_tensors.elementwise()})
    write("products", {"cases": cases_tensors.products()})
    write("reductions", {"cases": cases_tensors.reductions()})
    write("movement", {"cases": cases_tensors.movement()})
    write("heads", {"cases": [cases_training.normalized_head()]})
    write("running-statistics", cases_normalization.running_statistics())
    write("cross-entropy", {"cases": cases_training.cross_entropy()})
    write("optimizers", {**cases_training.optimizers(), "schedules": cases_training.schedules()})
    write("clipping", cases_training.clipping())
    write("lstm", lstm.lstm())
    write("language-model", language_model.language_model())
    write("word-softmax", word_softmax.word_softmax())
    write("resnet-step", resnet_step.steps())


if __name__ == "__main__":
    main()
