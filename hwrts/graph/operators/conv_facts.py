"""What a call says of a convolution, whatever its spelling: a module's, or a function's with its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Padding
from hwrts.graph.operators.call import Call, Pad
from hwrts.networks.held import FREE, Held, HeldConv2d

CONV_FUNCTIONS: tuple[Any, ...] = (F.conv2d, torch.conv2d)
TORCH_MODES = {Padding.ZERO: "constant", Padding.REPLICATE: "replicate", Padding.REFLECT: "reflect"}
"""What torch's F.pad calls them."""

_PADDINGS = {{"constant": "zeros"}.get(mode, mode): padding for padding, mode in TORCH_MODES.items()}
"""By torch's names of them in a convolution."""

Sides = tuple[int, int, int, int]
"""Numbers on top, left, at the bottom, right, as ONNX orders them."""


@dataclass(frozen=True, eq=False)
class Facts:
    """A convolution as its call has it.

    Attributes:
        source: Name of the tensor it reads, without what is put around it.
        weight: (O, I/groups, KH, KW).
        bias: (O,).
        stride: Of rows and columns alike.
        dilation: Likewise.
        groups: Parts of the channels that know nothing of each other.
        pads: Pixels around its source.
        padding: What they are.
        held: What is held of its numbers.
        frozen: Whether they are not to be trained.
    """

    source: str
    weight: Tensor
    bias: Tensor
    stride: int
    dilation: int
    groups: int
    pads: Sides
    padding: Padding
    held: Held = FREE
    frozen: bool = False


def conv_facts(call: Call) -> Facts:
    """The facts of a Conv2d or of one of CONV_FUNCTIONS.

    Raises:
        UnsupportedOperatorError: One that is not supported, and what is.
    """
    conv = call.module
    if isinstance(conv, nn.Conv2d):
        weight, bias = conv.weight, conv.bias
        held = conv.held if isinstance(conv, HeldConv2d) else FREE
        given = (conv.stride, conv.padding, conv.dilation, conv.groups)
        mode = conv.padding_mode
    else:
        call.only("weight", "bias", "stride", "padding", "dilation", "groups")
        weight, bias = conv_numbers(call)
        held, mode = FREE, "zeros"
        named = (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1))
        given = tuple(call.argument(3 + i, name, default) for i, (name, default) in enumerate(named))
    stride, padding, dilation, groups = given
    step = one_number(call, "stride", stride)
    spread = one_number(call, "dilation", dilation)
    if mode not in _PADDINGS:
        raise refused(call, f"padding_mode {mode!r}; use zeros, replicate or reflect")
    around = _pads(call, padding, weight.shape[2:], spread)
    pad = joined_pad(call, around, _PADDINGS[mode])
    return Facts(
        pad.source,
        weight.detach(),
        weight.new_zeros(len(weight)).detach() if bias is None else bias.detach(),
        step,
        spread,
        int(groups),
        pad.sides,
        pad.padding,
        held,
        call.is_fixed(weight) and (conv is None or is_own(conv, weight)),
    )


def conv_numbers(call: Call) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a function that is given both; numbers that the module holds.

    Raises:
        UnsupportedOperatorError: One of them is computed.
    """
    weight, bias = call.argument(1, "weight"), call.argument(2, "bias")
    held = call.constant(weight)
    if held is None or held.ndim != 4:
        raise call.refused("its weight is computed; a parameter or buffer of four dimensions is supported")
    offset = None if bias is None else call.constant(bias)
    if bias is not None and offset is None:
        raise call.refused("its bias is computed; a parameter or buffer is supported")
    return held, offset


def is_own(layer: nn.Module, weight: Tensor) -> bool:
    """Whether a layer holds its weight as it is; one that a hook makes does not say whether it is trained."""
    return any(each is weight for each in (*layer.parameters(False), *layer.buffers(False)))


def refused(call: Call, why: str) -> UnsupportedOperatorError:
    """What is said of a convolution that is not supported."""
    kind = f"{call.named} " if call.module is not None else ""
    return UnsupportedOperatorError(f"{kind}{call.where}: {why}")


def pair(number: Any) -> tuple[int, int] | None:
    """A number for rows and one for columns, if that is what is given."""
    numbers = list(number) if isinstance(number, Sequence) and not isinstance(number, str) else [number]
    if not numbers or not all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        return None
    return (numbers[0], numbers[-1]) if len(numbers) <= 2 else None


def one_number(call: Call, what: str, number: Any) -> int:
    """A stride or dilation, which must be that of rows and columns alike.

    Raises:
        UnsupportedOperatorError: It is none, or another for columns than for rows.
    """
    found = pair(number)
    if found is None or found[0] != found[1] or found[0] < 1:
        raise refused(call, f"{what} {number}; one whole number for rows and columns is supported")
    return found[0]


def factor_of(call: Call, name: str) -> int:
    """By how much a shuffle enlarges or shrinks: an attribute of its module, or the function's argument.

    Raises:
        UnsupportedOperatorError: It is no whole number.
    """
    given = call.argument(1, name) if call.module is None else getattr(call.module, name)
    return one_number(call, "factor", given)


def _pads(call: Call, padding: Any, kernel: Sequence[int], dilation: int) -> Sides:
    """Pixels that the convolution itself puts around what it reads."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":  # torch puts the odd one behind
        rows, columns = ((size - 1) * dilation for size in kernel)
        return rows // 2, columns // 2, rows - rows // 2, columns - columns // 2
    found = pair(padding)
    if found is None or min(found) < 0:
        raise refused(call, f"padding {padding}; numbers of pixels, 'same' or 'valid' are supported")
    return found[0], found[1], found[0], found[1]


def joined_pad(call: Call, sides: Sides, padding: Padding) -> Pad:
    """The source of a convolution, or of a mean, with all that is put around it.

    Raises:
        UnsupportedOperatorError: Two paddings that are none together.
    """
    outer = call.pad
    if outer is None:
        (source,) = call.sources()
        return Pad(source, sides, padding)
    joined = outer.joined(sides, padding)
    if joined is None:
        raise refused(
            call,
            f"padding {padding.value!r} behind a padding {outer.padding.value!r}; one of them may add pixels "
            "(zeros may stand around zeros, replicated edges around replicated ones)",
        )
    return joined


def centred(weight: Tensor, dilation: int) -> Sides:
    """Half a kernel (O, I, KH, KW) on each side."""
    rows, columns = ((size - 1) * dilation // 2 for size in weight.shape[2:])
    return rows, columns, rows, columns


def unless_centred(sides: Sides, weight: Tensor, dilation: int) -> Sides | None:
    """Pads as a node has them: None where they are half a kernel on each side."""
    odd = all((size - 1) * dilation % 2 == 0 for size in weight.shape[2:])
    return None if odd and sides == centred(weight, dilation) else sides
