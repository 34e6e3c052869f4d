from dataclasses import replace

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    POINT,
    Add,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    HwrtsError,
    Input,
    LineRun,
    MaxPool,
    Network,
    Padding,
    Repeat,
    Step,
    Upsample,
    Window,
    plan_lines,
    run,
    stream,
)

from .build import random_conv, upsampled_network

SIGNED = Format(True, 8, 8)


def conv(rng, name, source, outputs, inputs, kernel, out=PIXEL):
    weight = rng.integers(-127, 128, (outputs, inputs, kernel, kernel)).astype(np.int8)
    zero = np.zeros(outputs, np.int32)
    return Conv(name, source, weight, zero + 10, zero + 77, out)


def residual(blocks, channels, *, seed=0, kernel=3):
    """The deploy form of Residual-N with random weights."""
    rng = np.random.default_rng(seed)
    layers = [conv(rng, "h0", "x", channels, 3, kernel)]
    for n in range(blocks):
        layers.append(conv(rng, f"conv{n}", f"h{n}", channels, channels, kernel))
        layers.append(Add(f"h{n + 1}", (f"h{n}", f"conv{n}"), PIXEL))
    layers += [
        conv(rng, "r", f"h{blocks}", 3, channels, kernel, SIGNED),
        conv(rng, "ext_x", "x", 12, 3, kernel, SIGNED),
        conv(rng, "ext_r", "r", 12, 3, kernel, SIGNED),
        Add("correction", ("ext_x", "ext_r"), SIGNED),
        DepthToSpace("shuffle", "correction", 2),
        Repeat("repeat", "x", 2),
        Add("picture", ("repeat", "shuffle"), PIXEL),
    ]
    return Network((Input("x", 3, PIXEL),), tuple(layers))


def after_scaling():
    """Convolutions behind depth-to-space and repetition, two skips of one tensor, and a sum of one tensor."""
    rng = np.random.default_rng(5)
    return Network(
        (Input("x", 4, PIXEL),),
        (
            DepthToSpace("up", "x", 2),
            conv(rng, "wide", "up", 2, 1, 5),
            conv(rng, "narrow", "wide", 1, 2, 3),
            Add("skip", ("narrow", "up"), PIXEL),
            conv(rng, "again", "skip", 1, 1, 7),
            Add("late", ("up", "again"), PIXEL),
            Repeat("big", "late", 3),
            conv(rng, "soft", "big", 1, 1, 3),
            Add("twice", ("soft", "soft"), PIXEL),
        ),
    )


def windows_between():
    """Interpolation in the middle: between convolutions, beside a skip, and of one tensor by two kinds."""
    rng = np.random.default_rng(6)
    return Network(
        (Input("x", 2, PIXEL),),
        (
            random_conv(rng, "a", "x", (2, 2), 5, SIGNED),
            Upsample("sharp", "a", "bicubic", 2, SIGNED),
            Upsample("soft", "a", "bilinear", 2, SIGNED),
            random_conv(rng, "b", "sharp", (2, 2), 3, SIGNED),
            Add("c", ("b", "soft"), SIGNED),
            Repeat("big", "x", 2),
            Add("d", ("c", "big"), SIGNED),
            Upsample("y", "d", "bicubic", 2, PIXEL),
        ),
    )


def replicated(network, *names):
    """The network with replicated edges in the convolutions of these names, or in all."""
    for layer in network.convs:
        if layer.name in (names or [layer.name]):
            network = network.exchanged(replace(layer, padding=Padding.REPLICATE))
    return network


def u_net(seed=8):
    """Down by 4 and up again, a skip at each size, one with a residual block."""
    rng = np.random.default_rng(seed)

    def own(name, source, outputs, inputs, kernel=3, **shape):
        return replace(random_conv(rng, name, source, (outputs, inputs), kernel, SIGNED), **shape)

    return Network(
        (Input("x", 3, PIXEL),),
        (
            own("a", "x", 4, 3),
            MaxPool("half", "a", (2, 2), 2),
            own("b", "half", 4, 4),
            own("b2", "b", 4, 4),
            Add("sum", ("half", "b2"), SIGNED),
            own("quarter", "sum", 8, 4, 4, stride=2, pads=(1, 1, 1, 1)),
            own("deep", "quarter", 16, 8, dilation=2),
            DepthToSpace("up", "deep", 2),
            Concat("join", ("up", "sum"), SIGNED),
            own("c", "join", 8, 8),
            DepthToSpace("up2", "c", 2),
            own("d", "up2", 3, 2),
            Add("y", ("d", "x"), PIXEL),
        ),
    )


