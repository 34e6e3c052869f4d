"""The int8 QDQ file, emitted from the integer network.

Every activation is stored as uint8: signed tensors with zero point 128, an exact re-encoding (eq. 11). All
weights are int8 initialisers behind DequantizeLinear: about one byte a weight, no float copy. Opset 19
is the lowest that onnx.reference, one of the witnesses, can run.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hwrts.fixed_point import Add, Conv, DepthToSpace, Format, HwrtsError, Layer, Network, Rounding

OPSET = 19
IR_VERSION = 9
"""The version that belongs to opset 19: older runtimes refuse newer ones."""


def zero_point(tensor: Format) -> int:
    """The uint8 code that stands for value 0 in the file: 128 for signed tensors, else 0 (eq. 11)."""
    return 128 if tensor.signed else 0


def stored_dtype(tensor: Format) -> type[np.uint8]:
    """Storage type of an activation.

    Raises:
        HwrtsError: A tensor of more than 8 bits, which an int8 file cannot hold.
    """
    if tensor.bits > 8:
        raise HwrtsError(f"ONNX: a tensor of {tensor.bits} bits does not fit an int8 file; use at most 8")
    return np.uint8


def to_onnx(
    network: Network, *, metadata: Mapping[str, str] | None = None, expose: Iterable[str] = ()
) -> onnx.ModelProto:
    """An ONNX model of quantised codes: uint8 (N, C, H, W) in and out, any N, H and W.

    Args:
        network: The integer network; its rounding must be half to even, the only rule QDQ can say.
        metadata: Entries added to the model's metadata beside formats and rounding.
        expose: Names of inner tensors whose stored uint8 codes become outputs too, for comparison.

    Raises:
        HwrtsError: A rounding rule or a width that QDQ cannot express.
    """
    if network.rounding is not Rounding.HALF_EVEN:
        raise HwrtsError(
            f"ONNX: rounding {network.rounding.value!r} cannot be said in QDQ; only 'half_even' can"
        )
    writer = _Writer(network)
    for layer in network.layers:
        writer.layer(layer)
    outputs = [network.output, *(name for name in expose if name != network.output)]
    symbols = {name: _value_info(network, name) for name in [t.name for t in network.inputs] + outputs}
    graph = helper.make_graph(
        writer.nodes,
        "hwrts",
        [symbols[tensor.name] for tensor in network.inputs],
        [symbols[name] for name in outputs],
        writer.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="hwrts")
    model.ir_version = IR_VERSION
    formats = {f"format.{name}": str(tensor) for name, tensor in network.formats.items()}
    helper.set_model_props(model, {"rounding": network.rounding.value, **formats, **(metadata or {})})
    onnx.checker.check_model(model, full_check=True)
    return model


def _value_info(network: Network, name: str) -> onnx.ValueInfoProto:
    scale = network.scales[name]
    axes = ["N", network.channels[name], *(f"{axis}*{scale}" if scale > 1 else axis for axis in ("H", "W"))]
    return helper.make_tensor_value_info(name, TensorProto.UINT8, axes)


class _Writer:
    """Collects nodes and initialisers; tensor T is stored codes, T.real the dequantised values."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def layer(self, layer: Layer) -> None:
        if isinstance(layer, Conv):
            self._conv(layer)
        elif isinstance(layer, Add):
            self._node("Add", [self._real(source) for source in layer.sources], f"{layer.name}.exact")
            self._quantize(layer.name)
        elif isinstance(layer, DepthToSpace):
            moved = {"blocksize": layer.block, "mode": "CRD"}
            self._node("DepthToSpace", [self._real(layer.source)], f"{layer.name}.exact", **moved)
            self._quantize(layer.name)
        else:
            scales = self._constant(
                f"{layer.name}.scales", np.array([1, 1, layer.factor, layer.factor], np.float32)
            )
            nearest = {
                "mode": "nearest",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            }
            self._node(
                "Resize", [layer.source, "", scales], layer.name, **nearest
            )  # moves the codes themselves

    def _real(self, name: str) -> str:
        """The dequantised tensor, made when first read: an unread one would keep its layer in float."""
        if all(f"{name}.real" not in node.output for node in self.nodes):
            self._node("DequantizeLinear", [name, *self._parameters(name)], f"{name}.real")
        return f"{name}.real"

    def _conv(self, conv: Conv) -> None:
        acc_frac = conv.acc_frac(self.network.formats[conv.source])
        weight = self._coefficients(f"{conv.name}.weight", conv.weight_i8, conv.weight_frac)
        bias = self._coefficients(f"{conv.name}.bias", conv.bias_i32, acc_frac)
        kernel = conv.weight_i8.shape[2]
        shape = {"kernel_shape": [kernel, kernel], "pads": [kernel // 2] * 4, "strides": [1, 1]}
        self._node("Conv", [self._real(conv.source), weight, bias], f"{conv.name}.exact", **shape)
        self._quantize(conv.name)

    def _coefficients(self, name: str, codes: NDArray[np.generic], frac: NDArray[np.integer]) -> str:
        """Integer weights or biases behind DequantizeLinear, one scale for each output channel."""
        scale = self._constant(f"{name}.scale", np.ldexp(1.0, -frac.astype(np.int64)).astype(np.float32))
        zero = self._constant(f"{name}.zero_point", np.zeros(len(frac), codes.dtype))
        self._node("DequantizeLinear", [self._constant(name, codes), scale, zero], f"{name}.real", axis=0)
        return f"{name}.real"

    def _quantize(self, name: str) -> None:
        tensor = self.network.formats[name]
        stored = name if tensor.bits == 8 else f"{name}.wide"
        self._node("QuantizeLinear", [f"{name}.exact", *self._parameters(name)], stored)
        if tensor.bits < 8:  # clipped as codes: a Clip of real values would keep the layer in float
            limits = [
                self._constant(f"{name}.{end}", np.array(code + zero_point(tensor), np.uint8))
                for end, code in (("min", tensor.min), ("max", tensor.max))
            ]
            self._node("Clip", [stored, *limits], name)

    def _parameters(self, name: str) -> list[str]:
        tensor = self.network.formats[name]
        scale = self._constant(f"{name}.scale", np.array(np.ldexp(1.0, -tensor.frac), np.float32))
        return [
            scale,
            self._constant(f"{name}.zero_point", np.array(zero_point(tensor), stored_dtype(tensor))),
        ]

    def _constant(self, name: str, value: NDArray[np.generic]) -> str:
        if all(constant.name != name for constant in self.initializers):
            self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _node(self, op: str, inputs: list[str], output: str, **attributes: object) -> None:
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}.{op}", **attributes))
