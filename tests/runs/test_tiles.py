import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hwrts.data.tiles
from hwrts.data import downscale, downscale_by_2, to_codes
from hwrts.data.depth import Codes
from hwrts.data.tiles import Sizes, enhance, upscale
from hwrts.errors import DataError, HwrtsError
from hwrts.fixed_point import PIXEL, Conv, DepthToSpace, Format, Input, Layer, Network, Padding, run
from hwrts.runs.engines import Deployed

SIZES = [(1, 1), (1, 9), (7, 1), (8, 8), (9, 8), (17, 23), (24, 16), (25, 41)]


@pytest.mark.in_turns
@pytest.mark.parametrize("tile", [2, 8, 13])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_equal_one_pass(quantise, picture, monkeypatch, tile, height, width):
    _, network = quantise(1, 4)
    pixels = picture(height, width)
    x2 = run(network, pixels).astype(np.uint8)
    monkeypatch.setattr(hwrts.data.tiles, "TILE", tile)
    np.testing.assert_array_equal(upscale(lambda part: run(network, part), pixels, network.halo), x2)
    expected = to_codes(downscale_by_2(x2, "lanczos"))
    np.testing.assert_array_equal(enhance(lambda part: run(network, part), pixels, network.halo), expected)


def test_a_halo_too_small_shows(quantise, picture, monkeypatch):
    """The control of the test above: with one pixel less, tiles differ from one pass."""
    _, network = quantise(1, 4)
    pixels = picture(25, 41)
    expected = run(network, pixels)
    monkeypatch.setattr(hwrts.data.tiles, "TILE", 8)
    found = upscale(lambda part: run(network, part), pixels, network.halo - 1)
    assert (found != expected).any()


def _far_reaching(reach: int, scale: int = 2):
    """A function that enlarges, whose every output depends strongly on each input pixel within ``reach``."""

    def function(part: np.ndarray) -> np.ndarray:
        padded = np.pad(part.astype(np.int64), ((reach, reach), (reach, reach), (0, 0)))
        total = np.zeros(part.shape, np.int64)
        for dy in range(2 * reach + 1):
            for dx in range(2 * reach + 1):
                shifted = padded[dy : dy + part.shape[0], dx : dx + part.shape[1]]
                total += (37 * dy + 11 * dx + 1) * shifted
        return (total % 256).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)

    return function


@pytest.mark.parametrize("scale", [2, 3, 4, 7])
@pytest.mark.parametrize("reach", [0, 1, 4])
def test_halos_are_wide_enough_for_any_function(picture, monkeypatch, reach, scale):
    function, pixels = _far_reaching(reach, scale), picture(41, 37)
    larger, same = function(pixels), to_codes(downscale(function(pixels), scale, "lanczos"))
    monkeypatch.setattr(hwrts.data.tiles, "TILE", 10)
    np.testing.assert_array_equal(upscale(function, pixels, reach, scale), larger)
    np.testing.assert_array_equal(enhance(function, pixels, reach, scale), same)


def test_tiles_bound_what_the_network_sees(monkeypatch, picture):
    monkeypatch.setattr(hwrts.data.tiles, "TILE", 16)
    seen = []

    def double(part: np.ndarray) -> np.ndarray:
        seen.append(part.shape)
        return part.repeat(2, axis=0).repeat(2, axis=1)

    upscale(double, picture(50, 70), halo=3)
    assert max(max(shape) for shape in seen) == 16 + 2 * 3
    assert len(seen) == 4 * 5
    seen.clear()
    upscale(double, picture(49, 66), halo=3)  # one row is no tile, two columns are an eighth
    assert seen[-1][0] == 17 + 3
    assert len(seen) == 3 * 5


def test_float_networks_are_rounded_half_to_even():
    def half(part: np.ndarray) -> np.ndarray:
        return (part.repeat(2, axis=0).repeat(2, axis=1) + 0.5).astype(np.float32)

    codes = np.array([[[0, 1, 2], [253, 254, 255]]], np.uint8)
    assert upscale(half, codes, halo=0)[0, ::2].tolist() == [[0, 2, 2], [254, 254, 255]]


