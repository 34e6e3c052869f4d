"""Small networks for the tests of this folder."""

import numpy as np

from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    DepthToSpace,
    Format,
    Input,
    LineRun,
    Network,
    PRelu,
    Repeat,
    Rounding,
    Scale,
    Upsample,
    plan_lines,
    run,
    run_all,
    stream,
)

U8 = Format(False, 8, 6)
S8 = Format(True, 8, 8)


def conv(name, source, weight, bias=0, out=PIXEL, weight_frac=7, weight_bits=8):
    """A Conv from nested lists or scalars; bias and weight_frac may be one number for all channels."""
    weight = np.array(weight, np.int8)
    channels = weight.shape[:1]
    return Conv(
        name,
        source,
        weight,
        np.broadcast_to(np.int32(weight_frac), channels),
        np.broadcast_to(np.array(bias, np.int32), channels),
        out,
        weight_bits,
    )


def random_conv(rng, name, source, channels, kernel, out, bits=8, weight_frac=7, bias_reach=500):
    """A Conv with (out, in) channels, codes over the whole range, and a grid that differs by channel."""
    largest = (1 << (bits - 1)) - 1
    frac = weight_frac + rng.integers(-1, 2, channels[0])
    return Conv(
        name,
        source,
        rng.integers(-largest, largest, (*channels, kernel, kernel), endpoint=True).astype(np.int8),
        frac.astype(np.int32),
        rng.integers(-bias_reach, bias_reach, channels[0], endpoint=True).astype(np.int32),
        out,
        bits,
    )


def one_conv(layer, source=PIXEL, rounding=Rounding.HALF_EVEN):
    """The network of one convolution."""
    return Network((Input(layer.source, layer.weight_i8.shape[1], source),), (layer,), rounding)


def anchor_network(rounding=Rounding.HALF_EVEN, seed=1, kernel=3):
    """Every operator once or more, in the anchor form of eq. 13: up(x) + PixelShuffle(ext'(x) + ext(r))."""
    rng = np.random.default_rng(seed)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            random_conv(rng, "in", "x", (8, 3), kernel, U8, weight_frac=8),
            random_conv(rng, "hidden", "in", (8, 8), kernel, U8, weight_frac=9),
            Add("sum", ("in", "hidden"), U8),
            random_conv(rng, "r", "sum", (3, 8), kernel, S8, weight_frac=6, bits=5),
            random_conv(rng, "ext_x", "x", (12, 3), kernel, S8, weight_frac=9),
            random_conv(rng, "ext_r", "r", (12, 3), kernel, S8, weight_frac=4, bits=4),
            Add("d", ("ext_x", "ext_r"), S8),
            DepthToSpace("shuffled", "d", 2),
            Repeat("up", "x", 2),
            Add("y", ("up", "shuffled"), PIXEL),
        ),
        rounding,
    )


def upsampled_network(rounding=Rounding.HALF_EVEN, seed=1):
    """An up-scaler in front, leaky ReLUs and a scaled residual behind: what the anchor network has not."""
    rng = np.random.default_rng(seed)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            Upsample("up", "x", "bicubic", 2, PIXEL),
            random_conv(rng, "in", "up", (4, 3), 3, S8, weight_frac=8),
            PRelu("leaky", "in", np.array([5, -60, 0, 127], np.int8), 7, S8),
            random_conv(rng, "r", "leaky", (3, 4), 3, S8, weight_frac=7),
            Scale("soft", "r", 51, 9, S8),
            Upsample("smooth", "x", "bilinear", 2, PIXEL),
            Add("sum", ("smooth", "soft"), PIXEL),
            Upsample("y", "sum", "bilinear", 4, PIXEL),
        ),
        rounding,
    )


def noise(network, height, width, seed=2):
    """Random codes over the whole range of a one-input network."""
    source = network.inputs[0]
    rng = np.random.default_rng(seed)
    codes = rng.integers(source.out.min, source.out.max, (height, width, source.channels), endpoint=True)
    return codes.astype(source.out.dtype)


def check_row_by_row(network, codes):
    """Every path makes the codes of the definition, row by row too, and keeps the rows that are planned.

    Returns:
        The codes of every tensor by name.
    """
    tensors = run_all(network, codes, "int64")
    expected = tensors[network.output]
    for path in ("int64", "fast"):
        assert np.array_equal(run(network, codes, path), expected)
        assert np.array_equal(np.stack(list(stream(network, codes, path))), expected)
    engine = LineRun(network)
    for row in codes:
        engine.push(row)
    assert engine.peak_bits == plan_lines(network.steps).bits(codes.shape[1])
    return tensors
