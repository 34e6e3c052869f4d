"""The cost model against counts by hand, the line-buffer run, and the integers that training makes."""

import dataclasses
import doctest
import itertools
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import hwrts.cost.layer
import hwrts.cost.modes
import hwrts.cost.network
from hwrts.cost.layer import Accumulator
from hwrts.cost.modes import MODES, Mode, mode_named
from hwrts.cost.network import FORMS, graph_cost, in_form, network_cost
from hwrts.errors import ConfigError, HwrtsError, UnsupportedOperatorError
from hwrts.fixed_point import LineRun
from hwrts.graph import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Graph,
    Input,
    Lookup,
    Multiply,
    PRelu,
    Relu,
    Repeat,
    Scale,
    Slice,
    Upsample,
    run_graph,
)
from hwrts.graph.trace import trace
from hwrts.networks import FixedUpsample, Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork

from ..fixed_point.random_networks import random_codes, random_network

DOCUMENT = Path(__file__).parents[2] / "docs" / "cost.md"
CHECKS: dict[str, Any] = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}


def conv(name, source, outputs, inputs, kernel, relu=False):
    weight = torch.randn(outputs, inputs, kernel, kernel) / kernel
    return Conv(name, (source,), weight, 0.1 * torch.randn(outputs), relu)


def residual(blocks=3, channels=64, form="drawn", **widths):
    return graph_cost(in_form(trace(Residual(blocks, channels).eval()), form), **widths)


def layers(cost):
    return {layer.name: layer for layer in cost.layers}


