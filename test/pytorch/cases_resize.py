"""Resizing: torch.nn.functional.interpolate."""

import torch.nn.functional as F

from fixture import Draw, case, node


def resize(name, shape, function, rtol=1e-7, **attributes):
    """The rule's weights are float32 numbers unless they are 0 and 1."""
    described = dict(
        axes=list(range(len(shape))),
        scales=[],
        sizes=[],
        mode="nearest",
        coordinate_transformation_mode="half_pixel",
        nearest_mode="round_prefer_floor",
        cubic_coeff_a=-0.75,
        exclude_outside=0,
    )
    described.update(attributes)
    return case(name, {"x": Draw(name).any(*shape)}, node("Resize", "x", **described), function, rtol=rtol)


def resizing():
    image = (2, 2, 3, 4)
    cases = []
    for name, size in ("up", (6, 8)), ("odd", (7, 9)), ("down", (2, 3)), ("one pixel", (1, 1)):
        sizes = (2, 2, *size)
        cases += [
            resize(
                f"nearest {name}",
                image,
                lambda x, size=size: F.interpolate(x, size),
                rtol=1e-9,
                sizes=sizes,
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
            # At a half PyTorch takes the element behind.
            resize(
                f"nearest exact {name}",
                image,
                lambda x, size=size: F.interpolate(x, size, mode="nearest-exact"),
                rtol=1e-9,
                sizes=sizes,
                nearest_mode="round_prefer_ceil",
            ),
            resize(
                f"bilinear {name}",
                image,
                lambda x, size=size: F.interpolate(x, size, mode="bilinear"),
                sizes=sizes,
                mode="linear",
            ),
            resize(
                f"bilinear aligned corners {name}",
                image,
                lambda x, size=size: F.interpolate(x, size, mode="bilinear", align_corners=True),
                sizes=sizes,
                mode="linear",
                coordinate_transformation_mode="align_corners",
            ),
            resize(
                f"bicubic {name}",
                image,
                lambda x, size=size: F.interpolate(x, size, mode="bicubic"),
                sizes=sizes,
                mode="cubic",
            ),
        ]
    return cases + [
        resize(
            "bilinear by a scale",
            image,
            lambda x: F.interpolate(x, scale_factor=(2.6, 1.3), mode="bilinear", recompute_scale_factor=False),
            scales=[1, 1, 2.6, 1.3],
            mode="linear",
        ),
        resize(
            "nearest one extent",
            (2, 3, 4),
            lambda x: F.interpolate(x, scale_factor=2),
            rtol=1e-9,
            scales=[1, 1, 2],
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        resize("linear one extent", (2, 3, 4), lambda x: F.interpolate(x, 7, mode="linear"), axes=[2], sizes=[7], mode="linear"),
        resize(
            "trilinear",
            (1, 2, 2, 3, 2),
            lambda x: F.interpolate(x, (3, 4, 5), mode="trilinear"),
            sizes=[1, 2, 3, 4, 5],
            mode="linear",
        ),
    ]
