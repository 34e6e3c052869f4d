from fractions import Fraction

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    Add,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    Network,
    Repeat,
    Rounding,
    attack_input,
    run,
    run_all,
    run_layer,
)

from .build import anchor_network, conv, noise, one_conv, random_conv
from .test_conv import slow_conv
from .test_requantize import slow_shift

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (9, 14)]


def fraction(code, frac):
    """The value of a code (eq. 1)."""
    return Fraction(int(code)) / Fraction(2) ** frac


def test_one_pixel_by_hand():
    """Everything once: 100 -> conv 100*64+64 = 6464 = 50.5 * 2**7 (a tie) -> 50; 100 + 50 = 150, repeated."""
    network = Network(
        (Input("x", 1, PIXEL),),
        (conv("c", "x", [[[[64]]]], bias=64), Add("s", ("x", "c"), PIXEL), Repeat("y", "s", 2)),
    )
    codes = np.array([[[100]]], np.uint8)
    assert run(network, codes).tolist() == [[[150], [150]], [[150], [150]]]
    assert {name: t.ravel().tolist() for name, t in run_all(network, codes).items()} == {
        "x": [100],
        "c": [50],
        "s": [150],
        "y": [150] * 4,
    }


def test_a_negative_sum_is_a_relu_in_an_unsigned_format():
    layer = conv("c", "x", [[[[-64]]], [[[64]]]])
    assert run(one_conv(layer), np.array([[[100]]], np.uint8)).tolist() == [[[0, 50]]]


