import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.deploy import deploy_form
from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import halo
from hwrts.graph import Add, Conv, DepthToSpace, Graph, Input, Relu, Repeat, graph_steps, run_graph
from hwrts.networks import Residual
from hwrts.trace import trace


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
        (Input, "x"), (Conv, "conv_in"), (Relu, "relu"), (Conv, "conv_0"), (Relu, "relu_1"),
        (Add, "add"), (Conv, "conv_out"), (Add, "add_1"), (Conv, "conv_ext"), (DepthToSpace, "shuffle"),
    ]  # fmt: skip
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
    return nn.Conv2d(inputs, outputs, size, **{"padding": size // 2, **settings})


IN_PLACE = [
    (lambda self, x: _read_after(self.c(x), lambda h: F.relu(h, inplace=True)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: F.relu(h, True)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: h.relu_()), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), lambda h: h.add_(x)), {"c": conv()}),
    (lambda self, x: _read_after(self.c(x), self.r), {"c": conv(), "r": nn.ReLU(inplace=True)}),
    (lambda self, x: _read_after(self.c(x), lambda h: self.i(h).relu_()), {"c": conv(), "i": nn.Identity()}),
]


def _read_after(h, change):
    change(h)
    return h + h


@pytest.mark.parametrize(("forward", "layers"), IN_PLACE)
def test_in_place_operators_change_what_is_read_later(forward, layers):
    """A ReLU in place whose result nobody names was left out: the graph computed something else."""
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
    "sigmoid": (lambda self, x: torch.sigmoid(self.c(x)), {"c": conv()}, ["sigmoid"]),
    "Sigmoid": (
        lambda self, x: self.gate(self.c(x)), {"c": conv(), "gate": nn.Sigmoid()},
        ["Sigmoid", "'gate'"]),
    "stride": (lambda self, x: self.down(x), {"down": conv(stride=2)}, ["'down'", "stride (2, 2)"]),
    "groups": (lambda self, x: self.c(x), {"c": conv(groups=3)}, ["'c'", "groups 3"]),
    "dilation": (lambda self, x: self.c(x), {"c": conv(dilation=2, padding=2)}, ["'c'", "dilation (2, 2)"]),
    "reflect": (lambda self, x: self.c(x), {"c": conv(padding_mode="reflect")}, ["'c'", "'reflect'"]),
    "no padding": (lambda self, x: self.c(x), {"c": conv(padding=0)}, ["'c'", "padding (0, 0)"]),
    "even kernel": (lambda self, x: self.c(x), {"c": conv(size=2)}, ["'c'", "kernel (2, 2)"]),
    "oblong kernel": (
        lambda self, x: self.c(x), {"c": nn.Conv2d(3, 3, (1, 3), padding=(0, 1))},
        ["'c'", "(1, 3)"]),
    "add constant": (lambda self, x: self.c(x) + 1, {"c": conv()}, ["'add'", "no constants"]),
    "add alpha": (lambda self, x: torch.add(x, self.c(x), alpha=2), {"c": conv()}, ["'add'", "operator add"]),
    "times 2": (lambda self, x: self.c(x) * 2, {"c": conv()}, ["'mul'", "operator mul"]),
    "two inputs": (lambda self, x, y: self.c(x) + y, {"c": conv()}, ["'y'", "one picture"]),
    "tuple": (lambda self, x: (self.c(x), x), {"c": conv()}, ["must return one tensor"]),
    "nothing": (lambda self, x: None, {"c": conv()}, ["must return one tensor"]),
    "branch": (lambda self, x: self.c(x) if x.sum() > 0 else x, {"c": conv()}, ["Made", "control flow"]),
    "batch norm": (
        lambda self, x: self.n(self.c(x)), {"c": conv(), "n": nn.BatchNorm2d(3)},
        ["BatchNorm2d", "'n'"]),
    "transposed": (
        lambda self, x: self.t(self.c(x)), {"c": conv(), "t": nn.ConvTranspose2d(3, 3, 3)},
        ["ConvTr", "'t'"]),
    "max pool": (lambda self, x: F.max_pool2d(self.c(x), 2), {"c": conv()}, ["max_pool2d"]),
    "bilinear": (
        lambda self, x: self.u(self.c(x)), {"c": conv(), "u": nn.Upsample(scale_factor=2, mode="bilinear")},
        ["'u'", "Upsample"]),
    "factor 1.5": (
        lambda self, x: self.u(self.c(x)), {"c": conv(), "u": nn.Upsample(scale_factor=1.5)},
        ["'u'", "1.5"]),
    "to a size": (
        lambda self, x: F.interpolate(self.c(x), size=8), {"c": conv()},
        ["'interpolate'", "scale factor None"]),
    "no conv": (lambda self, x: self.u(x), {"u": nn.Upsample(scale_factor=2)}, ["Made", "no Conv2d"]),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_operators_are_named_with_their_place(case):
    forward, layers, named = UNSUPPORTED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, **layers))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


def test_unused_nodes_are_left_out():
    graph = trace(module(lambda self, x: [self.b(x), self.a(x)][1], a=conv(), b=conv()))
    assert [node.name for node in graph.nodes] == ["x", "a"]
