"""Random small networks that are legal by construction: any operators, widths, grids, sizes and rounding."""

from fractions import Fraction

import numpy as np

from hwrts.fixed_point import (
    Add,
    Along,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Format,
    GlobalAverage,
    Input,
    Lookup,
    Maximum,
    MaxPool,
    Multiply,
    Network,
    Over,
    Padding,
    Places,
    PRelu,
    Reorder,
    Repeat,
    Resize,
    Rounding,
    Scale,
    Slice,
    SpaceToDepth,
    Upsample,
    upsample_taps,
)
from hwrts.fixed_point.convolution import Shape
from hwrts.fixed_point.operators.tensor import fed

LARGEST_SCALE = 6
"""Pictures grow by at most this factor: the pixels of a test are few."""

SMALLEST_SCALE = Fraction(1, 4)
"""Pictures shrink to no less than this: the sides of the input are multiples of 12 at most."""

MOST_CHANNELS = 8
"""Of any tensor: the bounds that :func:`random_network` promises rest on it."""

ALIGNMENT = 12
"""Grids of operands that are aligned differ by at most so many bits: bounds stay below 2**24."""

SHARES = {
    "conv": 3, "add": 2, "concat": 2, "times": 2, "slice": 2, "scale": 1, "prelu": 1, "up": 2, "depth": 1,
    "repeat": 1, "table": 1, "clip": 1, "max": 1, "pool": 1, "unshuffle": 1,
}  # fmt: skip
KINDS = [kind for kind, share in SHARES.items() for _ in range(share)]
"""What a layer may be, as often as it is to be drawn; where it is not possible, it is a convolution."""

WITH_MEANS = [*KINDS, "mean", "mean", "largest", "times", "resize", "resize"]
"""The same in every fifth network, which then may be no stream."""


_FINE = [("bicubic_075", 2), ("bilinear", 3), ("bicubic", 3), ("bicubic_075", 3)]
"""Interpolation whose sums float32 holds around the middle of 8-bit codes alone."""


def random_network(seed, widest=8, several=False):
    """A network of one input, or of up to three and as many outputs: 1 to 7 layers of 2 to ``widest`` bits.

    With 8 bits every bound stays below 2**24: 6 * 25 products of 127 * 255 are 4.9 million. That is what
    the float32 witnesses (unfused ONNX Runtime, onnx.reference) need; that of interpolation by fine taps does
    around the middle of the codes. With 16 bits it stays below 2**31.
    """
    rng = np.random.default_rng(seed)
    source = Input("t0", int(rng.integers(1, 5)), _format(rng, int(rng.integers(-3, 13)), widest))
    inputs = (source, *_further(rng, widest)) if several else (source,)
    tensors = {each.name: fed(each) for each in inputs}
    layers, kinds = [], WITH_MEANS if rng.integers(5) == 0 else KINDS
    for n in range(1, int(rng.integers(1, 8)) + 1):
        name = f"t{n}"
        layer = _layer(rng, name, tensors, widest, kinds)
        layers.append(layer)
        tensors[name] = layer.made(*(tensors[each] for each in layer.sources))
    rounding, additions = (list(Rounding)[rng.integers(len(Rounding))] for _ in range(2))
    if not several:
        return Network(inputs, tuple(layers), rounding, additions=additions)
    made = rng.permutation([layer.name for layer in layers[:-1]]).tolist()[: int(rng.integers(3))]
    outputs = tuple(rng.permutation([*made, name]).tolist())
    return Network(inputs, tuple(layers), rounding, outputs=outputs, additions=additions)


WIDE_KINDS = ["add", "add", "add", "concat", "times", "slice", "slice", "scale", "prelu", "up", "depth",
              "depth", "repeat", "clip", "clip", "unshuffle", "unshuffle", "conv", "table",
              "pool"]  # fmt: skip
"""What may read or make the wide codes of :func:`wide_ended`."""


