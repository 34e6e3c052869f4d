from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from hwrts import fixed_point
from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.fixed_point import UPSAMPLE_KINDS, Rounding, upsample_kernel, upsample_taps
from hwrts.graph import Conv, Repeat, run_graph
from hwrts.graph.interpolation import read_interpolation
from hwrts.graph.operators.call import VALUE, Call
from hwrts.graph.trace import trace
from hwrts.networks import FixedUpsample
from hwrts.networks.upsample import fixed_upsample, ideal_upsample
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, verified
from .test_trace import conv, module

KINDS = [(kind, factor) for kind in UPSAMPLE_KINDS for factor in (2, 3, 4, 5, 8)]
SIZES = [(1, 1), (1, 5), (6, 1), (2, 2), (7, 9)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear_equals_torch_on_codes(factor, size):
    """Codes have 8 bits and taps 6 together: torch's other order of summation rounds nothing either."""
    x = torch.randint(0, 256, (2, 3, *size)) * 2.0**-8
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    assert torch.equal(FixedUpsample("bilinear", factor)(x), expected)


def test_bicubic_by_hand_and_not_as_torch():
    x = torch.tensor([[[[0.0, 1.0]]]])
    found = FixedUpsample()(x)
    assert (found * 128).tolist() == [[[[-9.0, 26.0, 102.0, 137.0]] * 2]]
    assert not torch.equal(found, F.interpolate(x, scale_factor=2, mode="bicubic"))


@pytest.mark.parametrize(("kind", "factor"), KINDS)
def test_flat_pictures_stay_and_gradients_pass(kind, factor):
    x = torch.full((1, 2, 3, 4), 0.7, requires_grad=True)
    y = FixedUpsample(kind, factor)(x)
    torch.testing.assert_close(y, torch.full_like(y, 0.7), rtol=0, atol=1e-6)  # float32 sums of 0.7 * taps
    y.sum().backward()
    assert x.grad is not None
    # every new pixel's taps add up to 1, so all gradients together are the number of new pixels
    assert float(x.grad.sum()) == pytest.approx(y.numel(), rel=1e-5)


def test_nothing_in_it_is_trained():
    assert not list(FixedUpsample().parameters())
    assert not FixedUpsample().state_dict()


@pytest.mark.parametrize(("kind", "factor"), [("bicubic", 9), ("bilinear", 1), ("nearest", 2)])
def test_other_kinds_are_refused_when_it_is_made(kind, factor):
    with pytest.raises(HwrtsError, match=r"does not exist; use bilinear, bicubic, bicubic_075 by 2\.\.8"):
        FixedUpsample(kind, factor)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", range(2, 9))
def test_both_of_torchs_kinds_are_torchs_in_float(factor, size):
    x = torch.rand(2, 3, *size)
    for ours, theirs in (("bilinear", "bilinear"), ("bicubic_075", "bicubic")):
        expected = F.interpolate(x, scale_factor=factor, mode=theirs, align_corners=False)
        # float32 positions and sums in another order
        torch.testing.assert_close(FixedUpsample(ours, factor)(x), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(("kind", "most"), [("bilinear", 0.73), ("bicubic", 1.77), ("bicubic_075", 2.05)])
def test_rounded_taps_move_a_pixel_by_what_the_document_says(kind, most):
    moved = [0.0]
    for factor in range(2, 9):
        ideal = np.array([[float(tap) for tap in row] for row in upsample_kernel(kind, factor)])
        taps, frac = upsample_taps(kind, factor)
        both = [np.einsum("iu,jv->ijuv", each, each) for each in (ideal, taps / 2**frac)]
        moved.append(255 * float(np.abs(both[0] - both[1]).sum((2, 3)).max()) / 2)
        x = torch.randint(0, 2, (1, 1, 9, 9)).double() * 255
        apart = (fixed_upsample(x, kind, factor) - ideal_upsample(x, kind, factor)).abs().max()
        assert float(apart) <= moved[-1] + 1e-9
    assert max(moved) == pytest.approx(most, abs=0.005)


SPELLINGS: dict[str, tuple[Any, str, int]] = {
    "nearest": (lambda x: F.interpolate(x, scale_factor=3), "nearest", 3),
    "nearest by 16": (lambda x: F.interpolate(x, scale_factor=16.0), "nearest", 16),
    "nearest-exact": (lambda x: F.interpolate(x, None, 3, "nearest-exact"), "nearest", 3),
    "area": (lambda x: F.interpolate(x, scale_factor=(2, 2), mode="area"), "nearest", 2),
    "bilinear by 3": (lambda x: F.interpolate(x, scale_factor=3, mode="bilinear"), "bilinear", 3),
    "bilinear by 5": (lambda x: F.interpolate(x, scale_factor=[5.0, 5.0], mode="bilinear"), "bilinear", 5),
    "antialias": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", antialias=True), "bilinear", 2),
    "bicubic": (lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"), "bicubic_075", 2),
    "bicubic by 4": (
        lambda x: F.interpolate(x, scale_factor=4, mode="bicubic", align_corners=False), "bicubic_075", 4
    ),
    "recomputed": (
        lambda x: F.interpolate(x, None, 2, "bilinear", recompute_scale_factor=True), "bilinear", 2
    ),
    "nn.Upsample": (nn.Upsample(scale_factor=2, mode="bicubic"), "bicubic_075", 2),
    "nn.UpsamplingNearest2d": (nn.UpsamplingNearest2d(scale_factor=4), "nearest", 4),
    "FixedUpsample": (FixedUpsample("bicubic", 3), "bicubic", 3),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling(spelling):
    up, kind, factor = SPELLINGS[spelling]
    network = module(lambda s, x: s.up(s.c(x)) if isinstance(up, nn.Module) else up(s.c(x)), c=conv())
    network.up = up if isinstance(up, nn.Module) else nn.Identity()
    graph, x = check_own_module(network.eval()).graph, torch.rand(1, 3, 4, 5)
    made = graph.nodes[-1]
    found = ("nearest", made.factor) if isinstance(made, Repeat) else (made.kind, made.factor)
    assert found == (kind, factor)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=0, atol=2e-6)


def test_its_own_size_is_no_operator():
    network = module(lambda s, x: s.c(F.interpolate(x, scale_factor=1, mode="bilinear")), c=conv())
    assert [type(node).__name__ for node in trace(network).nodes] == ["Input", "Conv"]


def sized(size, shape=(8, 6)):
    """A call of ``F.interpolate`` to a size, of a tensor whose size is known."""
    graph = fx.Graph()
    x = graph.placeholder("x")
    if shape is not None:
        x.meta[VALUE] = torch.zeros(1, 3, *shape)
    node = graph.call_function(F.interpolate, (x,), {"size": size, "mode": "bilinear"})
    return read_interpolation(Call(node, None, {}, {"x": "x"}))


def test_to_a_size_is_by_a_factor_where_the_size_of_its_source_is_known():
    assert sized((16, 12)).factor == 2
    assert sized([24, 18]).factor == 3
    assert sized(16, (8, 8)).factor == 2
    for size, shape, named in (
        ((16, 18), (8, 6), "to (16, 18) of (8, 6) pixels; the same whole factor"),
        ((10, 15), (8, 12), "to (10, 15) of (8, 12) pixels; the same whole factor"),
        ((16, 12), None, "to a size, while that of its source is not known"),
    ):
        with pytest.raises(UnsupportedOperatorError) as caught:
            sized(size, shape)
        assert named in str(caught.value)


REFUSED: dict[str, tuple[Any, str]] = {
    "corners": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=True),
        "bicubic with align_corners=True has other taps at every pixel; use align_corners=False",
    ),
    "UpsamplingBilinear2d": (nn.UpsamplingBilinear2d(scale_factor=17), "use align_corners=False"),
    "antialias": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bicubic", antialias=True),
        "use hwrts.networks.FixedUpsample, which replicates them",
    ),
    "by 9": (
        lambda x: F.interpolate(x, scale_factor=9, mode="bilinear"),
        "bilinear by 9; 2..8 are supported",
    ),
    "by 17": (lambda x: F.interpolate(x, scale_factor=17), "nearest by 17; 2..16 are supported"),
    "by 1.25": (lambda x: F.interpolate(x, scale_factor=1.25), "scale factor 1.25; the same whole factor"),
    "by two": (lambda x: F.interpolate(x, scale_factor=(2, 3)), "scale factor (2, 3); the same whole factor"),
    "linear": (
        lambda x: F.interpolate(x, scale_factor=2, mode="linear"),
        "mode 'linear'; nearest, nearest-exact",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named(case):
    up, named = REFUSED[case]
    network = module(lambda s, x: s.up(s.c(x)) if isinstance(up, nn.Module) else up(s.c(x)), c=conv())
    network.up = up if isinstance(up, nn.Module) else nn.Identity()
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(network)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


class Scalers(nn.Module):
    """Interpolation of the picture and of features, with taps that are rounded and that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = conv(3, 4), conv(4, 3)

    def forward(self, x):
        h = F.interpolate(F.relu(self.first(x)), scale_factor=3, mode="bicubic")
        h = self.last(h) - F.interpolate(self.last(F.relu(self.first(x))), scale_factor=3, mode="bilinear")
        return F.interpolate(x, scale_factor=3, mode="bilinear") + h


@pytest.mark.usually(rounding=Rounding.HALF_EVEN)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    torch.manual_seed(8)
    quantised = quantise(Scalers(), rounding=rounding)
    network, verdict = verified(quantised, tmp_path, picture(11, 12))
    assert sum(isinstance(layer, fixed_point.Upsample) for layer in network.layers) == 3
    assert all(control["caught"] for control in verdict.controls)


@pytest.mark.parametrize("rounding", Rounding)
def test_integers_equal_fake_quantised_values(picture, rounding):
    quantised = quantise(Scalers(), rounding=rounding)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


DOWN: dict[str, tuple[Any, int]] = {
    "nearest": (lambda x: F.interpolate(x, scale_factor=0.5), 2),
    "nearest by 1/3": (lambda x: F.interpolate(x, scale_factor=1 / 3, recompute_scale_factor=True), 3),
    "nearest-exact": (lambda x: F.interpolate(x, scale_factor=0.25, mode="nearest-exact"), 4),
    "bilinear": (lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear"), 2),
    "bilinear by 1/4": (lambda x: F.interpolate(x, scale_factor=(0.25, 0.25), mode="bilinear"), 4),
    "bilinear, corners not aligned": (
        lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False),
        2,
    ),
    "area": (lambda x: F.interpolate(x, scale_factor=0.5, mode="area"), 2),
    "area by 1/4": (lambda x: F.interpolate(x, scale_factor=0.25, mode="area"), 4),
    "nn.Upsample": (nn.Upsample(scale_factor=0.5, mode="bilinear"), 2),
}


@pytest.mark.parametrize("spelling", DOWN)
def test_down_scaling_is_a_convolution_of_each_channel(spelling):
    down, size = DOWN[spelling]
    network = module(lambda s, x: s.c(s.down(x) if isinstance(down, nn.Module) else down(x)), c=conv())
    network.down = down if isinstance(down, nn.Module) else nn.Identity()
    graph, x = trace(network.eval()), torch.rand(1, 3, 12, 24)
    made = graph.nodes[1]
    assert isinstance(made, Conv)
    assert (made.groups, made.stride, made.frozen) == (3, size, True)
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x), rtol=0, atol=1e-6)


@pytest.mark.usually(rounding=Rounding.FLOOR)
@pytest.mark.parametrize("rounding", Rounding)
def test_down_and_up_again_to_a_verified_file(picture, rounding, tmp_path):
    def forward(self, x):
        h = F.interpolate(F.relu(self.a(x)), scale_factor=0.5, mode="bilinear")
        return F.interpolate(self.b(h), scale_factor=2, mode="bicubic") + x

    torch.manual_seed(9)
    quantised = quantise(module(forward, a=conv(3, 4), b=conv(4, 3)), rounding=rounding)
    verified(quantised, tmp_path, picture(12, 14))


@pytest.mark.parametrize(
    ("down", "named"),
    [
        (
            lambda x: F.interpolate(x, scale_factor=0.2, mode="bicubic"),
            "bicubic by 1/5; down to 1/4",
        ),
        (
            lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True),
            "leaves pixels outside",
        ),
        (lambda x: F.interpolate(x, scale_factor=0.8, mode="bilinear"), "the same whole factor"),
    ],
)
def test_other_down_scaling_is_refused(down, named):
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(lambda s, x: s.c(down(x)), c=conv()))
    assert named in str(caught.value)
