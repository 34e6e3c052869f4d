"""Sums as convolutions: the same codes under every rule, and in Acuity and on its NPU."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hwrts.export.clients import check_file, client_of, under
from hwrts.export.restated import restated
from hwrts.export.targets import TARGETS, check_pictures, target_file
from hwrts.fixed_point import (
    PIXEL,
    Add,
    Concat,
    Conv,
    Format,
    HwrtsError,
    Input,
    Layer,
    Maximum,
    Network,
    Over,
    Rounding,
    RoundingRules,
    run_outputs,
)


def form(signed, frac):
    return Format(signed, 8, frac)


def conv(name, out, channels=3):
    """Random weights, and biases that reach the ends of the format."""
    rng = np.random.default_rng(sum(map(ord, name)))
    weight = rng.integers(-127, 128, (channels, 3, 1, 1)).astype(np.int8)
    zeros = np.zeros(channels, np.int32)
    bias = rng.integers(-9000, 9000, channels).astype(np.int32)
    return Conv(name, "x", weight, zeros + 7, bias, out)


OPERANDS = {
    "u": form(False, 6),
    "v": form(False, 6),
    "coarse": form(False, 5),
    "s": form(True, 6),
    "t": form(True, 6),
    "finer": form(True, 7),
    "far": form(True, 0),
}
PAIRS = [
    ("u", "v"),
    ("u", "u"),
    ("u", "coarse"),
    ("u", "s"),
    ("s", "t"),
    ("coarse", "finer"),
    ("u", "far"),
    ("x", "finer"),
    ("x", "x"),
]


def sums():
    """Every pair, dropping one, two and four bits in turn, added and subtracted, with a sign and without."""
    formats = OPERANDS | {"x": PIXEL}
    layers: list[Layer] = [conv(name, out) for name, out in OPERANDS.items()]
    drops = (1, 2, 4)
    for place, ((a, b), signed, negated) in enumerate(product(PAIRS, (False, True), (False, True))):
        if negated and a == b:
            continue
        finest = max(formats[a].frac, formats[b].frac)
        out = form(signed, finest - drops[(place + place // 4) % 3])
        layers.append(Add(f"y{place}", (a, b), out, negated=negated))
    layers += [conv("one", form(True, 7), 1), Add("y", ("s", "one"), form(True, 5))]
    ends = tuple(layer.name for layer in layers if isinstance(layer, Add))
    return Network((Input("x", 3, PIXEL),), tuple(layers), outputs=ends)


def every_byte(seed):
    rng = np.random.default_rng(seed)
    return {"x": np.stack([rng.permutation(256).astype(np.uint8).reshape(16, 16) for _ in range(3)], axis=-1)}


@pytest.mark.parametrize("rule", Rounding)
def test_the_same_codes(rule):
    network = under(sums(), RoundingRules.of(rule))
    other, said = restated(network, (Add,))
    assert len(said) == len(network.outputs)
    assert not any(isinstance(layer, Add) for layer in other.layers)
    made, wanted = run_outputs(other, every_byte(0)), run_outputs(network, every_byte(0))
    for name, codes in wanted.items():
        assert np.array_equal(made[name], codes), name
        assert len(np.unique(codes)) > 3, name


def test_by_hand():
    """(200 * 2 - -3) / 8 is 50.375: weights 2 and -1, and 128 * 2 for the sign that a byte has not."""
    layers = (Add("y", ("a", "b"), form(True, 4), negated=True),)
    network = Network((Input("a", 1, form(False, 6)), Input("b", 1, form(True, 7))), layers)
    other, said = restated(network, (Add,))
    assert said == ("y: Add as Conv 1x1, Concat, Conv 1x1",)
    moved, both, total = other.layers
    assert isinstance(moved, Conv)
    assert (moved.weight_i8.item(), moved.weight_frac.item(), moved.bias_i32.item()) == (1, 1, -128)
    assert isinstance(both, Concat)
    assert (both.sources, both.out) == (("y.a", "b"), form(True, 7))
    assert isinstance(total, Conv)
    assert (total.weight_i8.ravel().tolist(), total.bias_i32.item()) == ([2, -1], 256)
    fed = {"a": np.array([[[200]]], np.uint8), "b": np.array([[[-3]]], np.int8)}
    assert run_outputs(other, fed)["y"].item() == 50


KEPT: dict[str, tuple[Layer, ...]] = {
    "no bit dropped": (conv("c", form(True, 7)), Add("y", ("x", "c"), form(False, 8))),
    "far grids": (conv("c", form(True, 1)), Add("y", ("x", "c"), form(True, 0))),
    "one pixel": (Maximum("m", "x", Over.PICTURE), Add("y", ("x", "m"), form(False, 7))),
}


@pytest.mark.parametrize("what", KEPT)
def test_what_stays(what):
    """And is refused for the target that needs it in another way, if it drops a bit."""
    network = Network((Input("x", 3, PIXEL),), KEPT[what])
    other, said = restated(network, (Add,))
    assert (other.layers, said) == (network.layers, ())
    if what == "no bit dropped":
        assert (
            target_file(network, TARGETS["verisilicon"], (9, 12)).rewritten[0].startswith("moves of pixels")
        )
        return
    with pytest.raises(HwrtsError) as refused:
        target_file(network, TARGETS["verisilicon"], (9, 12))
    assert str(refused.value) == (
        "--target verisilicon: layer 'y' adds one pixel to a picture, or grids that are more than 6 bits "
        "apart, and drops bits, which has no exact form for it; quantize with --exact-additions, or use "
        "--target onnx"
    )


@pytest.mark.parametrize("client", ["onnxruntime", "acuity", "acuity-npu"])
def test_in_its_client(client):
    """All in one file for VeriSilicon, but that of one channel: at it the NPU's emulator ends."""
    if client_of(client).python is None:
        pytest.skip(f"{client} is not installed")
    network = sums()
    network = replace(network, layers=network.layers[:-2], outputs=network.outputs[:-1], like=None)
    file = target_file(network, TARGETS["verisilicon"], (16, 16))
    fed = check_pictures(network, (16, 16), [every_byte(seed) for seed in range(2)])
    found = check_file(file.for_clients, network, {name: fed[name] for name in list(fed)[:3]}, client)
    assert found["codes_differing"] == 0
    assert found["codes_that_its_rounding_changes"] == 0
