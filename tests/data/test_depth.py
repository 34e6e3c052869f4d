"""16 bits around a network of 8-bit codes, eq. 19 to 22 of docs/arithmetic.md, against slow integer loops."""

import doctest
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwrts.data import Picture, codes_of, with_result
from hwrts.data.depth import corrected, enlarge_bilinear, reduce
from hwrts.data.luma import OWN
from hwrts.data.tiles import TILE
from hwrts.data.tiles import enhance as by_tiles


def deep(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 65536, (height, width, channels), dtype=np.uint16)


def nearest_even(value):
    low = value.numerator // value.denominator
    rest = value - low
    return low + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2 == 1))


def slowly_enlarged(samples, scale):
    """Bilinear by its definition: new pixel n stands at (n + 1/2) / S - 1/2, borders repeat."""
    height, width = samples.shape
    out = np.empty((height * scale, width * scale), samples.dtype)

    def around(n, size):
        at = Fraction(2 * n + 1, 2 * scale) - Fraction(1, 2)
        low = at.numerator // at.denominator
        part = at - low
        return [(min(max(low, 0), size - 1), 1 - part), (min(max(low + 1, 0), size - 1), part)]

    for y in range(height * scale):
        for x in range(width * scale):
            value = sum(
                wy * wx * int(samples[r, c]) for r, wy in around(y, height) for c, wx in around(x, width)
            )
            out[y, x] = nearest_even(Fraction(value))
    return out


def test_every_value_has_its_nearest_code():
    values = np.arange(65536, dtype=np.uint16)
    codes = reduce(values).astype(int)
    assert (np.abs(values - 257 * codes) <= 128).all()
    assert np.array_equal(reduce((257 * np.arange(256)).astype(np.uint16)), np.arange(256))


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 4)])
def test_enlarge_against_fractions(scale, dtype, size):
    samples = np.random.default_rng(scale).integers(0, np.iinfo(dtype).max, size, dtype=dtype, endpoint=True)
    assert np.array_equal(enlarge_bilinear(samples, scale), slowly_enlarged(samples, scale))


def test_enlarge_ties_go_to_the_even_code():
    picture = np.array([[0, 2], [0, 2]], np.uint8)  # 0, 1/2, 3/2, 2
    assert enlarge_bilinear(picture, 2)[0].tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_bands_of_rows_do_not_show(scale):
    """Sums are formed 256 rows at a time; the rows at their ends need those beside them."""
    x = deep(600, 3, seed=scale)
    rows = [enlarge_bilinear(x[max(0, y - 1) : y + 2], scale) for y in range(600)]
    parts = [r[(scale if y else 0) :][:scale] for y, r in enumerate(rows)]
    assert np.array_equal(enlarge_bilinear(x, scale), np.concatenate(parts))
    y8 = np.random.default_rng(4).integers(0, 256, (600 * scale, 3 * scale, 3), dtype=np.uint8)
    wanted = enlarge_bilinear(x, scale).astype(int) + 257 * (
        y8.astype(int) - enlarge_bilinear(reduce(x), scale)
    )
    assert np.array_equal(corrected(x, y8, scale), np.clip(wanted, 0, 65535))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_an_unchanged_code_changes_no_value(scale):
    x = deep(37, 23)
    unchanged: Any = enlarge_bilinear(reduce(x), scale)
    assert np.array_equal(corrected(x, unchanged, scale), enlarge_bilinear(x, scale))


def test_what_came_from_8_bits_goes_the_way_of_8_bits():
    """Same size: exactly 257 times the 8-bit result; x2: the code of it is the 8-bit result."""
    x8 = np.random.default_rng(1).integers(0, 256, (21, 33, 3), dtype=np.uint8)
    x16 = x8.astype(np.uint16) * 257
    y8 = np.random.default_rng(2).integers(0, 256, (21, 33, 3), dtype=np.uint8)
    assert np.array_equal(corrected(x16, y8, 1), y8.astype(np.uint16) * 257)
    y8 = np.random.default_rng(3).integers(0, 256, (42, 66, 3), dtype=np.uint8)
    assert np.array_equal(reduce(corrected(x16, y8, 2)), y8)


