from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    UPSAMPLE_KINDS,
    Conv,
    Format,
    HwrtsError,
    Input,
    Network,
    Rounding,
    Upsample,
    bounds,
    run,
    run_all,
    stream,
    upsample_is_exact,
    upsample_kernel,
    upsample_taps,
)
from hwrts.fixed_point.operators.upsample import upsample_accumulate

from .test_requantize import slow_code

KINDS = [("bilinear", 2), ("bilinear", 4), ("bilinear", 8), ("bicubic", 2), ("bicubic_075", 2)]
"""Whose taps are the kernel's own."""
ROUNDED = [("bilinear", 3), ("bilinear", 7), ("bicubic", 4), ("bicubic_075", 3), ("bicubic_075", 8)]
ALL = [(kind, factor) for kind in UPSAMPLE_KINDS for factor in range(2, 9)]
SIZES = [(1, 1), (1, 2), (2, 1), (1, 7), (6, 1), (3, 3), (4, 9), (33, 5)]


def one_upsample(kind, factor, source=PIXEL, out=PIXEL, rounding=Rounding.HALF_EVEN, channels=1):
    return Network((Input("x", channels, source),), (Upsample("y", "x", kind, factor, out),), rounding)


def codes_of(network, x):
    """The codes (F*H, F*W, C), by every path."""
    expected = run(network, x, "int64")
    assert np.array_equal(run(network, x), expected)
    assert np.array_equal(run_all(network, x)["y"], expected)
    for path in ("int64", "fast"):
        assert np.array_equal(np.stack(list(stream(network, x, path))), expected)
    assert expected.dtype == network.layers[0].out.dtype
    return expected


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [2, 2, 4, 4]),
        (Rounding.HALF_UP, [2, 3, 4, 4]),
        (Rounding.HALF_AWAY, [2, 3, 4, 4]),
        (Rounding.FLOOR, [2, 2, 3, 4]),
    ],
)
def test_bilinear_ties_by_hand(rounding, expected):
    """Between 2 and 4: 2, 2.5, 3.5, 4; the outer pixels are copies."""
    found = codes_of(one_upsample("bilinear", 2, rounding=rounding), np.array([[[2], [4]]], np.uint8))
    assert found[..., 0].tolist() == [expected, expected]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-2, -2, -4, -4]),
        (Rounding.HALF_UP, [-2, -2, -3, -4]),
        (Rounding.HALF_AWAY, [-2, -3, -4, -4]),
        (Rounding.FLOOR, [-2, -3, -4, -4]),
    ],
)
def test_ties_below_zero_by_hand(rounding, expected):
    signed = Format(True, 8, 8)
    network = one_upsample("bilinear", 2, signed, signed, rounding)
    assert codes_of(network, np.array([[[-2], [-4]]], np.int8))[1, :, 0].tolist() == expected


def test_two_directions_by_hand():
    """Both directions are summed before the one rounding: 9*0 + 3*1 + 3*2 + 1*7 = 16 sixteenths."""
    acc = upsample_accumulate(np.array([[[0], [1]], [[2], [7]]], np.uint8), "bilinear", 2)[..., 0]
    assert acc.tolist() == [[0, 4, 12, 16], [8, 16, 32, 40], [24, 40, 72, 88], [32, 52, 92, 112]]


def test_bicubic_by_hand():
    """An impulse of 128 in a row of 5 shows the taps, times 128 for the constant columns; edges replicate."""
    x = np.zeros((1, 5, 1), np.uint8)
    x[0, 2] = 128
    acc = upsample_accumulate(x, "bicubic", 2)[0, :, 0] // (128 * 128)
    assert acc.tolist() == [0, -3, -9, 29, 111, 111, 29, -9, -3, 0]
    x = np.zeros((1, 5, 1), np.uint8)
    x[0, 0] = 128
    acc = upsample_accumulate(x, "bicubic", 2)[0, :, 0] // (128 * 128)
    assert acc.tolist() == [-3 + 29 + 111, -9 + 111, -3 + 29, -9, -3, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(Rounding.HALF_EVEN, 0), (Rounding.HALF_UP, 1), (Rounding.HALF_AWAY, 1), (Rounding.FLOOR, 0)],
)
def test_a_bicubic_tie(rounding, expected):
    """Between 1 and 2 in the row 10 1 2 5: (-90 + 111 + 58 - 15) / 128 = 64 / 128."""
    x = np.array([[[10], [1], [2], [5]]], np.uint8)
    assert codes_of(one_upsample("bicubic", 2, rounding=rounding), x)[0, 3, 0] == expected


