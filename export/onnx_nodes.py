"""What both flavours of the ONNX file share: collecting nodes and constants, and moving codes."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from hwrts.fixed_point import (
    Add,
    Conv,
    DepthToSpace,
    Format,
    HwrtsError,
    Layer,
    Network,
    PRelu,
    Repeat,
    Scale,
    Upsample,
)

_RESIZE: dict[str, dict[str, object]] = {
    "bilinear": {"mode": "linear"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 0},
}
"""ONNX's Resize with exactly the taps of an Upsample."""


def zero_point(tensor: Format) -> int:
    """The uint8 code that stands for value 0 in the file: 128 for signed tensors, else 0 (eq. 11)."""
    return 128 if tensor.signed else 0


class Writer:
    """Collects nodes and initialisers; tensor T of the graph is stored codes, T.something a step on the way.

    Args:
        network: The integer network.

    Raises:
        HwrtsError: A tensor of more than 8 bits, which an int8 file cannot hold.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        for name, tensor in network.formats.items():
            if tensor.bits > 8:
                raise HwrtsError(
                    f"ONNX: {name!r} of {tensor.bits} bits does not fit an int8 file; use at most 8"
                )

    def layer(self, layer: Layer) -> None:
        """Append one layer."""
        if isinstance(layer, Conv):
            self.conv(layer)
        elif isinstance(layer, Add):
            self.add(layer)
        elif isinstance(layer, Scale):
            self.scale(layer)
        elif isinstance(layer, PRelu):
            self.prelu(layer)
        elif isinstance(layer, DepthToSpace):
            self.depth_to_space(layer)
        elif isinstance(layer, Repeat):
            self._repeat(layer)
        else:
            self.upsample(layer)

    def conv(self, conv: Conv) -> None:
        """Append a convolution with its requantisation."""
        raise NotImplementedError

    def add(self, layer: Add) -> None:
        """Append an addition with its requantisation."""
        raise NotImplementedError

    def scale(self, layer: Scale) -> None:
        """Append a multiplication by a constant with its requantisation."""
        raise NotImplementedError

    def prelu(self, layer: PRelu) -> None:
        """Append a leaky ReLU with its requantisation."""
        raise NotImplementedError

    def depth_to_space(self, layer: DepthToSpace) -> None:
        """Append a move of codes from channels to pixels."""
        raise NotImplementedError

    def upsample(self, layer: Upsample) -> None:
        """Append an interpolation with its requantisation."""
        raise NotImplementedError

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """An initialiser, made when first asked for."""
        if all(constant.name != name for constant in self.initializers):
            self.initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        """Append one operator; returns its output."""
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}.{op}", **attributes))
        return output

    def stored_zero(self, name: str) -> str:
        """The constant that stands for value 0 in a tensor."""
        zero = np.array(zero_point(self.network.formats[name]), np.uint8)
        return self.constant(f"{name}.zero_point", zero)

    def interpolate(self, layer: Upsample, source: str, output: str) -> str:
        """Append the float operator of eq. 17, exact on what float32 holds of 8-bit codes."""
        half_pixel = {"coordinate_transformation_mode": "half_pixel"}
        inputs = [source, "", self._factors(layer)]
        return self.node("Resize", inputs, output, **half_pixel, **_RESIZE[layer.kind])

    def _repeat(self, layer: Repeat) -> None:
        nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        inputs = [layer.source, "", self._factors(layer)]
        self.node("Resize", inputs, layer.name, **nearest)  # moves the codes themselves

    def _factors(self, layer: Repeat | Upsample) -> str:
        factors = np.array([1, 1, layer.factor, layer.factor], np.float32)
        return self.constant(f"{layer.name}.scales", factors)


def conv_shape(conv: Conv) -> dict[str, object]:
    """Attributes of a convolution that keeps the picture's size."""
    kernel = conv.weight_i8.shape[2]
    return {"kernel_shape": [kernel, kernel], "pads": [kernel // 2] * 4, "strides": [1, 1]}
