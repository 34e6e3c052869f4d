"""Test patterns: pictures whose right answer is known, and by how many codes a network misses it.

A photograph hides a frame, a tint or a level that is two codes off; these show nothing else.
Letters: H rows, W columns of a pattern, S the network's scale.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hwrts.data.depth import Codes

SIDE = 128
"""Rows and columns of every pattern but the ramp, whose columns are the 256 levels."""

FOOT, HEAD = 16, 235
"""Black and white of limited-range video (BT.709); what goes beyond is footroom and headroom."""

INSIDE = 4
"""Pixels of a uniform picture that lie further from every border than the network reaches."""

MARGIN = 32
"""What is called a border of a network that reaches everywhere: deeper than most kernels of one do."""


def pattern_pictures() -> dict[str, Codes]:
    """The patterns by name, each (H, W, 3) uint8; colour bars are the only one that is not grey."""
    grey: dict[str, NDArray[Any]] = {
        "flat fields": _squares(np.linspace(0, 255, 16).round().reshape(4, 4)),
        "grey ramp": np.tile(np.arange(256), (SIDE // 4, 1)),
        "zone plate": _zone_plate(),
        "steps 16/235": _steps(),
        "text": _text(),
        "one-pixel lines": _lines(),
        "checkerboard": _checks(),
    }
    pictures = {"colour bars": _bars()}
    for name, plane in grey.items():
        pictures[name] = np.repeat(plane.astype(np.uint8)[:, :, None], 3, axis=2)
    return pictures


def pattern_figures(network: Callable[[Codes], Codes], halo: int | None) -> dict[str, float]:
    """What a network makes of the patterns, each figure in codes and 0 if nothing is wrong.

    Args:
        network: Codes (H, W, 3) uint8 to (SH, SW, 3) uint8.
        halo: Input pixels around an output pixel that it depends on; None if on all of them: then a border
            is what lies within MARGIN pixels.

    Returns:
        flat_codes: largest abs(out - level) over the inside of the 256 uniform grey pictures.
        border_codes: largest abs(out - the median of the inside) over the rest of them, which a border can
        reach.
        grey_codes: largest max - min of R, G and B over the grey patterns.
        step_codes: how far the steps between 16 and 235 come out below 16 or above 235.

    >>> pattern_figures(lambda pixels: pixels, halo=2)
    {'flat_codes': 0.0, 'border_codes': 0.0, 'grey_codes': 0.0, 'step_codes': 0.0}
    """
    flat = border = 0
    halo = MARGIN if halo is None else halo
    side = 2 * halo + INSIDE
    for level in range(256):
        out = network(np.full((side, side, 3), level, np.uint8)).astype(np.int16)
        reach = min(math.ceil(halo * len(out) / side), (len(out) - 1) // 2)
        inside = out[reach:-reach, reach:-reach] if reach else out
        flat = max(flat, int(np.abs(inside - level).max()))
        border = max(border, int(np.abs(out - np.median(inside, axis=(0, 1))).max()))
    chroma = 0
    made = {name: network(picture) for name, picture in pattern_pictures().items() if is_grey(picture)}
    for picture in made.values():
        chroma = max(chroma, int((picture.max(axis=2) - picture.min(axis=2)).max()))
    steps = made["steps 16/235"]
    beyond = max(FOOT - int(steps.min()), int(steps.max()) - HEAD, 0)
    return {
        "flat_codes": float(flat),
        "border_codes": float(border),
        "grey_codes": float(chroma),
        "step_codes": float(beyond),
    }


def is_grey(pixels: NDArray[Any]) -> bool:
    """Whether R, G and B of a picture (H, W, 3) are equal everywhere."""
    return bool((pixels == pixels[:, :, :1]).all())


def _squares(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equal squares of the levels."""
    return levels.repeat(SIDE // levels.shape[0], axis=0).repeat(SIDE // levels.shape[1], axis=1)


def _bars() -> Codes:
    """White, yellow, cyan, green, magenta, red, blue, black, at full amplitude above and at 75 % below."""
    order = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
    full = np.array(order, np.uint8).repeat(SIDE // len(order), axis=0)  # (W, 3)
    rows = np.array([255, 191], np.uint8).repeat(SIDE // 2)  # (H,)
    return rows[:, None, None] * full[None]


def _zone_plate() -> NDArray[np.float64]:
    """cos(k r**2) whose local frequency is half a cycle a pixel in the middle of each side."""
    x = np.arange(SIDE) - (SIDE - 1) / 2
    r2 = x[:, None] ** 2 + x[None, :] ** 2
    return np.rint(127.5 + 127.5 * np.cos(np.pi * r2 / SIDE))


def _steps() -> NDArray[np.int64]:
    """Vertical, horizontal, slanted and round edges between 16 and 235."""
    y, x = np.mgrid[:SIDE, :SIDE]
    half = SIDE // 2
    upright, level = x % 32 < 16, y % 32 < 16
    slanted = (3 * x + y) % 96 < 48
    disc = (x - 3 * half // 2) ** 2 + (y - 3 * half // 2) ** 2 < 24**2
    left = np.where(y < half, upright, slanted)
    right = np.where(y < half, level, disc)
    return np.where(np.where(x < half, left, right), HEAD, FOOT)


def _text() -> NDArray[np.uint8]:
    """Small letters, black on white, white on black, and grey on grey."""
    page = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default_imagefont()  # of dots: the same on every machine
    third = SIDE // 3
    for i, (ink, paper) in enumerate(((0, 255), (255, 0), (150, 110))):
        draw.rectangle((0, i * third, SIDE, SIDE), fill=paper)
        for j, words in enumerate(("Hamburgefonstiv", "0123456789 +-%&@", "fine print, ijl")):
            draw.text((4, i * third + 2 + 13 * j), words, fill=ink, font=font)
    return np.array(page)


def _lines() -> NDArray[np.int64]:
    """Single lines, white on black and black on white, and pairs of lines 1, 2 and 3 pixels apart."""
    y, x = np.mgrid[:SIDE, :SIDE]
    half = SIDE // 2
    column, row = x % half, y % half
    lone = {8, 20, 32, 34, 44, 47, 54, 58}
    upright, level = np.isin(column, list(lone)), np.isin(row, list(lone))
    slanted = (x + y) % 16 == 0
    lines = np.where(x < half, np.where(y < half, upright, slanted), np.where(y < half, level, upright))
    return np.where(lines ^ ((x >= half) & (y >= half)), 255, 0)


def _checks() -> NDArray[np.int64]:
    """Squares of 1, 2, 4 and 8 pixels between 16 and 235."""
    y, x = np.mgrid[:SIDE, :SIDE]
    half = SIDE // 2
    size = np.where(y < half, np.where(x < half, 1, 2), np.where(x < half, 4, 8))
    return np.where((x // size + y // size) % 2, HEAD, FOOT)
