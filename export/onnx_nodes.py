"""What both flavours of the ONNX file share: collecting nodes and constants, and moving codes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwrts.export.qdq_options import QdqOptions
from hwrts.fixed_point import Format, Network, Operator, Padding
from hwrts.fixed_point.window import MODES

WHOLE_NODE = re.compile(r"\.whole\d+\.\w+$")
"""Names of nodes on whole numbers (int64), whose operators may be called like float ones: Add, Mul."""

WIDE_NODE = re.compile(r"\.wide\.([A-Z0-9]+)\.\w+$")
"""Names of nodes of layers of more than 8 bits, with the type that they compute."""
WIDE_TYPES = {
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.FLOAT: "whole float32",
    onnx.TensorProto.DOUBLE: "whole float64",
}
"""What a census calls them: the floats are whole numbers times a power of two, all of them exact."""


def never_wide(network: Network, layer: Operator) -> bool:
    """Of an operator whose nodes are of bytes alone."""
    return False


def any_width(network: Network, layer: Operator) -> bool:
    """Of an operator whose integer form is of codes, however many bits they have."""
    return True


@dataclass(frozen=True)
class Fused:
    """What ONNX Runtime's optimised graph holds of an operator.

    Attributes:
        qdq: The integer operator that its QDQ form becomes; None where a float operator or a move is right.
        integer: The integer operator in the other flavour.
        islands: Float operators that are left where a fusion failed; for the flavours with an integer one.
        unfused: Whether a layer of a network has nothing to fuse: it only moves stored codes, or stays a
            float operator on exact values.
        floats: Float operators of a layer that others have among their islands.
        wide: Whether a layer has nodes where it reads or makes codes of more than 8 bits.
    """

    qdq: str | None = None
    integer: str | None = None
    islands: tuple[str, ...] = ()
    unfused: Callable[[Network, Any], bool] = lambda network, layer: False
    floats: Callable[[Network, Any], tuple[str, ...]] = lambda network, layer: ()
    wide: Callable[[Network, Any], bool] = never_wide


def zero_point(tensor: Format) -> int:
    """The stored code of value 0 in the file: 128 for signed tensors of up to 8 bits, else 0 (eq. 11)."""
    return 128 if tensor.signed and tensor.bits <= 8 else 0


def is_wide(network: Network, layer: Operator) -> bool:
    """Whether a layer reads or makes codes of more than 8 bits, which no quantised operator has."""
    return any(each.bits > 8 for each in network.formats_of((*layer.sources, layer.name)))


class Writer:
    """Collects nodes and initialisers; tensor T of the graph is stored codes, T.something a step on the way.

    Args:
        network: The integer network.
        options: How the file says it.
    """

    def __init__(self, network: Network, options: QdqOptions | None = None) -> None:
        self.network, self.options = network, options or QdqOptions()
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """An initialiser, made when first asked for."""
        if all(constant.name != name for constant in self.initializers):
            self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Append one operator; returns its output."""
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}.{op}", **attributes))
        return output

    def clipped(self, stored: str, name: str) -> str:
        """The tensor of that name, fewer than 8 bits wide, of stored codes that may lie outside of it.

        They are clipped as codes: a Clip of real values would keep the layer in float.
        """
        tensor = self.network.formats[name]
        limits = [
            self.byte(f"{name}.{end}", code + self.zero_point(tensor), tensor)
            for end, code in (("min", tensor.min), ("max", tensor.max))
        ]
        return self.node("Clip", [stored, *limits], name)

    def stored_zero(self, name: str) -> str:
        """The constant that stands for value 0 in a tensor."""
        tensor = self.network.formats[name]
        return self.byte(f"{name}.zero_point", self.zero_point(tensor), tensor)

    def stored_type(self, name: str) -> int:
        """The type of ONNX that a tensor is stored in."""
        stored = np.dtype(self.options.stored.dtype(self.network.formats[name]))
        return int(helper.np_dtype_to_tensor_dtype(stored))

    def zero_point(self, tensor: Format) -> int:
        """The stored code that stands for value 0."""
        return self.options.stored.zero_point(tensor)

    def byte(self, name: str, stored: int, tensor: Format) -> str:
        """A constant of the type that a tensor is stored in."""
        return self.constant(name, np.array(stored, self.options.stored.dtype(tensor)))

    def moved(
        self, op: str, source: str, constants: list[str], name: str, like: str = "", **attributes: Any
    ) -> str:
        """A move of stored codes by one operator; returns its output.

        Args:
            op: The operator.
            source: What is moved.
            constants: Its other inputs.
            name: Name of the result.
            like: The tensor on whose grid all of it is; source, if it is one.
            attributes: Of the operator.
        """
        return self.node(op, [source, *constants], name, **attributes)

    def padded(self, name: str, margins: tuple[int, int, int, int], padding: Padding) -> str:
        """The stored codes of a tensor with its own around them, made once (eq. 2b, 29).

        Args:
            name: The tensor.
            margins: Rows above, columns to the left, rows below, columns to the right.
            padding: What stands there; zeros are pads of the convolution itself.
        """
        top, left, bottom, right = margins
        match padding:
            case Padding.REPLICATE:
                kind = "replicated"
            case Padding.REFLECT:
                kind = "reflected"
            case Padding.ZERO:
                raise AssertionError("a convolution pads with zeros itself")
            case _:
                assert_never(padding)
        padded = f"{name}.{kind}" + "x".join(map(str, margins if len(set(margins)) > 1 else margins[:1]))
        if all(padded not in node.output for node in self.nodes):
            pads = self.constant(f"{padded}.pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
            self.moved("Pad", name, [pads], padded, mode=MODES[padding])
        return padded

    def factors(self, name: str, factor: int) -> str:
        """The constant with which Resize enlarges for the layer of that name."""
        return self.constant(f"{name}.scales", np.array([1, 1, factor, factor], np.float32))