def wide_ended(seed, bits):
    """A network of ``bits`` bits in and out whose body, any of :func:`random_network`, has at most 8.

    It rounds its input to what the body reads; behind the body and beside it, 3 to 6 layers read and make
    codes of up to ``bits`` bits. Convolutions read bytes.
    """
    rng, body = np.random.default_rng(seed), random_network([seed, 8])
    (read,) = body.inputs
    out = Format(read.out.signed, bits, int(np.clip(read.out.frac + rng.integers(bits - 7), -20, 30)))
    source = Input("wide", read.channels, out)
    rounded = Scale(read.name, source.name, 1, 0, read.out)
    layers, tensors = [rounded, *body.layers], {source.name: fed(source)}
    for layer in layers:
        tensors[layer.name] = layer.made(*(tensors[each] for each in layer.sources))
    for n in range(int(rng.integers(3, 7))):
        layer = None
        while layer is None or (type(layer) is Conv and tensors[layer.source].out.bits > 8):
            layer = _layer(rng, f"w{n}", tensors, bits, WIDE_KINDS)
        layers.append(layer)
        tensors[layer.name] = layer.made(*(tensors[each] for each in layer.sources))
    return Network((source,), tuple(layers), body.rounding, additions=body.rules.additions)


def _further(rng, widest):
    """Inputs beside the first: as large, some times as large or as small, or a pixel of the whole picture."""
    for n in range(int(rng.integers(3))):
        grow, shrink = _pick(rng, [(1, 1), (1, 1), (1, 1), (2, 1), (1, 2)])
        whole = (grow, shrink) == (1, 1) and rng.integers(6) == 0
        out = _format(rng, int(rng.integers(-3, 13)), widest)
        yield Input(f"u{n}", int(rng.integers(1, 5)), out, whole, grow, shrink)


def random_codes(network, height, width, seed):
    """Codes over the whole range of the input, of that size or the next that the network takes."""
    assert len(network.inputs) == 1  # or some would be left out
    return random_inputs(network, height, width, seed)[network.inputs[0].name]


def random_inputs(network, height, width, seed):
    """As :func:`random_codes`, of every input by its name."""
    rng, size = np.random.default_rng(seed), network.legal_size(height, width)
    made = {}
    for each in network.inputs:
        shape = (*network.size_of(each.name, *size), each.channels)
        made[each.name] = rng.integers(each.out.min, each.out.max, shape, endpoint=True).astype(
            each.out.dtype
        )
    return made


def _format(rng, frac, widest):
    return Format(bool(rng.integers(2)), int(rng.integers(2, widest + 1)), int(np.clip(frac, -20, 30)))


