import numpy as np
import pytest

import hwrts.data.tiles
from hwrts.data import downscale, downscale_by_2, to_codes
from hwrts.data.tiles import enhance, upscale
from hwrts.fixed_point import run

SIZES = [(1, 1), (1, 9), (7, 1), (8, 8), (9, 8), (17, 23), (24, 16), (25, 41)]


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


def test_float_networks_are_rounded_half_to_even():
    def half(part: np.ndarray) -> np.ndarray:
        return (part.repeat(2, axis=0).repeat(2, axis=1) + 0.5).astype(np.float32)

    codes = np.array([[[0, 1, 2], [253, 254, 255]]], np.uint8)
    assert upscale(half, codes, halo=0)[0, ::2].tolist() == [[0, 2, 2], [254, 254, 255]]
