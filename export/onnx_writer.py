"""The int8 ONNX file, emitted from the integer network.

Every activation is stored as uint8: signed tensors with zero point 128, an exact re-encoding (eq. 11). All
weights are int8 initialisers: about one byte a weight, no float copy. Opset 19 is the lowest that
onnx.reference, one of the witnesses, can run.
"""

from collections.abc import Mapping
from fractions import Fraction

import onnx
from onnx import TensorProto, helper

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Writer
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.operators import NODES
from hwrts.fixed_point import Network, Rounding

OPSET = 19
IR_VERSION = 9
"""The version that belongs to opset 19: older runtimes refuse newer ones."""


def is_qdq(network: Network) -> bool:
    """Whether the file is in QDQ form; it can only say half to even, and knows no other rule."""
    return set(network.rules) == {Rounding.HALF_EVEN}


def to_onnx(network: Network, *, metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """An ONNX model of quantised codes: uint8 (N, C, H, W) in and out, any N, H and W.

    With rounding half to even it is in QDQ form, which runtimes fuse to integer operators; with another
    rule it is written in integer operators, each step of eq. 2 to 6 on its own.

    Args:
        network: The integer network.
        metadata: Entries added to the model's metadata beside formats, rounding and flavour.

    Raises:
        HwrtsError: A width that an int8 file cannot hold.
    """
    qdq = is_qdq(network)
    writer = _written_qdq(network) if qdq else _written_integer(network)
    graph = helper.make_graph(
        writer.nodes,
        "hwrts",
        [_value_info(network, tensor.name) for tensor in network.inputs],
        [_value_info(network, name) for name in network.outputs],
        writer.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hwrts")
    model.ir_version = IR_VERSION
    formats = {f"format.{name}": str(tensor) for name, tensor in network.formats.items()}
    own = {"rounding": str(network.rules), "flavour": "QDQ" if qdq else "integer operators"}
    helper.set_model_props(model, {**own, **formats, **(metadata or {})})
    onnx.checker.check_model(model, full_check=True)
    return model


def _written_qdq(network: Network) -> Writer:
    writer = QdqWriter(network)
    for layer in network.layers:
        NODES[type(layer)].qdq(writer, layer)
    return writer


def _written_integer(network: Network) -> Writer:
    writer = IntegerWriter(network)
    for layer in network.layers:
        NODES[type(layer)].integer(writer, layer)
    return writer


def expose_layers(model: onnx.ModelProto, network: Network) -> onnx.ModelProto:
    """A copy of a model whose outputs are the stored uint8 codes of every layer that it holds by name.

    Args:
        model: What :func:`to_onnx` made of the network.
        network: The integer network.
    """
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    made = {output for node in model.graph.node for output in node.output}
    shown = {output.name for output in model.graph.output}
    for layer in network.layers:
        if layer.name in made - shown:
            exposed.graph.output.append(_value_info(network, layer.name))
    return exposed


def _value_info(network: Network, name: str) -> onnx.ValueInfoProto:
    tensor = network.tensors[name]
    if any(each.free and each.name == name for each in network.inputs):
        sides: list[str | int] = [f"{axis} of {name}" for axis in ("H", "W")]
        return helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", tensor.channels, *sides])
    sides = [_side(axis, tensor.scale, lacks) for axis, lacks in zip(("H", "W"), tensor.lacks, strict=True)]
    return helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", tensor.channels, *sides])


def _side(axis: str, scale: Fraction, lacks: int) -> str | int:
    """The name of a size: H, H*2, H/2, H*3/2, H*2-4; or the size, of one pixel for a whole picture."""
    if scale == 0:
        return -lacks
    times = f"*{scale.numerator}" if scale.numerator > 1 else ""
    shared = f"/{scale.denominator}" if scale.denominator > 1 else ""
    return f"{axis}{times}{shared}" + (f"-{lacks}" if lacks else "")
