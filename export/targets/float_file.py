"""The float file, for toolchains that quantise themselves: the network of a QDQ file without a quantiser."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwrts.export.onnx_writer import to_qdq
from hwrts.export.qdq_options import OPSET, QdqOptions
from hwrts.export.targets.float_functions import has_form, written
from hwrts.fixed_point import (
    Along,
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
    upsample_is_exact,
)

FLOAT = "float"
"""As ``--target`` says it."""

Functions = Mapping[str, tuple[str, Mapping[str, float]]]
"""By the name of a table: the function that it is of, and the numbers that this takes."""


def _is_refused(layer: Layer, functions: Functions) -> bool:
    """Written in whole numbers, or around the middle of a range, and without a form in real values here."""
    if isinstance(layer, Lookup):
        return layer.name not in functions or not has_form(*functions[layer.name])
    if isinstance(layer, GlobalAverage):
        return layer.along is not Along.PICTURE
    if isinstance(layer, Upsample):  # of rounded taps it would be no float network's
        return not upsample_is_exact(layer.kind, layer.factor)
    return isinstance(layer, Resize)


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
        if _is_refused(layer, functions or {}):
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
    ends_here: dict[str, Layer] = {  # where their whole numbers, or entries, come out
        f"{layer.name}.exact" if isinstance(layer, Lookup) else layer.name: layer
        for layer in network.layers
        if isinstance(layer, (Lookup, GlobalAverage))
    }
    for node in graph.node:
        source = same.get(node.input[0], node.input[0])
        end = ends_here.get(node.output[0])
        if end is not None and node.op_type in ("Gather", "Cast"):
            real = same.get(end.sources[0], end.sources[0])
            if isinstance(end, Lookup):
                made = written(*(functions or {})[end.name], end.name, real, node.output[0])
                kept += made.nodes
                constants |= made.constants
            else:
                kept.append(helper.make_node("GlobalAveragePool", [real], node.output, name=node.name))
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
        _put(network.layer(name), number.astype(np.float32), kept, constants)
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
