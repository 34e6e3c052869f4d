"""What one layer of a network costs, and how numbers are written that need not be whole."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

Count = int | Fraction
"""A number per pixel of the input: of a layer at half its size, a quarter of one per pixel."""


@dataclass(frozen=True)
class Accumulator:
    """The register that one layer adds up in (C13).

    Attributes:
        lowest: Smallest accumulator: proved for trained weights, bias included; else of the products alone,
            over all weights and inputs. Operands of an addition are taken to be on one grid if there is no
            training that says otherwise.
        highest: The largest, in the same way.
        bits: Width of the two's complement register that holds both.
    """

    lowest: int
    highest: int
    bits: int

    @property
    def room(self) -> int:
        """Magnitude that always fits in beside: a bias up to this needs no further bit."""
        half = 1 << (self.bits - 1)
        return min(half - 1 - self.highest, half + self.lowest)


@dataclass(frozen=True)
class LayerCost:
    """The cost of one layer. What is "per input pixel" is per pixel of the network's input picture.

    Attributes:
        name: Name of the tensor it makes.
        operator: Its kind.
        kernel: K, rows of the window it reads.
        kernel_columns: Columns of it.
        channels: Of its result.
        bits: Of one stored code of its result.
        scale: Height and width of its result, relative to the network's input.
        weights: Weights of a convolution (C1).
        weight_bits: Width of one of them; None without weights.
        biases: Biases of a convolution, one for each output channel.
        slopes: Slopes of a leaky ReLU, one for each channel.
        macs: Multiplications of a weight and a code with accumulation, per input pixel (C3).
        multiplications: By constants and slopes and of two codes, per input pixel (C4).
        entries: Entries of a table, each as wide as a code of its result.
        line_rows: Rows of its sources that line buffers and FIFOs in front of it keep (C7).
        line_bits_per_column: Bits of that memory for each column of the input picture (C7).
        read_bits: Bits of its sources per input pixel, each source read once (C9).
        written_bits: Bits of its result per input pixel (C9).
        accumulator: Its register; None where codes only move.
    """

    name: str
    operator: str
    kernel: int
    kernel_columns: int
    channels: int
    bits: int
    scale: Count
    weights: int
    weight_bits: int | None
    biases: int
    slopes: int
    macs: Count
    multiplications: Count
    entries: int
    line_rows: int
    line_bits_per_column: Count
    read_bits: Count
    written_bits: Count
    accumulator: Accumulator | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        document = {name: as_number(value) for name, value in asdict(self).items()}
        if self.accumulator is not None:
            document["accumulator"]["room"] = self.accumulator.room
        return document


def as_number(value: Any) -> Any:
    """A value as JSON has it: a fraction that is none is whole, any other a float."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value