def valid():
    """A shallow one that loses its frame, and reads rows that it reflects."""
    rng = np.random.default_rng(9)
    first = random_conv(rng, "a", "x", (4, 3), 5, SIGNED)
    second = random_conv(rng, "b", "a", (4, 4), 3, SIGNED)
    return Network(
        (Input("x", 3, PIXEL),),
        (
            replace(first, pads=(0, 0, 0, 0)),
            replace(second, padding=Padding.REFLECT),
            replace(random_conv(rng, "y", "b", (12, 4), 1, PIXEL), stride=2, pads=(0, 0, 0, 0)),
        ),
    )


def put_back():
    """A frame that is lost and put back: the last rows are made of pads below the end of their source."""
    rng = np.random.default_rng(10)
    first, second = (random_conv(rng, name, source, (3, 3), 3, SIGNED) for name, source in ("ax", "ba"))
    layers = replace(first, pads=(0, 0, 0, 0)), replace(second, pads=(2, 2, 2, 2))
    return Network((Input("x", 3, PIXEL),), (*layers, Add("y", ("b", "x"), PIXEL)))


NETWORKS = {
    "put back": put_back(),
    "u-net": u_net(),
    "valid": valid(),
    "valid at the end": Network(valid().inputs, valid().layers[:1]),
    "upsampled": upsampled_network(),
    "windows between": windows_between(),
    "residual 0": residual(0, 4),
    "residual 1": residual(1, 5),
    "residual 3": residual(3, 4),
    "kernel 1": residual(1, 4, kernel=1),
    "kernel 5": residual(1, 3, kernel=5),
    "scaled": after_scaling(),
    "replicated": replicated(residual(1, 3, kernel=5)),
    "one that replicates": replicated(residual(3, 3), "conv1"),
}
SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (3, 2), (5, 7), (8, 6), (17, 4)]


