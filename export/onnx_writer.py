"""The int8 ONNX file, emitted from the integer network.

Every activation is stored as uint8: signed tensors with zero point 128, an exact re-encoding (eq. 11); what
has more bits, as pictures of 10 or 12 have, as uint16 or int16 (hwrts.export.onnx_wide). All
weights are int8 initialisers: about one byte a weight, no float copy. Opset 19 is the lowest that
onnx.reference, one of the witnesses, can run.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import onnx
from onnx import TensorProto, helper

from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Writer, is_wide
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.export.onnx_wide import WideWriter
from hwrts.export.operators import NODES
from hwrts.export.qdq_options import OPSET, QdqOptions
from hwrts.export.turned import turned
from hwrts.fixed_point import HwrtsError, Layer, Network, Rounding


def is_qdq(network: Network) -> bool:
    """Whether the file is in QDQ form; it can only say half to even, and knows no other rule."""
    return set(network.rules) == {Rounding.HALF_EVEN}


def to_onnx(network: Network, *, metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
    """An ONNX model of quantised codes: uint8 (N, C, H, W) in and out, uint16 of more bits, any N, H and W.

    With rounding half to even it is in QDQ form, which runtimes fuse to integer operators; with another
    rule it is written in integer operators, each step of eq. 2 to 6 on its own.

    Args:
        network: The integer network.
        metadata: Entries added to the model's metadata beside formats, rounding and flavour.

    Raises:
        HwrtsError: A layer of more than 8 bits whose operator has no form of them.
    """
    if is_qdq(network):
        return to_qdq(network, metadata=metadata)
    writer = IntegerWriter(network)
    wide = WideWriter.beside(writer)
    for layer in network.layers:
        NODES[type(layer)].integer(wide if _has_wide_nodes(network, layer) else writer, layer)
    return _model(writer, "integer operators", metadata)


def to_qdq(
    network: Network, options: QdqOptions | None = None, *, metadata: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """The file in QDQ form under any rounding: it holds the integers, the client brings its rule.

    Args:
        network: The integer network.
        options: How it is said; what :func:`to_onnx` writes without any.
        metadata: Entries added to the model's metadata.

    Raises:
        HwrtsError: What an int8 file, or these options, cannot hold.
    """
    options = options or QdqOptions()
    options.check(network)
    writer = QdqWriter(network, options, turned(network) if options.depth_first else {})
    if options.float_boundary:
        for each in network.inputs:
            writer.stored_input(each.name)
    wide = WideWriter.beside(writer)
    for layer in network.layers:
        if _has_wide_nodes(network, layer):
            NODES[type(layer)].integer(wide, layer)
        else:
            NODES[type(layer)].qdq(writer, layer)
    if options.float_boundary:
        for name in network.outputs:
            writer.real(name)
    return _model(writer, "QDQ", metadata)


def _has_wide_nodes(network: Network, layer: Layer) -> bool:
    """Whether a layer has more than 8 bits, which it is written with on int32.

    Raises:
        HwrtsError: It has, and its operator has no such form.
    """
    if not is_wide(network, layer):
        return False
    if not NODES[type(layer)].FUSED.wide(network, layer):
        bits = max(each.bits for each in network.formats_of((*layer.sources, layer.name)))
        raise HwrtsError(
            f"ONNX: layer {layer.name!r}: {type(layer).__name__} of {bits} bits has no form in an int8 file; "
            "give it at most 8"
        )
    return True


def _model(writer: Writer, flavour: str, metadata: Mapping[str, str] | None) -> onnx.ModelProto:
    network, options = writer.network, writer.options
    shown = [name for name in options.shown if name not in network.outputs]
    graph = helper.make_graph(
        writer.nodes,
        "hwrts",
        [_value_info(network, tensor.name, options, "float") for tensor in network.inputs],
        [_value_info(network, name, options, "real") for name in network.outputs]
        + [_value_info(network, name, replace(options, float_boundary=False)) for name in shown],
        writer.initializers,
    )
    opset = [helper.make_opsetid("", options.opset)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="hwrts")
    model.ir_version = options.ir_version or helper.find_min_ir_version_for(opset)
    formats = {f"format.{name}": str(tensor) for name, tensor in network.formats.items()}
    own = {"rounding": str(network.rules), "flavour": flavour}
    helper.set_model_props(model, {**own, **formats, **(metadata or {})})
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker's errors share no base class
        if options.opset == OPSET:
            raise
        raise HwrtsError(
            f"opset {options.opset}: cannot say this network ({str(error).strip().splitlines()[0]:.200}); "
            f"use {OPSET}"
        ) from error
    return onnx.shape_inference.infer_shapes(model, strict_mode=True) if options.shapes else model


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


def _value_info(
    network: Network, name: str, options: QdqOptions | None = None, real: str = ""
) -> onnx.ValueInfoProto:
    """What the graph says of an input or output.

    Args:
        network: The integer network.
        name: The tensor.
        options: Of the file.
        real: What is behind the name where the boundary is of real values.
    """
    options, tensor = options or QdqOptions(), network.tensors[name]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(options.stored.dtype(tensor.out)))
    shown = name
    if options.float_boundary:
        kind, shown = TensorProto.FLOAT, f"{name}.{real}"
    if options.size is not None:
        sides = network.size_of(name, *options.size)
        return helper.make_tensor_value_info(shown, kind, [1, tensor.channels, *sides])
    if any(each.free and each.name == name for each in network.inputs):
        named: list[str | int] = [f"{axis} of {name}" for axis in ("H", "W")]
    else:
        named = [
            _side(axis, tensor.scale, lacks) for axis, lacks in zip(("H", "W"), tensor.lacks, strict=True)
        ]
    return helper.make_tensor_value_info(shown, kind, ["N", tensor.channels, *named])


def _side(axis: str, scale: Fraction, lacks: int) -> str | int:
    """The name of a size: H, H*2, H/2, H*3/2, H*2-4; or the size, of one pixel for a whole picture."""
    if scale == 0:
        return -lacks
    times = f"*{scale.numerator}" if scale.numerator > 1 else ""
    shared = f"/{scale.denominator}" if scale.denominator > 1 else ""
    return f"{axis}{times}{shared}" + (f"-{lacks}" if lacks else "")
