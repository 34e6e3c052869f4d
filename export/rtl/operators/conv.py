"""A convolution in Verilog: hwrts_conv, its weights and its biases as it reads them."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.rtl.design import EDGES, ROUNDING_CODES, Literal, Module, Parameters, Place, looking
from hwrts.export.rtl.folding import Folding
from hwrts.export.vectors import packed, words_text
from hwrts.fixed_point import Conv, Format

# Letters of the shape comments: O output channels; G groups; N inputs of a sum; T turns of a group, P parts
# of a sum.


def module(layer: Conv, place: Place) -> Module:
    """Window, sums and requantisation of a convolution."""
    (source,), made, folding = place.sources, place.made, place.folding
    assert folding is not None
    shape, window = layer.shape, layer.window
    first = window.before - shape.margins[0], window.axes[1][0] - shape.margins[1]
    shifts = np.broadcast_to(layer.shift(source.out), len(layer.weight_i8))
    low, high = int(shifts.min()), int(shifts.max())
    shift_bits = max(1, (high - low).bit_length())
    acc = place.accumulator_bits
    weight_word, bias_word = folding.multipliers * layer.weight_bits, folding.pe * (acc + shift_bits)
    names = {key: f"{made.signal}_{key}.mem" for key in ("weights", "biases")}
    address = max(1, (folding.cycles(layer) - 1).bit_length())
    parameters: dict[str, int | str | Literal] = {
        "CHANNELS": source.channels,
        "KERNEL_ROWS": shape.rows,
        "KERNEL_COLUMNS": shape.columns,
        "DILATION": shape.dilation,
        "FIRST_ROW": first[0],
        "FIRST_COLUMN": first[1],
        **looking(window, place),
        "EDGE": EDGES[layer.padding],
        "TAPPED": int(place.tapped),
        "OUTPUTS": len(layer.weight_i8),
        "GROUPS": layer.groups,
        "PE": folding.pe,
        "SIMD": folding.simd,
        "IN_BITS": source.out.bits,
        "IN_SIGNED": int(source.out.signed),
        "WEIGHT_BITS": layer.weight_bits,
        "ACC": acc,
        "SHIFT_LOW": low,
        "SHIFT_HIGH": high,
        "SHIFT_BITS": shift_bits,
        "ROUNDING": ROUNDING_CODES[place.rounding],
        "OUT_BITS": layer.out.bits,
        "OUT_SIGNED": int(layer.out.signed),
        "LOADABLE": int(place.settings.loadable),
        "ADDRESS": address,
        "WEIGHTS": names["weights"],
        "BIASES": names["biases"],
    }
    return Module(
        "hwrts_conv",
        parameters,
        window_rows=window.kernel - 1,
        memories=memories_of(layer, folding, source.out, parameters),
        load_bits=(weight_word + bias_word, address),
        weight_word=weight_word,
    )


def memories_of(layer: Conv, folding: Folding, source: Format, parameters: Parameters) -> dict[str, str]:
    """The text of its memories by the name of the file: weights, then biases with their shifts.

    Args:
        layer: The convolution.
        folding: Its multipliers.
        source: Format of what it reads.
        parameters: Of its instance: as wide is each word, and what the least shift is.
    """
    number = {key: int(str(parameters[key])) for key in ("ACC", "SHIFT_LOW", "SHIFT_BITS", "WEIGHT_BITS")}
    shifts = np.broadcast_to(layer.shift(source), len(layer.weight_i8)) - number["SHIFT_LOW"]
    acc, bits = number["ACC"], number["WEIGHT_BITS"]
    weights, biases = _words(layer, folding, shifts, acc)
    bias_bits = acc + number["SHIFT_BITS"]
    return {
        str(parameters["WEIGHTS"]): words_text(packed(weights, bits), folding.multipliers * bits),
        str(parameters["BIASES"]): words_text(packed(biases, bias_bits), folding.pe * bias_bits),
    }


def _words(
    layer: Conv, folding: Folding, shifts: NDArray[np.int64], acc_bits: int
) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Weights (G*T*P, PE*SIMD), and biases with their shifts above them (G*T, PE)."""
    outputs, groups = len(layer.weight_i8), layer.groups
    of_group = outputs // groups
    weight = layer.weight_i8.transpose(0, 2, 3, 1).reshape(groups, of_group, -1)  # (G, O/G, N)
    turns, parts = -(-of_group // folding.pe), -(-weight.shape[2] // folding.simd)
    rest = turns * folding.pe - of_group, parts * folding.simd - weight.shape[2]
    weight = np.pad(weight, ((0, 0), (0, rest[0]), (0, rest[1])))
    split = weight.reshape(groups, turns, folding.pe, parts, folding.simd)
    words = split.transpose(0, 1, 3, 2, 4).reshape(-1, folding.multipliers)  # (G*T*P, PE*SIMD)
    bias = layer.bias_i32.astype(np.int64)  # as it is modulo 2**acc_bits: so is the sum (hwrts_mac.v)
    bias = (bias & ((1 << acc_bits) - 1)) | (shifts << acc_bits)
    bias = np.pad(bias.reshape(groups, of_group), ((0, 0), (0, rest[0]))).reshape(-1, folding.pe)
    return words, bias
