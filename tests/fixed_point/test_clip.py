import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Clip,
    Format,
    HwrtsError,
    Input,
    Network,
    Rounding,
    load_network,
    save_network,
)

from .test_prelu import codes_of

S8 = Format(True, 8, 4)


def one_clip(low, high, source, rounding=Rounding.HALF_EVEN):
    return Network((Input("x", 1, source),), (Clip("y", "x", low, high),), rounding)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 127, [0, 0, 0, 1, 96, 97, 127]),  # a ReLU
        (0, 96, [0, 0, 0, 1, 96, 96, 96]),  # ReLU6 of f = 4
        (-16, 16, [-16, -1, 0, 1, 16, 16, 16]),  # Hardtanh
        (-128, 0, [-128, -1, 0, 0, 0, 0, 0]),
        (5, 5, [5] * 7),
        (-128, 127, [-128, -1, 0, 1, 96, 97, 127]),
    ],
)
def test_by_hand(low, high, expected, rounding):
    x = np.array([-128, -1, 0, 1, 96, 97, 127]).reshape(1, -1, 1)
    assert codes_of(one_clip(low, high, S8, rounding), x).ravel().tolist() == expected


@pytest.mark.parametrize("bits", range(2, 17))
@pytest.mark.parametrize("signed", [False, True])
def test_every_code_of_every_width_keeps_its_format(bits, signed):
    source = Format(signed, bits, 4)
    codes = np.arange(source.min, source.max + 1)
    low, high = int(codes[len(codes) // 3]), source.max - 1
    network = one_clip(low, high, source)
    found = codes_of(network, codes.reshape(-1, min(256, len(codes)), 1))
    assert found.ravel().tolist() == [min(max(code, low), high) for code in codes.tolist()]
    assert (network.formats["y"], found.dtype) == (source, source.dtype)


@pytest.mark.parametrize(
    ("low", "high", "source", "message"),
    [
        (3, 2, S8, "low 3 is above high 2; exchange them"),
        (-129, 0, S8, r"limits -129\.\.0 are no codes of 'x'; use -128\.\.127"),
        (0, 128, S8, r"limits 0\.\.128 are no codes of 'x'; use -128\.\.127"),
        (-1, 255, PIXEL, r"limits -1\.\.255 are no codes of 'x'; use 0\.\.255"),
        (0.0, 1, S8, r"low 0\.0 is not allowed; use a whole number"),
        (0, True, S8, "high True is not allowed"),
        (None, 3, S8, "low None is not allowed"),
        (0, 1 << 16, S8, "high 65536 is not allowed"),
    ],
)
def test_wrong_limits_are_refused(low, high, source, message):
    with pytest.raises(HwrtsError, match=f"layer 'y': {message}"):
        one_clip(low, high, source)


@pytest.mark.parametrize(
    ("low", "high", "codes", "expected"),
    [
        (0, 9, [-5, 0, 3, 9], (1, 9)),  # two codes at the lower limit
        (0, 9, [0, 3, 9, 20], (0, 8)),
        (4, 4, [5, 5, 3], (4, 5)),
        (4, 4, [5, 3, 3], (3, 4)),
    ],
)
def test_the_deliberate_error_is_at_the_limit_that_codes_reach(low, high, codes, expected):
    x = np.array(codes, np.int8).reshape(1, -1, 1)
    layer = Clip("y", "x", low, high)
    broken = layer.corrupted([x], np.clip(x, low, high))
    broken.check()
    assert (broken.low, broken.high) == expected


def test_it_is_in_files_without_a_format_or_a_proof(tmp_path):
    network = one_clip(0, 96, S8)
    save_network(network, tmp_path)
    found = load_network(tmp_path)
    assert found.layer("y") == Clip("y", "x", 0, 96)
    assert (found.bounds, found.halo) == ({}, 0)
