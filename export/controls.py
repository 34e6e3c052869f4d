"""Negative controls: deliberate errors that the comparison must find, or its verdict is worth nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.compare import Row, compare
from hwrts.export.onnx_writer import to_onnx
from hwrts.export.witness import NumpyWitness, onnx_witnesses
from hwrts.fixed_point import Conv, Layer, Network, Rounding, run_layer, weight_limit


def negative_controls(network: Network, tensors: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Run each deliberate error through the same comparison as the witnesses.

    - one flipped weight bit (the lowest) in each convolution, on the photograph; where that leaves the layer
      idle (the residual of an untrained network is 0 everywhere), on an impulse at a rounding border,
    - another rounding rule (half up for half to even) on accumulators that are exact ties.

    Args:
        network: The network that is verified.
        tensors: The definition's codes of a photograph, every tensor by name.

    Returns:
        For each control its name, the codes compared, the mismatches, and whether it was caught.
    """
    controls = []
    for conv in network.convs:
        flipped, place = _flip_bit(conv, tensors)
        name = f"flipped weight bit in {conv.name}"
        control = _control(name, network, _replace_layer(network, flipped), conv, tensors)
        if not control["caught"]:
            edge, built = _at_border(network, conv, flipped, place)
            broken = _replace_layer(network, replace(flipped, bias_i32=edge.bias_i32))
            honest = _replace_layer(network, edge)
            control = _control(f"{name}, built border", honest, broken, edge, built)
        controls.append(control)
    tied = next((conv for conv in network.convs if conv.shift(network.formats[conv.source]).max() >= 1), None)
    if tied is not None:  # without a single shift there is no rounding to get wrong
        ties = _with_ties(network, tied)
        ties_to_one = network.rounding in (Rounding.HALF_UP, Rounding.HALF_AWAY)
        other = Rounding.HALF_EVEN if ties_to_one else Rounding.HALF_UP
        honest = _replace_layer(network, ties)
        broken = Network(honest.inputs, honest.layers, other)
        controls.append(
            _control(f"rounding {other.value} in {tied.name}, built ties", honest, broken, ties, tensors)
        )
    return controls


def witness_controls(
    network: Network, picture: NDArray[np.uint8], tensors: Mapping[str, NDArray[Any]]
) -> list[dict[str, Any]]:
    """One flipped weight bit, computed by each kind of witness: each must return other codes.

    A witness that repeated the definition, whatever it is given, would pass every comparison but this.

    Args:
        network: The network that is verified.
        picture: A small picture (H, W, 3), for the slow witness is among them.
        tensors: The definition's codes of it, every tensor by name.

    Returns:
        As :func:`negative_controls`; nothing if no flip changes a code of this picture.
    """
    for conv in network.convs:
        broken = _replace_layer(network, _flip_bit(conv, tensors)[0])
        name, wrong = conv.name, run_layer(broken, broken.layer(conv.name), tensors, "int64")
        if not np.array_equal(wrong, tensors[name]):
            break
    else:
        return []
    controls = []
    for witness in (
        NumpyWitness(broken, "fast"),
        *onnx_witnesses(broken, to_onnx(broken).SerializeToString()),
    ):
        title = f"flipped weight bit in {name}, computed by {witness.name}"
        row = compare(
            Row("control", "entire", name), network, title, tensors[name],
            witness.entire(picture).get(name), tensors,
        )  # fmt: skip
        controls.append(_entry(title, row))
    return controls


def _control(
    name: str, network: Network, broken: Network, layer: Conv, tensors: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    expected = run_layer(network, layer, tensors, "int64")
    found = NumpyWitness(broken, "int64").single(layer.name, tensors)
    row = compare(Row("control", "single", layer.name), network, name, expected, found, tensors)
    return _entry(name, row)


def _entry(name: str, row: Row) -> dict[str, Any]:
    return {
        "name": name,
        "compared": row.compared,
        "mismatches": row.mismatches,
        "caught": row.mismatches > 0,
    }


def _flip_bit(conv: Conv, tensors: Mapping[str, NDArray[Any]]) -> tuple[Conv, tuple[int, int]]:
    """Flip bit 0 of one weight, where the codes are busiest; also its output and input channel."""
    busiest_in = int(np.abs(tensors[conv.source].astype(np.int64)).sum(axis=(0, 1)).argmax())
    busiest_out = int(tensors[conv.name].astype(np.float64).std(axis=(0, 1)).argmax())
    weight = conv.weight_i8.copy()
    centre = weight.shape[2] // 2
    limit = weight_limit(conv.weight_bits)
    flipped = int(weight[busiest_out, busiest_in, centre, centre]) ^ 1
    weight[busiest_out, busiest_in, centre, centre] = (
        flipped if abs(flipped) <= limit else flipped - 2 * np.sign(flipped)
    )
    return replace(conv, weight_i8=weight), (busiest_out, busiest_in)


def _at_border(
    network: Network, conv: Conv, flipped: Conv, place: tuple[int, int]
) -> tuple[Conv, dict[str, NDArray[Any]]]:
    """The layer with a bias, and an impulse to feed it, such that the flip crosses from code 0 to 1 or back.

    The impulse is the largest code m, so the flip moves the accumulator by m, from one side of the border
    between the codes 0 and 1 to the other, whatever the rounding rule does with a tie.
    """
    source = network.formats[conv.source]
    o, i = place
    centre = conv.weight_i8.shape[2] // 2
    weight, other = int(conv.weight_i8[o, i, centre, centre]), int(flipped.weight_i8[o, i, centre, centre])
    shift = int(conv.shift(network.formats[conv.source])[o])
    one = 1 << max(shift, 0)
    border = one if network.rounding is Rounding.FLOOR or shift < 1 else one // 2
    wanted = border - 1 if other > weight else border + 1
    bias = conv.bias_i32.copy()
    bias[o] = wanted - weight * source.max
    impulse = np.zeros((1, 1, network.channels[conv.source]), source.dtype)
    impulse[0, 0, i] = source.max
    return replace(conv, bias_i32=bias), {conv.source: impulse}


def _with_ties(network: Network, conv: Conv) -> Conv:
    """The layer with weights 0 and biases half an LSB: each accumulator is a tie between codes 0 and 1."""
    shift = conv.shift(network.formats[conv.source])
    bias = np.where(shift >= 1, np.int64(1) << np.maximum(shift - 1, 0), 0).astype(np.int32)
    return replace(conv, weight_i8=np.zeros_like(conv.weight_i8), bias_i32=bias)


def _replace_layer(network: Network, layer: Layer) -> Network:
    layers = tuple(layer if old.name == layer.name else old for old in network.layers)
    return Network(network.inputs, layers, network.rounding)
