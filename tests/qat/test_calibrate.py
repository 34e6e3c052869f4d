from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import hwrts.qat.calibrate
from hwrts.fixed_point import PIXEL, Format
from hwrts.graph import Conv, DepthToSpace, Graph, Input, Repeat, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.rounding import round_keeping_sums
from hwrts.graph.trace import trace
from hwrts.qat.calibrate import SATURATION, calibrate
from hwrts.qat.network import QuantNetwork

from ..graph.test_trace import conv, module


def _one_conv(gain: float, relu: bool) -> Graph:
    """x -> a (the picture times a gain) -> y, so that the tensor "a" holds a constructed distribution."""
    eye = torch.eye(3).reshape(3, 3, 1, 1)
    zero = torch.zeros(3)
    first, last = Conv("a", ("x",), eye * gain, zero, relu), Conv("y", ("a",), eye, zero)
    return Graph((Input("x", 3), first, last))


@pytest.mark.parametrize(
    ("gain", "relu", "bits", "expected"),
    [
        (1.0, True, 8, Format(False, 8, 8)),  # 0..255/256 exactly on the pixel grid
        (4.0, True, 8, Format(False, 8, 6)),  # 0..4 needs two bits more before the point
        (0.25, True, 8, Format(False, 8, 10)),  # and here two behind it
        (1.0, True, 4, Format(False, 4, 4)),
        (-1.0, False, 8, Format(True, 8, 7)),  # -1..0: one bit is the sign
        (-0.25, False, 8, Format(True, 8, 8)),  # would fit 2**-9, but signed tensors end at the pixel grid
        (-8.0, False, 5, Format(True, 5, 1)),
    ],
)
def test_calibration_finds_the_format_of_constructed_data(gain, relu, bits, expected):
    ramp = (torch.arange(256) / 256).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    formats = calibrate(_one_conv(gain, relu), [ramp], bits)
    assert formats == {"x": PIXEL, "a": expected, "y": PIXEL}


@pytest.mark.parametrize(("gain", "relu", "frac"), [(1e-8, True, 12), (1e-8, False, 8), (0.0, True, 12)])
def test_a_signal_below_every_grid_gets_the_finest(gain, relu, frac):
    """All grids are equally wrong for it. It got the coarsest, and its reader a shift far to the left."""
    assert calibrate(_one_conv(gain, relu), [torch.rand(1, 3, 16, 16)])["a"].frac == frac


def test_calibration_gives_up_rare_outliers():
    x = torch.rand(1, 3, 64, 64)
    x[0, 0, 0, 0] = 1.2
    assert calibrate(_one_conv(1.0, True), [x])["a"] == Format(False, 8, 8)


@pytest.mark.parametrize("tail", [DepthToSpace("out", ("y",), 2), Repeat("out", ("y",), 2)])
def test_a_picture_whose_codes_only_move_is_made_on_the_pixel_grid(tail):
    graph = Graph((Input("x", 3), Conv("y", ("x",), torch.rand(12, 3, 1, 1) * 9, torch.zeros(12)), tail))
    assert calibrate(graph, [torch.rand(1, 3, 8, 8)]) == {"x": PIXEL, "y": PIXEL}
    assert [node.name for node in graph.quantised_nodes()] == ["x", "y"]
    assert graph.pixel_tensors() == {"x", "y"}


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ([1.0, 2.0, 3.0], [1, 2, 3]),  # on the grid already
        ([0.4, 0.4, 0.2], [1, 0, 0]),  # one by one these would be 0 0 0, a sum of 0 instead of 1
        ([-0.4, -0.4, -0.2], [-1, 0, 0]),
        ([1.6, 1.6, 1.6], [2, 2, 1]),  # one by one 2 2 2, a sum of 6 instead of 4.8
        ([0.3, 0.1, 0.0], [0, 0, 0]),  # 0.4 is nearer to 0
        ([126.8, 127.4, 0.45], [127, 127, 1]),
    ],
)
def test_rounded_kernels_keep_their_sums(kernel, expected):
    weight = torch.tensor([*kernel, *[0.0] * 6]).reshape(1, 1, 3, 3)
    for lsb in (1.0, 2.0**-7):
        found = round_keeping_sums(weight * lsb, torch.tensor([lsb]), 127) / lsb
        assert sorted(found.flatten()[:3].tolist()) == sorted(expected)
        assert not found.flatten()[3:].any()


