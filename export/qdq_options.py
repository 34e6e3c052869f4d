"""How a QDQ file says the same integers for one client or another."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import onnx

from hwrts.fixed_point import Format, HwrtsError, Network

OPSET = 19
"""The lowest that onnx.reference, one of the witnesses, can run; the file has the IR version 9 with it."""


OLDEST_OPSET, OLDEST_IR = 13, 4
"""Before them DequantizeLinear knew one scale for all channels, and constants had to be inputs."""


class Stored(Enum):
    """How an activation stands in a byte of the file."""

    UNSIGNED = "uint8"
    """uint8; signed tensors have zero point 128 (eq. 11)."""
    SIGNED = "int8"
    """int8; unsigned tensors have zero point -128."""
    SYMMETRIC = "int8, zero point 0"
    """int8, every zero point 0: unsigned tensors have 7 bits at most."""

    UPWARD = "uint8, unsigned codes of less than 8 bits up to byte 255"
    """As :attr:`UNSIGNED`, but unsigned codes of less than 8 bits end where the byte does."""
    BY_SIGN = "uint8 or int8, zero point 0"
    """uint8 of unsigned tensors and int8 of signed ones, where no operator reads bytes of both."""

    def dtype(self, tensor: Format) -> type[np.integer]:
        """Type of its bytes; of more than 8 bits that of its codes."""
        if tensor.bits > 8:
            return np.int16 if tensor.signed else np.uint16
        if self in (Stored.UNSIGNED, Stored.UPWARD) or (self is Stored.BY_SIGN and not tensor.signed):
            return np.uint8
        return np.int8

    def zero_point(self, tensor: Format) -> int:
        """The byte that stands for value 0 in a tensor; more than 8 bits are stored as codes."""
        if tensor.bits > 8 or self in (Stored.SYMMETRIC, Stored.BY_SIGN):
            return 0
        if self is Stored.UPWARD and not tensor.signed:
            return 256 - (1 << tensor.bits)
        return (128 if tensor.signed else 0) - (128 if self is Stored.SIGNED else 0)

    def less(self, tensor: Format) -> int:
        """What its bytes are less than those of :attr:`UNSIGNED`."""
        return Stored.UNSIGNED.zero_point(tensor) - self.zero_point(tensor)


@dataclass(frozen=True)
class QdqOptions:
    """What :func:`hwrts.export.onnx_writer.to_qdq` may write in another way; no code changes by any of it.

    The defaults write the file that is verified every day (:func:`hwrts.export.onnx_writer.to_onnx`).

    Attributes:
        relu: A Relu node before the QuantizeLinear of unsigned tensors, where saturation alone does it.
        moves_in_real: Moves of pixels and channels stand between DequantizeLinear and QuantizeLinear, not on
            bytes.
        clip_in_real: Formats of less than 8 bits end at a Clip of real values with quantisers of its
            own, not of bytes.
        stored: How activations stand in a byte.
        depth_first: DepthToSpace in its mode DCR, of channels in that order.
        taps_convolved: Interpolation is a convolution by its taps where Resize has them as well.
        flat_tables: Tables are read by one row of places, where the size is given.
        float_bias: Biases are float constants, not int32 behind DequantizeLinear.
        float_weights: Weights are float constants behind QuantizeLinear and DequantizeLinear.
        float_boundary: Graph inputs and outputs are real values, named ``T.float`` and ``T.real``.
        bias_apart: A LeakyRelu of slope 1 behind convolutions whose biases are one value for all channels.
        shapes: Every tensor inside is listed with its type and sides, where the size is given.
        shown: Inner tensors that are outputs of the graph as well.
        edges: Tensors with the code that convolutions see around them in place of zero.
        size: Height and width of the first input, of one picture; None leaves N, H and W open.
        opset: Of the file.
        ir_version: Of the file; None is the lowest that the opset allows.
    """

    relu: bool = False
    moves_in_real: bool = False
    clip_in_real: bool = False
    stored: Stored = Stored.UNSIGNED
    depth_first: bool = False
    taps_convolved: bool = False
    flat_tables: bool = False
    float_bias: bool = False
    float_weights: bool = False
    float_boundary: bool = False
    bias_apart: bool = False
    shapes: bool = False
    shown: tuple[str, ...] = ()
    edges: tuple[tuple[str, int], ...] = ()
    size: tuple[int, int] | None = None
    opset: int = OPSET
    ir_version: int | None = None

    def check(self, network: Network) -> None:
        """Refuse what these options cannot say of a network.

        Raises:
            HwrtsError: No version of ONNX, a size that the network does not take, more than 8 bits in any
                form but the usual, an unsigned tensor of 8 bits where every zero point is 0, or a bias that
                float32 does not hold.
        """
        newest = onnx.defs.onnx_opset_version()
        if not OLDEST_OPSET <= self.opset <= newest:
            raise HwrtsError(f"--opset {self.opset:.40g}: use {OLDEST_OPSET} to {newest}, or leave it out")
        if self.ir_version is not None and not OLDEST_IR <= self.ir_version <= onnx.IR_VERSION:
            raise HwrtsError(
                f"--ir-version {self.ir_version:.40g}: use {OLDEST_IR} to {onnx.IR_VERSION}, or leave it out"
            )
        if self.size is not None and tuple(network.legal_size(*self.size)) != self.size:
            height, width = network.legal_size(*self.size)
            raise HwrtsError(
                f"size {self.size[0]}x{self.size[1]}: the network does not take it; use {height}x{width}"
            )
        usual = replace(self, size=None, shapes=False, shown=(), opset=OPSET, ir_version=None) == QdqOptions()
        for name, tensor in network.formats.items():
            if tensor.bits > 8 and not usual:
                raise HwrtsError(
                    f"tensor {name!r} of {tensor.bits} bits: this client's file holds at most 8; "
                    "take model.int8.onnx, which is handed over without --target"
                )
            if self.stored is Stored.SYMMETRIC and not tensor.signed and tensor.bits > 7:
                raise HwrtsError(
                    f"tensor {name!r}: unsigned codes of {tensor.bits} bits have no zero point 0 in int8; "
                    "quantize with --activation-bits 7"
                )
        for conv in network.convs:
            if self.float_bias and abs(conv.bias_i32.astype(np.int64)).max() >= 1 << 24:
                raise HwrtsError(
                    f"layer {conv.name!r}: a bias of 2**24 or more is not exact as float32; "
                    "use --target onnx, where biases are int32"
                )
