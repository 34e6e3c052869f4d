from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import halo
from hwrts.graph import (
    Add,
    Clip,
    Conv,
    DepthToSpace,
    Graph,
    Input,
    PRelu,
    Relu,
    Repeat,
    Scale,
    graph_steps,
    run_graph,
)
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import FixedUpsample, Residual
from hwrts.runs.own_check import check_own_module


def output_of(graph: Graph, x: torch.Tensor) -> torch.Tensor:
    return run_graph(graph, x)[graph.output]


class Own(nn.Module):
    """Every accepted spelling in one network, with the modules declared in another order than they run."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(6, 12, 1, bias=False)
        self.first = nn.Conv2d(3, 6, 5, padding=2)
        self.second = nn.Conv2d(6, 6, 3, padding="same")
        self.act = nn.ReLU()
        self.nothing = nn.Identity()
        self.drop = nn.Dropout(0.5)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.body = nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU())

    def forward(self, x):
        a = F.relu(self.first(x))
        b = torch.relu(self.second(a))
        c = torch.add(a, b)
        d = c.add(self.body(c))
        d += self.nothing(b)
        e = self.act(self.second(d)).relu()
        y = F.pixel_shuffle(self.last(self.drop(e)), 2)
        return torch.pixel_shuffle(self.last(e), 2) + y + self.up(x) + F.interpolate(x, scale_factor=2)


@pytest.mark.parametrize(("blocks", "channels"), [(0, 4), (1, 8), (3, 5)])
def test_residual_graph_equals_the_module_bit_for_bit(blocks, channels):
    network = Residual(blocks, channels).eval()
    for shape in [(1, 3, 9, 7), (2, 3, 1, 1)]:
        x = torch.rand(shape)
        assert torch.equal(output_of(trace(network), x), network(x))


def test_own_module_equals_its_graph_bit_for_bit():
    network = Own().eval()
    x = torch.rand(1, 3, 8, 9)
    graph = trace(network)
    assert torch.equal(output_of(graph, x), network(x))
    assert graph.input == Input("x", 3)
    kinds = [type(node) for node in graph.nodes]
    counted = {kind: kinds.count(kind) for kind in (Conv, Relu, Add, DepthToSpace, Repeat)}
    assert counted == {Conv: 6, Relu: 5, Add: 6, DepthToSpace: 2, Repeat: 2}


def test_graph_of_residual():
    graph = trace(Residual(1, 4))
    assert [(type(node), node.name) for node in graph.nodes] == [
        (Input, "x"),
        (Conv, "conv_in"),
        (Relu, "relu"),
        (Conv, "conv_0"),
        (Relu, "relu_1"),
        (Add, "add"),
        (Conv, "conv_out"),
        (Add, "add_1"),
        (Conv, "conv_ext"),
        (DepthToSpace, "shuffle"),
    ]
    assert halo(graph_steps(graph)) == 4  # four 3x3 convolutions in a row
    assert halo(graph_steps(deploy_form(graph))) == 4


def module(forward, **layers) -> nn.Module:
    """A module of one method and its layers."""

    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, layer in layers.items():
                self.add_module(name, layer)

    Made.forward = forward
    return Made()


def conv(inputs=3, outputs=3, size=3, **settings):
    settings.setdefault("padding", size // 2 if isinstance(size, int) else 0)
    return nn.Conv2d(inputs, outputs, size, **settings)


IN_PLACE = [
    (lambda self, x: _read_after(self.c(x), lambda h: F.relu(h, inplace=True)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: F.relu(h, True)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: h.relu_()), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: h.add_(x)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), self.r), {"c": conv(), "r": nn.ReLU(inplace=True)}),
    (lambda self, x: _read_after(self.c(x), lambda h: self.i(h).relu_()), {"c": conv(), "i": nn.Identity()}),
]


def _times_itself(h):
    h *= 0.3
    return h


def _over_itself(h):
    h /= 4
    return h


def _plus_itself(h):
    h += h
    return h


IN_PLACE += [
    (lambda self, x: _read_after(self.c(x), _plus_itself), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), _times_itself), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), _over_itself), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: h.mul_(3)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: h.div_(4)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: F.leaky_relu(h, 0.1, True)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: F.leaky_relu_(h, 0.1)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), self.r), {"c": conv(), "r": nn.LeakyReLU(0.3, inplace=True)}),
]


def _read_after(h, change):
    change(h)
    return h + h


@pytest.mark.parametrize(("forward", "layers"), IN_PLACE)
def test_in_place_operators_change_what_is_read_later(forward, layers):
    """A ReLU in place whose result nobody names was left out, and h += x changed one name of h only."""
    network = module(forward, **layers).eval()
    x = torch.randn(1, 3, 5, 5)
    assert torch.equal(output_of(trace(network), x), network(x))


@pytest.mark.parametrize(
    ("forward", "layers", "channels"),
    [
        (lambda self, x: self.b(self.a(x)), {"b": conv(6, 3), "a": conv(4, 6)}, 4),
        (lambda self, x: self.a(F.pixel_shuffle(x, 2)), {"a": conv(2)}, 8),
        (
            lambda self, x: self.a(self.up(x) + self.up(x)),
            {"a": conv(5), "up": nn.Upsample(scale_factor=3)},
            5,
        ),
    ],
)
def test_channels_come_from_the_convolution_that_reads_the_picture(forward, layers, channels):
    assert trace(module(forward, **layers)).input.channels == channels


UNSUPPORTED = {
    "softmax": (lambda self, x: torch.softmax(self.c(x), 3), {"c": conv()}, ["softmax"]),
    "Softmax": (
        lambda self, x: self.gate(self.c(x)), {"c": conv(), "gate": nn.Softmax(2)},
        ["Softmax", "'gate'"]),
    "stride": (lambda self, x: self.down(x), {"down": conv(stride=(2, 1))}, ["'down'", "stride (2, 1)"]),
    "dilation": (lambda self, x: self.c(x), {"c": conv(dilation=(2, 1))}, ["'c'", "dilation (2, 1)"]),
    "circular": (lambda self, x: self.c(x), {"c": conv(padding_mode="circular")}, ["'c'", "'circular'"]),
    "times a parameter itself": (
        lambda self, x: self.c(x) * self.c.weight, {"c": conv()}, ["'mul'", "constant of shape (3, 3, 3"]),
    "times 0": (lambda self, x: self.c(x) * 0, {"c": conv()}, ["'mul'", "the number 0"]),
    "times infinity": (lambda self, x: self.c(x) * float("inf"), {"c": conv()}, ["'mul'", "inf is not"]),
    "rounded division": (
        lambda self, x: torch.div(self.c(x), 2, rounding_mode="floor"), {"c": conv()}, ["operator div"]),
    "plus a parameter": (
        lambda self, x: self.c(x) + self.c.bias, {"c": conv()}, ["'add'", "a constant of shape (3,)"]),
    "leaky nan": (
        lambda self, x: F.leaky_relu(self.c(x), float("nan")), {"c": conv()}, ["'leaky_relu'", "nan is not"]),
    "two inputs": (lambda self, x, y: self.c(x), {"c": conv()}, ["its input 'y'", "leave that input out"]),
    "tuple": (lambda self, x: (self.c(x), x), {"c": conv()}, ["returns its input 'x' as it is"]),
    "twice": (lambda self, x: [self.c(x)] * 2, {"c": conv()}, ["returns the tensor 'c' twice"]),
    "nothing": (lambda self, x: None, {"c": conv()}, ["must return a tensor, or a tuple"]),
    "branch": (lambda self, x: self.c(x) if x.sum() > 0 else x, {"c": conv()}, ["Made", "control flow"]),
    "batch norm without statistics": (
        lambda self, x: self.n(self.c(x)), {"c": conv(), "n": nn.BatchNorm2d(3, track_running_stats=False)},
        ["BatchNorm2d 'n'", "track_running_stats=True"]),
    "transposed": (
        lambda self, x: self.t(self.c(x)), {"c": conv(), "t": nn.ConvTranspose2d(3, 3, 3)},
        ["ConvTr", "'t'"]),
    "aligned corners": (
        lambda self, x: F.interpolate(self.c(x), scale_factor=2, mode="bicubic", align_corners=True),
        {"c": conv()}, ["'interpolate'", "bicubic with align_corners=True"]),
    "bilinear by 2 and 4": (
        lambda self, x: F.interpolate(self.c(x), scale_factor=(2, 4), mode="bilinear"), {"c": conv()},
        ["'interpolate'", "(2, 4)"]),
    "factor 1.2": (
        lambda self, x: self.u(self.c(x)), {"c": conv(), "u": nn.Upsample(scale_factor=1.2)},
        ["'u'", "1.2"]),
    "to a size": (
        lambda self, x: F.interpolate(self.c(x), size=8), {"c": conv()},
        ["'interpolate'", "to a size"]),
    "no conv": (lambda self, x: self.u(x), {"u": nn.Upsample(scale_factor=2)}, ["Made", "no Conv2d"]),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_operators_are_named_with_their_place(case):
    forward, layers, named = UNSUPPORTED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, **layers))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


class Varied(nn.Module):
    """Every spelling of the operators that came later."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.one, self.many, self.leaky = nn.PReLU(init=0.3), nn.PReLU(6), nn.LeakyReLU(0.2)
        self.slopes = nn.Parameter(torch.rand(6) - 0.5)
        self.soft, self.cubic = FixedUpsample("bilinear", 4), FixedUpsample("bicubic")
        self.up = nn.Upsample(scale_factor=2.0, mode="bilinear")

    def forward(self, x):
        h = self.many(self.one(self.first(x)))
        h = F.prelu(h, self.slopes) + torch.prelu(h, weight=self.slopes) + h.prelu(self.slopes)
        h = F.leaky_relu(self.leaky(h)) + F.leaky_relu(h, 0.3) + F.leaky_relu(h, negative_slope=-0.5)
        h = 0.5 * h + h * -2 + torch.mul(h, 0.1) + h.mul(3) + h.multiply(0.7) + torch.multiply(h, 1.5)
        h = h / 3 + torch.div(h, 0.7) + h.div(2) + torch.true_divide(h, 5)
        a = F.interpolate(self.up(h), scale_factor=2, mode="bilinear", align_corners=False)
        return self.soft(h) + a + self.cubic(self.cubic(h)) + F.interpolate(h, None, 4, "bilinear")


