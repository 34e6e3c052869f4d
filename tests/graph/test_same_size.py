"""The folded same-size network against the chain that it replaces."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.data import downscale_by_2
from hwrts.errors import UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import halo
from hwrts.graph import Add, Conv, Graph, graph_steps, run_graph
from hwrts.graph.fold import fuse_relus
from hwrts.graph.same_size import TAPS, same_size_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness

FRAME = 5
"""Pixels at the edge where the chain pads at every step and the folded form once."""


def lively(seed: int = 0) -> Residual:
    """A Residual-1 whose residual, extension and biases are all far from their start."""
    torch.manual_seed(seed)
    network = Residual(1, 6)
    with torch.no_grad():
        network.conv_out.weight.mul_(40)
        network.conv_ext.weight.add_(0.05 * torch.randn_like(network.conv_ext.weight))
        network.conv_ext.bias.uniform_(-0.05, 0.05)
    return network.eval()


def chain(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """D(S(x)) without clipping, by the package's own D."""
    with torch.no_grad():
        doubled = network(x)[0].permute(1, 2, 0).numpy()
    return torch.from_numpy(downscale_by_2(np.ascontiguousarray(doubled), "lanczos")).permute(2, 0, 1)[None]


def folded(network: nn.Module, taps: int | None) -> Graph:
    return same_size_form(fuse_relus(trace(network)), taps)


def inside(x: torch.Tensor) -> torch.Tensor:
    return x[..., FRAME:-FRAME, FRAME:-FRAME]


def test_all_taps_equal_the_chain_away_from_the_edge():
    """Tolerance 4e-6 of values in 0..1: float32 sums of 243 terms in two orders, and D's rounded weights."""
    for seed in range(3):
        network = lively(seed)
        x = torch.rand(1, 3, 24, 28)
        graph = folded(network, None)
        found, expected = run_graph(graph, x)[graph.output], chain(network, x)
        torch.testing.assert_close(inside(found), inside(expected), rtol=0, atol=4e-6)
        assert (inside(found) - inside(x)).abs().max() > 0.05  # there is something to fold


def test_at_the_edge_they_differ_which_is_why_the_frame_is_left_out():
    network, x = lively(), torch.rand(1, 3, 24, 28)
    graph = folded(network, None)
    assert (run_graph(graph, x)[graph.output] - chain(network, x)).abs().max() > 1e-3


def test_the_full_kernel_has_nine_taps_and_the_default_fewer():
    network = lively()
    sizes = {
        taps: {node.weight.shape[-1] for node in folded(network, taps).nodes if node.name.startswith("fold")}
        for taps in (None, TAPS)
    }
    assert sizes == {None: {9}, TAPS: {5}}
    assert halo(graph_steps(folded(network, TAPS))) == 3 + TAPS // 2


@pytest.mark.parametrize("taps", [3, 5, 7])
def test_fewer_taps_keep_flat_areas(taps):
    """Tolerance 1e-5: the taps that are left out are spread in float32."""
    network = lively()
    x = torch.full((1, 3, 28, 28), 0.4)
    few, all_of_them = (folded(network, count) for count in (taps, None))
    found, expected = run_graph(few, x)[few.output], run_graph(all_of_them, x)[all_of_them.output]
    torch.testing.assert_close(found[..., 8:-8, 8:-8], expected[..., 8:-8, 8:-8], rtol=0, atol=1e-5)


def test_an_untrained_network_passes_the_picture_nearly_unchanged():
    """D undoes the bilinear start but for a slight blur; flat areas stay, and no pixel moves."""
    network = Residual(1, 4).eval()
    nn.init.zeros_(network.conv_out.weight)
    graph = folded(network, None)
    impulse = torch.zeros(1, 3, 21, 21)
    impulse[0, 1, 10, 10] = 1
    answer = run_graph(graph, impulse)[graph.output][0]
    assert answer[1].argmax() == 10 * 21 + 10  # in place: half a pixel of shift would give two equal maxima
    assert answer[1, 10, 10] > 0.25
    assert answer[1].sum().item() == pytest.approx(1, abs=1e-5)  # float32 sum of D's weights
    torch.testing.assert_close(answer[1], answer[1].flip(0), rtol=0, atol=1e-6)  # symmetric up to rounding
    assert answer[[0, 2]].abs().max() < 1e-6