@pytest.mark.parametrize("path", ["int64", "fast"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_rows_equal_the_whole_frame(name, size, path):
    network = NETWORKS[name]
    height, width = network.legal_size(*size)
    codes = np.random.default_rng(height * 100 + width).integers(
        0, 256, (height, width, network.inputs[0].channels), dtype=np.uint8
    )
    rows = list(stream(network, codes, path))
    np.testing.assert_array_equal(np.stack(rows), run(network, codes, "int64"))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("path", ["int64", "fast"])
def test_memory_held_is_the_plan(name, path):
    """Counted on the rows that the run really holds."""
    network = NETWORKS[name]
    height, width = network.legal_size(40, 11)
    engine = LineRun(network, path)
    codes = np.random.default_rng(1).integers(0, 256, (height, width, network.inputs[0].channels), np.uint8)
    for row in codes:
        engine.push(row)
    planned = plan_lines(network.steps).bits(width)
    assert engine.peak_bits == planned
    assert sum(planned.values()) > 0 or name == "kernel 1"


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_come_as_soon_as_the_plan_says(name):
    network = NETWORKS[name]
    latency, engine = plan_lines(network.steps).latency, LineRun(network)
    _, width = network.legal_size(20, 3)
    counts = [len(engine.push(np.zeros((width, network.inputs[0].channels), np.uint8))) for _ in range(20)]
    first = next(i for i, count in enumerate(counts) if count)
    assert first == latency
    late = sum(counts)
    assert sum(1 for _ in engine.finish()) == network.size_of(network.output, 20, width)[0] - late
    # no earlier: the first output row depends on the last input row that was needed
    assert latency == network.halo or name in (
        "scaled",
        "upsampled",
        "windows between",
        "u-net",
        "put back",
        "valid",
        "valid at the end",
    )


THREE = Window.around(3)


def drawn(blocks, channels=64):
    """Residual-N as its figure draws it: the picture is formed before the last convolution."""
    steps = [Step("x", (), POINT, 3, 8), Step("h0", ("x",), THREE, channels, 8)]
    for n in range(blocks):
        steps.append(Step(f"conv{n}", (f"h{n}",), THREE, channels, 8))
        steps.append(Step(f"h{n + 1}", (f"h{n}", f"conv{n}"), POINT, channels, 8))
    return [
        *steps,
        Step("r", (f"h{blocks}",), THREE, 3, 8),
        Step("y", ("x", "r"), POINT, 3, 8),
        Step("ext", ("y",), THREE, 12, 8),
        Step("shuffle", ("ext",), Window(grow=2), 3, 8),
    ]


@pytest.mark.parametrize(("blocks", "kib"), [(1, 519), (3, 1011), (6, 1748)])
def test_line_memory_as_drawn_at_1920(blocks, kib):
    lines = plan_lines(drawn(blocks))
    total = sum(lines.bits(1920).values()) / 8 / 1024
    assert round(total) == kib
    by_hand = (blocks + 1) * 2 * 1920 * 64 + (2 + 2 + blocks + 2) * 1920 * 3
    assert total * 1024 == by_hand
    assert lines.rows("y") == blocks + 2  # the global skip waits for the rows that r needs
    assert all(lines.rows(f"h{n + 1}") == 0 for n in range(blocks))  # local skips tap a line buffer


def test_line_memory_of_the_deploy_form_by_hand():
    lines = plan_lines(residual(1, 64).steps)
    rows = {
        name: lines.rows(name) for name in ("h0", "conv0", "h1", "r", "ext_x", "ext_r", "picture", "repeat")
    }
    # ext_x waits 3 rows in a FIFO and keeps 2; the repetition of x taps that line buffer
    assert rows == {
        "h0": 2,
        "conv0": 2,
        "h1": 0,
        "r": 2,
        "ext_x": 5,
        "ext_r": 2,
        "picture": 0,
        "repeat": 0,
    }
    assert sum(lines.bits(1920).values()) // 8 == 1920 * (2 * 2 * 64 + 9 * 3)


def test_line_memory_of_an_upscaler_by_hand():
    """Bicubic reads five rows of the picture: four are kept, and two rows pass until the first is made."""
    network = Network((Input("x", 3, PIXEL),), (Upsample("y", "x", "bicubic", 2, PIXEL),))
    lines = plan_lines(network.steps)
    assert (lines.rows("y"), lines.bits(1920)["y"], lines.latency) == (4, 4 * 1920 * 3 * 8, 2)
    network = Network((Input("x", 3, PIXEL),), (Upsample("y", "x", "bilinear", 4, PIXEL),))
    lines = plan_lines(network.steps)
    assert (lines.rows("y"), lines.latency) == (2, 1)


def test_line_memory_of_a_residual_around_an_upscaler_by_hand():
    """The bilinear skip is made when it is needed, and taps the rows that bicubic keeps of the picture."""
    lines = plan_lines(upsampled_network().steps)
    rows = {step.name: lines.rows(step.name) for step in lines.steps if step.sources}
    # "r" is there 3 rows of the picture after "x": two for bicubic, and two new rows for two convolutions
    assert rows == {"up": 4, "in": 2, "leaky": 0, "r": 2, "soft": 0, "smooth": 2, "sum": 0, "y": 2}


def test_line_memory_of_down_and_up_by_hand():
    """The mean of 2x2 pixels, repeated, beside the picture that it was made of: rows come two by two."""
    quarter = np.full((3, 1, 2, 2), 32, np.int8)
    zero = np.zeros(3, np.int32)
    mean = Conv("mean", "x", quarter, zero + 7, zero, PIXEL, groups=3, stride=2, pads=(0, 0, 0, 0))
    network = Network(
        (Input("x", 3, PIXEL),), (mean, Repeat("wide", "mean", 2), Add("y", ("wide", "x"), PIXEL))
    )
    lines = plan_lines(network.steps)
    # an even row waits for the odd one, in front of the mean; behind that nothing is left
    assert [lines.done["mean"].tolist(), lines.done["y"].tolist()] == [[0, 1], [0, 2]]
    assert {name: lines.rows(name) for name in ("mean", "wide", "y")} == {"mean": 1, "wide": 0, "y": 0}
    assert {edge.source: edge.tap for edge in lines.into("y")} == {"wide": None, "x": "mean"}
    assert (lines.latency, network.halo) == (1, 0)
    assert lines.bits(10) == {"mean": 10 * 24, "wide": 0, "y": 0}


def test_sizes_that_a_stream_refuses():
    engine = LineRun(u_net())
    with pytest.raises(
        HwrtsError, match="4x6 does not divide by 4, by which layers shrink it; pad its sides"
    ):
        engine.push(np.zeros((6, 3), np.uint8))
    with pytest.raises(HwrtsError, match="a picture of 5x8 does not divide by 4"):
        list(stream(u_net(), np.zeros((5, 8, 3), np.uint8)))
    with pytest.raises(HwrtsError, match=r"too small for its layers, which need 6x6 at least; pad it"):
        list(stream(valid(), np.zeros((4, 8, 3), np.uint8)))


def test_refusals():
    network = residual(0, 2)
    engine = LineRun(network)
    engine.push(np.zeros((4, 3), np.uint8))
    with pytest.raises(HwrtsError, match="a row of 5 pixels follows rows of 4"):
        engine.push(np.zeros((5, 3), np.uint8))
    with pytest.raises(HwrtsError, match=r"leave 0\.\.255"):
        engine.push(np.full((4, 3), 256))
    with pytest.raises(HwrtsError, match="shape"):
        engine.push(np.zeros((4, 2), np.uint8))
    two = Network((Input("a", 1, PIXEL), Input("b", 1, PIXEL)), (Add("c", ("a", "b"), PIXEL),))
    with pytest.raises(HwrtsError, match="input 'b' has no row; push one of every input at once"):
        LineRun(two).push(np.zeros((4, 1), np.uint8))


def test_no_rows_give_no_rows():
    assert list(stream(residual(1, 2), [])) == []
