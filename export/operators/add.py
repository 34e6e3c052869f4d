"""An addition or a subtraction in ONNX."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwrts.export.forms import Forms, Less, always, is_byte, no_zero_point, signed
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Add, HwrtsError, Layer, Network

if TYPE_CHECKING:
    from hwrts.export.targets.target import Target


def _subtracts(network: Network, layer: Add) -> bool:
    """ONNX Runtime has no integer subtraction: Sub stays a float operator, which is exact (section 8)."""
    return layer.negated


FUSED = Fused(qdq="QLinearAdd", islands=("Add", "Sum"), unfused=_subtracts, wide=any_width)
"""In integer operators an addition is a float operator on exact integers, by design."""


def _around_zero(network: Network, layer: Add, less: Less) -> Layer:
    """Its operands must be less as much together as its result."""
    first, second = (
        Fraction(less.get(source, 0)) / Fraction(2) ** network.formats[source].frac
        for source in layer.sources
    )
    added = first - second if layer.negated else first + second
    if added != Fraction(less.get(layer.name, 0)) / Fraction(2) ** layer.out.frac:
        raise no_zero_point(layer)
    return replace(layer, out=signed(layer.out))


def _halved(network: Network, layer: Add) -> Iterator[str]:
    """Operands of fewer than 8 bits, of a range with the same middle, that make a sum of bytes less 128."""
    if not is_byte(layer.out):
        return
    for source, other in (layer.sources, layer.sources[::-1]):
        form, beside = network.formats[source], network.formats[other]
        added = source == layer.sources[0] or not layer.negated
        narrow = not form.signed and form.bits < 8 and not is_byte(beside)
        if added and narrow and form.bits - form.frac == layer.out.bits - layer.out.frac:
            yield source


def _refuse(network: Network, layer: Add, target: "Target") -> None:
    drops_bits = layer.acc_frac(*network.formats_of(layer.sources)) > layer.out.frac
    if target.exact_sums and drops_bits:
        raise HwrtsError(
            f"--target {target.name}: layer {layer.name!r} adds one pixel to a picture, or grids that are "
            "more than 6 bits apart, and drops bits, which has no exact form for it; quantize with "
            "--exact-additions, or use --target onnx"
        )


FORMS = Forms(_around_zero, always, halved=_halved, refuse=_refuse, turns=True)


def qdq(writer: QdqWriter, layer: Add) -> None:
    """Add or Sub on real values."""
    writer.node(_operator(layer), [writer.real(source) for source in layer.sources], f"{layer.name}.exact")
    writer.quantize(layer.name)


def integer(writer: IntegerWriter, layer: Add) -> None:
    """Codes on the finer of both grids, added or subtracted (eq. 6, 32)."""
    writer.node(_operator(layer), writer.aligned(layer), f"{layer.name}.acc")
    writer.requantize(layer)


def _operator(layer: Add) -> str:
    return "Sub" if layer.negated else "Add"
