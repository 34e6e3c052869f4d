"""Strength, coring and the overshoot limit: of any network that adds a correction to its picture."""

from dataclasses import asdict

import numpy as np
import pytest

from hwrts.fixed_point import (
    PIXEL,
    STRENGTH,
    STRONGEST,
    Add,
    Adjusted,
    Concat,
    Format,
    HwrtsError,
    Input,
    LineRun,
    MaxPool,
    Network,
    Repeat,
    Rounding,
    Scale,
    Upsample,
    adjusted,
    has_register,
    load_network,
    plan_lines,
    run,
    run_all,
    save_network,
    stream,
    stream_all,
)
from hwrts.fixed_point.requantize import shift_right

from .build import S8, anchor_network, check_row_by_row, noise, random_conv
from .random_networks import random_network

STRENGTHS = [0, 1, 16, 17, 32]
EVERYTHING = Adjusted(strength=27, coring=3, overshoot=8)


def same_size_network(rounding=Rounding.HALF_EVEN, seed=3, channels=3, out=PIXEL, d=S8):
    """The form of eq. 13b: the picture itself and a correction, with flat areas of large corrections."""
    rng = np.random.default_rng(seed)
    return Network(
        (Input("x", channels, out),),
        (
            random_conv(rng, "a", "x", (channels, channels), 3, d, weight_frac=8),
            random_conv(rng, "b", "x", (channels, channels), 5, d, weight_frac=9),
            Add("d", ("a", "b"), d),
            Add("y", ("d", "x"), out),
        ),
        rounding,
    )


TEN = "10 bits"
NETWORKS = {
    "x2": anchor_network,
    "same": same_size_network,
    "grey": lambda rounding: same_size_network(rounding, channels=1),
    "signed pixels": lambda rounding: same_size_network(
        rounding, out=Format(True, 8, 7), d=Format(True, 8, 7)
    ),
    TEN: lambda rounding: same_size_network(rounding, out=Format(False, 10, 10), d=Format(True, 9, 9)),
}


def by_hand(network, codes, strength=16, coring=0, overshoot=None):
    """What section 14 of docs/arithmetic.md says, of whole arrays and one number after the other."""
    tensors = run_all(network, codes, "int64")
    names = ("up", "shuffled", "x") if "up" in tensors else ("x", "d", "x")
    out = network.formats[network.output]
    u, d, x = (tensors[name].astype(np.int64) for name in names)
    finer = out.frac - network.formats["d"].frac
    d = np.where(np.abs(d) <= coring, 0, d)
    size = shift_right(strength * np.abs(d), 4 - finer, network.rounding)
    y = np.clip(u + np.sign(d) * size, out.min, out.max)
    if overshoot is None:
        return y
    overshoot <<= max(0, out.bits - 8)  # of codes of 8 bits
    made = np.empty_like(y)
    times = y.shape[0] // x.shape[0]
    for row, column, channel in np.ndindex(y.shape):
        r, q = row // times, column // times
        around = x[max(r - 1, 0) : r + 2, max(q - 1, 0) : q + 2, channel]
        limits = max(around.min() - overshoot, out.min), min(around.max() + overshoot, out.max)
        made[row, column, channel] = np.clip(y[row, column, channel], *limits)
    return made


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("kind", NETWORKS)
def test_strengths_are_what_the_equation_says(kind, rounding):
    network = NETWORKS[kind](rounding)
    codes = noise(network, 9, 11)
    for strength in STRENGTHS:
        made = run(adjusted(network, Adjusted(strength=strength)), codes, "int64")
        np.testing.assert_array_equal(made, by_hand(network, codes, strength))
    assert (made != run(network, codes)).mean() > 0.2  # or nothing was to be seen of it


@pytest.mark.parametrize("kind", NETWORKS)
def test_nearest_rules_round_the_product(kind):
    """Under rules that look at the size alone it is u + round(k*d/16), as one writes it."""
    for rounding in (Rounding.HALF_EVEN, Rounding.HALF_AWAY):
        network = NETWORKS[kind](rounding)
        codes, out = noise(network, 9, 11), network.formats["y"]
        tensors = run_all(network, codes)
        picture, d = ("up", "shuffled") if "up" in tensors else ("x", "d")
        for strength in STRENGTHS:
            product, finer = strength * tensors[d].astype(np.int64), out.frac - network.formats[d].frac
            y = np.clip(tensors[picture] + shift_right(product, 4 - finer, rounding), out.min, out.max)
            np.testing.assert_array_equal(run(adjusted(network, Adjusted(strength=strength)), codes), y)


