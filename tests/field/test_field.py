"""Modules of the field at the door: accepted and equal to the bit, or refused with what to do instead."""

import numpy as np
import pytest
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import Network, Rounding
from hwrts.graph.deploy import deploy_form
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.own_check import Checked, check_own_module
from hwrts.runs.own_measures import ends_of

from .modules import MODULES, made
from .refused import SelfAttention, UntilFlat, Warped

REFUSED: dict[type[nn.Module], str] = {
    SelfAttention: "attention by softmax divides by a sum over many pixels; use a gate in its place",
    Warped: "it reads where values say, and no line buffer knows which rows; warp outside",
    UntilFlat: "write it without value-dependent control flow: a fixed number of rounds",
}
"""What stays refused, and what the line says."""
ROUNDINGS = list(Rounding)


def integers(checked: Checked, rounding: Rounding, pixels: int = 32) -> tuple[QuantNetwork, Network]:
    graph = deploy_form(checked.graph)
    codes = np.random.default_rng(0).integers(0, 256, (1, pixels, pixels, 3), np.uint8)
    fed = checked.feeder.by_name(checked.feeder.given(codes, "cpu"))
    formats = calibrate(graph, [fed], 8, rounding, ends=ends_of(checked, codes, "cpu"))
    quantised = QuantNetwork(graph, formats, 8, rounding).eval()
    return quantised, quantised.lower()


def verified(checked: Checked, rounding: Rounding, pixels: int = 32) -> Network:
    """The integers of a module, which every witness computes equally and every control can break."""
    quantised, network = integers(checked, rounding, pixels)
    model = to_onnx(network).SerializeToString()
    verdict = verify(network, model, {}, [TorchWitness(quantised, network)])
    assert verdict.passed, (verdict.problems, verdict.mismatches, verdict.controls)
    told = " ".join([*(control["name"] for control in verdict.controls), *verdict.facts["untold"]])
    assert all(layer.name in told for layer in network.layers)  # each was looked at
    return network


def check(name: str, rounding: Rounding) -> None:
    verified(check_own_module(made(name)), rounding)


@pytest.mark.one_in(4)
@pytest.mark.usefixtures("few_pixels")
@pytest.mark.parametrize(("place", "name"), list(enumerate(MODULES)), ids=MODULES)
def test_from_a_module_to_equal_bits(place: int, name: str) -> None:
    """One rounding rule a module: neighbours in the list, which are alike, take turns."""
    check(name, ROUNDINGS[place % len(ROUNDINGS)])


def test_the_others_are_read_and_are_the_module() -> None:
    """Whether their bits are equal, ``make slow`` tries: they are made of the same operators."""
    for place, name in enumerate(MODULES):
        if place % 4:
            print(name)
            check_own_module(made(name))


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", MODULES)
def test_every_module_in_every_rounding_rule(name: str, rounding: Rounding) -> None:
    check(name, rounding)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refusal_says_what_to_write(kind: type[nn.Module]) -> None:
    with pytest.raises(UnsupportedOperatorError, match=REFUSED[kind]) as caught:
        check_own_module(kind().eval())
    assert "\n" not in str(caught.value)
