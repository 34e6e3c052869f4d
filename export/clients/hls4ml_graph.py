"""What hls4ml takes of a file of target ``qonnx``: of NumPy, onnx and qonnx alone, for scripts of yours too.

    model = hls4ml.converters.convert_from_onnx_model(graph("model.qonnx.onnx"), hls_config=...)

The real numbers are the file's; what hls4ml 1.3 does not read is said in another way:

- Weights of a convolution have one grid, the finest of its channels, in as many bits as that takes.
- Biases are behind Quant nodes, so that they have a type.
- Attributes that are what they are if nothing is said, are said.
- Convolutions of groups have zeros for the channels of others.
- Replicated and reflected edges, repetition and bilinear interpolation are convolutions of one tap along a
  side in the place of channels; where each has one weight, 1, hardware of it is wires. So are slices, and
  channels in another order.
- Concatenations are of two tensors each.
- Pixel shuffle is another shape and an order of its sides.
- A leaky ReLU is the slope times x and what is left to 1 times max(x, 0).
- Pictures come in as (N, H, W, C).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper, load
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant
from qonnx.util.cleanup import cleanup_model

_UNSAID = {"dilations": [1, 1], "strides": [1, 1], "group": 1}


def graph(path: str | Path) -> Any:
    """The graph (qonnx's ModelWrapper) of a file, for ``hls4ml.converters.convert_from_onnx_model``.

    Raises:
        ValueError: It has an operator that hls4ml does not compute, or several outputs: layouts of the
            others are not what it says, and their codes wrong.
    """
    model: ModelProto = load(path)
    if len(model.graph.output) > 1:
        raise ValueError(f"hls4ml computes files of one output, this one has {len(model.graph.output)}")
    for node in model.graph.node:
        if node.op_type == "Reshape":
            raise ValueError(f"node {node.name!r}: hls4ml computes no channel as a picture of its own")
        said = {attribute.name for attribute in node.attribute}
        if node.op_type == "Conv":
            node.attribute.extend(
                helper.make_attribute(name, value) for name, value in _UNSAID.items() if name not in said
            )
    wrapper = ModelWrapper(model).transform(InferShapes()).transform(QCDQToQuant())
    for node in [node for node in wrapper.graph.node if node.op_type == "Conv"]:
        weights = wrapper.find_producer(node.input[1])
        _one_grid(wrapper, weights)
        _one_group(wrapper, node, weights)
        if len(node.input) == 3:
            bias = _typed(wrapper, node.input[2])
            node.input[2] = bias.output[0]
            wrapper.graph.node.insert(0, bias)
    for node in [*wrapper.graph.node]:
        if node.op_type in _RESTATED:
            nodes = _Nodes(wrapper, node)
            _RESTATED[node.op_type](wrapper, node, nodes)
            nodes.put()
    wrapper = cleanup_model(wrapper)
    return cleanup_model(wrapper.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)))


def _one_grid(wrapper: Any, quant: Any) -> None:
    """No code saturates: in the finest grid they are the coarser ones times a power of two."""
    scale, bits = wrapper.get_initializer(quant.input[1]), wrapper.get_initializer(quant.input[3])
    finest = scale.min()
    quant.input[1] = _constant(wrapper, f"{quant.output[0]}.scale", finest)
    quant.input[2] = _constant(wrapper, f"{quant.output[0]}.zero", 0)
    quant.input[3] = _constant(wrapper, f"{quant.output[0]}.bits", bits + np.log2(scale.max() / finest))


def _one_group(wrapper: Any, conv: Any, quant: Any) -> None:
    """Of the channels of other groups each filter has zeros."""
    (group,) = (each for each in conv.attribute if each.name == "group")
    weights: NDArray[Any] = wrapper.get_initializer(quant.input[0])
    filters, maps, *taps = weights.shape
    dense = np.zeros((filters, maps * group.i, *taps), np.float32)
    for i, each in enumerate(weights):
        first = i // (filters // group.i) * maps
        dense[i, first : first + maps] = each
    wrapper.set_initializer(quant.input[0], dense)
    wrapper.set_tensor_shape(quant.output[0], dense.shape)
    group.i = 1


def _typed(wrapper: Any, source: str) -> Any:
    """A Quant node of signed codes that holds an initializer whole."""
    values: NDArray[Any] = wrapper.get_initializer(source).astype(np.float64)
    frac = next(n for n in range(150) if not np.any(np.ldexp(values, n) % 1))  # float32 has no finer grid
    bits = int(np.abs(np.ldexp(values, frac)).max()).bit_length() + 1
    constants = [
        _constant(wrapper, f"{source}.{what}", value)
        for what, value in (("scale", 2.0**-frac), ("zero", 0), ("bits", bits))
    ]
    said = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", "domain": "qonnx.custom_op.general"}
    return helper.make_node("Quant", [source, *constants], [f"{source}.typed"], **said)


def _constant(wrapper: Any, name: str, value: Any) -> str:
    wrapper.set_initializer(name, np.asarray(value, np.float32))
    return name


class _Nodes:
    """What stands in the place of a node: nodes that read one another, the first what it reads."""

    def __init__(self, wrapper: Any, node: Any) -> None:
        self._wrapper, self._node = wrapper, node
        self._made = list[Any]()
        self.shape, self.after = (wrapper.get_tensor_shape(name) for name in (node.input[0], node.output[0]))

    def then(self, kind: str, *inputs: str, source: str | None = None, **said: Any) -> str:
        """The name of what a node makes of what the one before it made, or of another source."""
        before = self._made[-1].output[0] if self._made else self._node.input[0]
        name = f"{self._node.output[0]}.{len(self._made)}"
        self._made.append(helper.make_node(kind, [source or before, *inputs], [name], name=name, **said))
        return name

    def multiplied(self, by: NDArray[Any], source: str | None = None) -> str:
        """Channels of what was made, times a matrix (new channels, channels), by a convolution of one tap."""
        name = f"{self._node.output[0]}.by{len(self._made)}"
        weight = _constant(self._wrapper, name, by[:, :, None, None])
        typed = _typed(self._wrapper, weight)
        self._wrapper.graph.node.insert(0, typed)
        kernel = {"kernel_shape": [1, 1], "pads": [0, 0, 0, 0]}
        return self.then("Conv", typed.output[0], source=source, **kernel, **_UNSAID)

    def sides(self, rows: NDArray[Any], columns: NDArray[Any]) -> None:
        """Both sides times matrices (new places, places): the one that is last is where channels are."""
        for by in (columns, rows):
            self.then("Transpose", perm=[0, 3, 1, 2])
            self.multiplied(by)
            self.then("Transpose", perm=[0, 2, 3, 1])
            self.then("Transpose", perm=[0, 1, 3, 2])

    def shuffled(self, parts: Sequence[int], order: Sequence[int]) -> None:
        """As these sides, in another order, as those of what the node makes."""
        name = self._node.output[0]
        for what, shape in (("parts", (1, *parts)), ("shape", self.after)):
            self._wrapper.set_initializer(f"{name}.{what}", np.asarray(shape, np.int64))
        self.then("Reshape", f"{name}.parts")
        self.then("Transpose", perm=[0, *(place + 1 for place in order)])
        self.then("Reshape", f"{name}.shape")

    def put(self) -> None:
        """In the place of the node."""
        if self._made:
            self._made[-1].output[0] = self._node.output[0]
            place = [*self._wrapper.graph.node].index(self._node)
            self._wrapper.graph.node.remove(self._node)
            for each in reversed(self._made):
                self._wrapper.graph.node.insert(place, each)


def _edges(wrapper: Any, node: Any, nodes: _Nodes) -> None:
    mode = helper.get_node_attr_value(node, "mode").decode()
    if mode != "constant":  # those hls4ml computes
        pads = wrapper.get_initializer(node.input[1])
        places = (np.pad(np.arange(nodes.shape[side]), (pads[side], pads[side + 4]), mode) for side in (2, 3))
        nodes.sides(*(np.eye(nodes.shape[side])[taken] for side, taken in zip((2, 3), places, strict=True)))


def _enlarged(_: Any, node: Any, nodes: _Nodes) -> None:
    mode, matrices = helper.get_node_attr_value(node, "mode").decode(), []
    for before, after in zip(nodes.shape[2:], nodes.after[2:], strict=True):
        step, one = after // before, np.eye(before)
        if mode == "nearest":
            matrices.append(one.repeat(step, axis=0))
        elif mode == "linear" and step in (1, 2, 4, 8):  # thirds have no grid
            place = (np.arange(after) + 0.5) / step - 0.5
            low = np.floor(place).astype(int)
            lower, upper = (one[np.clip(each, 0, before - 1)] for each in (low, low + 1))
            matrices.append(lower + (place - low)[:, None] * (upper - lower))
        else:
            raise ValueError(f"node {node.name!r}: hls4ml computes no Resize of mode {mode} by {step}")
    nodes.sides(*matrices)


def _to_space(_: Any, node: Any, nodes: _Nodes) -> None:
    (_, channels, height, width), (step, depth_first) = nodes.shape, _blocks(node)
    maps = channels // step**2
    if depth_first:
        nodes.shuffled((step, step, maps, height, width), (2, 3, 0, 4, 1))
    else:
        nodes.shuffled((maps, step, step, height, width), (0, 3, 1, 4, 2))


def _to_depth(_: Any, node: Any, nodes: _Nodes) -> None:
    (_, channels, height, width), (step, _) = nodes.shape, _blocks(node)
    nodes.shuffled((channels, height // step, step, width // step, step), (2, 4, 0, 1, 3))


def _blocks(node: Any) -> tuple[int, bool]:
    said = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return said["blocksize"], said.get("mode", b"DCR") == b"DCR"


def _slice(wrapper: Any, node: Any, nodes: _Nodes) -> None:
    start, stop, axis = (wrapper.get_initializer(name).item() for name in node.input[1:4])
    if axis != 1:
        raise ValueError(f"node {node.name!r}: hls4ml computes no Slice but of channels")
    nodes.multiplied(np.eye(nodes.shape[1])[start:stop])


def _joined(_: Any, node: Any, nodes: _Nodes) -> None:
    for other in node.input[1:]:
        nodes.then("Concat", other, axis=1)


def _order(wrapper: Any, node: Any, nodes: _Nodes) -> None:
    places = wrapper.get_initializer(node.input[1])
    if places is None:
        raise ValueError(f"node {node.name!r}: hls4ml computes no tables")
    nodes.multiplied(np.eye(nodes.shape[1])[places])


def _leaky(wrapper: Any, node: Any, nodes: _Nodes) -> None:
    """The slope times x, and what is left to 1 times max(x, 0)."""
    quant = wrapper.find_producer(node.input[1])
    slope = np.broadcast_to(wrapper.get_initializer(quant.input[0]).ravel(), nodes.shape[1])
    wrapper.graph.node.remove(quant)  # what nobody reads hls4ml takes for a layer
    sloping = nodes.multiplied(np.diag(slope))
    kept = nodes.then("Relu", source=node.input[0])
    nodes.then("Add", sloping, source=nodes.multiplied(np.diag(1 - slope), kept))


_RESTATED = {
    "Pad": _edges,
    "Resize": _enlarged,
    "DepthToSpace": _to_space,
    "SpaceToDepth": _to_depth,
    "Slice": _slice,
    "Gather": _order,
    "Concat": _joined,
    "PRelu": _leaky,
}
"""What hls4ml 1.3 does not know, computes otherwise, or takes sides of for channels."""