@pytest.mark.parametrize("kind", NETWORKS)
def test_strength_1_is_the_network_and_0_its_picture(kind):
    network = NETWORKS[kind](Rounding.HALF_UP)
    codes = noise(network, 13, 10)
    tensors = run_all(network, codes)
    for how in (Adjusted(strength=16), Adjusted(), Adjusted(coring=0), Adjusted(strength=16, coring=0)):
        np.testing.assert_array_equal(run(adjusted(network, how), codes), tensors["y"])
    still = run(adjusted(network, Adjusted(strength=0, overshoot=0)), codes)
    np.testing.assert_array_equal(still, tensors["up" if "up" in tensors else "x"])


def test_a_product_beyond_8_bits_is_no_other_picture():
    """k*d reaches 254 and -256: a register of 8 bits with a sign would stop at 127."""
    d = Scale("d", "x", -1, 0, S8)
    network = Network((Input("x", 1, PIXEL),), (d, Add("y", ("x", "d"), PIXEL)))
    codes = np.arange(256, dtype=np.uint8).reshape(1, -1, 1)
    made = run(adjusted(network, Adjusted(strength=32)), codes).astype(int)
    np.testing.assert_array_equal(made, np.clip(codes - 2 * np.minimum(codes.astype(int), 128), 0, 255))
    assert made[0, 255, 0] == 0  # and not 255 - 128


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("coring", "overshoot"), [(0, None), (3, None), (0, 0), (3, 8), (127, 255)])
def test_limiters_are_what_the_equations_say(kind, coring, overshoot):
    network = NETWORKS[kind](Rounding.HALF_EVEN)
    codes = noise(network, 8, 9)
    for strength in (16, 29):
        how = Adjusted(strength=strength, coring=coring, overshoot=overshoot)
        expected = by_hand(network, codes, strength, coring, how.overshoot)
        np.testing.assert_array_equal(run(adjusted(network, how), codes, "int64"), expected)


def test_coring_of_all_leaves_the_picture():
    network = same_size_network()
    codes = noise(network, 9, 9)
    d = run_all(network, codes)["d"]
    kept = run(adjusted(network, Adjusted(strength=32, coring=127)), codes).astype(int) - codes
    assert (d == -128).any()
    assert not kept[d > -128].any()  # only -128 is larger than 127


@pytest.mark.parametrize(
    "how", [Adjusted(strength=17), EVERYTHING, Adjusted(overshoot=2), Adjusted(coring=2)]
)
@pytest.mark.parametrize("kind", NETWORKS)
def test_it_runs_row_by_row_in_the_memory_that_is_planned(kind, how):
    network = adjusted(NETWORKS[kind](Rounding.DOUBLE), Adjusted(**asdict(how)))
    check_row_by_row(network, noise(network, 12, 7))


@pytest.mark.parametrize("kind", NETWORKS)
def test_proofs_are_reached(kind):
    for how in (EVERYTHING, Adjusted(register=True, coring=3, overshoot=8)):
        network = adjusted(NETWORKS[kind](Rounding.HALF_UP), how)
        for layer in network.requantised:
            lowest, highest = layer.attack(*network.formats_of(layer.sources))
            np.testing.assert_array_equal(lowest, network.bounds[layer.name].lowest)
            np.testing.assert_array_equal(highest, network.bounds[layer.name].highest)


@pytest.mark.parametrize("kind", NETWORKS)
def test_other_layers_are_the_very_same(kind):
    network = NETWORKS[kind](Rounding.HALF_EVEN)
    made = adjusted(network, EVERYTHING)
    assert made.layers[: len(network.layers) - 1] == network.layers[:-1]
    assert made.output == network.output
    assert made.halo == network.halo


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("kind", NETWORKS)
def test_a_register_is_the_constant(kind, rounding):
    network = NETWORKS[kind](rounding)
    codes = noise(network, 10, 9)
    slider = adjusted(network, Adjusted(register=True, coring=1, overshoot=9))
    assert has_register(slider)
    assert not has_register(network)
    for strength in range(0, STRONGEST + 1, 3):
        fixed = adjusted(network, Adjusted(strength=strength, coring=1, overshoot=9))
        fed = {"x": codes, "strength": np.full((1, 1, 1), strength, np.uint8)}
        for path in ("int64", "fast"):
            np.testing.assert_array_equal(run(slider, fed, path), run(fixed, codes, path))


