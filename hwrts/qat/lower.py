"""From trained modules to integers. The only place of this package that needs torch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hwrts.fixed_point import Conv, Format, HwrtsError, PRelu


@torch.no_grad()
def lower_conv(module: Any, name: str, source: str, source_format: Format, out: Format) -> Conv:
    """The integers that a ``brevitas.nn.QuantConv2d`` computes with.

    Weights and scales are read from Brevitas' own quantiser; the bias is rounded half to even onto the
    accumulator's grid, as Brevitas does when it runs (eq. 3). Nothing is quantised a second time.

    Args:
        module: QuantConv2d with per-channel power-of-two weight scales.
        name: Name of the tensor it makes.
        source: Name of the tensor it reads.
        source_format: Format of that tensor.
        out: Format of its result.

    Raises:
        HwrtsError: A scale that is not a power of two, a value that is not finite, or a bias beyond int32.
    """
    _check_finite(name, "weight", module.weight)
    _check_finite(name, "bias", module.bias)
    weight = module.quant_weight()
    weight_frac = -_log2(weight.scale.reshape(-1).expand(module.out_channels), name)  # (O,)
    codes = weight.int(float_datatype=True).cpu().numpy()  # (O, I, K, K)
    bias = module.bias.detach().cpu().double().numpy()
    bias_codes = np.rint(np.ldexp(bias, source_format.frac + weight_frac))
    largest = float(np.abs(bias_codes).max())
    if largest > np.iinfo(np.int32).max:
        raise HwrtsError(
            f"layer {name!r}: a bias of {np.abs(bias).max():g} is code {largest:.0f}, beyond int32, "
            "beside weights so small; enlarge the weights or shrink the bias (a diverged training has such)"
        )
    return Conv(
        name=name,
        source=source,
        weight_i8=codes.astype(np.int8),
        weight_frac=weight_frac.astype(np.int32),
        bias_i32=bias_codes.astype(np.int32),
        out=out,
        weight_bits=int(weight.bit_width),
    )


@torch.no_grad()
def lower_prelu(module: Any, name: str, source: str, channels: int, out: Format) -> PRelu:
    """The integers that a ``hwrts.qat.network.network.QuantSlope`` computes with, one slope for each channel.

    Args:
        module: QuantSlope with one slope or one per channel.
        name: Name of the tensor it makes.
        source: Name of the tensor it reads.
        channels: Channels of that tensor.
        out: Format of the result.

    Raises:
        HwrtsError: A slope that is not finite.
    """
    _check_finite(name, "slope", module.slope)
    slopes = module.codes().cpu().numpy().astype(np.int8)
    if len(slopes) == 1:
        slopes = slopes.repeat(channels)
    return PRelu(name, source, slopes, -int(_log2(module.lsb, name)), out)


def _check_finite(name: str, kind: str, values: torch.Tensor) -> None:
    if not bool(torch.isfinite(values).all()):
        raise HwrtsError(f"layer {name!r}: a {kind} is not finite, the training diverged; lower its rate")


def _log2(scale: torch.Tensor, where: str) -> NDArray[np.int64]:
    mantissa, exponent = np.frexp(scale.detach().cpu().double().numpy())
    if not (mantissa == 0.5).all():
        raise HwrtsError(f"layer {where!r}: a weight scale is not a power of two")
    log2: NDArray[np.int64] = exponent.astype(np.int64) - 1
    return log2
