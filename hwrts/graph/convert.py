"""One operator of a traced module as a node of the graph, or an error that names it and where it stands."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.fixed_point import upsample_taps, weight_limit
from hwrts.graph import Add, BatchNorm, Conv, DepthToSpace, Input, Node, PRelu, Relu, Repeat, Scale, Upsample
from hwrts.networks.upsample import FixedUpsample

PLACE = "place"
"""Key of a node's own note: the line that it stands in."""

ADDITIONS: tuple[Any, ...] = (operator.add, operator.iadd, torch.add, "add", "add_")
"""Whatever torch.fx may call the sum of two tensors."""

_RELU: tuple[Any, ...] = (F.relu, torch.relu, torch.relu_, "relu", "relu_")
_TIMES: tuple[Any, ...] = (
    operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_", "multiply", "multiply_",
)  # fmt: skip
_OVER: tuple[Any, ...] = (
    operator.truediv, operator.itruediv, torch.div, torch.divide, torch.true_divide,
    "div", "div_", "divide", "divide_", "true_divide", "true_divide_",
)  # fmt: skip
_LEAKY: tuple[Any, ...] = (F.leaky_relu, F.leaky_relu_)
_PRELU: tuple[Any, ...] = (torch.prelu, "prelu")
_SHUFFLE: tuple[Any, ...] = (F.pixel_shuffle, torch.pixel_shuffle)
_HARDTANH: tuple[Any, ...] = (F.hardtanh, F.hardtanh_)
_CLIP: tuple[Any, ...] = (
    torch.clamp, torch.clamp_, torch.clip, torch.clip_, *_HARDTANH, "clamp", "clamp_", "clip", "clip_",
)  # fmt: skip
FUNCTIONS = (*ADDITIONS, *_RELU, *_TIMES, *_OVER, *_LEAKY, *_PRELU, *_SHUFFLE, *_CLIP, F.interpolate)
"""Every function, and every method by its name, that is read."""

_MODULES: tuple[type[nn.Module], ...] = (
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.PixelShuffle, nn.Upsample, nn.Hardtanh,
    nn.Identity, nn.Dropout, FixedUpsample,
)  # fmt: skip
LEAST_FACTOR = 2.0**-24
"""Smallest factor, and its inverse the largest: far beyond what a network has; no shift is at its limit."""

_ALLOWED = (
    "Conv2d (stride 1, zero padding that keeps the size), BatchNorm2d behind it, ReLU, LeakyReLU, PReLU, "
    "add, multiplication by a number, PixelShuffle, nearest and bilinear up-sampling, FixedUpsample, "
    "a clamp to 0..1 at the output"
)


@dataclass(frozen=True)
class Clip:
    """min(max(x, 0), 1): at the output, saturation to pixels does it; nowhere else is it supported.

    Attributes:
        name: Name of the tensor it makes.
        sources: The one tensor it reads.
        place: Where it stands, for a message.
    """

    name: str
    sources: tuple[str]
    place: str


def convert(
    node: fx.Node, modules: dict[str, nn.Module], parameters: dict[str, nn.Parameter], alias: dict[str, str]
) -> Node | Clip | str:
    """One fx node as a graph node, or the name of the tensor it merely passes on."""
    if node.op == "placeholder":
        if alias:
            raise UnsupportedOperatorError(f"input {node.name!r}: a network takes one picture")
        return Input(node.name, channels=0)  # known when the graph is complete
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    target: Any = node.target
    if module is not None:
        _check_forward(node, module)
    if isinstance(module, nn.Conv2d):
        return _convert_conv(node, module, _sources(node, alias, 1))
    if isinstance(module, nn.ReLU) or (module is None and target in _RELU):
        return Relu(node.name, _sources(node, alias, 1), where(node))
    if isinstance(module, nn.BatchNorm2d):
        return _convert_batch_norm(node, module, _sources(node, alias, 1))
    if isinstance(module, nn.LeakyReLU | nn.PReLU) or (module is None and target in _LEAKY + _PRELU):
        return _convert_leaky(node, module, parameters, alias)
    if module is None and target in _TIMES + _OVER and not node.kwargs:
        return _convert_scale(node, alias)
    if isinstance(module, FixedUpsample):
        return Upsample(node.name, _sources(node, alias, 1), module.kind, module.factor)
    if isinstance(module, nn.Identity | nn.Dropout):
        passed_on: str = _sources(node, alias, 1)[0]
        return passed_on
    if module is None and target in ADDITIONS and not node.kwargs:
        return Add(node.name, _sources(node, alias, 2))
    if isinstance(module, nn.PixelShuffle):
        return DepthToSpace(node.name, _sources(node, alias, 1), module.upscale_factor)
    if module is None and target in _SHUFFLE:
        block = node.args[1] if len(node.args) > 1 else node.kwargs["upscale_factor"]
        return DepthToSpace(node.name, _sources(node, alias, 1), int(block))  # type: ignore[arg-type]
    if isinstance(module, nn.Upsample) or (module is None and target is F.interpolate):
        return _convert_upsample(node, module, _sources(node, alias, 1))
    if isinstance(module, nn.Hardtanh) or (module is None and target in _CLIP):
        return _convert_clip(node, module, alias)
    raise _unsupported(node, module)


