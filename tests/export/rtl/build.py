"""Small networks for the tests of this folder."""

import numpy as np

from hwrts.fixed_point import (
    PIXEL,
    Add,
    Conv,
    DepthToSpace,
    Format,
    Input,
    Network,
    Padding,
    Repeat,
    Rounding,
)

U8, S8 = Format(False, 8, 9), Format(True, 8, 8)


def random_conv(rng, name, source, outputs, inputs, kernel, out, frac=10, bits=8, **fields):
    """A convolution of any shape with random weights and one of two grids for each channel.

    With ``frac`` of 10 its codes spread over 8 bits, and errors show at the end of a network."""
    rows, columns = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    limit = (1 << (bits - 1)) - 1
    groups = fields.get("groups", 1)
    return Conv(
        name,
        source,
        rng.integers(-limit, limit, (outputs, inputs // groups, rows, columns), endpoint=True).astype(
            np.int8
        ),
        (frac + rng.integers(0, 2, outputs)).astype(np.int32),
        rng.integers(-2000, 2000, outputs).astype(np.int32),
        out,
        bits,
        **fields,
    )


def residual(form, channels=4, blocks=1, rounding=Rounding.HALF_EVEN, padding=Padding.REPLICATE, seed=1):
    """Residual-N as it is deployed (arithmetic.md, eq. 13, 13b): of the form "x2" or "same"."""
    rng, at = np.random.default_rng(seed), {"padding": padding}
    layers = [random_conv(rng, "conv_in", "x", channels, 3, 3, U8, **at)]
    for n in range(blocks):
        source = layers[-1].name
        layers.append(random_conv(rng, f"conv_{n}", source, channels, channels, 3, U8, **at))
        layers.append(Add(f"add_{n}", (source, f"conv_{n}"), Format(False, 8, 8)))
    layers.append(random_conv(rng, "conv_out", layers[-1].name, 3, channels, 3, S8, **at))
    if form == "x2":
        layers += [
            random_conv(rng, "conv_ext_x", "x", 12, 3, 3, S8, **at),
            random_conv(rng, "conv_ext_r", "conv_out", 12, 3, 3, S8, 9, **at),
            Add("correction", ("conv_ext_x", "conv_ext_r"), S8),
            DepthToSpace("shuffle", "correction", 2),
            Repeat("repeat", "x", 2),
            Add("picture", ("repeat", "shuffle"), PIXEL),
        ]
    else:
        layers += [
            random_conv(rng, "fold_x", "x", 3, 3, 5, S8, **at),
            random_conv(rng, "fold_r", "conv_out", 3, 3, 5, S8, **at),
            Add("correction", ("fold_x", "fold_r"), S8),
            Add("picture", ("x", "correction"), PIXEL),
        ]
    return Network((Input("x", 3, PIXEL),), tuple(layers), rounding)


def single(layer, channels=3, source=PIXEL, rounding=Rounding.HALF_EVEN):
    """The network of one layer."""
    inputs = tuple(Input(name, channels, source) for name in dict.fromkeys(layer.sources))
    return Network(inputs, (layer,), rounding)
