"""Depth-to-space in ONNX."""

from dataclasses import replace
from typing import Any

from hwrts.export.depth_first import Order, depth_first
from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import DepthToSpace, Network

FUSED = Fused(wide=any_width)
"""Nothing of its own: the operator of the same name moves bytes as well."""


def _wanted(network: Network, layer: DepthToSpace) -> Order:
    return depth_first(network.channels[layer.name], layer.block)


FORMS = replace(MOVES, wanted=_wanted)


def qdq(writer: QdqWriter, layer: DepthToSpace) -> None:
    """A move of real values; the same scale on both sides, or a float island appears."""
    source, mode = layer.source, _moved(layer)
    if writer.options.depth_first:
        mode["mode"] = "DCR"
        if source not in writer.turned:  # others see it as well
            order = depth_first(writer.network.channels[layer.name], layer.block)
            places = writer.constant(f"{layer.name}.order", order)
            source = writer.moved("Gather", source, [places], f"{layer.name}.turned", axis=1)
    writer.node("DepthToSpace", [writer.real(layer.source, source)], f"{layer.name}.exact", **mode)
    writer.quantize(layer.name, computed=False)


def integer(writer: IntegerWriter, layer: DepthToSpace) -> None:
    """A move of the codes themselves (eq. 7)."""
    writer.moved("DepthToSpace", layer.source, [], layer.name, **_moved(layer))


def _moved(layer: DepthToSpace) -> dict[str, Any]:
    return {"blocksize": layer.block, "mode": "CRD"}
