"""Paddings that become a part of whoever reads them: convolutions and average pools that are large enough."""

from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import fx, nn

from hwrts.graph.operators.call import VALUE
from hwrts.graph.operators.conv_facts import CONV_FUNCTIONS, Sides, pair

if TYPE_CHECKING:
    from hwrts.graph.recording import Recording

PADS = (nn.ReplicationPad2d, nn.ReflectionPad2d, nn.CircularPad2d, nn.ConstantPad2d)


def is_for_kernels(recording: "Recording", node: fx.Node, sides: Sides) -> bool:
    """Whether all who read a padded tensor can pad by themselves: no kernel reads more than it is large.

    Args:
        recording: The graph.
        node: The padded tensor, or whoever reads it.
        sides: Pixels on the left, right, on top, at the bottom, as F.pad orders them.
    """
    if _kernel(recording, node) is not None:
        return _takes(recording, node, sides)
    return bool(node.users) and all(_takes(recording, reader, sides) for reader in node.users)


def sides_of(recording: "Recording", node: fx.Node) -> Sides | None:
    """Pixels that a padding adds, in torch's order; None for what is no padding of rows and columns."""
    module = recording.module(node)
    given: Any = module.padding if isinstance(module, PADS) else recording.argument(node, 1, "pad")
    given = [given] * 4 if isinstance(given, int) else given
    if not isinstance(given, tuple | list) or not all(isinstance(each, int) for each in given):
        return None
    left, right, top, bottom = [*given, 0, 0, 0, 0][:4]
    return (left, right, top, bottom) if not any(given[4:]) else None


def _takes(recording: "Recording", reader: fx.Node, sides: Sides) -> bool:
    if isinstance(recording.module(reader), PADS) or reader.target is F.pad:
        more = sides_of(recording, reader)
        if more is None or min(more) < 0:  # cut off again: a shift
            return False
        left, right, top, bottom = (a + b for a, b in zip(sides, more, strict=True))
        return is_for_kernels(recording, reader, (left, right, top, bottom))
    most = _kernel(recording, reader)
    if most is None:
        return False
    rows, columns = max(sides[2:]), max(sides[:2])  # of a picture that may have been turned by a quarter
    return (rows <= most[0] and columns <= most[1]) or (columns <= most[0] and rows <= most[1])


def _kernel(recording: "Recording", reader: fx.Node) -> tuple[int, int] | None:
    """How many rows and columns of padding a reader can add to its own; None for one that pads nothing."""
    module = recording.module(reader)
    names: tuple[str, ...] = ("weight", "bias", "stride", "padding", "dilation")
    if isinstance(module, nn.AvgPool2d) or (module is None and reader.target is F.avg_pool2d):
        names = ("kernel_size", "stride", "padding")
    elif not isinstance(module, nn.Conv2d) and (module is not None or reader.target not in CONV_FUNCTIONS):
        return None
    given: dict[str, Any] = {
        name: recording.argument(reader, place, name) if module is None else getattr(module, name, None)
        for place, name in enumerate(names, 1)
    }
    weight = given.get("weight")
    if isinstance(weight, fx.Node):
        weight = recording.constants.get(weight.name, weight.meta.get(VALUE))
    kernel = pair(given["kernel_size"]) if weight is None else tuple(weight.shape[2:])
    spread, own = pair(given.get("dilation") or 1), pair(given["padding"] or 0)
    if kernel is None or spread is None:
        return None
    reach = [(size - 1) * step for size, step in zip(kernel, spread, strict=True)]
    if given["padding"] == "same":
        own = (-(-reach[0] // 2), -(-reach[1] // 2))
    rows, columns = (most - less for most, less in zip(reach, own or (0, 0), strict=True))
    return rows, columns
