"""How a tensor travels: a word for each pixel of the input's grid, in raster order.

Behind depth-to-space or repetition a pixel of that grid stands for a square of them, and they stay together
in one word: so both are wires, and what follows works on each pixel of the square alike.
"""

import re
from dataclasses import dataclass

from hwrts.fixed_point import Format, HwrtsError, Network

_LONGEST = 24
"""Characters of a tensor's name that its signals bear: enough to find it in a waveform."""


@dataclass(frozen=True)
class Stream:
    """A tensor as words.

    Attributes:
        signal: What its signals are called in Verilog.
        grow: G, how many times as large as the input it is; a word holds G x G pixels, row by row.
        channels: C.
        out: Format of a code.
    """

    signal: str
    grow: int
    channels: int
    out: Format

    @property
    def lanes(self) -> int:
        """Codes of a word."""
        return self.grow**2 * self.channels

    @property
    def bits(self) -> int:
        """Of a word."""
        return self.lanes * self.out.bits

    def lane(self, row: int, column: int, channel: int) -> int:
        """Where the code of a pixel of the square stands in a word."""
        return (row * self.grow + column) * self.channels + channel


def signal_name(place: int, name: str) -> str:
    r"""A name that no keyword is and no other tensor has: its place, and what Verilog can read of its own.

    >>> signal_name(3, "inside"), signal_name(4, "a.b \" c")
    ('t3_inside', 't4_a_b___c')
    """
    return f"t{place}_{re.sub('[^A-Za-z0-9]', '_', name)[:_LONGEST]}"


def streams_of(network: Network) -> dict[str, Stream]:
    """Every tensor by name, inputs first.

    Raises:
        HwrtsError: A tensor that has no such words: smaller than the input, or without some of its rows.
    """
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        inputs, outputs = len(network.inputs), len(network.outputs)
        raise HwrtsError(
            f"rtl: the network has {inputs} input(s) and {outputs} output(s); it can be one of each so far"
        )
    made = {}
    for place, tensor in enumerate(network.tensors.values()):
        if tensor.scale < 1 or tensor.scale.denominator != 1 or any(tensor.lacks):
            raise HwrtsError(
                f"rtl: tensor {tensor.name!r} has {tensor.described}; so far it must be as large as the "
                "input, or a whole number of times as large"
            )
        signal = signal_name(place, tensor.name)
        made[tensor.name] = Stream(signal, int(tensor.scale), tensor.channels, tensor.out)
    return made
