"""The float file, for toolchains that quantise themselves: the network of a QDQ file without a quantiser."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from hwrts.export.onnx_writer import to_qdq
from hwrts.export.qdq_options import OPSET, QdqOptions
from hwrts.fixed_point import (
    Clip,
    GlobalAverage,
    HwrtsError,
    Layer,
    Lookup,
    Network,
    PRelu,
    Resize,
    Scale,
    Upsample,
)

FLOAT = "float"
"""As ``--target`` says it."""

_REFUSED = (GlobalAverage, Lookup, Resize, Upsample)
"""Written in whole numbers, or around the middle of a range: their file has no form in real values alone."""


def float_model(
    network: Network,
    weights: Mapping[str, tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]],
    size: tuple[int, int] | None = None,
    opset: int = OPSET,
    ir_version: int | None = None,
    numbers: Mapping[str, NDArray[np.floating[Any]]] | None = None,
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

    Raises:
        HwrtsError: An operator that has no form in real values here.
    """
    for layer in network.layers:
        if isinstance(layer, _REFUSED):
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
    for node in graph.node:
        source = same.get(node.input[0], node.input[0])
        if node.op_type == "DequantizeLinear" and source in constants:
            constants[node.output[0]] = _real(constants, node)
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear") or _narrows(node):
            same[node.output[0]] = source
        else:
            node.input[:] = [same.get(name, name) for name in node.input]
            kept.append(node)
    for name, (weight, bias) in weights.items():
        constants[f"{name}.weight.real"] = weight.astype(np.float32)
        constants[f"{name}.bias.real"] = bias.astype(np.float32)
    for name, number in (numbers or {}).items():
        _put(network.layer(name), number.astype(np.float32), kept, constants)
    for output in graph.output:  # what gave the codes gives the values
        made = same[output.name]
        for node in kept:
            node.input[:] = [output.name if name == made else name for name in node.input]
            node.output[:] = [output.name if name == made else name for name in node.output]
    _replace(graph, kept, constants)
    onnx.checker.check_model(model, full_check=True)
    return model


def _put(
    layer: Layer,
    number: NDArray[np.float32],
    nodes: Iterable[onnx.NodeProto],
    constants: dict[str, NDArray[Any]],
) -> None:
    """The numbers of a layer in place of those that were rounded."""
    name = layer.name
    if isinstance(layer, PRelu):
        constants[f"{name}.slope.real"] = number.reshape(-1, 1, 1)
    elif isinstance(layer, Scale):
        constants[f"{name}.multiplier.real"] = number
    elif isinstance(layer, Clip):
        (node,) = (each for each in nodes if f"{name}.exact" in each.output)
        node.op_type = "Clip"  # of limits at the ends of a byte it is none
        node.input[1:] = [f"{name}.low", f"{name}.high"]
        constants[f"{name}.low"], constants[f"{name}.high"] = number


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
