"""The float file, for toolchains that quantise themselves: the network of a QDQ file without a quantiser."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwrts.export.forms import Functions, RealNodes
from hwrts.export.onnx_writer import to_qdq
from hwrts.export.operators import NODES
from hwrts.export.qdq_options import OPSET, QdqOptions
from hwrts.fixed_point import HwrtsError, Layer, Network

FLOAT = "float"
"""As ``--target`` says it."""


def float_model(
    network: Network,
    weights: Mapping[str, tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]],
    size: tuple[int, int] | None = None,
    opset: int = OPSET,
    ir_version: int | None = None,
    numbers: Mapping[str, NDArray[np.floating[Any]]] | None = None,
    functions: Functions | None = None,
    clamped: Collection[str] | None = None,
) -> onnx.ModelProto:
    """An ONNX model of real values: pixels 0 to 1, (N, C, H, W) float32 in and out.

    Args:
        network: The integer network, for its structure and what its constants are.
        weights: Weights (O, I/G, KH, KW) and biases (O,) of each convolution before they were rounded.
        size: Height and width of pictures; None leaves them open.
        opset: Of the file.
        ir_version: Of the file; None is the lowest that the opset allows.
        numbers: Slopes (C,) or (1,) of leaky ReLUs, factors () of products with a constant, and limits
            (2,) of clips, before they were rounded; the rounded ones where nothing is given.
        functions: What the tables are of.
        clamped: Layers with a ReLU of their own: values below 0 of other unsigned tensors stay, but at
            outputs; None are all.

    Raises:
        HwrtsError: An operator that has no form in real values here.
    """
    for layer in network.layers:
        if not NODES[type(layer)].FORMS.real(layer, functions or {}):
            raise HwrtsError(
                f"--target {FLOAT}: layer {layer.name!r} is a {type(layer).__name__}, which has no form in "
                "real values here; use torch.onnx.export of your module, or --target onnx"
            )
    ends = QdqOptions(relu=True, moves_in_real=True, float_boundary=True, size=size)
    options = replace(ends, opset=opset, ir_version=ir_version)
    try:
        model = to_qdq(network, options, metadata={"target": FLOAT, "flavour": "float"})
    except HwrtsError as error:
        raise HwrtsError(f"--target {FLOAT}: {error}") from error
    graph = model.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    same: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    ends_here: dict[str, tuple[Layer, RealNodes]] = {  # where their whole numbers, or entries, come out
        f"{layer.name}{own.end}": (layer, own)
        for layer in network.layers
        if (own := NODES[type(layer)].FORMS.real_nodes) is not None
    }
    for node in graph.node:
        source = same.get(node.input[0], node.input[0])
        end = ends_here.get(node.output[0])
        if end is not None and node.op_type in ("Gather", "Cast"):
            layer, own = end
            real = same.get(layer.sources[0], layer.sources[0])
            nodes, numbers_of_it = own.made(layer, functions or {}, real, node)
            kept += nodes
            constants |= numbers_of_it
        elif node.op_type == "DequantizeLinear" and source in constants:
            constants[node.output[0]] = _real(constants, node)
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear") or _narrows(node) or _is_middle(node):
            same[node.output[0]] = source
        else:
            made_by = node.output[0].removesuffix(".relu")
            if clamped is not None and made_by != node.output[0] and made_by not in clamped:
                same[node.output[0]] = source
                continue
            node.input[:] = [same.get(name, name) for name in node.input]
            kept.append(node)
    for name, (weight, bias) in weights.items():
        constants[f"{name}.weight.real"] = weight.astype(np.float32)
        constants[f"{name}.bias.real"] = bias.astype(np.float32)
    for name, number in (numbers or {}).items():
        layer = network.layer(name)
        put = NODES[type(layer)].FORMS.real_numbers
        if put is not None:
            put(layer, number.astype(np.float32), kept, constants)
    relus = {node.output[0] for node in kept if node.op_type == "Relu"}
    for name, output in zip(network.outputs, graph.output, strict=True):
        last = same[output.name]
        if clamped is not None and not network.formats[name].signed and last not in relus:
            kept.append(helper.make_node("Relu", [last], [output.name], name=f"{output.name}.Relu"))
            continue
        # what gave the codes gives the values
        for node in kept:
            node.input[:] = [output.name if name == last else name for name in node.input]
            node.output[:] = [output.name if name == last else name for name in node.output]
    _replace(graph, _read(kept, {output.name for output in graph.output}), constants)
    onnx.checker.check_model(model, full_check=True)
    return model


def _read(nodes: Iterable[onnx.NodeProto], read: set[str]) -> list[onnx.NodeProto]:
    """The nodes that somebody reads: those of whole numbers are read no more."""
    found = []
    for node in reversed(list(nodes)):
        if read & set(node.output):
            read |= set(node.input)
            found.append(node)
    return found[::-1]


def _is_middle(node: onnx.NodeProto) -> bool:
    """Whether it adds what an interpolation was around, which real values are not."""
    return bool(node.op_type == "Add" and node.input[1].endswith(".middle"))


def _narrows(node: onnx.NodeProto) -> bool:
    """Whether it ends the codes of a format of less than 8 bits."""
    return bool(node.op_type == "Clip" and node.input[0].endswith(".wide"))


def _real(constants: Mapping[str, NDArray[Any]], node: onnx.NodeProto) -> NDArray[np.float32]:
    codes, scale, zero = (constants[name] for name in node.input)
    if scale.ndim:
        scale, zero = (each.reshape(-1, *[1] * (codes.ndim - 1)) for each in (scale, zero))
    real: NDArray[np.float32] = ((codes.astype(np.float64) - zero) * scale).astype(np.float32)
    return real


def _replace(
    graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto], constants: Mapping[str, NDArray[Any]]
) -> None:
    """The nodes of a graph, and the constants that they read."""
    nodes = list(nodes)
    read = {name for node in nodes for name in node.input}
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value, order="C"), name)
        for name, value in constants.items()
        if name in read
    )