class Tail(nn.Module):
    """A network whose forward each case replaces."""

    def __init__(self, block: int = 2) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 3, 3, padding=1)
        self.mid = nn.Conv2d(3, 5, 3, padding=1)
        self.ext = nn.Conv2d(5, 3 * block**2, 3, padding=1)
        self.one = nn.Conv2d(3, 3 * block**2, 3, padding=1)
        self.last = nn.Conv2d(3, 3, 3, padding=1)
        self.mono = nn.Conv2d(3, 4, 3, padding=1)
        self.shuffle = nn.PixelShuffle(block)


def make(forward, block: int = 2) -> nn.Module:
    return type("Tail", (Tail,), {"forward": forward})(block).eval()


def test_a_longer_linear_tail_folds_too():
    """Tolerance as above; two convolutions in front of the shuffle and one behind it reach further."""
    torch.manual_seed(1)
    network = make(lambda s, x: s.last(s.shuffle(s.ext(s.mid(x + F.relu(s.body(x)))))))
    x = torch.rand(1, 3, 30, 30)
    graph = folded(network, None)
    found, expected = run_graph(graph, x)[graph.output], chain(network, x)
    torch.testing.assert_close(found[..., 9:-9, 9:-9], expected[..., 9:-9, 9:-9], rtol=0, atol=4e-6)


REFUSED = {
    "no residual": (lambda s, x: s.shuffle(s.one(s.body(x))), 2),
    "ReLU in the tail": (lambda s, x: s.shuffle(F.relu(s.one(x + s.body(x)))), 2),
    "ReLU on the sum": (lambda s, x: s.shuffle(s.one(F.relu(x + s.body(x)))), 2),
    "sum read twice": (lambda s, x: (lambda y: s.shuffle(s.one(y)) + s.shuffle(s.one(y)))(x + s.body(x)), 2),
    "enlarges by 3": (lambda s, x: s.shuffle(s.one(x + s.body(x))), 3),
    "x twice": (lambda s, x: s.shuffle(s.one(x + x)), 2),
    "no tail": (lambda s, x: x + s.body(x), 2),
    "a mean of colours": (lambda s, x: s.shuffle(s.one(x + s.body(x).mean(1, keepdim=True))), 2),
    "a mean of the picture": (lambda s, x: s.shuffle(s.one(x + s.body(x).mean((2, 3), keepdim=True))), 2),
    "one channel out": (lambda s, x: s.shuffle(s.mono(x + s.body(x))), 2),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_forms_are_refused_by_name(case):
    forward, block = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError, match="no same-size form; that needs an addition"):
        folded(make(forward, block), TAPS)


def test_names_of_the_user_are_respected():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fold_x = nn.Conv2d(3, 3, 3, padding=1)
            self.ext = nn.Conv2d(3, 12, 3, padding=1)
            self.shuffle = nn.PixelShuffle(2)

        def forward(self, x):
            return self.shuffle(self.ext(x + self.fold_x(x)))

    names = [node.name for node in folded(Net(), TAPS).nodes]
    assert len(names) == len(set(names))
    assert "fold_x_" in names


def test_integers_of_the_folded_network_are_proved_like_any_other():
    """Every witness, every layer, odd sizes: 0 differing codes."""
    graph = folded(lively(), TAPS)
    formats = calibrate(graph, [torch.rand(2, 3, 24, 24)])
    quantised = QuantNetwork(graph, formats).eval()
    network = quantised.lower()
    rng = np.random.default_rng(5)
    photographs = {"noise picture": rng.integers(0, 256, (31, 37, 3), dtype=np.uint8)}
    verdict = verify(
        network, to_onnx(network).SerializeToString(), photographs, [TorchWitness(quantised, network)]
    )
    assert verdict.passed, verdict.as_json()["problems"]
    assert verdict.mismatches == 0
    assert network.scales[network.output] == 1
    assert sum(isinstance(node, Conv) for node in graph.nodes) == 5
    assert isinstance(graph.nodes[-1], Add)
