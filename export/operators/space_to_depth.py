"""Space-to-depth in ONNX."""

import numpy as np

from hwrts.export.forms import MOVES
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, any_width
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Network, SpaceToDepth


def _again(network: Network, layer: SpaceToDepth) -> bool:
    """Whether an earlier layer is the same: ONNX Runtime makes both at once."""
    alike = [
        each for each in network.layers if isinstance(each, SpaceToDepth) and each.source == layer.source
    ]
    return next(each for each in alike if each.block == layer.block) is not layer


FUSED = Fused(qdq="Gather", integer="Gather", unfused=_again, wide=any_width)
"""Nothing is to be fused: the operator of the same name moves bytes as well, and Gather."""
FORMS = MOVES


def qdq(writer: QdqWriter, layer: SpaceToDepth) -> None:
    """A move of the stored bytes."""
    _move(writer, layer)


def integer(writer: IntegerWriter, layer: SpaceToDepth) -> None:
    """A move of the stored bytes (eq. 31)."""
    _move(writer, layer)


def _move(writer: Writer, layer: SpaceToDepth) -> None:
    """ONNX numbers its channels (i, j, c), torch and eq. 31 (c, i, j): Gather puts them in order."""
    block, channels = layer.block, writer.network.channels[layer.source]
    order = np.arange(channels * block**2).reshape(block**2, channels).T.ravel()  # (C*R*R,)
    apart = writer.moved("SpaceToDepth", layer.source, [], f"{layer.name}.apart", blocksize=block)
    places = writer.constant(f"{layer.name}.order", order.astype(np.int64))
    writer.moved("Gather", apart, [places], layer.name, like=layer.source, axis=1)
