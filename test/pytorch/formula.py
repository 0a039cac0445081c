"""
Weights by a formula that Python and TypeScript (formula-weights.ts) compute alike, so that no file has to hold them: element i of the
tensor of a name is a hash of both, uniform in [-1, 1), times a factor by the kind of tensor, rounded to float32.
"""

import numpy
import torch


def uniform(name, size):
    """FNV-1a of the name, plus a multiple of i, mixed as MurmurHash3 mixes its last word."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) % 2**32
    mask = numpy.uint64(2**32 - 1)
    z = (numpy.uint64(seed) + numpy.arange(size, dtype=numpy.uint64) * numpy.uint64(0x9E3779B9)) & mask
    z ^= z >> numpy.uint64(16)
    z = (z * numpy.uint64(0x85EBCA6B)) & mask
    z ^= z >> numpy.uint64(13)
    z = (z * numpy.uint64(0xC2B2AE35)) & mask
    z ^= z >> numpy.uint64(16)
    return z.astype(numpy.float64) / 2.0**31 - 1


def values(name, shape):
    """The tensor of that name: filters and matrices of variance 2/fan in, norms about one, small biases and means."""
    u = uniform(name, int(numpy.prod(shape)))
    last = name.split(".")[-1]
    if last == "running_var":
        result = 1 + 0.5 * u
    elif last in ("class_token", "pos_embedding"):
        result = 0.5 * u
    elif len(shape) == 1:
        result = 1 + 0.25 * u if last == "weight" else 0.1 * u
    else:
        result = u * numpy.sqrt(6 / numpy.prod(shape[1:]))
    return result.astype(numpy.float32).astype(numpy.float64).reshape(shape)


def fill(module, rename):
    """Gives every parameter and buffer of a torch module its values; `rename` gives a tensor's name in src/models."""
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.dtype.is_floating_point:
                tensor.copy_(torch.from_numpy(values(rename(name), tuple(tensor.shape))))
    return module
