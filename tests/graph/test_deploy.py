import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.fixed_point import Repeat as FixedRepeat
from hwrts.fixed_point import run, run_layer
from hwrts.graph import Clip, Conv, Graph, Relu, run_graph
from hwrts.graph.deploy import anchor_image_residual, deploy_form
from hwrts.graph.fold import fuse_relus
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork


def output_of(graph: Graph, x: torch.Tensor) -> torch.Tensor:
    return run_graph(graph, x)[graph.output]


@pytest.mark.parametrize(("blocks", "scale"), [(0, 2), (1, 2), (3, 2), (1, 3)])
def test_anchor_form_equals_the_network_to_rounding(blocks, scale):
    """Tolerance 1e-12: equal in real numbers; float64 sums near 1 in another order err by 1e-15."""
    network = Residual(blocks, 8, scale).double().eval()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.3, 0.3)  # biases and residual of a size that would show
    x = torch.rand(2, 3, 7, 9, dtype=torch.float64)
    graph = deploy_form(trace(network))
    assert graph.output == "picture"
    assert sum(isinstance(node, Relu) for node in graph.nodes) == 0
    torch.testing.assert_close(output_of(graph, x), network(x), rtol=0, atol=1e-12)  # borders included


def test_fusing_relus_changes_no_bit():
    network = Residual(3, 8).eval()
    x = torch.rand(1, 3, 8, 8)
    graph = fuse_relus(trace(network))
    assert torch.equal(output_of(graph, x), network(x))
    assert [node.name for node in graph.nodes if isinstance(node, Conv) and node.relu] == [
        "conv_in",
        "conv_0",
        "conv_1",
        "conv_2",
    ]


class Net(nn.Module):
    """A network with the image residual, whose forward each case replaces."""

    def __init__(self, extension: int = 12) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.ext = nn.Conv2d(3, extension, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)


def _net(forward, extension: int = 12) -> nn.Module:
    made = type("Net", (Net,), {"forward": forward})
    return made(extension).double().eval()


UNCHANGED = {
    "no shuffle": (lambda s, x: s.ext(x + s.first(x)), 3),
    "no residual": (lambda s, x: s.shuffle(s.ext(s.first(x))), 12),
    "ext with ReLU": (lambda s, x: s.shuffle(F.relu(s.ext(x + s.first(x)))), 12),
    "blue with ReLU": (lambda s, x: s.shuffle(s.ext(F.relu(x + s.first(x)))), 12),
    "x twice": (lambda s, x: s.shuffle(s.ext(x + x)), 12),
    "not the picture": (lambda s, x: s.shuffle(s.ext(s.first(x) + s.first(x))), 12),
    "blue read twice": (lambda s, x: (lambda y: s.shuffle(s.ext(y + s.first(y))))(x + s.first(x)), 12),
    "shuffle of a sum": (lambda s, x: (lambda y: s.shuffle(s.ext(y) + s.ext(y)))(x + s.first(x)), 12),
    "one channel added": (lambda s, x: s.shuffle(s.ext(x + s.first(x).mean(1, keepdim=True))), 12),
    "one pixel added": (lambda s, x: s.shuffle(s.ext(x + s.first(x).mean((2, 3), keepdim=True))), 12),
    "another channel count": (lambda s, x: s.shuffle(s.ext(x + s.first(x))), 4),
}


@pytest.mark.parametrize("case", UNCHANGED)
def test_other_graphs_come_back_unchanged(case):
    graph = fuse_relus(trace(_net(*UNCHANGED[case])))
    assert anchor_image_residual(graph) is graph


def test_residual_on_either_side_is_anchored():
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    for forward in (
        lambda s, x: s.shuffle(s.ext(x + s.first(x))),
        lambda s, x: s.shuffle(s.ext(s.first(x) + x)),
    ):
        network = _net(forward)
        graph = deploy_form(trace(network))
        assert [node.name for node in graph.nodes][-2:] == ["repeat", "picture"]
        # 1e-12 as above: the same real number, another order of float64 sums
        torch.testing.assert_close(output_of(graph, x), network(x), rtol=0, atol=1e-12)


