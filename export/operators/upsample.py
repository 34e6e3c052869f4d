"""Interpolation in ONNX: Resize where its taps are ours, else a convolution by the taps as integers."""

import numpy as np
from onnx import TensorProto

from hwrts.export.forms import Forms, Functions, not_around_zero
from hwrts.export.onnx_integer import IntegerWriter
from hwrts.export.onnx_nodes import Fused, Writer, zero_point
from hwrts.export.onnx_qdq import QdqWriter
from hwrts.fixed_point import Format, HwrtsError, Network, Upsample, upsample_is_exact, upsample_taps

_RESIZE: dict[str, dict[str, object]] = {
    "bilinear": {"mode": "linear"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 0},
    "bicubic_075": {"mode": "cubic", "cubic_coeff_a": -0.75, "exclude_outside": 0},
}
"""ONNX's Resize with exactly the taps of an Upsample, where these are not rounded."""

_STORED_MAX = 255
"""Largest stored code, and the largest zero point."""


def _floats(network: Network, layer: Upsample) -> tuple[str, ...]:
    source, out = network.formats_of((layer.source, layer.name))
    added = _middle(layer, source) and _shifted_zero(layer, source, out) is None
    convolved = not upsample_is_exact(layer.kind, layer.factor)
    return ("Conv",) * convolved + ("Add",) * bool(added)


def _in_float32(network: Network, layer: Upsample) -> bool:
    """Around the middle of 12 bits the sums of bicubic taps are beyond it."""
    source = network.formats[layer.source]
    largest = Format(True, source.bits, source.frac) if _middle(layer, source) else source
    return layer.reach(largest).exact_in_float32


FUSED = Fused(floats=_floats, wide=_in_float32)
"""Nothing: it stays a float operator, which is exact (docs/arithmetic.md, section 8)."""


def _is_exact(layer: Upsample, functions: Functions) -> bool:
    """Of rounded taps it would be no float network's."""
    return upsample_is_exact(layer.kind, layer.factor)


def _around_a_middle(network: Network, layer: Upsample) -> bool:
    """Sums around it, which float32 holds (eq. 35)."""
    return True


FORMS = Forms(
    not_around_zero,
    _is_exact,
    instead="interpolate bilinearly by 2, 4 or 8",
    in_float32=_around_a_middle,
)


def qdq(writer: QdqWriter, layer: Upsample) -> None:
    """Interpolation of real values; of values around the middle of their range where that is needed.

    Raises:
        HwrtsError: A format of the result that is too coarse for float32 to be exact.
    """
    name, (source, out) = layer.name, writer.network.formats_of((layer.source, layer.name))
    weight = ""
    if not _resizes(writer, layer):
        codes, frac = _kernels(writer, layer)
        weight = writer.dequantised(codes, f"{name}.taps", frac, np.array(0, np.int32))
    middle = _middle(layer, source)
    if not middle:
        _interpolated(writer, layer, writer.real(layer.source), weight, f"{name}.exact")
        writer.quantize(name)
        return
    around, zero = writer.real_around(layer.source, middle), _shifted_zero(layer, source, out)
    if zero is not None:
        _interpolated(writer, layer, around, weight, f"{name}.exact")
        writer.quantize(name, zero)
        return
    if out.frac < source.frac:
        raise HwrtsError(
            f"ONNX: layer {name!r}: its format {out} is too coarse for {source}, of which taps of 8 bits are "
            "exact in float32 down to 6 bits less; give it a finer one"
        )
    sums = _interpolated(writer, layer, around, weight, f"{name}.around")
    value = writer.constant(f"{name}.middle", np.array(np.ldexp(float(middle), -source.frac), np.float32))
    writer.node("Add", [sums, value], f"{name}.exact")  # where it must round, the code is saturated
    writer.quantize(name)