def where(node: fx.Node) -> str:
    """Where a node stands: the path of its module, else its line, with the operator's name."""
    if node.op == "call_module":
        return f"{node.target!r}"
    line = node.meta.get(PLACE, "")
    return f"{line}, {_named(node, None)!r}" if line else f"node {node.name!r}"


def refused_clip(place: str, limits: tuple[Any, Any]) -> UnsupportedOperatorError:
    """What is said of a clip that saturation to pixels does not do."""
    return UnsupportedOperatorError(
        f"{place}: a clamp to {limits}; only one to 0..1 at the output is supported; inside, use "
        "ReLU: hidden tensors saturate at the range that calibration finds"
    )


def _check_forward(node: fx.Node, module: nn.Module) -> None:
    """A subclass is taken for what it is derived from, so it must compute the same."""
    kind = next((each for each in _MODULES if isinstance(module, each)), None)
    if kind is None:
        return
    for name in ("forward", "_conv_forward") if kind is nn.Conv2d else ("forward",):
        if name in vars(module) or getattr(type(module), name) is not getattr(kind, name):
            raise UnsupportedOperatorError(
                f"{where(node)}: {type(module).__name__} has a {name} of its own; a subclass of "
                f"{kind.__name__} is supported where it is that of {kind.__name__}"
            )


def _convert_clip(node: fx.Node, module: nn.Module | None, alias: dict[str, str]) -> Clip:
    """A clip to 0..1."""
    given: dict[str, Any] = dict(zip(("min", "max", "inplace"), node.args[1:], strict=False))
    given |= {name.removesuffix("_val"): value for name, value in node.kwargs.items()}
    if node.target in _HARDTANH:
        given = {"min": -1, "max": 1} | given
    if isinstance(module, nn.Hardtanh):
        given = {"min": module.min_val, "max": module.max_val}
    others = given.keys() - {"min", "max", "inplace"}
    if others:
        raise UnsupportedOperatorError(
            f"{where(node)}: its argument {min(others)!r} is not supported; give limits alone"
        )
    limits = given.get("min"), given.get("max")
    if limits != (0, 1):
        raise refused_clip(where(node), limits)
    return Clip(node.name, _sources(node, alias, 1), where(node))


