"""Random small networks that are legal by construction: any operators, widths, grids, sizes and rounding."""

import numpy as np

from hwrts.fixed_point import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    Input,
    Lookup,
    Multiply,
    Network,
    Padding,
    PRelu,
    Reorder,
    Repeat,
    Rounding,
    Scale,
    Slice,
    Upsample,
    upsample_taps,
)

LARGEST_SCALE = 6
"""Pictures grow by at most this factor: the pixels of a test are few."""

MOST_CHANNELS = 8
"""Of any tensor: the bounds that :func:`random_network` promises rest on it."""

ALIGNMENT = 12
"""Grids of operands that are aligned differ by at most so many bits: bounds stay below 2**24."""

SHARES = {
    "conv": 3, "add": 2, "concat": 2, "times": 2, "slice": 2, "scale": 1, "prelu": 1, "up": 2, "depth": 1,
    "repeat": 1, "table": 1, "clip": 1,
}  # fmt: skip
KINDS = [kind for kind, share in SHARES.items() for _ in range(share)]
"""What a layer may be, as often as it is to be drawn; where it is not possible, it is a convolution."""

WITH_MEANS = [*KINDS, "mean", "mean", "times"]
"""The same in every fifth network, which then may be no stream."""


_FINE = [("bicubic_075", 2), ("bilinear", 3), ("bicubic", 3), ("bicubic_075", 3)]
"""Interpolation whose sums float32 holds around the middle of 8-bit codes alone."""


def random_network(seed, widest=8):
    """A network of one input and 1 to 7 layers with tensors of 2 to ``widest`` bits.

    With 8 bits every bound stays below 2**24: 6 * 25 products of 127 * 255 are 4.9 million. That is what
    the float32 witnesses (unfused ONNX Runtime, onnx.reference) need; that of interpolation by fine taps does
    around the middle of the codes. With 16 bits it stays below 2**31.
    """
    rng = np.random.default_rng(seed)
    source = Input("t0", int(rng.integers(1, 5)), _format(rng, int(rng.integers(-3, 13)), widest))
    tensors = {"t0": (source.channels, 1, source.out)}
    layers, kinds = [], WITH_MEANS if rng.integers(5) == 0 else KINDS
    for n in range(1, int(rng.integers(1, 8)) + 1):
        name = f"t{n}"
        layer, made = _layer(rng, name, tensors, widest, kinds)
        layers.append(layer)
        tensors[name] = made
    return Network((source,), tuple(layers), list(Rounding)[rng.integers(len(Rounding))])


def random_codes(network, height, width, seed):
    """Codes over the whole range of the input."""
    (source,), rng = network.inputs, np.random.default_rng(seed)
    codes = rng.integers(source.out.min, source.out.max, (height, width, source.channels), endpoint=True)
    return codes.astype(source.out.dtype)


def _format(rng, frac, widest):
    return Format(bool(rng.integers(2)), int(rng.integers(2, widest + 1)), int(np.clip(frac, -20, 30)))


