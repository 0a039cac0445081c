"""Convolutions, pools and batch normalisation."""

import torch
import torch.nn.functional as F

from fixture import Draw, case, node


def conv(name, x, w, stride=(1, 1), pads=(0, 0, 0, 0), dilation=(1, 1), groups=1, bias=False):
    draw = Draw(name)
    inputs = {"x": draw.any(*x), "w": draw.any(*w)}
    if bias:
        inputs["b"] = draw.any(w[0])
    top, left, bottom, right = pads

    def function(x, w, b=None):
        return F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, stride, 0, dilation, groups)

    attributes = dict(kernel_shape=w[2:], pads=pads, strides=stride, dilations=dilation, group=groups)
    return case(name, inputs, node("Conv", " ".join(inputs), **attributes), function)


def convolutions():
    one, two = (1, 1, 1, 1), (2, 2)
    return [
        conv("3x3 same size", (2, 3, 4, 5), (4, 3, 3, 3), pads=one),
        conv("3x3 with bias", (2, 2, 4, 5), (3, 2, 3, 3), bias=True),
        conv("3x3 stride 2 even size", (2, 2, 6, 4), (3, 2, 3, 3), two, one),
        conv("3x3 stride 2 odd size", (1, 2, 5, 7), (3, 2, 3, 3), two, one),
        conv("1x1", (2, 3, 3, 2), (4, 3, 1, 1)),
        conv("1x1 stride 2", (2, 3, 4, 5), (2, 3, 1, 1), two),
        conv("7x7 stride 2", (1, 1, 8, 7), (2, 1, 7, 7), two, (3, 3, 3, 3)),
        conv("two groups", (2, 4, 4, 3), (6, 2, 3, 3), pads=one, groups=2),
        conv("depthwise stride 2", (1, 3, 5, 4), (3, 1, 3, 3), two, one, groups=3),
        conv("dilated", (1, 2, 6, 7), (3, 2, 3, 3), pads=(2, 2, 2, 2), dilation=(2, 2)),
        conv("asymmetric pads", (2, 2, 4, 5), (3, 2, 2, 3), (2, 1), (1, 0, 2, 1), bias=True),
        conv("groups stride dilation bias", (2, 4, 7, 6), (4, 2, 3, 3), (1, 2), one, (2, 1), 2, True),
        # Channel counts that are whole blocks of 16.
        conv("16 to 16 channels 3x3", (1, 16, 3, 3), (16, 16, 1, 3), pads=(0, 1, 0, 1)),
        conv("16 to 32 channels 1x1 stride 2", (1, 16, 4, 4), (32, 16, 1, 1), two),
    ]


def pool(name, op, function, shape, kernel, stride, padding=(0, 0), values="distinct", **attributes):
    pads = (*padding, *padding)
    x = getattr(Draw(name), values)(*shape)
    return case(
        name, {"x": x}, node(op, "x", kernel_shape=kernel, strides=stride, pads=pads, **attributes), function(kernel, stride, padding)
    )


def maximum(kernel, stride, padding):
    return lambda x: F.max_pool2d(x, kernel, stride, padding)


def average(count_include_pad):
    return lambda kernel, stride, padding: lambda x: F.avg_pool2d(
        x, kernel, stride, padding, count_include_pad=bool(count_include_pad)
    )


def pools():
    cases = [
        pool("max 2x2", "MaxPool", maximum, (2, 3, 4, 6), (2, 2), (2, 2)),
        pool("max 3x3 stride 2 padded", "MaxPool", maximum, (1, 2, 5, 6), (3, 3), (2, 2), (1, 1)),
        pool("max 3x3 overlapping with ties", "MaxPool", maximum, (2, 2, 5, 5), (3, 3), (1, 1), values="tied"),
        pool("max left over pixels with ties", "MaxPool", maximum, (1, 2, 5, 7), (2, 2), (2, 2), values="tied"),
        case(
            "global average",
            {"x": Draw("global average").any(2, 3, 4, 4)},
            node("GlobalAveragePool", "x"),
            lambda x: F.adaptive_avg_pool2d(x, 1),
        ),
    ]
    for count in (0, 1):
        for name, shape, kernel, stride, padding in [
            ("2x2", (1, 2, 4, 6), (2, 2), (2, 2), (0, 0)),
            ("3x3 stride 2 padded", (1, 2, 5, 6), (3, 3), (2, 2), (1, 1)),
            ("2x4 overlapping padded", (2, 1, 4, 5), (2, 4), (1, 1), (1, 2)),
        ]:
            full = f"average {name} count_include_pad {count}"
            cases.append(
                pool(full, "AveragePool", average(count), shape, kernel, stride, padding, "any", count_include_pad=count)
            )
    return cases


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


def normalizations():
    return [
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