def _convert_conv(node: fx.Node, conv: nn.Conv2d, sources: Any) -> Conv:
    kernel, where = conv.kernel_size, f"{node.target}"
    same = conv.padding == "same" or conv.padding == tuple(size // 2 for size in kernel)
    facts: list[tuple[bool, str]] = [
        (conv.stride == (1, 1), f"stride {conv.stride}; only 1 is supported"),
        (conv.dilation == (1, 1), f"dilation {conv.dilation}; only 1 is supported"),
        (conv.groups == 1, f"groups {conv.groups}; only 1 is supported"),
        (kernel[0] == kernel[1] and kernel[0] % 2 == 1, f"kernel {kernel}; it must be square and odd"),
        (
            same and conv.padding_mode == "zeros",
            f"padding {conv.padding} {conv.padding_mode!r}; zeros that keep the size only",
        ),
    ]
    for holds, message in facts:
        if not holds:
            raise UnsupportedOperatorError(f"Conv2d {where!r}: {message}")
    bias = conv.bias if conv.bias is not None else conv.weight.new_zeros(conv.out_channels)
    return Conv(node.name, sources, conv.weight.detach(), bias.detach())


def _convert_batch_norm(node: fx.Node, norm: nn.BatchNorm2d, sources: Any) -> BatchNorm:
    """Batch norm in evaluation mode, as one gain and offset for each channel (eq. 18)."""
    if norm.running_mean is None or norm.running_var is None:
        raise UnsupportedOperatorError(
            f"BatchNorm2d {node.target!r}: it keeps no statistics; use track_running_stats=True"
        )
    gain = (norm.running_var.detach().double() + norm.eps).rsqrt()
    offset = -norm.running_mean.detach().double() * gain
    if norm.affine:
        gamma, beta = norm.weight.detach().double(), norm.bias.detach().double()
        gain, offset = gain * gamma, offset * gamma + beta
    return BatchNorm(node.name, sources, gain, offset, where(node))


def _convert_leaky(
    node: fx.Node, module: nn.Module | None, parameters: dict[str, nn.Parameter], alias: dict[str, str]
) -> PRelu:
    if isinstance(module, nn.PReLU):
        slope = _moderate(node, module.weight.detach())
        return PRelu(node.name, _sources(node, alias, 1), slope, trained=True)
    if node.target in _PRELU:
        weight = node.args[1] if len(node.args) > 1 else node.kwargs.get("weight")
        if not isinstance(weight, fx.Node) or str(weight.target) not in parameters:
            raise UnsupportedOperatorError(f"{where(node)}: its slopes {weight} are no parameter")
        slope = _moderate(node, parameters[str(weight.target)].detach())
        return PRelu(node.name, _sources(node, alias, 1), slope, trained=True)
    number: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("negative_slope", 0.01)
    if isinstance(module, nn.LeakyReLU):
        number = module.negative_slope
    slope = _moderate(node, torch.full((1,), _finite(node, number)))
    return PRelu(node.name, _sources(node, alias, 1), slope, trained=False)


def _convert_scale(node: fx.Node, alias: dict[str, str]) -> Scale:
    """A tensor times or over a number, or a number times a tensor."""
    over = node.target in _OVER
    operands = [operand for operand in node.args if isinstance(operand, fx.Node)]
    numbers = [operand for operand in node.args if not isinstance(operand, fx.Node)]
    if len(operands) != 1 or len(numbers) != 1 or (over and node.args[0] is not operands[0]):
        raise UnsupportedOperatorError(
            f"{where(node)}: takes {list(node.args)}; a tensor times or over a number is supported"
        )
    number = _finite(node, numbers[0])
    if number == 0:
        raise UnsupportedOperatorError(f"{where(node)}: the number 0 leaves nothing; use another")
    if not LEAST_FACTOR <= abs(number) <= 1 / LEAST_FACTOR:
        raise UnsupportedOperatorError(
            f"{where(node)}: the number {number:g} is beyond 2^-24 to 2^24, what int8 codes can be scaled by"
        )
    return Scale(node.name, (_tensor(node, operands[0], alias),), 1 / number if over else number)


def _convert_upsample(node: fx.Node, module: nn.Module | None, sources: Any) -> Repeat | Upsample:
    """Pixel repetition, or bilinear interpolation where torch's equals ours."""
    names = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
    given = dict(zip(names, node.args[1:], strict=False)) | node.kwargs
    if isinstance(module, nn.Upsample):
        given = {name: getattr(module, name, None) for name in names}
    mode, factor = given.get("mode", "nearest"), given.get("scale_factor")
    if given.get("size") is not None:
        raise UnsupportedOperatorError(f"{where(node)}: to a size; a whole scale_factor is supported")
    if mode == "nearest":
        return Repeat(node.name, sources, _whole(node, factor))
    if mode == "bilinear" and not given.get("align_corners") and not given.get("antialias"):
        factor = _whole(node, factor)
        try:
            upsample_taps("bilinear", factor)
        except HwrtsError as error:
            raise UnsupportedOperatorError(f"{where(node)}: {error}") from error
        return Upsample(node.name, sources, "bilinear", factor)
    corners = f"align_corners={given.get('align_corners')}"
    raise UnsupportedOperatorError(
        f"{where(node)}: up-sampling {mode!r} with {corners} is not supported; use nearest, bilinear with "
        "align_corners=False, or hwrts.networks.FixedUpsample for bicubic"
    )


def _moderate(node: fx.Node, slope: Tensor) -> Tensor:
    """Slopes as they are, if int8 codes can hold them."""
    largest = float(slope.abs().max())
    if largest > weight_limit(8):
        raise UnsupportedOperatorError(
            f"{where(node)}: a slope of {largest:g} in magnitude; {weight_limit(8)} is the largest"
        )
    return slope


def _finite(node: fx.Node, number: Any) -> float:
    if not isinstance(number, int | float) or not math.isfinite(number):
        raise UnsupportedOperatorError(f"{where(node)}: the constant {number} is not a finite number")
    return float(number)


def _sources(node: fx.Node, alias: dict[str, str], count: int) -> Any:
    operands: tuple[Any, ...] = node.args[:count]
    if len(operands) < count or not all(isinstance(operand, fx.Node) for operand in operands):
        raise UnsupportedOperatorError(
            f"{where(node)}: takes {list(node.args)}; {count} tensor(s) are supported, no constants"
        )
    return tuple(_tensor(node, operand, alias) for operand in operands)


def _tensor(node: fx.Node, operand: fx.Node, alias: dict[str, str]) -> str:
    """The name of the tensor that an operand stands for."""
    if operand.name not in alias:
        raise UnsupportedOperatorError(
            f"{where(node)}: takes the parameter {operand.target!r}; a tensor of the picture is needed"
        )
    return alias[operand.name]


def _whole(node: fx.Node, factor: Any) -> int:
    if not isinstance(factor, int | float) or factor != int(factor) or factor < 2:
        raise UnsupportedOperatorError(
            f"{where(node)}: scale factor {factor}; a whole number of 2 or more is supported"
        )
    return int(factor)


def _unsupported(node: fx.Node, module: nn.Module | None) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(
        f"{where(node)}: operator {_named(node, module)} is not supported; allowed are {_ALLOWED}"
    )


def _named(node: fx.Node, module: nn.Module | None) -> str:
    """What a user calls an operator."""
    target: str | Callable[..., Any] = node.target
    return type(module).__name__ if module is not None else getattr(target, "__name__", str(target))