def shrinking(kind: str) -> Network:
    """Integer networks whose sizes are no whole multiples of the picture's."""
    rng = np.random.default_rng(4)
    out = Format(False, 8, 8)

    def layer(name: str, source: str, channels: tuple[int, int], kernel: int, **settings: Any) -> Conv:
        weight = rng.integers(-20, 60, (channels[1], channels[0], kernel, kernel)).astype(np.int8)
        frac = np.full(channels[1], 7, np.int32)
        return Conv(name, source, weight, frac, np.zeros(channels[1], np.int32), out, **settings)

    layers: dict[str, tuple[Layer, ...]] = {
        "down": (layer("y", "x", (3, 3), 3, stride=2),),
        "down by 4": (
            layer("h", "x", (3, 4), 4, stride=2, pads=(1, 1, 1, 1), padding=Padding.REPLICATE),
            layer("y", "h", (4, 3), 2, stride=2, pads=(0, 0, 0, 0)),
        ),
        "down and up": (
            layer("h", "x", (3, 12), 3, stride=2),
            layer("g", "h", (12, 12), 3),
            DepthToSpace("y", "g", 2),
        ),
        "valid": (
            layer("h", "x", (3, 4), 5, pads=(0, 1, 0, 0)),
            layer("y", "h", (4, 3), 3, pads=(0, 0, 0, 0)),
        ),
        "valid and up": (layer("h", "x", (3, 12), 3, pads=(0, 0, 0, 0)), DepthToSpace("y", "h", 2)),
        "valid behind down": (
            layer("h", "x", (3, 3), 3, stride=2),
            layer("y", "h", (3, 3), 3, pads=(0, 0, 0, 0)),
        ),
        "reflected": (layer("y", "x", (3, 3), 7, padding=Padding.REFLECT),),
    }
    return Network((Input("x", 3, PIXEL),), layers[kind])


def one_pass(network: Network, pixels: Codes) -> Codes:
    """The whole picture, padded by hand with what stands at its edge, and cut to what it is worth."""
    height, width = pixels.shape[:2]
    rows, columns = (max(-(-side // network.multiple) * network.multiple, least) for side, least in
                     zip((height, width), network.smallest, strict=True))  # fmt: skip
    padded = pixels[np.minimum(np.arange(rows), height - 1)][:, np.minimum(np.arange(columns), width - 1)]
    made = run(network, padded, "int64")
    scale, (down, across) = network.tensors[network.output].shape
    return made[: math.ceil(scale * height) - down, : math.ceil(scale * width) - across].astype(np.uint8)


@pytest.mark.parametrize("tile", [4, 7, 512])
@pytest.mark.parametrize("size", [(20, 24), (17, 23), (9, 10)])
@pytest.mark.parametrize(
    "kind",
    ["down", "down by 4", "down and up", "valid", "valid and up", "valid behind down", "reflected"],
)
def test_pictures_of_any_size_through_networks_that_shrink(kind, size, tile, picture, monkeypatch):
    """Also where a side is no multiple of what the network shrinks by: padded, and cut."""
    network, pixels = shrinking(kind), picture(*size)
    monkeypatch.setattr(hwrts.data.tiles, "TILE", tile)
    deployed = Deployed.of(network, lambda part: run(network, part))
    np.testing.assert_array_equal(deployed.upscale(pixels), one_pass(network, pixels))
    if kind in ("down and up", "reflected"):
        np.testing.assert_array_equal(deployed.enhance(pixels), deployed.upscale(pixels))
    else:
        with pytest.raises(DataError, match="it enhances none at the size that it has"):
            deployed.enhance(pixels)


def test_tiles_that_begin_anywhere_show(picture, monkeypatch):
    """The control of the test above: a network that shrinks must not be asked for odd places."""
    network, pixels = shrinking("down"), picture(20, 24)
    monkeypatch.setattr(hwrts.data.tiles, "TILE", 8)
    sizes = Deployed.of(network, lambda part: run(network, part)).sizes
    seen: list[int] = []

    def noted(part: Codes) -> NDArray[Any]:
        seen.append(len(part))
        return run(network, part)

    upscale(noted, pixels, network.halo, Fraction(1, 2), sizes)
    assert not any(rows % 2 for rows in seen)
    with pytest.raises(HwrtsError, match="does not divide by 2"):
        upscale(noted, pixels, network.halo, Fraction(1, 2), Sizes(multiple=1))


def test_pictures_of_which_nothing_is_left_are_refused(picture):
    network = shrinking("valid")
    deployed = Deployed.of(network, lambda part: run(network, part))
    assert deployed.sizes.lacks == (6, 5)
    assert deployed.upscale(picture(7, 6)).shape == (1, 1, 3)
    with pytest.raises(DataError, match=r"picture of 9x6: .* leave nothing of it; 6x7 pixels are the least"):
        deployed.upscale(picture(6, 9))
