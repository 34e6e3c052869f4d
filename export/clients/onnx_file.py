"""An ONNX file that is said to be a network, read: how codes go in and come out, which layers it shows."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hwrts.export.clients.file import End, ReadFile
from hwrts.export.runtime import first_line
from hwrts.export.targets.target import TARGETS
from hwrts.export.turned import turned
from hwrts.fixed_point import Format, HwrtsError, Network

_KINDS = {TensorProto.UINT8: "uint8", TensorProto.INT8: "int8", TensorProto.FLOAT: "float32"}
_MOVES = {
    *(
        "Clip",
        "Concat",
        "DepthToSpace",
        "Expand",
        "Gather",
        "Identity",
        "MaxPool",
        "Pad",
        "Reshape",
        "Resize",
    ),
    *("Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
}
"""Operators that hand bytes on."""
_INTEGER = "integer operators"
_QUANTISED = {"QuantizeLinear", "ConvInteger", "QLinearConv"}


class OnnxFile(ReadFile):
    """An ONNX file.

    Args:
        model: Its bytes.
        network: The integer network that it is said to be.

    Raises:
        HwrtsError: It is no ONNX file, or of another network.
    """

    takes = "onnx"

    def __init__(self, model: bytes, network: Network) -> None:
        try:
            self._proto = onnx.load_from_string(model)
            onnx.checker.check_model(self._proto)
        except Exception as error:  # protobuf's and the checker's errors share no base class
            raise HwrtsError(
                f"is no ONNX or TensorFlow Lite file, or cut short ({first_line(error)})"
            ) from error
        nodes = self._proto.graph.node
        self._ops = {node.op_type for node in nodes}
        if not self._ops & _QUANTISED and self._metadata.get("flavour") not in ("QDQ", _INTEGER):
            raise HwrtsError(
                "holds real values and no codes: hwrts export --target float compares such a file with torch"
            )
        self._makers = {output: node for node in nodes for output in node.output}
        self._shown: dict[str, dict[str, onnx.NodeProto]] = {"DequantizeLinear": {}, "QuantizeLinear": {}}
        for node in nodes:
            if node.op_type in self._shown:
                known = self._shown[node.op_type].setdefault(node.input[0], node)
                if _is_shifted(known):
                    self._shown[node.op_type][node.input[0]] = node
        super().__init__(model, network)

    @property
    def target(self) -> str | None:
        """What hwrts wrote it for; None of a file that it did not write for a target."""
        return self._metadata.get("target")

    @property
    def rounds_itself(self) -> bool:
        """Whether its nodes say each rounding, so that no client brings its own."""
        own = self._metadata.get("flavour") == _INTEGER
        return own or ("ConvInteger" in self._ops and "QuantizeLinear" not in self._ops)

    @cached_property
    def _metadata(self) -> dict[str, str]:
        return {entry.key: entry.value for entry in self._proto.metadata_props}

    @cached_property
    def _constants(self) -> dict[str, NDArray[np.generic]]:
        """Those of one number or of one for each channel."""
        graph = self._proto.graph
        small = {each.name: _array(each) for each in graph.initializer if len(each.dims) < 2}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                small[node.output[0]] = _array(node.attribute[0].t)
        return small

    def _ends_of_graph(self) -> tuple[list[str], list[str]]:
        constants = {each.name for each in self._proto.graph.initializer}
        inputs = [each.name for each in self._proto.graph.input if each.name not in constants]
        return inputs, [each.name for each in self._proto.graph.output]

    def _value(self, name: str) -> tuple[int, tuple[int | None, ...]] | None:
        """Type and sides of a tensor, None for an open side."""
        found = self._values.get(name)
        if found is None:
            return None
        tensor = found.type.tensor_type
        return tensor.elem_type, tuple(
            dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim
        )

    @cached_property
    def _values(self) -> dict[str, onnx.ValueInfoProto]:
        try:
            graph = onnx.shape_inference.infer_shapes(self._proto).graph
        except Exception:  # its errors share no base class; what ends of the graph are stands in it anyway
            graph = self._proto.graph
        return {each.name: each for each in (*graph.value_info, *graph.input, *graph.output)}

    def _end(self, tensor: str, name: str, out: Format, channels: int) -> End:
        value = self._value(name)
        kind, sides = value or (0, ())
        if kind not in _KINDS or len(sides) != 4 or sides[0] not in (1, None):
            said = (
                "no tensor"
                if value is None
                else f"{helper.tensor_dtype_to_string(kind).rpartition('.')[2]} {sides}"
            )
            raise HwrtsError(
                f"{name!r} is {said}, where one picture of codes or of real values (float32) belongs"
            )
        channels_last = sides[1] not in (channels, None) and sides[3] == channels
        if sides[3 if channels_last else 1] not in (channels, None):
            raise HwrtsError(
                f"{name!r} has {sides[1]} channels where {tensor!r} of the network has {channels}"
            )
        self._sides[tensor] = (sides[1], sides[2]) if channels_last else (sides[2], sides[3])
        grid = self._grid(name)
        if grid is not None and grid[0] != np.ldexp(1.0, -out.frac):
            raise HwrtsError(
                f"{name!r} has scale {grid[0]:g} where {tensor!r} of the network has 2^{-out.frac}"
            )
        byte = None if grid is None else grid[1]
        target = TARGETS.get(str(self.target))
        if byte is None and target is not None and not target.around_zero:  # tables read bytes as they are
            byte = target.options.stored.zero_point(out)
        zero = _zero(_KINDS[kind], out, byte)
        return End(tensor, name, out, _KINDS[kind], zero, channels_last, self._order.get(tensor))

    @cached_property
    def _order(self) -> dict[str, tuple[int, ...]]:
        """Of channels in front of a DepthToSpace that has the other order."""
        modes = [
            {each.name: helper.get_attribute_value(each) for each in node.attribute}.get("mode", b"DCR")
            for node in self._proto.graph.node
            if node.op_type == "DepthToSpace"
        ]
        if self._proto.producer_name != "hwrts" or b"DCR" not in modes:
            return {}
        return {name: tuple(order.tolist()) for name, order in turned(self.network).items()}

    def _grid(self, name: str) -> tuple[float, int | None] | None:
        """Scale and zero point of a tensor, of who reads or makes it; None where nobody says it."""
        for op in ("DequantizeLinear", "QuantizeLinear"):
            if name in self._shown[op]:
                return self._numbers(self._shown[op][name])
        node = self._makers.get(name)
        while node is not None and node.op_type in _MOVES:
            if node.input[0] in self._shown["DequantizeLinear"]:
                return self._numbers(self._shown["DequantizeLinear"][node.input[0]])
            node = self._makers.get(node.input[0])
        if node is not None and node.op_type in self._shown:
            return self._numbers(node)
        return None

    def _numbers(self, node: onnx.NodeProto) -> tuple[float, int | None] | None:
        scale = self._constants.get(node.input[1])
        zero = self._constants.get(node.input[2]) if len(node.input) > 2 else np.zeros((), np.int8)
        if scale is None or zero is None or scale.size != 1 or zero.size != 1:
            return None
        return float(scale.item()), None if _is_shifted(node) else int(zero.item())

    def _holds(self, layer: str) -> str | None:
        # of a file with a real boundary no bytes are left where a client makes one operator of Q and DQ
        name = f"{layer}.real" if self.file.inputs[0].kind == "float32" else layer
        return name if name in self._makers else None

    def _with_outputs(self, ends: Sequence[End]) -> bytes:
        copy = onnx.ModelProto()
        copy.CopyFrom(self._proto)
        present = {each.name for each in copy.graph.output}
        copy.graph.output.extend(self._values[end.name] for end in ends if end.name not in present)
        return bytes(copy.SerializeToString())


def _is_shifted(node: onnx.NodeProto) -> bool:
    """Whether hwrts wrote a quantiser of a tensor less or more a whole number of codes."""
    return str(node.input[-1]).endswith((".shifted_zero", ".code"))


def _zero(kind: str, out: Format, said: int | None) -> int:
    """The byte that stands for code 0.

    Args:
        kind: Of its bytes.
        out: Its format.
        said: The zero point in the file, None where nobody says it. Codes less 128 have zero point 0.
    """
    if kind == "float32":
        return 0
    lowest = 0 if kind == "uint8" else -128
    if said is None or (said == 0 and kind == "int8" and not out.signed and out.bits == 8):
        return lowest + (128 if out.signed else 0)
    return said


def _array(tensor: onnx.TensorProto) -> NDArray[np.generic]:
    try:
        numbers: NDArray[np.generic] = numpy_helper.to_array(tensor)
    # More numbers than its sides say, or a type that there is none of: the checker takes both.
    except (KeyError, TypeError, ValueError) as error:
        raise HwrtsError(f"has a damaged initializer ({first_line(error)})") from error
    return numbers
