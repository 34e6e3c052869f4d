"""Two rounding rules in one network: that of convolutions, and that of additions and all others."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hwrts.fixed_point import (
    OPERATORS,
    PIXEL,
    Add,
    Concat,
    Format,
    GlobalAverage,
    HwrtsError,
    Input,
    LineRun,
    Multiply,
    Network,
    Places,
    PRelu,
    Resize,
    Rounding,
    RoundingRules,
    RunPath,
    Scale,
    Upsample,
    layer_bounds,
    load_network,
    run,
    run_all,
    save_network,
)
from hwrts.fixed_point.run import run_counted

from .build import anchor_network, conv, noise, upsampled_network
from .random_networks import random_inputs

PAIRS = list(product(Rounding, Rounding))
S8 = Format(True, 8, 8)
COARSE = Format(True, 8, 6)
"""Two bits coarser than pixels: every operator below loses bits."""


BOTH: tuple[RunPath, RunPath] = ("int64", "fast")


def every_operator(rounding=Rounding.HALF_EVEN, additions=None):
    """Each operator that rounds, all but one reading the inputs: nothing else depends on another."""
    layers = (
        replace(conv("conv", "x", [[[[3]], [[-2]]], [[[-1]], [[1]]]], weight_frac=2), out=COARSE),
        Scale("scale", "x", 3, 2, COARSE),
        Upsample("up", "x", "bilinear", 2, COARSE),
        Resize("resize", ("x",), COARSE, Places.CENTRES, 2),
        PRelu("prelu", "x", np.array([-1, 3], np.int8), 2, COARSE),
        Add("add", ("x", "z"), Format(True, 8, 5)),
        Add("difference", ("z", "add"), Format(True, 8, 5), negated=True),
        Concat("concat", ("x", "z"), COARSE),
        Multiply("product", ("x", "z"), Format(True, 8, 12)),
        GlobalAverage("mean", "x", COARSE),
    )
    return Network(
        (Input("x", 2, S8), Input("z", 2, S8)),
        layers,
        rounding,
        outputs=tuple(layer.name for layer in layers),
        additions=additions,
    )


CONVOLUTIONS_RULE = {"conv", "scale", "up", "prelu", "product"}


def test_which_operators_take_the_rule_of_convolutions():
    """All others take that of additions; a new operator has to be put on one of the sides here."""
    assert {name for name, kind in OPERATORS.items() if kind.AS_CONVOLUTIONS} == {
        "Conv",
        "Multiply",
        "PRelu",
        "Scale",
        "Upsample",
    }


@pytest.mark.parametrize(("rounding", "additions"), PAIRS)
def test_each_operator_rounds_by_its_own_rule(rounding, additions):
    """As in the network of that one rule: by the definition, quick, counted and row by row."""
    network = every_operator(rounding, additions)
    codes = random_inputs(network, 6, 9, 1)
    one = {rule: run_all(every_operator(rule), codes, "int64") for rule in (rounding, additions)}
    expected = {}
    for layer in network.layers:
        rule = rounding if layer.name in CONVOLUTIONS_RULE else additions
        assert network.rule_of(layer) is rule
        expected[layer.name] = one[rule][layer.name]
    for path in ("int64", "fast"):
        for name, found in run_all(network, codes, path).items():
            if name not in codes:
                np.testing.assert_array_equal(found, expected[name], err_msg=f"{name}, {path}")
    for name, found in run_counted(network, codes)[0].items():
        np.testing.assert_array_equal(found, expected.get(name, codes.get(name)), err_msg=name)
    for name in expected.keys() - {"mean", "resize"}:
        alone = network.single(name)
        sources = {each.name: run_all(network, codes)[each.name] for each in alone.inputs}
        for path in BOTH:
            engine, rows = LineRun(alone, path), []
            for y in range(len(codes["x"])):
                rows += engine.push_all({each: x[y] for each, x in sources.items()})[name]
            for made in engine.finish_all():
                rows += made[name]
            np.testing.assert_array_equal(np.stack(rows), expected[name], err_msg=f"{name}, {path}, by rows")


def test_the_rules_can_be_told_apart_in_every_operator():
    """Or the test above would compare nothing."""
    codes = random_inputs(every_operator(), 6, 9, 1)
    found = {rule: run_all(every_operator(rule), codes, "int64") for rule in Rounding}
    for layer in every_operator().layers:
        made = {found[rule][layer.name].tobytes() for rule in Rounding}
        least = {"mean": 2, "resize": 4}.get(layer.name, 5)  # two means; sums that are seldom below a tie
        assert len(made) >= least, layer.name


def test_a_network_by_hand():
    """A convolution halves 1, 3 and 5; what is left is added to them, and the sum halved."""
    layers = (conv("c", "x", [[[[1]]]], weight_frac=1), Add("y", ("x", "c"), Format(False, 8, 7)))
    codes = np.array([[[1], [3], [5]]], np.uint8)  # conv 0.5, 1.5, 2.5
    by_pair = {
        ("half_even", "half_even"): [0, 2, 4],  # sums 1, 5, 7 halved: 0.5, 2.5, 3.5
        ("half_even", "half_up"): [1, 3, 4],
        ("half_even", "floor"): [0, 2, 3],
        ("half_up", "half_even"): [1, 2, 4],  # sums 2, 5, 8 halved: 1, 2.5, 4
        ("double", "floor"): [1, 2, 4],
        ("floor", "double"): [1, 2, 4],  # sums 1, 4, 7 halved: 0.5, 2, 3.5
    }
    for (rounding, additions), expected in by_pair.items():
        network = Network((Input("x", 1, PIXEL),), layers, Rounding(rounding), additions=Rounding(additions))
        assert run(network, codes).ravel().tolist() == expected, (rounding, additions)


def test_what_a_rule_may_add_is_in_the_proof_of_the_operators_that_take_it():
    network = every_operator(Rounding.DOUBLE, Rounding.FLOOR)
    for layer in network.requantised:
        rule = Rounding.DOUBLE if layer.name in CONVOLUTIONS_RULE else Rounding.FLOOR
        expected = layer_bounds(layer, network.formats_of(layer.sources), rule).partial_sum
        assert network.bounds[layer.name].partial_sum.tolist() == expected.tolist()
        added = expected - layer.reach(*network.formats_of(layer.sources)).partial_sum
        shift = layer.shift(*network.formats_of(layer.sources))
        assert np.all(added == (2 ** (shift - 1) + 1 if layer.name in CONVOLUTIONS_RULE else 0))


def test_proofs_are_not_taken_over_from_another_rule():
    network = every_operator(Rounding.HALF_UP, Rounding.FLOOR)
    other = replace(network, additions=Rounding.DOUBLE, like=network)
    fresh = every_operator(Rounding.HALF_UP, Rounding.DOUBLE)
    for name, bounds in fresh.bounds.items():
        assert other.bounds[name].partial_sum.tolist() == bounds.partial_sum.tolist()
    assert other.bounds["conv"] is network.bounds["conv"]
    single = network.single("add")
    assert (single.rounding, single.additions) == (Rounding.HALF_UP, Rounding.FLOOR)


@pytest.mark.parametrize("make", [anchor_network, upsampled_network])
@pytest.mark.parametrize("additions", Rounding)
def test_files_say_the_second_rule_where_it_is_another(tmp_path, make, additions):
    network = replace(make(Rounding.HALF_EVEN), additions=additions)
    save_network(network, tmp_path)
    document = json.loads((tmp_path / "network.json").read_bytes())
    other = None if additions is Rounding.HALF_EVEN else additions.value
    assert document.get("rounding_of_additions") == other
    loaded = load_network(tmp_path)
    assert loaded.rules == network.rules == (Rounding.HALF_EVEN, additions)
    codes = noise(network, 5, 6)
    assert np.array_equal(run(network, codes), run(loaded, codes))


def test_files_of_one_rule_are_what_they_were(tmp_path):
    for folder, additions in (("one", None), ("same", Rounding.HALF_UP)):
        (tmp_path / folder).mkdir()
        save_network(replace(anchor_network(Rounding.HALF_UP), additions=additions), tmp_path / folder)
    for name in ("network.json", "network.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "same" / name).read_bytes()


def test_what_is_no_rule_is_refused():
    with pytest.raises(HwrtsError, match="rounding 'half_up' is not a member of Rounding"):
        replace(anchor_network(), additions="half_up")


def test_rules_in_words():
    assert RoundingRules.parse("double") == (Rounding.DOUBLE, Rounding.DOUBLE)
    assert RoundingRules.parse("half_even,floor") == (Rounding.HALF_EVEN, Rounding.FLOOR)
    for text in ("half_even", "double", "half_even,half_up", "floor,double"):
        assert str(RoundingRules.parse(text)) == text
    for text in ("", "half", "half_even,", "half_even, floor", "half_even,floor,floor", "HALF_UP"):
        with pytest.raises(
            HwrtsError, match="is not known; use half_even, half_up, half_away, floor, double"
        ):
            RoundingRules.parse(text)