def _layer(rng, name, tensors, widest, kinds):
    """A layer that is possible here, and (channels, scale, format) of what it makes."""
    source = _pick(rng, list(tensors))
    channels, scale, form = tensors[source]
    kind = _pick(rng, kinds)
    if kind in ("depth", "up", "repeat") and not scale:  # one pixel is not enlarged
        kind = "conv"
    if kind == "mean":
        out = _format(rng, form.frac + int(rng.integers(-8, 9)), widest)
        return GlobalAverage(name, source, out), (channels, 0, out)
    if kind == "depth" and channels % 4 == 0 and scale * 2 <= LARGEST_SCALE:
        return DepthToSpace(name, source, 2), (channels // 4, scale * 2, form)
    if kind == "scale":
        multiplier, frac = int(rng.integers(-127, 128)), int(rng.integers(-3, 11))
        out = _format(rng, form.frac + frac - int(rng.integers(-1, 10)), widest)
        return Scale(name, source, multiplier, frac, out), (channels, scale, out)
    if kind == "prelu":
        slopes, frac = rng.integers(-127, 128, channels).astype(np.int8), int(rng.integers(0, 13))
        out = _format(rng, form.frac + frac - int(rng.integers(-1, 12)), widest)
        return PRelu(name, source, slopes, frac, out), (channels, scale, out)
    if kind == "up":
        wide = form.bits > 8  # rounded taps have 8 bits, which are too many then
        up, factor = _pick(rng, [("bilinear", 2), ("bilinear", 4), ("bicubic", 2), *([] if wide else _FINE)])
        if scale * factor <= LARGEST_SCALE:
            frac = form.frac + 2 * upsample_taps(up, factor)[1]
            out = _format(rng, frac - int(rng.integers(-1, 18)), widest)
            return Upsample(name, source, up, factor, out), (channels, scale * factor, out)
    if kind == "repeat":
        factor = int(rng.integers(2, 4))
        if scale * factor <= LARGEST_SCALE:
            return Repeat(name, source, factor), (channels, scale * factor, form)
    if kind == "clip":
        low, high = sorted(int(code) for code in rng.integers(form.min, form.max, 2, endpoint=True))
        return Clip(name, source, low, high), (channels, scale, form)
    if kind == "table":
        out = _format(rng, int(rng.integers(-3, 13)), widest - (widest == 16))  # u16 has no int16 codes
        table = rng.integers(out.min, out.max, 1 << form.bits, endpoint=True).astype(np.int16)
        return Lookup(name, source, table, out), (channels, scale, out)
    if kind == "add":
        alike = [
            other
            for other, (count, size, grid) in tensors.items()
            if _spreads((count, size), (channels, scale))
            and abs(grid.frac - form.frac) <= ALIGNMENT - (widest - 8)
        ]
        other = _pick(rng, alike)  # it may be the source itself
        finer = max(form.frac, tensors[other][2].frac)
        out = _format(rng, finer - int(rng.integers(-2, 6)), widest)
        negated = bool(rng.integers(4) == 0)
        made = max(channels, tensors[other][0]), max(scale, tensors[other][1]), out
        return Add(name, (source, other), out, negated), made
    if kind == "times":
        alike = [
            other
            for other, (count, size, grid) in tensors.items()
            if _spreads((count, size), (channels, scale))
            and grid.bits + form.bits < 31
            and -20 <= grid.frac + form.frac <= 60  # a format can be near it, whatever is behind what
        ]
        if alike:
            other = _pick(rng, alike)  # it may be the source itself
            out = _format(rng, form.frac + tensors[other][2].frac - int(rng.integers(-1, 12)), widest)
            made = max(channels, tensors[other][0]), max(scale, tensors[other][1]), out
            return Multiply(name, (source, other), out), made
    if kind == "slice":
        start = int(rng.integers(channels))
        stop = int(rng.integers(start, channels)) + 1
        if rng.integers(3) == 0:
            order = rng.integers(channels, size=int(rng.integers(1, channels + 1))).astype(np.int32)
            return Reorder(name, source, order), (len(order), scale, form)
        return Slice(name, source, start, stop), (stop - start, scale, form)
    if kind == "concat":
        operands, total = [source], channels
        for other in [*rng.permutation(list(tensors)).tolist(), source]:
            count, size, grid = tensors[other]
            near = all(
                abs(grid.frac - tensors[each][2].frac) <= ALIGNMENT - (widest - 8) for each in operands
            )
            if size == scale and near and total + count <= MOST_CHANNELS and len(operands) < 4:
                operands, total = [*operands, other], total + count
        if len(operands) > 1:
            finest = max(tensors[each][2].frac for each in operands)
            sources = tuple(rng.permutation(operands).tolist())
            wires = len({tensors[each][2] for each in operands}) == 1 and rng.integers(2)
            out = form if wires else _format(rng, finest - int(rng.integers(-2, 6)), widest)
            return Concat(name, sources, out), (total, scale, out)
    return _conv(rng, name, source, tensors[source], widest)


def _spreads(a, b):
    """Whether tensors of these (channels, scale) meet, one channel or one pixel meeting all."""
    return all(x == y or few in (x, y) for x, y, few in zip(a, b, (1, 0), strict=True))


def _conv(rng, name, source, tensor, widest):
    channels, scale, form = tensor
    outputs, bits = int(_pick(rng, [1, 2, 3, 4, 6, 8])), int(rng.integers(2, 9))
    kernel = int(_pick(rng, [1, 3, 3, 5])) if scale < 4 else 1
    largest = 2 ** (bits - 1) - 1
    weight = rng.integers(-largest, largest, (outputs, channels, kernel, kernel), endpoint=True)
    if rng.integers(4) == 0:  # sparse, as trained kernels are: ties and zeros occur more often
        weight *= rng.integers(0, 2, weight.shape)
    frac = int(rng.integers(0, 9)) + rng.integers(0, 3, outputs)
    out = _format(rng, form.frac + int(frac.min()) - int(rng.integers(-1, 12)), widest)
    bias = rng.integers(-4000, 4000, outputs, endpoint=True)
    weight_i8, frac_i32, bias_i32 = weight.astype(np.int8), frac.astype(np.int32), bias.astype(np.int32)
    conv = Conv(
        name, source, weight_i8, frac_i32, bias_i32, out, bits, _pick(rng, [Padding.ZERO, Padding.REPLICATE])
    )
    return conv, (outputs, scale, out)


def _pick(rng, options):
    return options[rng.integers(len(options))]