@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_one_convolution_by_hand(kernel):
    """x (3 channels) -> y (5 channels), pictures both: 8 bits in and out."""
    cost = graph_cost(Graph((Input("x", 3), conv("y", "x", 5, 3, kernel))), 6, 4)
    taps = 3 * kernel**2
    (layer,) = cost.layers
    assert (layer.operator, layer.kernel, layer.channels, layer.bits, layer.scale) == (
        "Conv",
        kernel,
        5,
        8,
        1,
    )
    assert (cost.weights, cost.biases, cost.slopes, cost.parameters) == (5 * taps, 5, 0, 5 * taps + 5)
    assert cost.memory_bits == {"weights": 5 * taps * 6, "biases": 5 * 32, "slopes": 0, "tables": 0}
    assert (cost.macs_per_input_pixel, cost.macs_per_output_pixel) == (5 * taps, 5 * taps)
    assert cost.multiplications_per_input_pixel == 0
    assert (layer.line_rows, layer.line_bits_per_column) == (kernel - 1, (kernel - 1) * 3 * 8)
    assert cost.line_bits(17) == (kernel - 1) * 17 * 3 * 8
    assert (layer.read_bits, layer.written_bits) == (3 * 8, 5 * 8)
    assert (cost.halo, cost.receptive_field, cost.latency_lines) == (kernel // 2, kernel, kernel // 2)
    reach = taps * 31 * 255  # 6-bit weights are at most 31
    assert (layer.accumulator.lowest, layer.accumulator.highest) == (-reach, reach)
    assert layer.accumulator.bits == len(f"{reach:b}") + 1


def test_what_is_read_on_one_side_alone_is_counted_once():
    """Three 3x3 without padding: 7x7 pixels, all of them below and right of the place of the result."""
    valid = [
        dataclasses.replace(conv(name, source, 3, 3, 3), pads=(0, 0, 0, 0))
        for name, source in ("ax", "ba", "cb")
    ]
    cost = graph_cost(Graph((Input("x", 3), *valid)), weight_bits=8, activation_bits=8)
    assert (cost.receptive_field, cost.halo, cost.lacks) == (7, 6, (6, 6))


def skip_graph():
    """x -> a (4 channels, 3x3, ReLU) -> b (5x5) ; c = a + b -> y (1x1)."""
    nodes = (
        Input("x", 3),
        conv("a", "x", 4, 3, 3, relu=True),
        conv("b", "a", 4, 4, 5),
        Add("c", ("a", "b")),
        conv("y", "c", 3, 4, 1),
    )
    return Graph(nodes)


def test_an_addition_with_its_skip_by_hand():
    cost = graph_cost(skip_graph(), weight_bits=8, activation_bits=5)
    found = layers(cost)
    # 2 rows of x in front of a; 4 of a in front of b, whose second holds the row that the skip waits for
    assert {name: layer.line_rows for name, layer in found.items()} == {"a": 2, "b": 4, "c": 0, "y": 0}
    assert cost.line_bits(100) == 100 * (2 * 3 * 8 + 4 * 4 * 5)
    assert [layer.read_bits for layer in cost.layers] == [24, 20, 40, 20]
    assert [layer.written_bits for layer in cost.layers] == [20, 20, 20, 24]
    assert cost.traffic_bits_per_input_pixel == 104 + 84
    assert cost.macs_per_input_pixel == 27 * 4 + 25 * 16 + 12
    assert (cost.receptive_field, cost.latency_lines) == (7, 3)
    # c = u5 + s5: 0..31 plus -16..15; b: 100 taps of at most 127 * 31; y reads the signed sum
    assert found["c"].accumulator == Accumulator(-16, 46, 7)
    assert found["b"].accumulator == Accumulator(-100 * 127 * 31, 100 * 127 * 31, 20)
    assert found["y"].accumulator == Accumulator(-4 * 127 * 16, 4 * 127 * 16, 14)
    assert cost.accumulator_bits == 21  # of a: 27 * 127 * 255 = 874,395


def test_a_skip_that_no_line_buffer_holds_waits_in_a_fifo():
    """y = x + c(b(a(x))): the row of x that is needed left a's line buffer two rows ago."""
    nodes = [
        Input("x", 3),
        *(conv(name, source, 3, 3, 3) for name, source in (("a", "x"), ("b", "a"), ("c", "b"))),
    ]
    nodes.append(Add("y", ("x", "c")))
    cost = graph_cost(Graph(tuple(nodes)))
    assert {name: layer.line_rows for name, layer in layers(cost).items()} == {"a": 2, "b": 2, "c": 2, "y": 3}


def test_a_source_that_enters_twice_is_read_once():
    cost = graph_cost(Graph((Input("x", 3), conv("a", "x", 2, 3, 1, relu=True), Add("y", ("a", "a")))))
    assert (cost.layers[1].read_bits, cost.layers[1].written_bits) == (16, 16)
    assert cost.layers[1].accumulator == Accumulator(0, 510, 10)


def test_depth_to_space_and_what_follows_by_hand():
    """A convolution at twice the size: four times its weights per input pixel, rows twice as wide."""
    nodes = (
        Input("x", 3),
        conv("a", "x", 12, 3, 3),
        DepthToSpace("up", ("a",), 2),
        conv("y", "up", 3, 3, 5),
    )
    cost = graph_cost(Graph(nodes), activation_bits=6)
    a, up, y = cost.layers
    assert (a.scale, up.scale, y.scale, cost.scale) == (1, 2, 2, 2)
    assert (a.macs, up.macs, y.macs) == (12 * 27, 0, 4 * 225)
    assert cost.macs_per_output_pixel == Fraction(12 * 27 + 900, 4)
    assert (a.written_bits, up.read_bits, up.written_bits, y.read_bits) == (72, 72, 72, 72)
    assert y.written_bits == 4 * 3 * 8
    assert (y.line_rows, y.line_bits_per_column) == (4, 4 * 2 * 3 * 6)
    assert up.accumulator is None
    assert (cost.halo, cost.receptive_field) == (2, 5)  # 1 pixel and 2 half ones


def test_interpolation_slopes_factors_and_repetition_by_hand():
    one = torch.full((1,), 0.25)
    nodes = (
        Input("x", 3),
        Upsample("up", ("x",), "bicubic", 2),
        conv("a", "up", 4, 3, 1),
        PRelu("leaky", ("a",), one, trained=False),
        PRelu("trained", ("leaky",), one, trained=True),
        Scale("half", ("trained",), -0.5),
        Repeat("big", ("half",), 3),
        Upsample("smooth", ("big",), "bilinear", 2),
        conv("y", "smooth", 1, 4, 1),
    )
    cost = graph_cost(Graph(nodes), activation_bits=4)
    found = layers(cost)
    # bicubic: 8 taps make 2 rows of one, and each of these is widened by 8 more, for 3 channels
    assert found["up"].multiplications == (8 + 2 * 8) * 3
    assert found["leaky"].multiplications == found["trained"].multiplications == 4 * 4
    assert found["half"].multiplications == 4 * 4
    assert found["big"].multiplications == found["a"].multiplications == 0
    assert found["smooth"].multiplications == (4 + 2 * 4) * 4 * 36
    assert cost.macs_per_input_pixel == 12 * 4 + 4 * 144
    assert (found["leaky"].slopes, cost.slopes, cost.memory_bits["slopes"]) == (4, 8, 64)
    assert (cost.weights, cost.biases, cost.parameters) == (16, 5, 29)
    # the up-sampled input is a picture; from the convolution on there are 4 bits, and 8 again at the output
    assert [layer.bits for layer in cost.layers] == [8, 4, 4, 4, 4, 4, 4, 8]
    # 0.25 is 64 * 2**-8; s4 codes are -8..7; a trained slope on that grid is -127..127
    assert found["leaky"].accumulator == Accumulator(-8 * 64, 7 << 8, 12)
    assert found["trained"].accumulator == Accumulator(-8 * 127, 7 << 8, 12)
    assert found["half"].accumulator == Accumulator(-64 * 7, 64 * 8, 11)  # -64 * 2**-7
    assert found["up"].accumulator.highest == 19744 * 255
    assert (found["up"].line_rows, found["smooth"].line_rows) == (4, 2)
    assert found["smooth"].line_bits_per_column == 2 * 6 * 4 * 4
    assert cost.scale == 12


def test_a_gate_a_mask_and_a_concatenation_by_hand():
    """x -> a (4 channels, 3x3) -> m (1 channel, 3x3); a waits a row for m; x, a and a * m side by side."""
    nodes = (
        Input("x", 3),
        conv("a", "x", 4, 3, 3),
        conv("m", "a", 1, 4, 3, relu=True),
        Multiply("gate", ("a", "m")),
        Concat("all", ("x", "a", "gate")),
        conv("y", "all", 3, 11, 1),
    )
    cost = graph_cost(Graph(nodes), activation_bits=6)
    gate, joined = layers(cost)["gate"], layers(cost)["all"]
    assert (gate.multiplications, joined.multiplications, cost.multiplications_per_input_pixel) == (4, 0, 4)
    assert cost.macs_per_input_pixel == (4 * 3 + 1 * 4) * 9 + 3 * 11
    assert (gate.channels, gate.bits, joined.channels, joined.bits) == (4, 6, 11, 6)
    assert (gate.read_bits, gate.written_bits) == (5 * 6, 4 * 6)
    assert (joined.read_bits, joined.written_bits) == (3 * 8 + 8 * 6, 11 * 6)
    assert gate.line_rows == joined.line_rows == 0  # the 3x3 windows hold the rows that are waited for
    assert (gate.accumulator.lowest, gate.accumulator.highest) == (-32 * 63, 31 * 63)
    assert gate.accumulator.bits == 12


def test_the_widest_accumulator_is_that_of_all_weights_and_codes():
    """By brute force: two channels of 2-bit codes, signed and unsigned, and 3-bit weights."""
    for relu, codes in ((True, range(4)), (False, range(-2, 2))):
        graph = Graph((Input("x", 1), conv("a", "x", 2, 1, 1, relu), conv("y", "a", 1, 2, 1)))
        sums = [
            sum(w * x for w, x in zip(weights, pixels, strict=True))
            for weights in itertools.product(range(-3, 4), repeat=2)
            for pixels in itertools.product(codes, repeat=2)
        ]
        found = graph_cost(graph, weight_bits=3, activation_bits=2).layers[1].accumulator
        assert (found.lowest, found.highest) == (min(sums), max(sums))
        assert -(2 ** (found.bits - 1)) <= min(sums) < -(2 ** (found.bits - 2)) or max(sums) >= 2 ** (
            found.bits - 2
        )


@pytest.mark.parametrize(
    ("lowest", "highest", "bits", "room"),
    [(-120, 120, 8, 7), (0, 510, 10, 1), (-256, 254, 9, 0), (-127, 127, 8, 0), (-128, 128, 9, 127)],
)
def test_the_room_of_a_register_by_hand(lowest, highest, bits, room):
    assert Accumulator(lowest, highest, bits).room == room


def test_the_bias_that_just_fits_and_the_one_that_does_not():
    cost = residual(1, 64)
    wide = layers(cost)["conv_0"].accumulator
    assert wide.highest == 576 * 127 * 255
    assert len(f"{wide.highest + wide.room:b}") + 1 == wide.bits == 26
    assert len(f"{wide.highest + wide.room + 1:b}") + 1 == 27


WEIGHTS = {1: 40_644, 3: 114_372, 6: 224_964}
KIB = {1: 519, 3: 1011, 6: 1748}


@pytest.mark.parametrize("blocks", [1, 3, 6])
def test_the_papers_networks(blocks):
    drawn, x2, same = (residual(blocks, 64, form) for form in FORMS)
    assert (drawn.weights, drawn.biases) == (WEIGHTS[blocks], 64 * (blocks + 1) + 3 + 12)
    assert (x2.weights, x2.biases) == (WEIGHTS[blocks] + 324, drawn.biases + 12)
    assert (same.weights, same.biases) == (WEIGHTS[blocks] - 324 + 2 * 225, drawn.biases - 12 + 3 + 3)
    for cost, scale in ((drawn, 2), (x2, 2), (same, 1)):
        assert cost.macs_per_input_pixel == cost.weights  # all at the input's resolution
        assert cost.macs_per_output_pixel == Fraction(cost.weights, scale**2)
        assert cost.scale == scale
    hidden = (
        (blocks + 1) * 2 * 64
    )  # bytes of each column, two rows in front of each layer that reads 64 channels
    assert round(drawn.line_bits(1920) / 8 / 1024) == KIB[blocks]
    assert drawn.line_bits(1920) == 8 * 1920 * (hidden + 3 * (2 + (blocks + 2) + 2))
    assert x2.line_bits(1920) == 8 * 1920 * (hidden + 3 * (2 + (blocks + 2) + 2 + 2))
    assert same.line_bits(1920) == 8 * 1920 * (hidden + 3 * (2 + (blocks + 2) + 4 + 4))
    assert [cost.halo for cost in (drawn, x2, same)] == [blocks + 3, blocks + 3, blocks + 4]
    assert [cost.latency_lines for cost in (drawn, x2, same)] == [blocks + 3, blocks + 3, blocks + 4]
    assert drawn.accumulator_bits == x2.accumulator_bits == same.accumulator_bits == 26


def chain(channels, *widths_and_kernels):
    """Bicubic x2 and convolutions at the larger size, ReLUs in between."""
    modules: list[nn.Module] = [FixedUpsample("bicubic", 2)]
    before = channels
    for outputs, kernel in widths_and_kernels:
        modules += [nn.Conv2d(before, outputs, kernel, padding=kernel // 2), nn.ReLU()]
        before = outputs
    return graph_cost(in_form(trace(nn.Sequential(*modules[:-1]).eval()), "x2"))


@pytest.mark.parametrize(("channels", "srcnn", "vdsr"), [(1, 57_281, 665_921), (3, 69_251, 668_227)])
def test_networks_that_the_paper_compares_with(channels, srcnn, vdsr):
    """SRCNN 9-5-5 and the 20 layers of VDSR, on luma and on RGB; they work at the larger size."""
    first = chain(channels, (64, 9), (32, 5), (channels, 5))
    second = chain(channels, *[(64, 3)] * 19, (channels, 3))
    assert (first.parameters, second.parameters) == (srcnn, vdsr)
    for cost in (first, second):
        assert cost.macs_per_input_pixel == 4 * cost.weights
        assert cost.macs_per_output_pixel == cost.weights
    assert first.halo == 2 + 4  # bicubic reads two pixels beyond; 8 pixels of half the size are 4
    assert second.halo == 2 + 10


def test_the_numbers_of_the_arithmetic_document():
    """Its table in section 6: Residual-1 of 32 channels at 1920."""
    x2, same = residual(1, 32, "x2"), residual(1, 32, "same-size")
    assert (x2.macs_per_input_pixel + 108, same.macs_per_input_pixel) == (11_700, 11_394)
    assert [round(cost.line_bits(1920) / 8192, 1) for cost in (x2, same)] == [290.6, 313.1]


def test_traffic_of_a_paper_network_by_hand():
    """Residual-1 as drawn: bytes per input pixel, read and written by each layer."""
    bytes_moved = {
        "conv_in": 3 + 64,
        "conv_0": 64 + 64,
        "add": 128 + 64,
        "conv_out": 64 + 3,
        "add_1": 6 + 3,
        "conv_ext": 3 + 12,
        "shuffle": 12 + 4 * 3,
    }
    cost = residual(1, 64)
    assert {layer.name: (layer.read_bits + layer.written_bits) // 8 for layer in cost.layers} == bytes_moved
    load = cost.at(mode_named("2160p60"), "output")
    assert load.traffic_bits == 8 * 502 * 1920 * 1080
    assert load.streamed_bits == 8 * 3 * (1920 * 1080 + 3840 * 2160)


def test_the_modes():
    assert [(mode.name, mode.width, mode.height, mode.frames_per_second) for mode in MODES] == [
        ("1080p60", 1920, 1080, 60),
        ("2160p60", 3840, 2160, 60),
        ("2160p120", 3840, 2160, 120),
        ("4320p60", 7680, 4320, 60),
    ]
    assert all(mode_named(mode.name) is mode for mode in MODES)
    with pytest.raises(
        ConfigError, match="mode '2160p61': there is no such video mode; did you mean '2160p60'"
    ):
        mode_named("2160p61")
    with pytest.raises(ConfigError, match="no such video mode; use 1080p60, 2160p60, 2160p120, 4320p60"):
        mode_named("?")


@pytest.mark.parametrize(
    ("mode", "inputs", "outputs"),
    [
        ("1080p60", 114_372 * 124_416_000, 28_593 * 124_416_000),
        ("2160p60", 114_372 * 497_664_000, 28_593 * 497_664_000),
        ("2160p120", 114_372 * 995_328_000, 28_593 * 995_328_000),
        ("4320p60", 114_372 * 1_990_656_000, 28_593 * 1_990_656_000),
    ],
)
def test_the_rate_of_residual_3_at_either_side(mode, inputs, outputs):
    cost, video = residual(3, 64), mode_named(mode)
    at_input, at_output = cost.at(video, "input"), cost.at(video, "output")
    assert (at_input.macs_per_second, at_output.macs_per_second) == (inputs, outputs)
    assert at_input.input_size == at_output.output_size == (video.width, video.height)
    assert at_input.output_size == (2 * video.width, 2 * video.height)
    assert at_output.input_size == (video.width // 2, video.height // 2)
    assert at_input.line_bits == cost.line_bits(video.width) == 2 * at_output.line_bits
    same = residual(3, 64, "same-size")
    sides = [dataclasses.asdict(same.at(video, place)) for place in ("input", "output")]
    assert [side.pop("place") for side in sides] == ["input", "output"]
    assert sides[0] == sides[1]


def test_an_output_that_is_no_multiple_of_the_scale():
    """An 11x7 picture by a x3 network is cut from 12x9, made of 4x3."""
    cost = graph_cost(Graph((Input("x", 3), conv("a", "x", 3, 3, 3), Repeat("y", ("a",), 3))))
    load = cost.at(Mode("odd", 11, 7, 25), "output")
    assert (load.input_size, load.output_size) == ((4, 3), (11, 7))
    assert load.macs_per_second == 81 * 12 * 25
    assert load.streamed_bits == 24 * 12 + 24 * 77
    assert load.line_bits == 2 * 4 * 3 * 8
    assert cost.macs_per_output_pixel == 9


@pytest.mark.parametrize("form", FORMS)
def test_the_receptive_field_is_what_the_output_sees(form):
    torch.manual_seed(3)
    model = Residual(1, 3).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(0.1, 0.2)  # no ReLU is ever closed, no tap is 0
    graph = in_form(trace(model), form)
    halo, size = graph_cost(graph).halo, 41
    assert halo is not None
    x = torch.rand(1, 3, size, size)
    output = run_graph(graph, x)[graph.output]
    scale, middle = output.shape[-1] // size, size // 2
    pixels = slice(middle * scale, (middle + 1) * scale)
    for distance, seen in ((halo, True), (halo + 1, False)):
        moved = x.clone()
        moved[0, :, middle, middle - distance] += 100
        other = run_graph(graph, moved)[graph.output]
        assert bool((other[..., pixels, pixels] != output[..., pixels, pixels]).any()) == seen


def measured_peak(network, width, seed):
    """Bits that each layer's memory held at most, and the row with which the first output row came."""
    height, width = network.legal_size(
        2 * network.halo + math.ceil(network.scales[network.output]) + 24, width
    )
    engine = LineRun(network)
    counts = [len(engine.push(row)) for row in random_codes(network, height, width, seed)]
    return engine.peak_bits, next(i for i, count in enumerate(counts) if count)


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 9))
@settings(max_examples=60, **CHECKS)
def test_line_memory_of_random_networks_is_what_the_line_buffer_run_keeps(seed, width):
    network = random_network(seed)
    cost = network_cost(network)
    if cost.whole_frame:
        assert not network.streamable
        return
    peak, first = measured_peak(network, width, seed)
    _, columns = network.legal_size(1, width)
    counted = {layer.name: layer.line_bits_per_column * columns for layer in cost.layers}
    if any(any(tensor.lacks) for tensor in network.tensors.values()):  # which no column by itself says
        assert all(bits >= peak[name] for name, bits in counted.items())
    else:
        assert counted == peak
        assert cost.line_bits(columns) == sum(peak.values())
    assert cost.latency_lines == first


def random_graph(seed):
    """A fused graph of random operators, widths and kernels, as a user's module would give it."""
    rng = np.random.default_rng(seed)
    nodes, tensors = [Input("x", int(rng.integers(1, 4)))], {}
    tensors["x"] = (nodes[0].channels, 1)

    def append(node, channels, scale):
        nodes.append(node)
        tensors[node.name] = (channels, scale)

    for n in range(int(rng.integers(2, 8))):
        name, source = f"t{n}", list(tensors)[rng.integers(len(tensors))]
        channels, scale = tensors[source]
        kind = rng.integers(15)
        if kind == 0 and channels % 4 == 0 and scale < 4:
            append(DepthToSpace(name, (source,), 2), channels // 4, scale * 2)
        elif kind == 1 and scale < 4:
            append(Repeat(name, (source,), 2), channels, scale * 2)
        elif kind == 2 and scale < 4:
            append(Upsample(name, (source,), ["bilinear", "bicubic"][n % 2], 2), channels, scale * 2)
        elif kind == 3:
            slope = torch.rand(channels if n % 2 else 1)
            append(PRelu(name, (source,), slope, trained=bool(n % 3)), channels, scale)
        elif kind == 4:
            append(Scale(name, (source,), float(rng.uniform(-2, 2))), channels, scale)
        elif kind == 10:
            append(
                Clip(name, (source,), None if n % 3 else 0.0, 0.4 if n % 2 or n % 3 else None),
                channels,
                scale,
            )
        elif kind == 9:
            append(Lookup(name, (source,), "gelu" if n % 2 else "sigmoid"), channels, scale)
        elif kind == 5:
            alike = [other for other, size in tensors.items() if size == (channels, scale)]
            other = alike[rng.integers(len(alike))]
            append(Add(name, (source, other), relu=bool(n % 2)), channels, scale)
        elif kind == 8:
            start = int(rng.integers(channels))
            append(Slice(name, (source,), start, channels), channels - start, scale)
        elif kind == 7:
            alike = [
                other
                for other, (count, size) in tensors.items()
                if size == scale and (count == channels or 1 in (count, channels))
            ]
            other = alike[rng.integers(len(alike))]
            append(Multiply(name, (source, other)), max(channels, tensors[other][0]), scale)
        elif kind == 6:
            others = [other for other, (_, size) in tensors.items() if size == scale]
            operands = (source, *rng.choice(others, int(rng.integers(1, 4))).tolist())
            append(Concat(name, operands), sum(tensors[each][0] for each in operands), scale)
        else:
            outputs, kernel = int(rng.choice([1, 2, 3, 4, 8])), int(rng.choice([1, 3, 3, 5]))
            append(conv(name, source, outputs, channels, kernel, relu=bool(n % 2)), outputs, scale)
    return Graph((*nodes, conv("y", nodes[-1].name, 3, tensors[nodes[-1].name][0], 3)))


@pytest.mark.parametrize("seed", range(40))
def test_a_graph_costs_what_the_integer_network_made_of_it_costs(seed):
    """All numbers are equal; accumulators of the integers fit in those of any weights."""
    print(f"seed {seed}")
    torch.manual_seed(seed)
    graph, (weight_bits, bits) = random_graph(seed), ((8, 8), (4, 6), (2, 3), (7, 8))[seed % 4]
    formats = calibrate(graph, [torch.rand(1, graph.input.channels, 12, 12)], bits)
    network = QuantNetwork(graph, formats, weight_bits).eval().lower()
    untrained, trained = graph_cost(graph, weight_bits, bits), network_cost(network)
    assert (untrained.proved, trained.proved) == (False, True)

    def but_accumulators(cost):
        plain = [dataclasses.replace(layer, accumulator=None) for layer in cost.layers]
        return dataclasses.replace(cost, layers=tuple(plain), proved=False)

    assert but_accumulators(untrained) == but_accumulators(trained)
    peak, first = measured_peak(network, 7, seed)
    assert {layer.name: layer.line_bits_per_column * 7 for layer in untrained.layers} == peak
    assert untrained.latency_lines == first
    compared = 0
    for ours, theirs in zip(untrained.layers, trained.layers, strict=True):
        assert (ours.accumulator is None) == (theirs.accumulator is None)
        if ours.operator == "Conv":
            bias = int(np.abs(network.layer(ours.name).bias_i32.astype(np.int64)).max())
            assert ours.accumulator.lowest - bias <= theirs.accumulator.lowest
            assert theirs.accumulator.highest <= ours.accumulator.highest + bias
            assert bias > ours.accumulator.room or theirs.accumulator.bits <= ours.accumulator.bits
            compared += 1
        elif ours.operator in ("Scale", "Upsample"):
            assert ours.accumulator == theirs.accumulator  # constants
        elif ours.operator == "PRelu":
            assert theirs.accumulator.bits <= ours.accumulator.bits
    assert compared


def test_tables_by_hand():
    """One entry for each code that is read, as wide as a code that is made, whatever the channels."""
    nodes = (
        Input("x", 3),
        Lookup("of pixels", ("x",), "sqrt"),
        conv("a", "of pixels", 5, 3, 3),
        Lookup("of codes", ("a",), "gelu"),
        conv("y", "of codes", 3, 5, 3),
    )
    cost = graph_cost(Graph(nodes), activation_bits=6)
    assert [layer.entries for layer in cost.layers] == [256, 0, 64, 0]
    assert cost.memory_bits["tables"] == 256 * 6 + 64 * 6
    assert (cost.parameters, cost.slopes) == (2 * 135 + 5 + 3, 0)
    assert cost.multiplications_per_input_pixel == 0
    assert layers(cost)["of codes"].accumulator is None
    assert (cost.table_widths, cost.weight_widths) == ({6}, {8})
    assert cost.latency_lines == 2  # a table takes no row


def test_fewer_bits_cost_less_in_the_places_where_they_are():
    wide, narrow = residual(1, 8, "x2"), residual(1, 8, "x2", weight_bits=3, activation_bits=4)
    assert narrow.memory_bits["weights"] * 8 == wide.memory_bits["weights"] * 3
    assert narrow.memory_bits["biases"] == wide.memory_bits["biases"] == 32 * wide.biases
    assert narrow.macs_per_input_pixel == wide.macs_per_input_pixel
    bits = {layer.name: layer.bits for layer in narrow.layers}
    assert bits["conv_in"] == bits["conv_out"] == bits["shuffle"] == 4
    assert bits["repeat"] == bits["picture"] == 8
    found = layers(narrow)
    assert found["conv_in"].line_bits_per_column == 2 * 3 * 8
    assert found["conv_0"].line_bits_per_column == 2 * 8 * 4
    assert found["conv_0"].accumulator.highest == 72 * 3 * 15


def test_layers_with_widths_of_their_own():
    cost = graph_cost(skip_graph(), 8, 5, {"b": 3, "not_here": 2})
    found = layers(cost)
    assert [found[name].weight_bits for name in "abcy"] == [8, 3, None, 8]
    assert cost.memory_bits["weights"] == (27 * 4 + 12) * 8 + 25 * 16 * 3
    assert found["b"].accumulator.highest == 100 * 3 * 31
    assert found["y"].accumulator.highest == 4 * 127 * 16
    with pytest.raises(HwrtsError, match="cost: 9 weight bits are not supported"):
        graph_cost(skip_graph(), layer_weight_bits={"y": 9})


def test_any_module_goes_through_the_same_door():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm, self.last = (
                nn.Conv2d(1, 4, 5, padding=2),
                nn.BatchNorm2d(4),
                nn.Conv2d(4, 1, 3, padding=1),
            )

        def forward(self, x):
            return x + self.last(torch.relu(self.norm(self.first(x)))) * 0.5

    cost = graph_cost(in_form(trace(Own().eval()), "x2"))
    assert [layer.operator for layer in cost.layers] == ["Conv", "Conv", "Add"]
    assert (cost.weights, cost.macs_per_input_pixel) == (100 + 36, 136)
    assert [layer.line_rows for layer in cost.layers] == [4, 2, 0]  # a row of x 3 back is one of the 4 kept


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(1, 8), (9, 8), (8, 1), (8, 9)])
def test_widths_that_are_not_supported(weight_bits, activation_bits):
    with pytest.raises(
        HwrtsError, match=r"cost: [19] (weight|activation) bits are not supported; use 2\.\.8"
    ):
        graph_cost(skip_graph(), weight_bits, activation_bits)


def test_graphs_that_cannot_be_counted():
    graph = Graph((Input("x", 3), conv("a", "x", 3, 3, 3), Relu("r", ("a",)), conv("y", "r", 3, 3, 1)))
    with pytest.raises(UnsupportedOperatorError, match="cost: Relu 'r' stands alone; fuse it first"):
        graph_cost(graph)
    with pytest.raises(UnsupportedOperatorError, match="it has no same-size form"):
        in_form(graph, "same-size")
    assert graph_cost(in_form(graph, "drawn")).weights == 90


def test_the_json_is_plain_and_complete():
    document = residual(1, 8, "x2").as_json()
    assert document["parameters"]["all"] == sum(
        document["parameters"][k] for k in ("weights", "biases", "slopes")
    )
    assert document["macs_per_input_pixel"] == sum(layer["macs"] for layer in document["layers"])
    fields = {field.name for field in dataclasses.fields(hwrts.cost.layer.LayerCost)}
    assert all(set(layer) == fields for layer in document["layers"])
    assert document["layers"][0]["accumulator"] == {
        "lowest": -27 * 127 * 255,
        "highest": 27 * 127 * 255,
        "bits": 21,
        "room": 2**20 - 1 - 27 * 127 * 255,
    }


def table_rows():
    lines = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| Residual-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_the_document():
    rows = table_rows()
    assert [(row[0], row[1]) for row in rows] == [
        (f"Residual-{n}", form) for n in (1, 3, 6) for form in FORMS
    ]
    for network, form, *cells in rows:
        cost = residual(int(network.rpartition("-")[2]), 64, form)
        load = cost.at(mode_named("2160p60"), "output")
        assert cells == [
            f"{cost.weights:,}",
            f"{cost.biases:,}",
            f"{cost.macs_per_input_pixel:,}",
            f"{float(cost.macs_per_output_pixel):,.0f}",
            f"{load.macs_per_second / 1e9:,.1f}",
            f"{cost.line_bits(1920) / 8192:,.1f}",
            f"{load.line_bits / 8192:,.1f}",
            f"{load.traffic_bits / 8e6:,.1f}",
            str(cost.receptive_field),
            str(cost.latency_lines),
            str(cost.accumulator_bits),
        ]


def test_the_modes_of_the_document():
    rows = re.findall(r"^\| (\d+p\d+) \| (\d+)x(\d+) \| (\d+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    expected = [(mode.name, mode.width, mode.height, mode.frames_per_second) for mode in MODES]
    assert [(name, *map(int, sizes)) for name, *sizes in rows] == expected


def test_the_examples_of_the_document():
    result = doctest.testfile(str(DOCUMENT), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= 10


def test_every_cited_formula_exists():
    numbered = set(re.findall(r"\((C\d+)\)$", DOCUMENT.read_text("utf-8"), re.MULTILINE))
    assert numbered == {f"C{n}" for n in range(1, 15)}
    for module in (hwrts.cost.network, hwrts.cost.modes):
        cited = set(re.findall(r"\((C\d+)\)", Path(str(module.__file__)).read_text("utf-8")))
        assert cited
        assert cited <= numbered