@pytest.mark.parametrize("slope", [1, 7, 60, 128])
@pytest.mark.parametrize("repeated", [True, False])
def test_a_ramp_has_no_bands_after_x2(slope, repeated):
    """A network without a correction repeats pixels (eq. 13) or interpolates: both leave the ramp a ramp."""
    ramp = 20_000 + slope * (np.arange(200)[None, :] + np.arange(30)[:, None] // 2)
    ramp = np.repeat(ramp[..., None], 3, 2).astype(np.uint16)
    x8 = reduce(ramp)
    y8: Any = np.repeat(np.repeat(x8, 2, 0), 2, 1) if repeated else enlarge_bilinear(x8, 2)
    out = corrected(ramp, y8, 2).astype(int)
    assert np.array_equal(out, enlarge_bilinear(ramp, 2))
    assert np.diff(out[:, 2:-2], axis=1).max() <= slope / 2 + 1


def test_luma_of_grey_is_its_code():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    assert np.array_equal(OWN.of(grey)[..., 0], grey[..., 0])


def sharpened(pixels):
    """A network of halo 1: a pixel against the mean of its neighbours in a row."""
    x = np.pad(pixels.astype(int), ((0, 0), (1, 1), (0, 0)), mode="edge")
    return np.clip(2 * x[:, 1:-1] - (x[:, :-2] + x[:, 2:]) // 2, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["grey", "RGB", "grey and alpha", "RGBA"])
@pytest.mark.parametrize("scale", [1, 2])
def test_tiles_of_a_deep_picture_are_one_picture(kind, scale):
    x = deep(TILE + 67, TILE + 73, 1 if "grey" in kind else 3)
    alpha = deep(TILE + 67, TILE + 73, 1, seed=1)[..., 0] if "A" in kind or "alpha" in kind else None
    if alpha is not None:
        alpha[alpha == 0] = 1  # hidden pixels stay as they are
    picture = Picture(x, alpha)
    codes = codes_of(picture)
    tiled = by_tiles(sharpened, codes, halo=1, scale=1)
    whole = sharpened(codes)
    assert np.array_equal(tiled, whole)
    if scale == 2:
        tiled, whole = (np.repeat(np.repeat(each, 2, 0), 2, 1) for each in (tiled, whole))
    out = with_result(picture, tiled, scale)
    assert out.kind == f"{kind} 16 bits"
    wanted = whole if x.shape[2] == 3 else OWN.of(whole)
    wanted = 257 * (wanted.astype(int) - enlarge_bilinear(reduce(x), scale)) + enlarge_bilinear(x, scale)
    assert np.array_equal(out.samples, np.clip(wanted, 0, 65535))
    if alpha is not None:
        assert out.alpha is not None
        assert np.array_equal(out.alpha, enlarge_bilinear(alpha, scale))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_hidden_colours_draw_no_outline(dtype):
    """Files hold black where nothing is seen; sharpening a light disc against it gave it a bright rim."""
    white = np.iinfo(dtype).max
    samples, alpha = np.zeros((20, 40, 3), dtype), np.zeros((20, 40), dtype)
    samples[:, 10:30], alpha[:, 10:30] = white // 2, white
    picture = Picture(samples, alpha)
    codes = codes_of(picture)
    assert len(np.unique(codes)) == 1
    out = with_result(picture, sharpened(codes), 1)
    assert np.array_equal(out.samples, samples)  # hidden ones too
    assert out.alpha is not None
    assert np.array_equal(out.alpha, alpha)
    twice = with_result(picture, np.repeat(np.repeat(codes, 2, 0), 2, 1), 2)
    assert len(np.unique(twice.samples)) == 1
    assert twice.alpha is not None
    assert np.array_equal(twice.alpha, enlarge_bilinear(alpha, 2))
    nothing = Picture(samples, np.zeros_like(alpha))
    assert np.array_equal(codes_of(nothing), reduce(samples))


def test_grey_that_a_network_coloured_is_its_luma():
    picture = Picture(np.full((3, 3, 1), 100, np.uint8))
    result = np.full((3, 3, 3), (110, 100, 97), np.uint8)
    out = with_result(picture, result, 1)
    assert out.samples.shape == (3, 3, 1)
    assert (out.samples == 103).all()  # 0.299 * 110 + 0.587 * 100 + 0.114 * 97 = 102.658
    assert out.notes == ("the network coloured the grey by up to 13 codes; its luma is written",)
    assert with_result(picture, codes_of(picture), 1).notes == ()


def test_the_examples_in_the_arithmetic_document():
    """All of them: tests/fixed_point runs those that need NumPy alone."""
    document = Path(__file__).parents[2] / "docs" / "arithmetic.md"
    result = doctest.testfile(str(document), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= 20