def test_a_register_needs_no_picture_before_it():
    """Row by row, with the line memory of the constant, and the same halo."""
    network = anchor_network()
    slider, fixed = adjusted(network, Adjusted(register=True)), adjusted(network, Adjusted(strength=7))
    codes, held = noise(network, 14, 8), np.full((1, 1), 7, np.uint8)
    assert slider.streamable
    assert slider.halo == fixed.halo
    for path in ("int64", "fast"):
        rows = [
            row
            for tick in stream_all(slider, ({"x": row, "strength": held} for row in codes), path)
            for row in tick["y"]
        ]
        np.testing.assert_array_equal(np.stack(rows), run(fixed, codes))
    engine, plans = LineRun(slider), [plan_lines(each.steps).bits(8) for each in (slider, fixed)]
    for row in codes:
        engine.push_all({"x": row, "strength": held})
    assert engine.peak_bits == plans[0]
    assert sum(plans[0].values()) == sum(plans[1].values())
    assert plan_lines(slider.steps).latency == plan_lines(fixed.steps).latency


def test_a_register_that_is_not_set_is_refused():
    slider = adjusted(anchor_network(), Adjusted(register=True))
    with pytest.raises(HwrtsError, match="'strength' has no pixel; push it with the first row"):
        LineRun(slider).push_all({"x": noise(slider, 1, 8)[0]})
    with pytest.raises(HwrtsError, match="no codes were given for it"):
        run(slider, noise(slider, 4, 4))
    with pytest.raises(HwrtsError, match=r"codes 64..64 leave 0..63 of u6 lsb 2\^-4"):
        run(slider, {"x": noise(slider, 4, 4), "strength": np.full((1, 1, 1), 64, np.uint8)})


@pytest.mark.parametrize("seed", range(120))
def test_of_random_networks(seed):
    """Those whose last layer can be a correction, with one appended."""
    rng = np.random.default_rng(seed)
    network = random_network([seed, 14])
    picture, last = network.inputs[0], network.tensors[network.output]
    if last.scale != 1 or any(last.lacks) or not (network.streamable and picture.out.bits > 2):
        return
    d = Format(True, int(rng.integers(4, 9)), picture.out.frac - int(rng.integers(0, 3)))
    layers = (
        *network.layers,
        random_conv(rng, "d", network.output, (picture.channels, last.channels), 3, d, weight_frac=6),
        Add("y", ("d", "t0"), picture.out),
    )
    try:
        whole = Network(network.inputs, layers, network.rounding)
    except HwrtsError:  # grids too far apart
        return
    how = Adjusted(int(rng.integers(33)), False, int(rng.integers(3)), int(rng.integers(4)))
    made = adjusted(whole, how)
    size = made.legal_size(6, 5)
    codes = rng.integers(picture.out.min, picture.out.max, (*size, picture.channels), endpoint=True)
    tensors = run_all(made, codes, "int64")
    np.testing.assert_array_equal(np.stack(list(stream(made, codes))), tensors["y"])
    slider = adjusted(whole, Adjusted(None, True, how.coring, how.overshoot))
    fed = {"t0": codes, "strength": np.full((1, 1, 1), how.strength)}
    np.testing.assert_array_equal(run(slider, fed), tensors["y"])


def test_enough_random_networks_can_be_adjusted():
    fit = [random_network([seed, 14]) for seed in range(120)]
    assert sum(n.tensors[n.output].scale == 1 and not any(n.tensors[n.output].lacks) for n in fit) > 30


@pytest.mark.parametrize(
    ("how", "match"),
    [
        (Adjusted(strength=33), "strength in sixteenths 33 is not allowed; use a whole number, 0..32"),
        (Adjusted(strength=-1), "strength in sixteenths -1"),
        (Adjusted(strength=True), "strength in sixteenths True"),
        (Adjusted(coring=-1), "coring -1 is not allowed; use a whole number, 0..127"),
        (Adjusted(coring=128), "coring 128"),
        (Adjusted(overshoot=256), "overshoot 256 is not allowed; use a whole number, 0..255"),
        (Adjusted(strength=3, register=True), "is a number or an input; name one of the two"),
    ],
)
def test_numbers_out_of_range_are_refused(how, match):
    with pytest.raises(HwrtsError, match=match):
        adjusted(anchor_network(), how)


