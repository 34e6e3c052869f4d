"""What is added is on the grid of the sum: no addition drops a bit, whatever the rounding rule."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from hwrts.errors import ConfigError
from hwrts.fixed_point import PIXEL, Add, Format, Rounding, run, run_all
from hwrts.graph import Add as Sum
from hwrts.graph import Graph, Input
from hwrts.graph.deploy import deploy_form
from hwrts.graph.operators.repeat import Repeat
from hwrts.graph.operators.scale import Scale
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.exact_additions import exact_additions
from hwrts.qat.network import QuantNetwork

from ..graph.test_operators import Upscaler


def s8(**fracs: int) -> dict[str, Format]:
    return {name: Format(True, 8, frac) for name, frac in fracs.items()}


CHAIN = Graph(
    (
        Input("x", 3),
        Scale("a", ("x",), 0.5),
        Scale("b", ("x",), 0.5),
        Repeat("moved", ("b",), 2),
        Repeat("wide", ("a",), 2),
        Sum("s", ("wide", "moved")),
        Sum("t", ("s", "wide")),
        Scale("y", ("t",), 0.5),
    )
)
"""Two sums, of which the second reads the first, and one tensor in both; codes are moved in front."""


@pytest.mark.parametrize(
    ("calibrated", "expected"),
    [
        ((8, 8, 8, 8), (8, 8, 8, 8)),
        ((8, 7, 6, 6), (6, 6, 6, 6)),
        ((8, 5, 6, 7), (6, 5, 6, 7)),  # of b, which is coarser, bits are added
        ((7, 7, 6, 4), (4, 4, 4, 4)),  # the last sum is read on; what the first is made of follows it
        ((3, 8, 5, 6), (3, 5, 5, 6)),
    ],
)
def test_formats_by_hand(calibrated, expected):
    """Fraction bits of a, b, their sum s, and t = s + a."""
    names = ("a", "b", "s", "t")
    rest = s8(y=9) | {"x": PIXEL}
    found = exact_additions(CHAIN, s8(**dict(zip(names, calibrated, strict=True))) | rest, {"x"}, {})
    assert found == s8(**dict(zip(names, expected, strict=True))) | rest


def test_a_picture_that_would_lose_bits_is_refused():
    graph = Graph((Input("x", 3), Scale("a", ("x",), 0.5), Sum("s", ("x", "a")), Scale("y", ("s",), 0.5)))
    formats = s8(a=8, s=7, y=8) | {"x": PIXEL}
    with pytest.raises(ConfigError, match=r"layer 's' adds the picture 'x', u8.*leave exact_additions out"):
        exact_additions(graph, formats, {"x"}, {})
    assert exact_additions(graph, formats | s8(s=8), {"x"}, {}) == formats | s8(s=8)


def test_a_state_and_the_sum_that_it_is_fed_with_keep_one_format():
    """The state h is the sum s of the frame before, and an operand of it and of another.

    What s is made of follows t, which comes before it, by way of h.
    """
    graph = Graph(
        (
            Input("x", 3), Input("h", 3, signed=True), Scale("a", ("x",), 0.5), Scale("b", ("x",), 0.5),
            Sum("t", ("h", "a")), Sum("s", ("h", "b")), Scale("y", ("t",), 0.5),
        ),
        ("y", "s"),
    )  # fmt: skip
    formats = s8(h=7, a=9, b=9, s=7, t=5, y=8) | {"x": PIXEL}
    found = exact_additions(graph, formats, {"x"}, {"h": "s"})
    assert found == s8(h=5, a=5, b=5, s=5, t=5, y=8) | {"x": PIXEL}


def quantised(module: nn.Module, rounding: Rounding, *, exact: bool) -> QuantNetwork:
    torch.manual_seed(3)
    graph = deploy_form(trace(module.eval()))
    pictures = [torch.rand(2, 3, 16, 16)]
    formats = calibrate(graph, pictures, 8, rounding, exactly_added=exact)
    return QuantNetwork(graph, formats, 8, rounding).eval()


def residual() -> nn.Module:
    """With a residual that is large enough to be seen, and sums inside that are larger than their parts."""
    torch.manual_seed(1)
    module = Residual(3, 8)
    with torch.no_grad():
        module.conv_out.weight.mul_(100)
    return module


def test_codes_do_not_depend_on_the_rule_of_additions(photograph_codes):
    network = quantised(residual(), Rounding.HALF_EVEN, exact=True).lower()
    additions = [layer for layer in network.layers if isinstance(layer, Add)]
    assert len(additions) >= 4
    assert all(int(each.shift(*network.formats_of(each.sources))) <= 0 for each in additions)
    expected = run(network, photograph_codes)
    for rule in Rounding:
        other = replace(network, additions=rule)
        np.testing.assert_array_equal(run(other, photograph_codes, "int64"), expected, err_msg=str(rule))
        np.testing.assert_array_equal(run(other, photograph_codes), expected, err_msg=str(rule))


def test_without_it_they_do(photograph_codes):
    network = quantised(residual(), Rounding.HALF_EVEN, exact=False).lower()
    found = {run(replace(network, additions=rule), photograph_codes).tobytes() for rule in Rounding}
    assert len(found) >= 3


def test_pictures_that_are_added_up_on_a_coarser_grid_are_refused():
    with pytest.raises(ConfigError, match="adds the picture"):
        quantised(Upscaler(), Rounding.HALF_EVEN, exact=True)


def test_fake_quantised_values_are_those_codes(photograph_codes):
    made = quantised(residual(), Rounding.FLOOR, exact=True)
    network = made.lower()
    x = torch.from_numpy(photograph_codes.copy()).permute(2, 0, 1)[None].float() / 256
    tensors = run_all(network, photograph_codes, "int64")
    with torch.inference_mode():
        for name, value in made.values(x).items():
            codes = (value * 2.0 ** network.formats[name].frac)[0].permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(codes, tensors[name], err_msg=name)


@pytest.fixture
def photograph_codes():
    return np.random.default_rng(4).integers(0, 256, (13, 17, 3), np.uint8)
