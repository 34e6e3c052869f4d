"""Random modules that are legal by construction: accepted layers in any order, branches, sizes and gates."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_CHANNELS = 8
SCALES = Fraction(1, 4), Fraction(2)
"""Of any tensor: pictures are small, and stay larger than what a reflected edge needs."""

ACTIVATIONS: tuple[Callable[[], nn.Module], ...] = (
    nn.ReLU,
    nn.ReLU,
    nn.ReLU6,
    lambda: nn.LeakyReLU(0.1),
    nn.PReLU,
    nn.SiLU,
    nn.GELU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardswish,
    nn.ELU,
    lambda: nn.Hardtanh(-0.5, 0.4),
)

Value = tuple[int, Fraction]
"""Channels and size of a tensor."""
Step = tuple[Callable[..., Tensor], nn.Module | None, tuple[int, ...]]


class Drawn(nn.Module):
    """A list of steps, each of which makes a tensor of earlier ones; the last is the output."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(part or nn.Identity() for _, part, _ in steps)
        self.steps = [(function, sources) for function, _, sources in steps]

    def forward(self, x: Tensor) -> Tensor:
        made = [x]
        for part, (function, sources) in zip(self.parts, self.steps, strict=True):
            made.append(function(part, *(made[each] for each in sources)))
        return made[-1]


def random_module(seed: int) -> Drawn:
    """3 to 8 layers of random kinds, and a convolution to three channels."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    values: list[Value] = [(3, Fraction(1))]
    steps: list[Step] = []
    # The first and the last are convolutions: what a module is for, and what makes its output a picture.
    kinds = ["conv", *rng.choice(list(KINDS), int(rng.integers(2, 8))).tolist()]
    for kind in kinds:
        latest = len(values) - 1
        source = latest if rng.integers(3) or latest < 2 else int(rng.integers(1, latest))
        step, value = KINDS[kind](rng, values, source) or _conv(rng, values, source)
        steps.append(step)
        values.append(value)
    steps.append((_apply, nn.Conv2d(values[-1][0], 3, 3, padding=1), (len(values) - 1,)))
    return Drawn(steps)


def kinds_of(module: Drawn) -> set[str]:
    """Names of its layers and functions."""
    return {
        type(part).__name__ if function is _apply else function.__name__.strip("_")
        for part, (function, _) in zip(module.parts, module.steps, strict=True)
    }


def _apply(part: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = part(x)
    return y


def _pick(rng: np.random.Generator, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def _of_part(part: nn.Module, source: int, channels: int, scale: Fraction) -> tuple[Step, Value]:
    return (_apply, part, (source,)), (channels, scale)


def _conv(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value]:
    channels, scale = values[source]
    made = int(_pick(rng, [2, 4, 4, 8]))
    if rng.integers(4) == 0 and scale / 2 >= SCALES[0]:
        kernel, pad = _pick(rng, [(2, 0), (3, 1), (4, 1)])
        return _of_part(nn.Conv2d(channels, made, kernel, 2, pad), source, made, scale / 2)
    rows, columns = _pick(rng, [(1, 1), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (5, 1)])
    dilation = int(_pick(rng, [1, 1, 2])) if max(rows, columns) < 5 else 1
    groups = _pick(rng, [n for n in (1, 1, 2, channels) if channels % n == 0])
    made = groups * -(-made // groups) if groups * -(-made // groups) <= MOST_CHANNELS else channels
    part = nn.Conv2d(
        channels,
        made,
        (rows, columns),
        padding=((rows - 1) * dilation // 2, (columns - 1) * dilation // 2),
        dilation=dilation,
        groups=groups,
        bias=bool(rng.integers(2)),
        padding_mode=_pick(rng, ["zeros", "zeros", "reflect", "replicate"]),
    )
    return _of_part(part, source, made, scale)


def _activation(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value]:
    return _of_part(_pick(rng, ACTIVATIONS)(), source, *values[source])


def _smaller(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value] | None:
    channels, scale = values[source]
    if scale / 2 < SCALES[0]:
        return None
    part = _pick(rng, [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(3, 2, 1), nn.PixelUnshuffle(2)])
    if isinstance(part, nn.PixelUnshuffle):
        if channels * 4 > MOST_CHANNELS:
            return None
        channels *= 4
    return _of_part(part, source, channels, scale / 2)


def _larger(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value] | None:
    channels, scale = values[source]
    if scale * 2 > SCALES[1]:
        return None
    options: list[nn.Module] = [
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Upsample(scale_factor=2, mode="bicubic"),
        nn.ConvTranspose2d(channels, channels, 2, stride=2),
    ]
    part = nn.PixelShuffle(2) if channels % 4 == 0 and rng.integers(2) else _pick(rng, options)
    return _of_part(part, source, channels // 4 if isinstance(part, nn.PixelShuffle) else channels, scale * 2)


def _like(rng: np.random.Generator, values: list[Value], source: int) -> int:
    """Another tensor of the same channels and size, or the same."""
    return int(_pick(rng, [i for i, value in enumerate(values) if value == values[source]]))


def _sum(part: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return x + y


def _difference(part: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return x - F.relu(y)


def _gate(part: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return x * torch.sigmoid(part(y))


def _square(part: nn.Module, x: Tensor) -> Tensor:
    return x * x


def _concat(part: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([x, F.relu(y)], 1)


class Half(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = channels // 2

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.first :]


def _affine(part: nn.Module, x: Tensor) -> Tensor:
    return x * 0.75 - 0.125


def _excite(part: nn.Module, x: Tensor) -> Tensor:
    return x * torch.sigmoid(part(x.mean((2, 3), keepdim=True)))


def _joined(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value]:
    function, channels = _pick(rng, [_sum, _sum, _difference, _gate]), values[source][0]
    part = nn.Conv2d(channels, channels, 1) if function is _gate else None
    return (function, part, (source, _like(rng, values, source))), values[source]


def _appended(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value] | None:
    channels, scale = values[source]
    alike = [i for i, (more, size) in enumerate(values) if size == scale and channels + more <= MOST_CHANNELS]
    if not alike:
        return None
    other = int(_pick(rng, alike))
    return (_concat, None, (source, other)), (channels + values[other][0], scale)


def _cut(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value] | None:
    channels, scale = values[source]
    if channels < 2:
        return None
    return _of_part(Half(channels), source, channels - channels // 2, scale)


def _alone(rng: np.random.Generator, values: list[Value], source: int) -> tuple[Step, Value]:
    channels, function = values[source][0], _pick(rng, [_affine, _square, _apply, _excite])
    if function is _apply:
        return _of_part(nn.BatchNorm2d(channels), source, *values[source])
    part = nn.Conv2d(channels, channels, 1) if function is _excite else None
    return (function, part, (source,)), values[source]


KINDS: dict[str, Callable[..., tuple[Step, Value] | None]] = {
    "conv": _conv,
    "activation": _activation,
    "smaller": _smaller,
    "larger": _larger,
    "joined": _joined,
    "appended": _appended,
    "cut": _cut,
    "alone": _alone,
}
