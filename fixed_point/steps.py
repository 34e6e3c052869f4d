"""The shape of a network without its numbers: all that halo, delays and line memory depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from .layers import Conv, DepthToSpace, Repeat, Upsample
from .upsample import upsample_taps

if TYPE_CHECKING:
    from .network import Network


@dataclass(frozen=True)
class Step:
    """One tensor and how it is made.

    Attributes:
        name: Of the tensor.
        sources: Names of the tensors it reads; none for an input.
        kernel: Rows and columns of the window it reads; 1 for operators that read one pixel.
        grow: Factor by which height and width grow.
        channels: Of the result.
        bits: Of one stored code of the result.
    """

    name: str
    sources: tuple[str, ...]
    kernel: int
    grow: int
    channels: int
    bits: int


def steps_of(network: "Network") -> tuple[Step, ...]:
    """The steps of an integer network, inputs first."""
    steps = [Step(tensor.name, (), 1, 1, tensor.channels, tensor.out.bits) for tensor in network.inputs]
    for layer in network.layers:
        kernel, grow = 1, 1
        if isinstance(layer, Conv):
            kernel = layer.weight_i8.shape[2]
        elif isinstance(layer, DepthToSpace):
            grow = layer.block
        elif isinstance(layer, Repeat):
            grow = layer.factor
        elif isinstance(layer, Upsample):
            kernel, grow = upsample_taps(layer.kind, layer.factor)[0].shape[1], layer.factor
        channels, bits = network.channels[layer.name], network.formats[layer.name].bits
        steps.append(Step(layer.name, layer.sources, kernel, grow, channels, bits))
    return tuple(steps)


def scales_of(steps: Sequence[Step]) -> dict[str, int]:
    """Size of every tensor relative to the inputs: 2 means twice the height and width."""
    scales: dict[str, int] = {}
    for step in steps:
        scales[step.name] = step.grow * (scales[step.sources[0]] if step.sources else 1)
    return scales


def halo(steps: Sequence[Step]) -> int:
    """Input pixels on each side that an output pixel depends on.

    >>> x, up = Step("x", (), 1, 1, 3, 8), Step("up", ("x",), 1, 4, 3, 8)
    >>> halo([x, up, Step("blur", ("up",), 5, 1, 3, 8)])  # 2 pixels of a quarter
    1
    """
    scales = scales_of(steps)
    reach: dict[str, Fraction] = {}  # in input pixels
    for step in steps:
        before = max((reach[source] for source in step.sources), default=Fraction(0))
        own = Fraction(step.kernel // 2, scales[step.sources[0]]) if step.sources else Fraction(0)
        reach[step.name] = before + own
    return ceil(reach[steps[-1].name])