def _layer(rng, name, tensors, widest, kinds):
    """A layer that is possible here."""
    source = _pick(rng, list(tensors))
    x = tensors[source]
    channels, scale, form = x.channels, x.scale, x.out
    kind = _pick(rng, kinds)
    if kind in ("depth", "up", "repeat", "pool", "unshuffle") and not scale:  # one pixel keeps its size
        kind = "conv"
    if kind == "max":
        return Maximum(name, source, Over.CHANNELS)
    if kind == "largest":
        return Maximum(name, source, _pick(rng, [Over.PICTURE, Over.ROWS, Over.COLUMNS]))
    if kind == "resize":
        places = _pick(rng, list(Places))
        out = _format(rng, form.frac + 14 - int(rng.integers(-1, 18)), widest)
        like = _pick(rng, [other for other, y in tensors.items() if y.scale])
        if scale and scale * 3 <= LARGEST_SCALE and rng.integers(2):
            return Resize(name, (source,), out, places, int(rng.integers(2, 4)))
        return Resize(name, (source, like), out, places)
    if kind == "mean":
        out = _format(rng, form.frac + int(rng.integers(-8, 9)), widest)
        return GlobalAverage(name, source, out, _pick(rng, list(Along)))
    if kind == "depth" and channels % 4 == 0 and scale * 2 <= LARGEST_SCALE:
        return DepthToSpace(name, source, 2)
    if kind == "scale":
        multiplier, frac = int(rng.integers(-127, 128)), int(rng.integers(-3, 11))
        out = _format(rng, form.frac + frac - int(rng.integers(-1, 10)), widest)
        return Scale(name, source, multiplier, frac, out)
    if kind == "prelu":
        slopes, frac = rng.integers(-127, 128, channels).astype(np.int8), int(rng.integers(0, 13))
        out = _format(rng, form.frac + frac - int(rng.integers(-1, 12)), widest)
        return PRelu(name, source, slopes, frac, out)
    if kind == "up":
        wide = form.bits > 8  # rounded taps have 8 bits, which are too many then
        up, factor = _pick(rng, [("bilinear", 2), ("bilinear", 4), ("bicubic", 2), *([] if wide else _FINE)])
        if scale * factor <= LARGEST_SCALE:
            frac = form.frac + 2 * upsample_taps(up, factor)[1]
            out = _format(rng, frac - int(rng.integers(-1, 18)), widest)
            return Upsample(name, source, up, factor, out)
    if kind == "unshuffle":
        block = int(_pick(rng, [2, 2, 3]))
        divides = not any(lack % block for lack in x.lacks) and scale / block >= SMALLEST_SCALE
        if divides and channels * block**2 <= MOST_CHANNELS:
            return SpaceToDepth(name, source, block)
    if kind == "pool":
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        stride = int(_pick(rng, [1, 2, 2])) if scale / 2 >= SMALLEST_SCALE else 1
        top, left, bottom, right = (int(rng.integers(side)) for side in kernel * 2)
        layer = MaxPool(name, source, kernel, stride, (top, left, bottom, right))
        if _keeps_within(layer.window, x):
            return layer
    if kind == "repeat":
        factor = int(rng.integers(2, 4))
        if scale * factor <= LARGEST_SCALE:
            return Repeat(name, source, factor)
    if kind == "clip":
        low, high = sorted(int(code) for code in rng.integers(form.min, form.max, 2, endpoint=True))
        return Clip(name, source, low, high)
    if kind == "table":
        out = _format(rng, int(rng.integers(-3, 13)), widest - (widest == 16))  # u16 has no int16 codes
        table = rng.integers(out.min, out.max, 1 << form.bits, endpoint=True).astype(np.int16)
        return Lookup(name, source, table, out)
    if kind == "add":
        alike = [
            other
            for other, y in tensors.items()
            if _spreads(x, y) and abs(y.out.frac - form.frac) <= ALIGNMENT - (widest - 8)
        ]
        other = _pick(rng, alike)  # it may be the source itself
        finer = max(form.frac, tensors[other].out.frac)
        out = _format(rng, finer - int(rng.integers(-2, 6)), widest)
        negated = bool(rng.integers(4) == 0)
        return Add(name, (source, other), out, negated)
    if kind == "times":
        alike = [
            other
            for other, y in tensors.items()
            if _spreads(x, y)
            and y.out.bits + form.bits < 31
            and -20 <= y.out.frac + form.frac <= 60  # a format can be near it, whatever is behind what
        ]
        if alike:
            other = _pick(rng, alike)  # it may be the source itself
            out = _format(rng, form.frac + tensors[other].out.frac - int(rng.integers(-1, 12)), widest)
            return Multiply(name, (source, other), out)
    if kind == "slice":
        start = int(rng.integers(channels))
        stop = int(rng.integers(start, channels)) + 1
        if rng.integers(3) == 0:
            order = rng.integers(channels, size=int(rng.integers(1, channels + 1))).astype(np.int32)
            return Reorder(name, source, order)
        return Slice(name, source, start, stop)
    if kind == "concat":
        operands, total = [source], channels
        for other in [*rng.permutation(list(tensors)).tolist(), source]:
            y = tensors[other]
            near = all(
                abs(y.out.frac - tensors[each].out.frac) <= ALIGNMENT - (widest - 8) for each in operands
            )
            fits = y.shape == x.shape and total + y.channels <= MOST_CHANNELS and len(operands) < 4
            if fits and near:
                operands, total = [*operands, other], total + y.channels
        if len(operands) > 1:
            finest = max(tensors[each].out.frac for each in operands)
            sources = tuple(rng.permutation(operands).tolist())
            wires = len({tensors[each].out for each in operands}) == 1 and rng.integers(2)
            out = form if wires else _format(rng, finest - int(rng.integers(-2, 6)), widest)
            return Concat(name, sources, out)
    return _conv(rng, name, source, tensors[source], widest)