def keys(distance: Fraction, a: Fraction) -> Fraction:
    """Keys' cubic convolution kernel, as its paper has it."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else Fraction(0)


def kernel_of(kind):
    if kind == "bilinear":
        return triangle
    return partial(keys, a=Fraction(-1, 2) if kind == "bicubic" else Fraction(-3, 4))


def triangle(distance: Fraction) -> Fraction:
    return max(Fraction(0), 1 - abs(distance))


@pytest.mark.parametrize(("kind", "factor"), KINDS)
def test_taps_are_those_of_the_kernel(kind, factor):
    kernel = kernel_of(kind)
    taps, frac = upsample_taps(kind, factor)
    margin = taps.shape[1] // 2
    for i, row in enumerate(taps.tolist()):
        centre = (i + Fraction(1, 2)) / factor - Fraction(1, 2)
        exact = [kernel(centre - offset) for offset in range(-margin, margin + 1)]
        assert [Fraction(tap, 2**frac) for tap in row] == exact
        assert sum(row) == 2**frac
    assert np.array_equal(taps, taps[::-1, ::-1])
    assert taps[:, 0].any()  # a narrower window would do otherwise


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("kind", "factor"), KINDS)
def test_pictures_against_the_kernel_in_fractions(kind, factor, rounding):
    """Every pixel from its position and the kernel, coordinates clamped; no table of taps."""
    seed = 53
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    kernel = kernel_of(kind)
    for height, width in [(1, 1), (1, 3), (4, 2), (5, 5)]:
        source, out = Format(bool(rng.integers(2)), 8, 8), Format(bool(rng.integers(2)), 8, 7)
        x = rng.integers(source.min, source.max, (height, width, 1), endpoint=True)

        def weights(position, size, kernel=kernel):
            found: dict[Any, Any] = {}
            for offset in range(-2, 4):
                at = floor(position) + offset
                inside = min(max(at, 0), size - 1)
                found[inside] = found.get(inside, 0) + kernel(position - at)
            return found

        expected = np.empty((height * factor, width * factor, 1), np.int64)
        for y, q, _ in np.ndindex(expected.shape):
            rows = weights((y + Fraction(1, 2)) / factor - Fraction(1, 2), height)
            columns = weights((q + Fraction(1, 2)) / factor - Fraction(1, 2), width)
            value = sum(a * b * int(x[r, c, 0]) for r, a in rows.items() for c, b in columns.items())
            acc_frac = source.frac + 2 * upsample_taps(kind, factor)[1]
            expected[y, q] = slow_code(Fraction(value) / 2**source.frac, acc_frac, out, rounding)
        found = codes_of(one_upsample(kind, factor, source, out, rounding), x)
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(("kind", "factor"), KINDS)
def test_flat_pictures_keep_their_code(kind, factor):
    for code in (0, 1, 77, 254, 255):
        assert set(codes_of(one_upsample(kind, factor), np.full((3, 4, 1), code, np.uint8)).ravel()) == {code}


def test_overshoot_saturates_in_an_unsigned_format_and_is_kept_in_a_wide_one():
    x = np.array([[[0], [255]]], np.uint8)
    assert codes_of(one_upsample("bicubic", 2), x)[0, :, 0].tolist() == [0, 52, 203, 255]
    wide = one_upsample("bicubic", 2, out=Format(True, 10, 8))
    assert codes_of(wide, x)[0, :, 0].tolist() == [-18, 52, 203, 273]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "factor"), KINDS)
def test_every_path_and_size(kind, factor, size, rounding):
    x = np.random.default_rng(size).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = codes_of(one_upsample(kind, factor, out=Format(True, 8, 6), rounding=rounding, channels=3), x)
    assert found.shape == (size[0] * factor, size[1] * factor, 3)


def test_sixteen_bits_need_float64(monkeypatch):
    """Sums of 1.5 * 2**30: the fast path must see that float32 is not enough."""
    wide = Format(False, 16, 16)
    network = one_upsample("bicubic", 2, wide, wide, Rounding.HALF_UP)
    x = np.random.default_rng(3).integers(0, 65536, (20, 30, 1))
    expected = codes_of(network, x)
    monkeypatch.setattr(bounds, "FLOAT32_LIMIT", 1 << 62)
    assert not np.array_equal(run(network, x), expected)


ROUNDED_BY_HAND = {
    ("bilinear", 3): [[85, 171, 0], [0, 256, 0], [0, 171, 85]],  # thirds of 256: 85 1/3, 170 2/3
    ("bilinear", 5): [[102, 154, 0], [51, 205, 0], [0, 256, 0], [0, 205, 51], [0, 154, 102]],
    ("bilinear", 6): [[107, 149, 0], [64, 192, 0], [21, 235, 0], [0, 235, 21], [0, 192, 64], [0, 149, 107]],
    # -9.48, 85.33, 199.11, -18.96
    ("bicubic", 3): [[-9, 85, 199, -19, 0], [0, 0, 256, 0, 0], [0, -19, 199, 85, -9]],
    ("bicubic_075", 2): [[-9, 67, 225, -27, 0], [0, -27, 225, 67, -9]],
}


@pytest.mark.parametrize(("kind", "factor"), ROUNDED_BY_HAND)
def test_rounded_taps_by_hand(kind, factor):
    taps, frac = upsample_taps(kind, factor)
    assert (taps.tolist(), frac) == (ROUNDED_BY_HAND[kind, factor], 8)


@pytest.mark.parametrize(("kind", "factor"), ALL)
def test_every_tap_is_next_to_the_kernel_and_each_phase_adds_up_to_one(kind, factor):
    taps, frac = upsample_taps(kind, factor)
    kernel, margin = kernel_of(kind), taps.shape[1] // 2
    for i, row in enumerate(taps.tolist()):
        centre = (i + Fraction(1, 2)) / factor - Fraction(1, 2)
        exact = [kernel(centre - offset) * 2**frac for offset in range(-margin, margin + 1)]
        assert all(abs(tap - each) < 1 for tap, each in zip(row, exact, strict=True))
        assert sum(row) == 2**frac
    assert np.array_equal(taps, taps[::-1, ::-1])
    assert taps[:, 0].any()
    assert upsample_is_exact(kind, factor) is ((kind, factor) in KINDS)
    own = [[kernel((i + Fraction(1, 2)) / factor - Fraction(1, 2) - u) for u in range(-margin, margin + 1)]
           for i in range(factor)]  # fmt: skip
    assert upsample_kernel(kind, factor) == own


@pytest.mark.parametrize("code", [0, 1, 128, 254, 255])
def test_flat_pictures_keep_their_code_whatever_is_rounded(code):
    for kind, factor in ALL:
        found = run(one_upsample(kind, factor), np.full((2, 3, 1), code, np.uint8))
        assert set(found.ravel().tolist()) == {code}, (kind, factor)


@pytest.mark.parametrize(("kind", "factor"), ALL)
def test_codes_of_8_bits_fit_an_accumulator_and_around_their_middle_float32(kind, factor):
    layer = Upsample("y", "x", kind, factor, PIXEL)
    bounds = layer.reach(PIXEL)
    assert int(bounds.partial_sum.max()) < 1 << 25
    assert layer.reach(Format(True, 8, 8)).exact_in_float32  # codes -128..127, as those less 128 are
    for end, found in zip((bounds.lowest, bounds.highest), layer.attack(PIXEL), strict=True):
        assert np.array_equal(end, found)


def test_torchs_bicubic_by_2_is_beyond_float32():
    bounds = Upsample("y", "x", "bicubic_075", 2, PIXEL).reach(PIXEL)
    assert bounds.partial_sum.max() == 328**2 * 255 == 27_433_920
    assert not bounds.exact_in_float32


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(("kind", "factor"), ROUNDED)
def test_every_path_of_rounded_taps(kind, factor, rounding):
    for size in [(1, 1), (1, 4), (5, 3)]:
        x = np.random.default_rng(size).integers(0, 256, (*size, 2)).astype(np.uint8)
        x[0, 0], x[-1, -1] = 0, 255
        codes_of(one_upsample(kind, factor, rounding=rounding, channels=2), x)


@pytest.mark.parametrize(("kind", "factor"), [("bicubic", 9), ("bilinear", 1), ("nearest", 2), ("", 2)])
def test_other_kinds_are_refused_with_what_there_is(kind, factor):
    known = "use bilinear, bicubic, bicubic_075 by 2..8"
    with pytest.raises(HwrtsError, match=f"upsample: '{kind}' by {factor} does not exist; {known}"):
        upsample_taps(kind, factor)


def test_tiles_with_a_halo_give_the_same_codes_and_without_do_not():
    rng = np.random.default_rng(7)
    one = np.ones(1, np.int32)
    weight = rng.integers(-127, 128, (1, 1, 3, 3)).astype(np.int8)
    layers = (
        Upsample("up", "x", "bicubic", 2, PIXEL),
        Conv("c", "up", weight, 7 * one, 0 * one, Format(True, 8, 6)),
    )
    network = Network((Input("x", 1, PIXEL),), layers)
    assert network.halo == 3  # two pixels of the window, and one of the new, half as large
    x = rng.integers(0, 256, (12, 13, 1)).astype(np.uint8)
    whole = run(network, x, "int64")

    def tiled(margin):
        out = np.empty_like(whole)
        for top in range(0, 12, 4):
            first = max(top - margin, 0)
            part = run(network, x[first : top + 4 + margin], "int64")
            out[2 * top : 2 * top + 8] = part[2 * (top - first) :][:8]
        return out

    assert np.array_equal(tiled(network.halo), whole)
    assert not np.array_equal(tiled(1), whole)