def test_later_operators_equal_the_module():
    """To float32's rounding: x / 3 is x * (1 / 3) here, and torch's bilinear sums in another order."""
    network = Varied().eval()
    x = torch.rand(1, 3, 5, 4)
    graph = trace(network)
    kinds = Counter(type(node).__name__ for node in graph.nodes)
    assert kinds == {"Input": 1, "Conv": 1, "PRelu": 9, "Scale": 10, "Add": 15, "Upsample": 6}
    torch.testing.assert_close(output_of(graph, x), network(x), rtol=1e-5, atol=1e-6)
    assert [(n.trained, len(n.slope)) for n in graph.nodes if isinstance(n, PRelu)] == [
        (True, 1),
        (True, 6),
        (True, 6),
        (True, 6),
        (True, 6),
        (False, 1),
        (False, 1),
        (False, 1),
        (False, 1),
    ]
    assert [node.factor for node in graph.nodes if isinstance(node, Scale)] == [
        0.5,
        -2,
        0.1,
        3,
        0.7,
        1.5,
        1 / 3,
        1 / 0.7,
        1 / 2,
        1 / 5,
    ]
    assert halo(graph_steps(graph)) == 1 + 3  # a convolution, and 2 + 2/2 of the two bicubic windows


def test_unused_nodes_are_left_out():
    graph = trace(module(lambda self, x: [self.b(x), self.a(x)][1], a=conv(), b=conv()))
    assert [node.name for node in graph.nodes] == ["x", "a"]


