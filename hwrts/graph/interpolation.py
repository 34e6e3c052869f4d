"""Torch's up- and down-scaling of pictures, in all its spellings, as a kind and a factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch.nn.functional as F
from torch import nn

from hwrts.fixed_point import UPSAMPLE_KINDS
from hwrts.fixed_point.interpolation import LARGEST_FACTOR
from hwrts.fixed_point.operators.operator import MAX_ENLARGEMENT
from hwrts.graph.operators.call import Call

MODULES: tuple[type[nn.Module], ...] = (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
FUNCTIONS: tuple[Any, ...] = (F.interpolate,)
"""Which torch's older functions call."""

_NAMES = ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias")
LARGEST_PART = 4
"""Largest numbers p and q of a factor p/q: taps of each of p*p phases are weights of their own."""
_ULPS = Fraction(1, 1 << 40)
"""Relative error within which a float stands for a fraction."""
_KINDS = {
    "nearest": "nearest",
    "nearest-exact": "nearest",
    "area": "area",
    "bilinear": "bilinear",
    "bicubic": "bicubic_075",  # torch has Keys' kernel with a = -3/4
}
"""Torch's modes of pictures."""


@dataclass(frozen=True)
class Interpolation:
    """What a call makes of a picture.

    Attributes:
        kind: "nearest", "area", or a kind of interpolation.
        factor: By which height and width grow; less than 1 where they shrink.
        mode: What torch calls it.
    """

    kind: str
    factor: Fraction
    mode: str

    @property
    def repeats(self) -> bool:
        """Whether each pixel becomes a square of equal ones; the mean of one pixel is that pixel."""
        return self.kind in ("nearest", "area") and self.factor.denominator == 1

    @property
    def interpolates(self) -> bool:
        """Whether there are taps for it."""
        return self.kind in UPSAMPLE_KINDS and self.factor.denominator == 1


def read_interpolation(call: Call) -> Interpolation:
    """A call of one of MODULES or FUNCTIONS.

    Raises:
        UnsupportedOperatorError: Taps that change from pixel to pixel, or a factor that there is not.
    """
    given = _given(call)
    mode, factor = given.get("mode") or "nearest", _factor(call, given)
    if given.get("align_corners"):
        raise call.refused(
            f"{mode} with align_corners=True has other taps at every pixel; use align_corners=False, or "
            "bilinear by a whole factor or to the size of another tensor"
        )
    if mode not in _KINDS:
        raise call.refused(f"mode {mode!r}; {', '.join(_KINDS)} are supported")
    kind = _KINDS[mode]
    if given.get("antialias") and (kind == "bicubic_075" or factor < 1):
        raise call.refused(
            f"{mode} with antialias=True leaves pixels outside the picture out; use "
            "hwrts.networks.FixedUpsample, which replicates them, or leave antialias out"
        )
    largest = MAX_ENLARGEMENT if kind in ("nearest", "area") else LARGEST_FACTOR
    if factor > largest:
        raise call.refused(f"{mode} by {factor}; 2..{largest} are supported")
    return Interpolation(kind, factor, mode)


def _given(call: Call) -> dict[str, Any]:
    """What is said of it, by name."""
    call.sources()  # a tensor of the picture, or nothing else needs to be said
    if call.module is not None:
        return {name: getattr(call.module, name, None) for name in _NAMES}
    return dict(zip(_NAMES, call.node.args[1:], strict=False)) | call.node.kwargs


def _factor(call: Call, given: Mapping[str, Any]) -> Fraction:
    """By which both sides grow, from a factor or from sizes."""
    size, scale = given.get("size"), given.get("scale_factor")
    if size is None:
        asked, found = (
            f"scale factor {scale}",
            {_near(each) for each in _pair(call, scale, "scale factor")},
        )
    else:
        sides, source = _pair(call, size, "size"), call.example(call.node.args[0])
        if source is None:
            raise call.refused("to a size, while that of its source is not known; use a whole scale_factor")
        if tuple(source.shape[2:]) == (1, 1):
            raise call.refused(
                f"one pixel to {size}, which is the size of no tensor so far; add it to a tensor of that "
                "size, over which it is spread"
            )
        found = {Fraction(int(new), old) for new, old in zip(sides, source.shape[2:], strict=True)}
        asked = f"to {size} of {tuple(source.shape[2:])} pixels"
    factor = found.pop()
    small = max(factor.numerator, factor.denominator) <= LARGEST_PART
    if found or factor <= 0 or (1 not in (factor.numerator, factor.denominator) and not small):
        raise call.refused(
            f"{asked}; the same whole factor in both directions, or p/q with both up to {LARGEST_PART}, is "
            "supported: pad what shrinks so that sizes divide"
        )
    return factor


def _near(number: float) -> Fraction:
    """A number as a fraction; a third, which no float is, as 1/3."""
    short = Fraction(number).limit_denominator(MAX_ENLARGEMENT)
    return short if abs(short - Fraction(number)) < _ULPS * abs(short) else Fraction(number)


def _pair(call: Call, given: Any, what: str) -> tuple[float, float]:
    """A number for each direction; one is for both."""
    both = tuple(given) if isinstance(given, list | tuple) else (given, given)
    if len(both) == 1:
        both *= 2
    if len(both) != 2 or not all(isinstance(each, int | float) for each in both):
        raise call.refused(f"{what} {given!r}; a number, or one for each direction, is supported")
    return both
