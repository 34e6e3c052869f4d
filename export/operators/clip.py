"""A clip in ONNX."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from hwrts.export.forms import Constants, Forms, Less, always
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width, is_wide
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Clip, HwrtsError, Layer, Network

if TYPE_CHECKING:
    from hwrts.export.targets.target import Target

FUSED = Fused(wide=any_width)
"""Nothing of its own: Clip takes bytes as well. Of real values it would keep a layer in float."""


def _around_zero(network: Network, layer: Clip, less: Less) -> Layer:
    moved = less.get(layer.source, 0)
    return replace(layer, low=layer.low - moved, high=layer.high - moved)


def _real_limits(
    layer: Clip, limits: NDArray[np.float32], nodes: Iterable[NodeProto], constants: Constants
) -> None:
    name = layer.name
    (node,) = (each for each in nodes if f"{name}.exact" in each.output)
    node.op_type = "Clip"  # of limits at the ends of a byte it is none
    node.input[1:] = [f"{name}.low", f"{name}.high"]
    constants[f"{name}.low"], constants[f"{name}.high"] = limits


def _refuse(network: Network, layer: Clip, target: "Target") -> None:
    (form,) = network.formats_of(layer.sources)
    if target.one_limit and layer.low > form.min and layer.high < form.max:
        raise HwrtsError(
            f"--target {target.name}: layer {layer.name!r} is a Clip on both sides, which has no exact form "
            "for it; limit one side, or use --target onnx"
        )


FORMS = Forms(_around_zero, always, real_numbers=_real_limits, refuse=_refuse, turns=True)


def qdq(writer: QdqWriter, layer: Clip) -> None:
    """A clip of the stored bytes, or of real values where moves are and ONNX Runtime computes it."""
    real = writer.options.moves_in_real and writer.keeps_clip(layer.source, layer.low, layer.high)
    if not real:
        _clip(writer, layer)
        return
    source = writer.network.formats[layer.source]
    if layer.low == 0 and layer.high == source.max:
        writer.moved("Relu", layer.source, [], layer.name)
        return
    limits = [
        writer.constant(f"{layer.name}.{end}", np.array(np.ldexp(float(code), -source.frac), np.float32))
        for end, code in (("low", layer.low), ("high", layer.high))
    ]
    writer.moved("Clip", layer.source, limits, layer.name)


def integer(writer: IntegerWriter, layer: Clip) -> None:
    """A clip of the stored bytes (eq. 27)."""
    _clip(writer, layer)


def _clip(writer: Writer, layer: Clip) -> None:
    source = writer.network.formats[layer.source]
    if is_wide(writer.network, layer):
        ends = [
            writer.constant(f"{layer.name}.{end}", np.array(code, np.int32))
            for end, code in (("low", layer.low), ("high", layer.high))
        ]
        writer.moved("Clip", layer.source, ends, layer.name)
        return
    zero = writer.zero_point(source)
    limits = [
        writer.byte(f"{layer.name}.{end}", code + zero, source)
        for end, code in (("low", layer.low), ("high", layer.high))
    ]
    writer.node("Clip", [layer.source, *limits], layer.name)