class Clipped(nn.Module):
    """A convolution whose output is clipped by what is given."""

    def __init__(self, clip) -> None:
        super().__init__()
        self.conv, self.clip = nn.Conv2d(3, 3, 3, padding=1), clip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.clip(self.conv(x))


@pytest.mark.parametrize(
    "clip",
    [
        nn.Hardtanh(0, 1),
        lambda x: x.clamp(0, 1),
        lambda x: torch.clip(x, min=0.0, max=1.0),
        lambda x: F.hardtanh(x, 0, max_val=1),
        lambda x: x.clamp_(0, max=1),
    ],
)
def test_a_clip_to_pixels_at_the_output_is_saturation(clip):
    module = Clipped(clip)
    graph = trace(module)
    assert [type(node) for node in graph.nodes] == [Input, Conv]
    assert check_own_module(module).scale == 1
    x = 4 * torch.rand(1, 3, 8, 8)
    assert torch.equal(output_of(graph, x).clamp(0, 1), module(x))


@pytest.mark.parametrize(
    ("clip", "limits"),
    [
        (nn.Hardtanh(), (-1, 1)),
        (nn.ReLU6(), (0, 6)),
        (lambda x: x.clamp(0, 2), (0, 2)),
        (lambda x: x.clamp(max=1), (None, 1)),
        (lambda x: 2 * x.clamp(0, 1), (0, 1)),
    ],
)
def test_other_clips_stay(clip, limits):
    module = Clipped(clip)
    graph = trace(module)
    assert [(node.low, node.high) for node in graph.of(Clip)] == [limits]
    x = 4 * torch.rand(1, 3, 8, 8)
    assert torch.equal(output_of(graph, x), module(x))
    assert check_own_module(module).scale == 1


@pytest.mark.parametrize(
    "made", [lambda: nn.RReLU(0.25, 0.5), lambda: module(lambda s, x: F.rrelu(x, 0.25, 0.5))]
)
def test_a_slope_that_is_drawn_in_training_is_its_mean(made):
    network = nn.Sequential(conv(), made()).eval()
    graph = trace(network)
    (slopes,) = graph.of(PRelu)
    assert slopes.slope.tolist() == [0.375]
    assert not slopes.trained
    x = torch.rand(1, 3, 5, 6) - 0.5
    assert torch.equal(output_of(graph, x), network(x))


def test_a_slope_that_is_always_drawn_is_refused():
    with pytest.raises(
        UnsupportedOperatorError, match="draws its slopes, with training=True; use training=self"
    ):
        trace(module(lambda s, x: F.rrelu(s.c(x), training=True), c=conv()))