def test_random_kernels_keep_their_sums():
    scale = 2.0 ** torch.randint(-9, -5, (6,)).float()
    weight = torch.randn(6, 5, 3, 3) * 40 * scale.reshape(-1, 1, 1, 1)
    codes = round_keeping_sums(weight, scale, 127) / scale.reshape(-1, 1, 1, 1)
    exact = weight / scale.reshape(-1, 1, 1, 1)
    inside = exact.abs() <= 126
    assert torch.equal(codes, codes.round())
    assert float(codes.abs().max()) <= 127
    assert float((codes - exact).abs()[inside].max()) <= 1
    if bool(inside.all()):
        assert (
            float((codes - exact).sum(dim=(1, 2, 3)).abs().max()) <= 0.5 + 1e-4
        )  # float32 sums of 45 numbers


class Recorded:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}

    def say(self, text):
        raise AssertionError(text)

    @contextmanager
    def task(self, title, total):
        self.tasks[title] = (total, [])
        yield lambda done, text: self.tasks[title][1].append(done)


def test_saturation_is_counted_for_all_signed_tensors_at_once_and_seen(monkeypatch):
    """The graph ran again for each signed tensor, 52 of 66 seconds of an EDSR x4, behind no bar."""
    eye, zero = torch.eye(3).reshape(3, 3, 1, 1), torch.zeros(3)
    gains = {"a": -1.0, "b": 1.0, "c": 4.0, "d": 0.1, "y": -2.5}
    sources = ("x", "a", "b", "c", "d")
    convs = [Conv(n, (s,), eye * g, zero) for s, (n, g) in zip(sources, gains.items(), strict=True)]
    graph = Graph((Input("x", 3), *convs))
    pictures = [0.4 * torch.rand(1, 3, 48, 48) for _ in range(3)]
    for picture in pictures:
        picture[0, :, :3, 0] = 1.0  # one of a thousand beyond the finer format's range
    runs, progress = [], Recorded()

    def counted(*given):
        runs.append(0)
        return run_graph(*given)

    monkeypatch.setattr(hwrts.qat.calibrate, "run_graph", counted)
    formats = calibrate(graph, pictures, progress=progress)
    assert len(runs) == 2 * len(pictures)
    assert list(progress.tasks.values()) == [(3, [1, 2, 3])] * 2
    values = [run_graph(graph, picture) for picture in pictures]
    made_finer = 0
    monkeypatch.setattr(
        hwrts.qat.calibrate, "SATURATION", 0
    )  # without the exception: the smallest error alone
    for name, best in calibrate(graph, pictures).items():
        finer = replace(best, frac=best.frac + 1)
        codes = torch.cat([(each[name] * 2.0**finer.frac).round().flatten() for each in values])
        share = float(((codes > finer.max) | (codes < finer.min)).double().mean())
        taken = best.signed and best.frac < PIXEL.frac and share < SATURATION
        assert formats[name] == (finer if taken else best), name
        made_finer += taken
    assert made_finer == 3  # a, b and c; d is fine enough


@pytest.mark.parametrize("middle", [lambda h: F.normalize(F.relu(h)), lambda h: h / (h.abs() + 1e-4)])
def test_a_pole_that_is_multiplied_by_0_takes_no_codes(middle: Any) -> None:
    """Pixels of 0 have a length of 0: 1 / length is far beyond any format, and nothing comes of it.

    They said that no format is better than another, and the finest was chosen: 94 codes from float.
    """
    a, b = conv(3, 8, 1), conv(8, 3, 1)
    network = module(lambda self, x: self.b(middle(self.a(x - 0.5))), a=a, b=b).eval()
    a.bias.data.zero_()
    b.bias.data.fill_(0.5)
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    x[:, :, 8:] = 0.5
    graph = deploy_form(trace(network))
    quantised = QuantNetwork(graph, calibrate(graph, [x]), 8).eval()
    errors = 256 * (quantised(x) - network(x).clamp(0, 255 / 256)).abs()
    assert errors.mean() < 1.5
