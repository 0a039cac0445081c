"""Convolutions and pools."""

import torch.nn.functional as F

from fixture import Draw, case, node


def ones(count):
    return (1,) * count


def torch_pads(pads):
    """ONNX's pads (all begins, then all ends) as torch.nn.functional.pad has them: last axis first, begin and end."""
    rank = len(pads) // 2
    return [amount for axis in reversed(range(rank)) for amount in (pads[axis], pads[axis + rank])]


def conv(name, x, w, stride=None, pads=None, dilation=None, groups=1, bias=False):
    draw = Draw(name)
    rank = len(x) - 2
    stride, dilation, pads = stride or ones(rank), dilation or ones(rank), pads or (0,) * (2 * rank)
    inputs = {"x": draw.any(*x), "w": draw.any(*w)}
    if bias:
        inputs["b"] = draw.any(w[0])
    convolve = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]

    def function(x, w, b=None):
        return convolve(F.pad(x, torch_pads(pads)), w, b, stride, 0, dilation, groups)

    attributes = dict(kernel_shape=w[2:], pads=pads, strides=stride, dilations=dilation, group=groups)
    return case(name, inputs, node("Conv", " ".join(inputs), **attributes), function)


def transposed(name, x, w, stride, padding=None, output_padding=None, dilation=None, groups=1, bias=False):
    draw = Draw(name)
    rank = len(x) - 2
    padding, output_padding, dilation = padding or (0,) * rank, output_padding or (0,) * rank, dilation or ones(rank)
    inputs = {"x": draw.any(*x), "w": draw.any(*w)}
    if bias:
        inputs["b"] = draw.any(w[1] * groups)
    convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]

    def function(x, w, b=None):
        return convolve(x, w, b, stride, padding, output_padding, groups, dilation)

    attributes = dict(
        kernel_shape=w[2:],
        pads=(*padding, *padding),
        strides=stride,
        dilations=dilation,
        group=groups,
        output_padding=output_padding,
    )
    return case(name, inputs, node("ConvTranspose", " ".join(inputs), **attributes), function)


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
        conv("depthwise 5x5 three filters a channel", (2, 2, 5, 6), (6, 1, 5, 5), pads=(2, 2, 2, 2), groups=2, bias=True),
        conv("depthwise dilated asymmetric", (2, 3, 6, 5), (3, 1, 3, 2), (1, 2), (2, 0, 1, 3), (2, 1), 3),
        conv("one extent", (2, 4, 9), (6, 2, 3), (2,), (2, 1), (2,), 2, True),
        conv("one extent depthwise", (3, 4, 6), (4, 1, 3), pads=(1, 1), groups=4),
        conv("three extents", (1, 2, 3, 4, 3), (3, 2, 2, 3, 2), (1, 2, 1), (1, 1, 0, 0, 1, 1), bias=True),
        transposed("transposed stride 2 with bias", (2, 3, 3, 4), (3, 2, 3, 3), two, (1, 1), (1, 1), bias=True),
        transposed("transposed 2x2 tiles", (1, 4, 3, 2), (4, 2, 2, 2), two),
        transposed("transposed groups dilation", (1, 4, 3, 4), (4, 3, 2, 3), (2, 1), (1, 2), (1, 0), (2, 2), 2, True),
        transposed("transposed one extent", (2, 3, 4), (3, 2, 4), (3,), (1,), (2,), bias=True),
        transposed("transposed three extents", (1, 2, 2, 3, 2), (2, 1, 2, 3, 2), (2, 1, 2), (0, 1, 1)),
        # Channel counts that are whole blocks of 16.
        conv("16 to 16 channels 3x3", (1, 16, 3, 3), (16, 16, 1, 3), pads=(0, 1, 0, 1)),
        conv("16 to 32 channels 1x1 stride 2", (1, 16, 4, 4), (32, 16, 1, 1), two),
        conv("16 channels depthwise stride 2", (2, 16, 5, 4), (16, 1, 3, 3), two, one, groups=16),
    ]


