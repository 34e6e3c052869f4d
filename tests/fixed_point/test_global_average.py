"""Means over the whole picture: ties by hand, exact fractions, one pixel that meets all others."""

from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Add,
    Along,
    Concat,
    DepthToSpace,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    LineRun,
    Lookup,
    Multiply,
    Network,
    Repeat,
    Rounding,
    frame_bits,
    load_network,
    plan_lines,
    run,
    run_all,
    save_network,
    stream,
    whole_frame,
)
from hwrts.fixed_point.operators.global_average import divide, global_average

from .build import random_conv
from .test_requantize import slow_round

S8 = Format(True, 8, 8)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-2, -2, -1, 0, 0, 0, 0, 1, 2, 2]),
        (Rounding.HALF_UP, [-2, -1, -1, 0, 0, 0, 1, 1, 2, 2]),
        (Rounding.HALF_AWAY, [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2]),
        (Rounding.FLOOR, [-2, -2, -2, -1, -1, 0, 0, 0, 1, 1]),
        (Rounding.DOUBLE, [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2]),  # no bit is dropped before the others
    ],
)
def test_quarters_by_hand(rounding, expected):
    quarters = np.array([-7, -6, -5, -2, -1, 0, 2, 3, 6, 7])  # -1.75, -1.5, -1.25, -0.5, -0.25, 0, 0.5, ...
    assert divide(quarters, 4, rounding).tolist() == expected
    assert divide(3 * quarters, 12, rounding).tolist() == expected


def test_means_by_hand():
    x = np.array([[[255, -128]], [[254, 127]], [[0, 1]]], np.int16)  # means 509/3 and 0
    found = [global_average(x, S8, Format(True, 16, 9), rule).ravel().tolist() for rule in Rounding]
    assert found == [[339, 0]] * 5  # twice as fine: 339.33
    assert global_average(x, S8, Format(True, 8, 6), Rounding.FLOOR).ravel().tolist() == [42, 0]  # 42.4
    assert global_average(x, S8, Format(False, 4, 8), Rounding.FLOOR).ravel().tolist() == [15, 0]  # saturated
    one = np.full((1, 1, 1), 7, np.uint8)
    assert global_average(one, PIXEL, PIXEL, Rounding.HALF_UP).tolist() == [[[7]]]


def test_means_of_rows_and_columns_by_hand():
    """Each pixel is given the mean of its line."""
    x = np.array([[0, 8, 1], [-8, 2, -9]], np.int8)[..., None]
    for rule in Rounding:
        rows = global_average(x, S8, S8, rule, Along.ROWS)[..., 0]
        assert rows.tolist() == [[3, 3, 3], [-5, -5, -5]]
        columns = global_average(x, S8, S8, rule, Along.COLUMNS)[..., 0]
        assert columns.tolist() == [[-4, 5, -4]] * 2
    ties = np.array([[[1], [2]], [[-2], [-1]]], np.int8)  # 3/2 and -3/2
    found = [global_average(ties, S8, S8, rule, Along.ROWS)[:, 0, 0].tolist() for rule in Rounding]
    assert found == [[2, -2], [2, -1], [2, -2], [1, -2], [2, -2]]


def test_a_line_has_the_size_of_its_source(tmp_path):
    layers = (GlobalAverage("r", "x", S8, Along.ROWS), GlobalAverage("y", "r", S8, Along.COLUMNS))
    network = Network((Input("x", 3, PIXEL),), layers)
    assert (network.scales, network.streamable) == ({"x": 1, "r": 1, "y": 1}, False)
    with pytest.raises(HwrtsError, match="stream: layer 'r' is made of the whole picture"):
        LineRun(network)
    codes = np.random.default_rng(86).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    save_network(network, tmp_path)
    assert run(load_network(tmp_path), codes).shape == (5, 4, 3)
    assert np.array_equal(run(load_network(tmp_path), codes), run(network, codes))
    assert (tmp_path / "network.json").read_text().count('"along"') == 2
    with pytest.raises(HwrtsError, match=r"'y': a mean along 'rows'; use Along\.PICTURE"):
        Network((Input("x", 3, PIXEL),), (GlobalAverage("y", "x", S8, "rows"),))  # type: ignore[arg-type]


@pytest.mark.parametrize("rounding", Rounding)
def test_random_means_against_fractions(rounding):
    seed = 81
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(200):
        source, out = (
            Format(bool(rng.integers(2)), int(rng.integers(2, 17)), int(rng.integers(0, 8))) for _ in range(2)
        )
        x = rng.integers(source.min, source.max, (*rng.integers(1, 6, 2), 3), endpoint=True)
        mean = [Fraction(int(total), x.shape[0] * x.shape[1]) for total in x.sum(axis=(0, 1))]
        exact = [slow_round(each * Fraction(2) ** (out.frac - source.frac), rounding) for each in mean]
        expected = [min(max(code, out.min), out.max) for code in exact]
        layer = GlobalAverage("y", "x", out)
        for found in (layer.define, layer.picture):
            assert found([x], [source], rounding).tolist() == [[expected]]