def test_pixels_of_more_than_12_bits_have_no_overshoot():
    """Its table would have 65,536 entries; strength and coring are of their correction of 8 bits."""
    pixel = Format(False, 16, 16)
    small = Scale("small", "x", 1, 0, PIXEL)
    d = random_conv(np.random.default_rng(0), "d", "small", (3, 3), 3, Format(True, 8, 8), weight_frac=6)
    network = Network((Input("x", 3, pixel),), (small, d, Add("y", ("x", "d"), pixel)))
    message = (
        "network: its pixels have 16 bits, and the limits of an overshoot are tables of at most 12; "
        "leave the overshoot out"
    )
    for how in (Adjusted(overshoot=8), Adjusted(register=True, overshoot=0)):
        with pytest.raises(HwrtsError) as error:
            adjusted(network, how)
        assert str(error.value) == message
    codes = noise(network, 5, 6)
    made = run(adjusted(network, Adjusted(strength=16, coring=0)), codes)
    np.testing.assert_array_equal(made, run(network, codes))


def test_of_pictures_made_smaller_there_is_no_overshoot():
    pools = MaxPool("u", "x", (2, 2), 2), MaxPool("e", "d", (2, 2), 2)
    network = _ends(*pools, Add("y", ("u", "e"), PIXEL))
    assert run(adjusted(network, Adjusted(strength=8)), noise(network, 6, 8)).shape == (3, 4, 3)
    with pytest.raises(HwrtsError, match=r"^network: its output is 1/2 times as large as its picture, and"):
        adjusted(network, Adjusted(overshoot=3))


def _ends(*layers, outputs=()):
    conv = random_conv(np.random.default_rng(0), "d", "x", (3, 3), 3, S8)
    return Network((Input("x", 3, PIXEL),), (conv, *layers), outputs=outputs)


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (_ends(), "does not end in the sum"),
        (_ends(Add("y", ("x", "d"), PIXEL, True)), "does not end in the sum"),
        (_ends(Concat("y", ("x", "d"), PIXEL)), "does not end in the sum"),
        (_ends(Add("y", ("x", "d"), PIXEL), outputs=("y", "d")), "does not end in the sum"),
        (_ends(Add("y", ("d", "d"), PIXEL)), "not of its picture"),
        (_ends(Add("y", ("x", "x"), PIXEL)), "not of its picture"),
        (_ends(Add("y", ("x", "d"), Format(False, 8, 7))), "one grid is needed"),
        (_ends(Scale("u", "d", 1, 0, PIXEL), Add("y", ("x", "u"), PIXEL)), "one grid is needed"),
        (
            _ends(Scale("fine", "d", 1, 0, Format(True, 8, 9)), Add("y", ("x", "fine"), PIXEL)),
            "one grid is needed",
        ),
        (adjusted(anchor_network(), Adjusted(register=True)), "does not end in the sum"),
        (adjusted(anchor_network(), Adjusted(strength=3)), "does not end in the sum"),
    ],
)
def test_what_has_no_correction_is_refused(network, why):
    with pytest.raises(HwrtsError, match=rf"has no correction that could be weighed.*{why}.*anchor form"):
        adjusted(network, Adjusted(strength=8))


def test_names_that_are_taken():
    conv = random_conv(np.random.default_rng(0), "lighter", "x", (3, 3), 3, S8)
    layers = (conv, Repeat("cored", "lighter", 2), Upsample("u", "x", "bilinear", 2, PIXEL))
    network = Network((Input("x", 3, PIXEL),), (*layers, Add("sum", ("u", "cored"), PIXEL)))
    codes = noise(network, 6, 5)
    made = adjusted(network, Adjusted(strength=16, coring=0))
    assert made.output == "sum"
    np.testing.assert_array_equal(run(made, codes), run(network, codes))
    named = Network(
        (Input("strength", 3, PIXEL),), (Scale("d", "strength", 1, 0, S8), Add("y", ("strength", "d"), PIXEL))
    )
    with pytest.raises(HwrtsError, match="has a tensor named 'strength' already; rename it"):
        adjusted(named, Adjusted(register=True))


def test_the_register_holds_what_doors_allow():
    assert STRENGTH.max >= STRONGEST
    assert 2 << STRENGTH.frac == STRONGEST


def test_a_register_is_kept_in_the_file(tmp_path):
    network = adjusted(anchor_network(), Adjusted(register=True, coring=1, overshoot=4))
    save_network(network, tmp_path)
    found = load_network(tmp_path)
    assert found.inputs == network.inputs
    assert has_register(found)
    codes = {"x": noise(network, 6, 7), "strength": np.full((1, 1, 1), 21, np.uint8)}
    np.testing.assert_array_equal(run(found, codes), run(network, codes))


def test_files_of_networks_without_one_say_nothing_of_it(tmp_path):
    save_network(anchor_network(), tmp_path)
    assert "whole" not in (tmp_path / "network.json").read_text("utf-8")
