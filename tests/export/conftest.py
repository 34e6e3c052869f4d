"""Builders of integer networks that several test files share; no torch."""

from collections.abc import Callable

import numpy as np
import pytest

from hwrts.fixed_point import PIXEL, Add, Conv, DepthToSpace, Format, Input, Network, Repeat, Rounding


def random_conv(
    rng: np.random.Generator,
    name: str,
    source: str,
    shape: tuple[int, int, int],
    out: Format,
    *,
    bits: int = 8,
    frac: int = 9,
) -> Conv:
    """A convolution (O, I, K) with random codes and one of two grids for each output channel."""
    outputs, inputs, kernel = shape
    limit = (1 << (bits - 1)) - 1
    return Conv(
        name,
        source,
        rng.integers(-limit, limit, (outputs, inputs, kernel, kernel), endpoint=True).astype(np.int8),
        (frac + rng.integers(0, 2, outputs)).astype(np.int32),
        rng.integers(-5000, 5000, outputs).astype(np.int32),
        out,
        bits,
    )


@pytest.fixture
def anchor() -> Callable[..., Network]:
    """Makes a network with every layer kind, in the deploy form: convolutions, adds, shuffle, repetition."""

    def make(
        seed: int = 0,
        *,
        weight_bits: int = 8,
        activation_bits: int = 8,
        channels: int = 5,
        rounding: Rounding = Rounding.HALF_EVEN,
    ) -> Network:
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        narrow, frac = 8 - activation_bits, weight_bits + 1
        hidden, signed = Format(False, activation_bits, 7 - narrow), Format(True, activation_bits, 8 - narrow)
        kind = {"bits": weight_bits, "frac": frac}
        layers = (
            random_conv(rng, "first", "x", (channels, 3, 3), hidden, **kind),
            random_conv(rng, "second", "first", (channels, channels, 3), hidden, **kind),
            Add("sum", ("first", "second"), hidden),
            random_conv(rng, "residual", "sum", (3, channels, 1), signed, **kind),
            random_conv(rng, "ext_x", "x", (12, 3, 5), signed, **kind),
            random_conv(rng, "ext_r", "residual", (12, 3, 3), signed, **kind),
            Add("correction", ("ext_x", "ext_r"), signed),
            DepthToSpace("shuffle", "correction", 2),
            Repeat("repeat", "x", 2),
            Add("picture", ("repeat", "shuffle"), PIXEL),
        )
        return Network((Input("x", 3, PIXEL),), layers, rounding)

    return make
