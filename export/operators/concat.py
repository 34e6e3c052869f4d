"""A concatenation of channels in ONNX."""

from hwrts.export.forms import Forms, always, not_around_zero
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width, is_wide
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Concat, Network

_CHANNELS: dict[str, object] = {"axis": 1}


def _moves(network: Network, layer: Concat) -> bool:
    """Whether all operands stand on the grid of the result, under one zero point: their bytes stay.

    Of more than 8 bits they have one width as well: they are not stored in bytes, and nothing limits them.
    """
    formats = network.formats_of((*layer.sources, layer.name))
    wide = is_wide(network, layer)
    return len({(each.signed, each.frac, wide and each.bits) for each in formats}) == 1


FUSED = Fused(qdq="QLinearConcat", unfused=_moves, wide=any_width)
FORMS = Forms(not_around_zero, always)


def qdq(writer: QdqWriter, layer: Concat) -> None:
    """Concat on real values, or of the stored codes where they stay as they are."""
    if _moves(writer.network, layer) and not writer.options.moves_in_real:
        _move(writer, layer)
        return
    writer.node(
        "Concat", [writer.real(source) for source in layer.sources], f"{layer.name}.exact", **_CHANNELS
    )
    writer.quantize(layer.name, computed=False)


def integer(writer: IntegerWriter, layer: Concat) -> None:
    """Codes on the finest of all grids, behind one another (eq. 23); stored codes where they stay."""
    if _moves(writer.network, layer):
        _move(writer, layer)
        return
    writer.node("Concat", writer.aligned(layer), f"{layer.name}.acc", **_CHANNELS)
    writer.requantize(layer)


def _move(writer: Writer, layer: Concat) -> None:
    bits = layer.out.bits
    stored = layer.name if bits >= 8 else f"{layer.name}.wide"
    writer.node("Concat", list(layer.sources), stored, **_CHANNELS)
    if bits < 8:
        writer.clipped(stored, layer.name)
