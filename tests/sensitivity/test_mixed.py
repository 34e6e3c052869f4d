import itertools

import numpy as np
import pytest

from hwrts.cost.modes import KIB_BITS
from hwrts.errors import ConfigError
from hwrts.sensitivity.measure import LayerSensitivity, Reduced, Sensitivity
from hwrts.sensitivity.mixed import choose_widths


def sensitivity(*layers):
    """Each layer: number of weights, its width, and errors by fewer bits."""
    return Sensitivity(
        tuple(
            LayerSensitivity(f"layer{i}", weights, own, tuple(Reduced(b, e, {}) for b, e in errors.items()))
            for i, (weights, own, errors) in enumerate(layers)
        ),
        {},
    )


THREE = sensitivity(
    (1024, 8, {6: 0.1, 4: 1.0, 2: 9.0}),  # 1, 0.75, 0.5, 0.25 KiB
    (2048, 8, {6: 0.2, 4: 0.5, 2: 8.0}),  # 2, 1.5, 1, 0.5 KiB
    (512, 4, {2: 0.3}),  # 0.25, 0.125 KiB
)


@pytest.mark.parametrize(
    ("kib", "widths", "mse"),
    [
        (4, (8, 8, 4), 0),
        (3.25, (8, 8, 4), 0),  # exactly what all take
        (3.2499, (6, 8, 4), 0.1),
        (2.75, (8, 6, 4), 0.2),
        (2.25, (8, 4, 4), 0.5),
        (2, (6, 4, 4), 0.6),
        (1.875, (6, 4, 2), 0.9),
        (0.875, (2, 2, 2), 17.3),
    ],
)
def test_choices_by_hand(kib, widths, mse):
    choice = choose_widths(THREE, kib)
    assert tuple(choice.widths.values()) == widths
    assert choice.mse == pytest.approx(mse)  # sums of decimal fractions
    assert choice.weight_bits == 1024 * widths[0] + 2048 * widths[1] + 512 * widths[2]
    assert choice.weight_bits <= kib * KIB_BITS


def test_allowed_widths():
    choice = choose_widths(THREE, 2.3, allowed=[4, 8])
    assert tuple(choice.widths.values()) == (8, 4, 4)
    with pytest.raises(ConfigError, match=r"--widths 6,8: layer 'layer2' has weights of 4 bits"):
        choose_widths(THREE, 3, allowed=[8, 6])


@pytest.mark.parametrize(("allowed", "least"), [(range(2, 9), "0.875"), ([4], "1.750")])
def test_a_budget_that_cannot_be_met(allowed, least):
    with pytest.raises(ConfigError, match=rf"--weight-kib 0\.87: .*the least possible is {least} KiB"):
        choose_widths(THREE, 0.87, allowed)
    assert choose_widths(THREE, float(least), allowed).weight_bits == float(least) * KIB_BITS


def test_the_least_that_is_named_is_enough():
    one = sensitivity((7, 8, {2: 1.0}))  # 14 bits: 0.0017... KiB
    with pytest.raises(ConfigError, match=r"the least possible is 0\.002 KiB"):
        choose_widths(one, 0.0015)
    assert choose_widths(one, 0.002).widths == {"layer0": 2}


@pytest.mark.parametrize("seed", range(8))
def test_no_choice_is_better(seed):
    """Against all 7**4 choices; errors need not fall with the width."""
    rng = np.random.default_rng(seed)
    print(f"seed {seed}")
    layers = [
        (int(rng.integers(1, 40)), 8, {bits: float(rng.random() * 4.0 ** (5 - bits)) for bits in range(2, 8)})
        for _ in range(4)
    ]
    found = sensitivity(*layers)
    for bits in np.linspace(2, 8, 9) * sum(weights for weights, _, _ in layers):
        choice = choose_widths(found, bits / KIB_BITS)
        best = min(
            sum(layer.errors[width] for layer, width in zip(found.layers, widths, strict=True))
            for widths in itertools.product(range(2, 9), repeat=4)
            if sum(layer.weights * width for layer, width in zip(found.layers, widths, strict=True))
            <= bits / KIB_BITS * KIB_BITS
        )
        assert choice.mse == pytest.approx(best, rel=1e-12)  # the same numbers added in another order


def test_many_layers_take_no_time():
    rng = np.random.default_rng(0)
    layers = [(9 * 64 * 64, 8, {b: float(rng.random() * 4.0**-b) for b in range(2, 8)}) for _ in range(60)]
    choice = choose_widths(sensitivity(*layers), 60 * 9 * 64 * 64 * 4.5 / KIB_BITS)
    assert choice.weight_bits <= 60 * 9 * 64 * 64 * 4.5
    assert len(set(choice.widths.values())) > 1