@pytest.mark.parametrize("path", ["int64", "fast"])
@pytest.mark.parametrize("rounding", Rounding)
def test_a_network_against_fractions(rounding, path):
    """The anchor network from Python loops: convolution, one rounding with fractions, addition, moves."""
    network = anchor_network(rounding)
    codes = noise(network, 3, 4)
    found = run_all(network, codes, path)
    assert list(found) == list(network.formats)

    def code(acc, frac, out):
        return min(max(slow_shift(int(acc), frac - out.frac, rounding), out.min), out.max)

    def grid(x, source, frac):
        return np.vectorize(lambda c: fraction(int(c), frac), otypes=[object])(x)

    for layer in network.layers:
        x, source = found[layer.sources[0]], network.formats[layer.sources[0]]
        if layer.name in {"in", "hidden", "r", "ext_x", "ext_r"}:
            acc = np.array(slow_conv(x, layer.weight_i8, layer.bias_i32), object)
            expected = [
                [
                    [
                        code(a, source.frac + int(f), layer.out)
                        for a, f in zip(px, layer.weight_frac, strict=True)
                    ]
                    for px in row
                ]
                for row in acc
            ]
        elif isinstance(layer, Add):
            other = layer.sources[1]
            total = grid(x, source, source.frac) + grid(found[other], None, network.formats[other].frac)
            finer = max(source.frac, network.formats[other].frac)
            sums = total * 2**finer
            expected = [[[code(v, finer, layer.out) for v in px] for px in row] for row in sums]
        elif isinstance(layer, DepthToSpace):
            height, width, channels = x.shape[0] * 2, x.shape[1] * 2, 3
            expected = [
                [
                    [x[r // 2, q // 2, 4 * c + 2 * (r % 2) + q % 2] for c in range(channels)]
                    for q in range(width)
                ]
                for r in range(height)
            ]
        else:
            expected = [[x[r // 2, q // 2] for q in range(2 * x.shape[1])] for r in range(2 * x.shape[0])]
        assert np.array_equal(found[layer.name], np.array(expected).astype(np.int64)), layer.name
    assert np.array_equal(run(network, codes, path), found["y"])


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("size", SIZES)
def test_both_paths_give_the_same_codes(size, rounding):
    network = anchor_network(rounding)
    codes = noise(network, *size)
    slow, fast = run_all(network, codes, "int64"), run_all(network, codes, "fast")
    assert list(slow) == list(fast)
    for name in slow:
        assert slow[name].dtype == fast[name].dtype == network.formats[name].dtype
        assert np.array_equal(slow[name], fast[name]), name


def test_the_four_rules_differ_on_this_network():
    """Or the tests above could not tell one rule from another."""
    results = [
        run(anchor_network(rounding), noise(anchor_network(), 9, 14)).tobytes() for rounding in Rounding
    ]
    assert len(set(results)) == len(Rounding)


@pytest.mark.parametrize("value", [0, 255])
def test_flat_pictures(value):
    network = anchor_network()
    codes = np.full((5, 6, 3), value, np.uint8)
    assert np.array_equal(run(network, codes, "int64"), run(network, codes, "fast"))


@pytest.mark.parametrize("path", ["int64", "fast"])
def test_single_layers_fed_with_the_tensors_of_the_whole(path):
    network = anchor_network(Rounding.HALF_UP)
    tensors = run_all(network, noise(network, 5, 6), path)
    for layer in network.layers:
        assert np.array_equal(run(network.single(layer.name), tensors, path), tensors[layer.name]), layer.name
        assert np.array_equal(run_layer(network, layer, tensors, path), tensors[layer.name]), layer.name


def tiled(network, codes, tile, margin):
    """The output put together from tiles, each computed with ``margin`` pixels around it."""
    height, width = codes.shape[:2]
    scale = network.scales[network.output]
    out = np.zeros((height * scale, width * scale, network.channels[network.output]), np.int64)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y0, x0 = max(top - margin, 0), max(left - margin, 0)
            y1, x1 = min(top + tile, height), min(left + tile, width)
            part = run(network, codes[y0 : y1 + margin, x0 : x1 + margin])
            a, b = (top - y0) * scale, (left - x0) * scale
            h, w = (y1 - top) * scale, (x1 - left) * scale
            out[top * scale : top * scale + h, left * scale : left * scale + w] = part[a : a + h, b : b + w]
    return out


@pytest.mark.parametrize("tile", [1, 4, 7])
def test_tiles_with_a_halo_give_the_same_codes_and_without_do_not(tile):
    network = anchor_network()
    codes = noise(network, 9, 11)
    whole = run(network, codes)
    assert np.array_equal(tiled(network, codes, tile, network.halo), whole)
    assert not np.array_equal(tiled(network, codes, tile, network.halo - 1), whole)


def test_the_halo_counts_half_pixels_after_enlarging():
    rng = np.random.default_rng(5)
    out = Format(True, 8, 6)
    layers = (
        random_conv(rng, "a", "x", (4, 1), 3, out),
        DepthToSpace("b", "a", 2),
        random_conv(rng, "c", "b", (1, 1), 3, out, weight_frac=6),
    )
    network = Network((Input("x", 1, PIXEL),), layers)
    assert network.halo == 2
    codes = noise(network, 9, 8)
    assert np.array_equal(tiled(network, codes, 3, 2), run(network, codes))
    assert not np.array_equal(tiled(network, codes, 3, 1), run(network, codes))


def test_the_attack_in_a_run():
    layer = conv("c", "x", np.full((1, 3, 3, 3), 127), out=Format(False, 16, 0), weight_frac=0)
    codes, channel, reached = attack_input(layer, PIXEL)
    assert reached == 27 * 127 * 255
    for path in ("int64", "fast"):
        assert run(one_conv(layer), codes, path)[1, 1, channel] == 3416  # 874395 / 2**8 = 3415.6


def test_two_inputs_by_name():
    network = Network(
        (Input("a", 1, PIXEL), Input("b", 1, Format(True, 8, 8))), (Add("s", ("a", "b"), PIXEL),)
    )
    a, b = np.array([[[10], [20]]]), np.array([[[-11], [5]]])
    assert run(network, {"a": a, "b": b, "unused": b}).tolist() == [[[0], [25]]]
    with pytest.raises(HwrtsError, match="input 'b': no codes were given"):
        run(network, a)
    with pytest.raises(HwrtsError, match="its inputs differ in height or width"):
        run(network, {"a": a, "b": b[:, :1]})


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"shape \(4, 4\) is not \(height, width, 3\)"),
        (np.zeros((4, 4, 1), np.uint8), r"shape \(4, 4, 1\) is not"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"shape \(1, 4, 4, 3\) is not"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\) is not"),
        (np.zeros((4, 4, 3)), "dtype float64 is not an integer type"),
        (np.zeros((4, 4, 3), bool), "dtype bool is not an integer type"),
        (np.full((4, 4, 3), 256), r"codes 256..256 leave 0..255 of u8 lsb 2\^-8"),
        (np.full((4, 4, 3), -1, np.int8), r"codes -1..-1 leave 0..255"),
        ({}, "no codes were given"),
    ],
)
def test_refused_inputs(codes, message):
    for function in (run, run_all):
        with pytest.raises(HwrtsError, match=f"input 'x': {message}"):
            function(anchor_network(), codes)


def test_an_unknown_path():
    with pytest.raises(HwrtsError, match="path 'Fast' does not exist; use one of int64, fast"):
        run(anchor_network(), noise(anchor_network(), 2, 2), "Fast")  # type: ignore[arg-type]


def test_the_input_is_left_alone():
    network = anchor_network()
    codes = noise(network, 4, 4)
    before = codes.copy()
    for path in ("int64", "fast"):
        run(network, codes, path)
        assert np.array_equal(codes, before)