def _spreads(x, y):
    """Whether two tensors meet, one channel or one pixel meeting all."""
    channels = x.channels == y.channels or 1 in (x.channels, y.channels)
    return channels and (x.shape == y.shape or 0 in (x.scale, y.scale))


def _conv(rng, name, source, x, widest):
    outputs, bits = int(_pick(rng, [1, 2, 3, 4, 6, 8])), int(rng.integers(2, 9))
    padding = _pick(rng, list(Padding) if x.scale else [Padding.ZERO, Padding.REPLICATE])
    kernel = int(_pick(rng, [1, 3, 3, 5])) if x.scale < 4 else 1
    rows, columns, shape = kernel, kernel, {}
    if 0 < x.scale < 4 and rng.integers(2):
        rows, columns = _pick(rng, [(1, 3), (3, 1), (5, 1), (2, 2), (4, 4), (2, 3), (3, 3), (1, 1)])
        dilation, stride = int(_pick(rng, [1, 1, 2])), int(_pick(rng, [1, 2, 2, 3]))
        stride = stride if x.scale / stride >= SMALLEST_SCALE else 1
        reach = (rows - 1) * dilation, (columns - 1) * dilation
        pads = tuple(int(rng.integers(min(side, 3) + 1)) for side in reach * 2)
        kept = tuple(side // 2 for side in reach), tuple(side - side // 2 for side in reach)
        pads = _pick(rng, [pads, (0, 0, 0, 0), (*kept[0], *kept[1]), (*kept[0], *kept[1])])
        shape = {"stride": stride, "dilation": dilation, "pads": pads}
        if not _keeps_within(Shape(rows, columns, padding=padding, **shape).window, x):
            shape["pads"] = (0, 0, 0, 0)
        if not _keeps_within(Shape(rows, columns, padding=padding, **shape).window, x):
            rows, columns, shape = kernel, kernel, {}
    divisors = [n for n in range(1, x.channels + 1) if x.channels % n == 0 and outputs % n == 0]
    groups = int(_pick(rng, [1, 1, divisors[-1], _pick(rng, divisors)]))
    if rng.integers(4) == 0:  # depthwise
        outputs = groups = x.channels
    largest = 2 ** (bits - 1) - 1
    size = (outputs, x.channels // groups, rows, columns)
    weight = rng.integers(-largest, largest, size, endpoint=True)
    if rng.integers(4) == 0:  # sparse, as trained kernels are: ties and zeros occur more often
        weight *= rng.integers(0, 2, weight.shape)
    frac = int(rng.integers(0, 9)) + rng.integers(0, 3, outputs)
    out = _format(rng, x.out.frac + int(frac.min()) - int(rng.integers(-1, 12)), widest)
    bias = rng.integers(-4000, 4000, outputs, endpoint=True)
    weight_i8, frac_i32, bias_i32 = weight.astype(np.int8), frac.astype(np.int32), bias.astype(np.int32)
    return Conv(name, source, weight_i8, frac_i32, bias_i32, out, bits, padding, groups, **shape)


def _keeps_within(window, x):
    """Whether its result is neither larger than the picture that comes in nor much smaller."""
    return all(0 <= lack <= 4 for lack in window.lacking(x.lacks))


def _pick(rng, options):
    return options[rng.integers(len(options))]