def test_a_mean_of_large_pictures_is_exact():
    """Sums beyond 2**31, and a code that decides a tie among nine million."""
    x = np.full((3000, 3001, 1), 255, np.uint8)
    x[: 3000 // 2] = 254
    assert global_average(x, PIXEL, PIXEL, Rounding.HALF_EVEN).item() == 254
    x[-1, -1] -= 1
    assert global_average(x, PIXEL, PIXEL, Rounding.HALF_UP).item() == 254
    x[0, 0] += 1
    assert global_average(x, PIXEL, PIXEL, Rounding.HALF_UP).item() == 255


def attention(rounding=Rounding.HALF_EVEN):
    """Squeeze and excite on an enlarged tensor, from either side; the mean itself is added to the picture."""
    rng = np.random.default_rng(82)
    gate = np.arange(0, 256).astype(np.int16)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "a", "x", (4, 3), 3, S8, weight_frac=9),
            Repeat("up", "a", 2),
            GlobalAverage("mean", "up", Format(True, 8, 9)),
            random_conv(rng, "squeezed", "mean", (2, 4), 1, Format(False, 8, 7), weight_frac=6),
            random_conv(rng, "excited", "squeezed", (4, 2), 3, S8, weight_frac=6),
            Lookup("gate", "excited", gate, PIXEL),
            Multiply("left", ("gate", "up"), S8),
            Multiply("right", ("left", "gate"), S8),
            Add("shifted", ("mean", "right"), S8),
            Add("both", ("shifted", "excited"), Format(True, 8, 7)),
            random_conv(rng, "y", "both", (3, 4), 3, PIXEL, weight_frac=7),
        ),
        rounding,
    )


@pytest.mark.parametrize("rounding", Rounding)
def test_one_pixel_meets_all_others(rounding):
    network = attention(rounding)
    assert network.scales == {
        "x": 1, "a": 1, "up": 2, "mean": 0, "squeezed": 0, "excited": 0, "gate": 0, "left": 2, "right": 2,
        "shifted": 2, "both": 2, "y": 2,
    }  # fmt: skip
    codes = np.random.default_rng(83).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    expected, fast = (run_all(network, codes, path) for path in ("int64", "fast"))
    assert expected["gate"].shape == (1, 1, 4)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(fast[name], tensor, err_msg=name)
    spread = np.broadcast_to(expected["gate"], expected["up"].shape)
    formats = network.formats_of(("gate", "up"))
    plain = network.layer("left").define([spread, expected["up"]], formats, rounding)
    assert np.array_equal(plain, expected["left"])
    assert np.array_equal(run(network, codes), expected["y"])
    single = network.single("left")
    assert [each.whole for each in single.inputs] == [True, False]
    assert np.array_equal(run(single, expected), expected["left"])
    assert run(network.single("squeezed"), expected).shape == (1, 1, 2)


def test_what_needs_the_whole_picture_says_so():
    network = attention()
    assert not network.streamable
    with pytest.raises(HwrtsError, match="'mean': made of the whole picture"):
        _ = network.halo
    assert whole_frame(network.steps) == ("mean",)
    lines = plan_lines(network.steps)
    assert (lines.latency, lines.edges, set(lines.bits(9).values())) == (None, (), {0})
    with pytest.raises(HwrtsError, match="stream: layer 'mean' is made of the whole picture") as caught:
        LineRun(network)
    assert "\n" not in str(caught.value)
    with pytest.raises(HwrtsError, match="run whole pictures"):
        next(stream(network, np.zeros((2, 2, 3), np.uint8)))
    local = Network(network.inputs, network.layers[:2])
    assert (local.streamable, local.halo) == (True, 1)


def test_the_memory_of_a_frame_is_what_layers_still_read():
    """x has 24 bits a pixel; a 32; up, left, right and more 4 * 32: two of them at once, beside nothing."""
    steps = attention().steps
    assert frame_bits(steps[:2]) == 24 + 32
    assert frame_bits(steps[:3]) == 32 + 128
    assert frame_bits(steps) == 2 * 128


def test_files_keep_it(tmp_path):
    network = attention()
    save_network(network, tmp_path)
    loaded = load_network(tmp_path)
    codes = np.random.default_rng(84).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    assert np.array_equal(run(loaded, codes), run(network, codes))


def test_what_is_refused():
    x = (Input("x", 4, PIXEL),)
    mean = GlobalAverage("mean", "x", PIXEL)
    with pytest.raises(HwrtsError, match="'up': makes another size of 'mean', which has one"):
        Network(x, (mean, Repeat("up", "mean", 2)))
    with pytest.raises(HwrtsError, match="'up': makes another size of 'mean', which has one"):
        Network(x, (mean, DepthToSpace("up", "mean", 2)))
    with pytest.raises(HwrtsError, match="all operands need the same"):
        Network(x, (mean, Concat("y", ("x", "mean"), PIXEL)))
    with pytest.raises(HwrtsError, match=r"'mean': a mean of u8 lsb 2\^-8 as u8 lsb 2\^-24: grids"):
        Network(x, (GlobalAverage("mean", "x", Format(False, 8, 24)),))
    whole = Network((Input("x", 4, PIXEL), Input("g", 4, PIXEL, True)), (Multiply("y", ("x", "g"), PIXEL),))
    picture = np.zeros((3, 2, 4), np.uint8)
    assert run(whole, {"x": picture, "g": picture[:1, :1]}).shape == (3, 2, 4)
    with pytest.raises(HwrtsError, match=r"'g': shape \(3, 2, 4\), it is a tensor of one pixel; give"):
        run(whole, {"x": picture, "g": picture})


def test_a_wrong_grid_changes_codes():
    layer = GlobalAverage("y", "x", S8)
    x = np.random.default_rng(85).integers(-100, 100, (4, 4, 2)).astype(np.int8)
    codes = layer.define([x], [S8], Rounding.FLOOR)
    broken = layer.corrupted([x], codes)
    assert not np.array_equal(broken.define([x], [S8], Rounding.FLOOR), codes)