def pool(name, op, function, shape, kernel, stride, padding=None, values="distinct", ceil=False, **attributes):
    padding = padding or (0,) * len(kernel)
    ends = list(padding)
    if ceil:
        # How far the last window hangs over, if it starts within the image or the padding before it.
        for axis, (size, k, s, p) in enumerate(zip(shape[2:], kernel, stride, padding)):
            last = -(-(size + 2 * p - k) // s) * s
            last -= s if last >= size + p else 0
            ends[axis] = max(p, last + k - size - p)
    x = getattr(Draw(name), values)(*shape)
    described = node(op, "x", kernel_shape=kernel, strides=stride, pads=(*padding, *ends), **attributes)
    return case(name, {"x": x}, described, function(kernel, stride, padding, ceil))


def maximum(dilation=None):
    def with_window(kernel, stride, padding, ceil):
        pooled = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
        return lambda x: pooled(x, kernel, stride, padding, dilation or 1, ceil_mode=ceil)

    return with_window


def largest(name, shape, kernel, stride, padding=None, dilation=None, **options):
    dilations = dilation or ones(len(kernel))
    return pool(name, "MaxPool", maximum(dilations), shape, kernel, stride, padding, dilations=dilations, **options)


def average(count_include_pad):
    def with_window(kernel, stride, padding, ceil):
        pooled = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
        return lambda x: pooled(x, kernel, stride, padding, ceil, bool(count_include_pad))

    return with_window


def pools():
    cases = [
        largest("max 2x2", (2, 3, 4, 6), (2, 2), (2, 2)),
        largest("max 3x3 stride 2 padded", (1, 2, 5, 6), (3, 3), (2, 2), (1, 1)),
        largest("max 3x3 stride 2 padded sizes rounded up", (1, 2, 6, 8), (3, 3), (2, 2), (1, 1), ceil=True),
        largest("max 2x2 stride 3 sizes rounded up", (1, 2, 6, 4), (2, 2), (3, 3), (1, 0), ceil=True),
        largest("max 3x3 overlapping with ties", (2, 2, 5, 5), (3, 3), (1, 1), values="tied"),
        largest("max left over pixels with ties", (1, 2, 5, 7), (2, 2), (2, 2), values="tied"),
        largest("max dilated padded with ties", (2, 2, 7, 6), (3, 2), (2, 1), (1, 1), (2, 3), values="tied"),
        largest("max one extent", (2, 3, 8), (3,), (2,), (1,)),
        largest("max three extents with ties", (1, 2, 4, 3, 5), (2, 3, 2), (2, 1, 2), (1, 1, 0), values="tied"),
        case(
            "global maximum with ties",
            {"x": Draw("global maximum").tied(2, 3, 3, 4)},
            node("GlobalMaxPool", "x"),
            lambda x: F.adaptive_max_pool2d(x, 1),
        ),
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
            ("one extent", (2, 3, 8), (3,), (2,), (1,)),
            ("three extents", (1, 2, 4, 3, 5), (2, 3, 2), (2, 1, 2), (1, 1, 0)),
        ]:
            full = f"average {name} count_include_pad {count}"
            cases.append(
                pool(full, "AveragePool", average(count), shape, kernel, stride, padding, "any", count_include_pad=count)
            )
    # A window that hangs over counts no more than what lies inside, as without padding.
    for name, padding in ("3x3 stride 2 sizes rounded up", (0, 0)), ("3x3 stride 2 padded sizes rounded up", (1, 1)):
        cases.append(
            pool(
                f"average {name}",
                "AveragePool",
                average(padding == (0, 0)),
                (1, 2, 6, 8),
                (3, 3),
                (2, 2),
                padding,
                "any",
                ceil=True,
                count_include_pad=0,
            )
        )
    return cases
