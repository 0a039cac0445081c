"""Normalisation layers."""

import torch
import torch.nn.functional as F

from fixture import Draw, case, node


def training_norm(x, scale, bias):
    return F.batch_norm(x, None, None, scale, bias, training=True, eps=1e-5)


def batch_norm(name, *shape):
    draw = Draw(name)
    channels = shape[1]

    def function(x, scale, bias):
        variance = x.var((0, 2, 3), unbiased=False)
        return training_norm(x, scale, bias), x.mean((0, 2, 3)), variance

    return case(
        name,
        {"x": draw.any(*shape), "scale": draw.positive(channels), "bias": draw.any(channels)},
        node("BatchNormTraining", "x scale bias", "y mean variance", epsilon=1e-5, relu=0),
        function,
        outputs="y mean variance",
        unused=("mean", "variance"),
    )


def residual():
    """relu(bn(conv(relu(bn(conv(x))))) + x), 16 channels: what the fusing and blocked lowerings transform."""
    draw = Draw("residual block")
    inputs = {"x": draw.any(2, 16, 3, 3), "w1": draw.any(16, 16, 1, 1) / 4, "w2": draw.any(16, 16, 1, 1) / 4}
    for k in "12":
        inputs[f"s{k}"], inputs[f"b{k}"] = draw.positive(16), draw.any(16)

    def function(x, w1, w2, s1, b1, s2, b2):
        h = torch.relu(training_norm(F.conv2d(x, w1), s1, b1))
        return torch.relu(training_norm(F.conv2d(h, w2), s2, b2) + x)

    window = dict(kernel_shape=[1, 1], pads=[0, 0, 0, 0], strides=[1, 1], dilations=[1, 1], group=1)
    nodes = [
        node("Conv", "x w1", "c1", **window),
        node("BatchNormTraining", "c1 s1 b1", "n1 m1 v1", epsilon=1e-5, relu=0),
        node("Relu", "n1", "h"),
        node("Conv", "h w2", "c2", **window),
        node("BatchNormTraining", "c2 s2 b2", "n2 m2 v2", epsilon=1e-5, relu=0),
        node("Add", "n2 x", "sum"),
        node("Relu", "sum", "y"),
    ]
    return case("residual block", inputs, nodes, function)


def evaluation_norm():
    draw = Draw("running statistics")
    inputs = {
        "x": draw.any(2, 3, 2, 4),
        "scale": draw.any(3),
        "bias": draw.any(3),
        "mean": draw.any(3),
        "variance": draw.positive(3),
    }
    return case(
        "given statistics",
        inputs,
        node("BatchNormalization", "x scale bias mean variance", epsilon=1e-5),
        lambda x, scale, bias, mean, variance: F.batch_norm(x, mean, variance, scale, bias, training=False, eps=1e-5),
        constant=("mean", "variance"),
    )


def evaluation_norm_of(name, *shape):
    draw = Draw(name)
    channels = shape[1]
    inputs = {"x": draw.any(*shape)}
    inputs.update({key: draw.any(channels) for key in ("scale", "bias", "mean")}, variance=draw.positive(channels))
    return case(
        name,
        inputs,
        node("BatchNormalization", "x scale bias mean variance", epsilon=1e-3),
        lambda x, scale, bias, mean, variance: F.batch_norm(x, mean, variance, scale, bias, training=False, eps=1e-3),
        constant=("mean", "variance"),
        # The rule's constant 1e-3 is a float32 number.
        rtol=1e-7,
    )


def layer_norm(name, shape, axis, bias=True):
    draw = Draw(name)
    inputs = {"x": draw.any(*shape), "scale": draw.any(*shape[axis:])}
    if bias:
        inputs["bias"] = draw.any(*shape[axis:])
    # The epsilon is 2^-17, which float32 holds exactly.
    return case(
        name,
        inputs,
        node("LayerNormalization", " ".join(inputs), axis=axis, epsilon=2**-17),
        lambda x, scale, bias=None: F.layer_norm(x, shape[axis:], scale, bias, 2**-17),
    )


def instance_norm(name, *shape):
    draw = Draw(name)
    return case(
        name,
        {"x": draw.any(*shape), "scale": draw.any(shape[1]), "bias": draw.any(shape[1])},
        node("InstanceNormalization", "x scale bias", epsilon=2**-17),
        lambda x, scale, bias: F.instance_norm(x, weight=scale, bias=bias, eps=2**-17),
    )


def response_norm(name, shape, size, alpha, beta, bias):
    return case(
        name,
        {"x": Draw(name).any(*shape)},
        node("LRN", "x", size=size, alpha=alpha, beta=beta, bias=bias),
        lambda x: F.local_response_norm(x, size, alpha, beta, bias),
        # alpha/size is a float32 number.
        rtol=1e-7,
    )


def dropout():
    return case(
        "dropout after training", {"x": Draw("dropout").any(2, 3)}, node("Dropout", "x"), lambda x: F.dropout(x, 0.5, False)
    )


def normalizations():
    return [
        evaluation_norm_of("given statistics of vectors", 4, 3),
        evaluation_norm_of("given statistics one extent", 2, 3, 5),
        evaluation_norm_of("given statistics three extents", 2, 2, 2, 1, 3),
        layer_norm("layer norm last axis", (2, 3, 5), 2),
        layer_norm("layer norm without bias", (4, 6), 1, bias=False),
        layer_norm("layer norm channels height width", (2, 3, 2, 4), 1),
        instance_norm("instance norm image", 2, 3, 3, 4),
        instance_norm("instance norm one extent", 3, 2, 5),
        response_norm("response norm five channels", (2, 7, 2, 3), 5, 0.5, 0.75, 2.0),
        response_norm("response norm defaults", (1, 4, 3, 2), 3, 1e-4, 0.75, 1.0),
        dropout(),
        batch_norm("batch of images", 3, 2, 2, 4),
        batch_norm("one pixel", 8, 3, 1, 1),
        batch_norm("16 channels", 2, 16, 2, 3),
        evaluation_norm(),
        residual(),
    ]


def running_statistics():
    """Two training steps of torch.nn.BatchNorm2d (momentum 0.1 of the new value, unbiased variance), then one evaluation."""
    draw = Draw("running statistics steps")
    layer = torch.nn.BatchNorm2d(3, eps=1e-5, momentum=0.1)
    steps = []
    for _ in range(2):
        x = draw.any(2, 3, 2, 3)
        layer(x)
        steps.append({"x": x.tolist(), "mean": layer.running_mean.tolist(), "variance": layer.running_var.tolist()})
    layer.eval()
    x = draw.any(1, 3, 2, 3)
    return {
        "momentum": 0.1,
        "epsilon": 1e-5,
        "shape": [2, 3, 2, 3],
        "steps": steps,
        "evaluation": {"x": x.tolist(), "y": layer(x).tolist()},
    }