def test_names_of_the_network_are_not_taken_twice():
    """A forward(self, picture) with a layer "repeat" gave two tensors of one name."""

    def forward(self, picture):
        return self.shuffle(self.ext(picture + self.first(self.repeat(picture))))

    network = _net(forward)
    network.repeat = nn.Conv2d(3, 3, 1).double()
    graph = deploy_form(trace(network))
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)
    assert names[0] == "picture"
    assert names[-2:] == ["repeat_", "picture_"]
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    # 1e-12 as above: the same real number, another order of float64 sums
    torch.testing.assert_close(output_of(graph, x), network(x), rtol=0, atol=1e-12)


ALONE = {
    "read by another": (lambda s, x: (lambda y: s.shuffle(s.ext(F.relu(y) + y)))(s.first(x)), ["Clip"]),
    "of the picture": (lambda s, x: s.first(F.relu(x)), ["Clip"]),
    "of a product": (lambda s, x: s.first(F.relu(0.5 * x)), ["Clip"]),
    "of a shuffle": (lambda s, x: F.relu(s.shuffle(s.ext(x))), []),
    "of a shuffle read by another": (lambda s, x: (lambda y: F.relu(y) + y)(s.shuffle(s.ext(x))), ["Clip"]),
    "of a shuffle of what is read": (
        lambda s, x: (lambda y: F.relu(s.shuffle(y)) + s.shuffle(0.5 * y))(s.ext(x)), ["Clip"]),
    "of a ReLU": (lambda s, x: F.relu(F.relu(s.first(x))), []),
    "of a ReLU that others read": (lambda s, x: (lambda y: F.relu(y) + y)(F.relu(s.first(x))), []),
    "ReLU6": (lambda s, x: F.relu6(s.first(x)), ["Clip"]),
    "ReLU6 of a shuffle": (lambda s, x: F.relu6(s.shuffle(s.ext(x))), ["Clip"]),
    "ReLU behind a clip": (lambda s, x: F.relu(s.first(x).clamp(-1, -0.1)), ["Clip", "Clip"]),
}  # fmt: skip
"""ReLUs and limits, and the clips of codes that are left of them."""
UNSIGNED = ["of a shuffle", "of a ReLU", "of a ReLU that others read", "ReLU6", "ReLU6 of a shuffle"]


@pytest.mark.parametrize("case", ALONE)
def test_relus_that_cannot_be_fused_are_clips(case):
    forward, clips = ALONE[case]
    network = _net(forward)
    form = fuse_relus(trace(network))
    assert [type(node).__name__ for node in form.nodes if isinstance(node, Clip | Relu)] == clips
    convs = form.of(Conv)
    assert [node.relu for node in convs] == [case in UNSIGNED] * len(convs) or case == "read by another"
    x = 4 * torch.rand(1, 3, 6, 5, dtype=torch.float64) - 2
    assert torch.equal(output_of(form, x), network(x))


def test_rewrites_leave_the_network_alone():
    network = Residual(1, 4)
    before = copy.deepcopy(network.state_dict())
    deploy_form(trace(network))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_zero_correction_passes_the_picture_through(picture):
    """ext = pixel repetition and residual 0: the int8 output is the repeated picture, code for code."""
    network = Residual(1, 4).eval()
    with torch.no_grad():
        for parameter in (*network.conv_out.parameters(), *network.conv_ext.parameters()):
            parameter.zero_()
        for phase in range(12):
            network.conv_ext.weight[phase, phase // 4, 1, 1] = 1
    graph = deploy_form(trace(network))
    fixed = QuantNetwork(graph, calibrate(graph, [torch.rand(1, 3, 16, 16)])).eval().lower()
    codes = picture(21, 17)
    codes[0, 0], codes[-1, -1] = 0, 255
    expected = run_layer(fixed, FixedRepeat("repeat", "x", 2), {"x": codes}, "int64")
    assert (run(fixed, codes) == expected).all()
    assert (expected[::2, ::2] == codes).all()