def integer(writer: IntegerWriter, layer: Upsample) -> None:
    """Interpolation of codes as float, in units of the taps' LSB (eq. 17, 35)."""
    name = layer.name
    codes, middle = writer.codes(layer.source, name), _middle(layer, writer.network.formats[layer.source])
    if middle:
        constant = writer.constant(f"{name}.middle", np.array(middle, np.int32))
        codes = writer.node("Sub", [codes, constant], f"{name}.around")
    real = writer.node("Cast", [codes], f"{name}.float", to=TensorProto.FLOAT)
    taps_frac = 2 * upsample_taps(layer.kind, layer.factor)[1]
    if _resizes(writer, layer):
        pixels = _interpolated(writer, layer, real, "", f"{name}.pixels")
        units = writer.constant(f"{name}.units", np.array(1 << taps_frac, np.float32))
        sums = writer.node("Mul", [pixels, units], f"{name}.sums")
    else:
        taps = writer.node("Cast", [_kernels(writer, layer)[0]], f"{name}.taps.real", to=TensorProto.FLOAT)
        sums = _interpolated(writer, layer, real, taps, f"{name}.sums")
    whole = f"{name}.less" if middle else f"{name}.acc"
    writer.node("Cast", [sums], whole, to=TensorProto.INT32)
    if middle:
        constant = writer.constant(f"{name}.middle_units", np.array(middle << taps_frac, np.int32))
        writer.node("Add", [whole, constant], f"{name}.acc")
    writer.requantize(layer)


def _resizes(writer: Writer, layer: Upsample) -> bool:
    """Whether ONNX's Resize has its taps, and the client takes it."""
    return upsample_is_exact(layer.kind, layer.factor) and not writer.options.taps_convolved


def _middle(layer: Upsample, source: Format) -> int:
    """The code that is subtracted before and added behind, so that float32 is exact (eq. 35); 0 for none."""
    return 0 if source.signed or layer.reach(source).exact_in_float32 else 1 << (source.bits - 1)


def _shifted_zero(layer: Upsample, source: Format, out: Format) -> int | None:
    """The zero point with which QuantizeLinear adds the middle again, if it is an even number of codes."""
    drop = source.frac - out.frac
    codes = _middle(layer, source) >> drop if drop >= 0 else _STORED_MAX + 1
    zero = zero_point(out) + codes
    exact = codes << max(drop, 0) == _middle(layer, source) and codes % 2 == 0
    return zero if exact and zero <= _STORED_MAX else None


def _kernels(writer: Writer, layer: Upsample) -> tuple[str, int]:
    """The kernel behind each new pixel of a square, (F*F, 1, K, K), as integers, and their fraction bits."""
    taps, frac = upsample_taps(layer.kind, layer.factor)  # (F, K)
    size = taps.shape[1]
    products = (taps[:, None, :, None] * taps[:, None]).reshape(-1, 1, size, size)
    return writer.constant(f"{layer.name}.taps", products.astype(np.int32)), 2 * frac


def _interpolated(writer: Writer, layer: Upsample, source: str, weight: str, output: str) -> str:
    """Eq. 17 in float, exact on what float32 holds of 8-bit codes.

    Args:
        writer: Of the file.
        layer: The layer.
        source: What is interpolated, (N, C, H, W).
        weight: Kernels of a convolution, where Resize has other taps.
        output: Name of the result.
    """
    if _resizes(writer, layer):
        inputs = [source, "", writer.factors(layer.name, layer.factor)]
        half_pixel = {"coordinate_transformation_mode": "half_pixel"}
        return writer.node("Resize", inputs, output, **half_pixel, **_RESIZE[layer.kind])
    margin, channels = layer.window.before, writer.network.channels[layer.source]
    pads = writer.constant(f"{output}.pads", np.array([0, 0, margin, margin] * 2, np.int64))
    padded = writer.node("Pad", [source, pads], f"{output}.replicated", mode="edge")
    apart, together = (
        writer.constant(f"{output}.{shape}", np.array([-1, count, 0, 0], np.int64))
        for shape, count in (("apart", 1), ("together", channels))
    )
    each = writer.node("Reshape", [padded, apart], f"{output}.single")  # (N*C, 1, H + K - 1, W + K - 1)
    phases = writer.node("Conv", [each, weight], f"{output}.phases")  # (N*C, F*F, H, W)
    square: dict[str, object] = {
        "blocksize": layer.factor,
        "mode": "DCR" if writer.options.depth_first else "CRD",  # of one channel both are the same
    }
    pixels = writer.node("DepthToSpace", [phases], f"{output}.square", **square)  # (N*C, 1, F*H, F*W)
    return writer.node("Reshape", [pixels, together], output)
