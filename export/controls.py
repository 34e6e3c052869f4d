"""Negative controls: deliberate errors that the comparison must find, or its verdict is worth nothing."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.compare import Row, compare
from hwrts.export.onnx_writer import to_onnx
from hwrts.export.stimuli import Fed, noise_for
from hwrts.export.witness import NumpyWitness, Remade, onnx_witnesses
from hwrts.fixed_point import (
    Conv,
    HwrtsError,
    Network,
    Operator,
    Padding,
    Requantised,
    Rounding,
    attack_input,
    attacked_pixel,
    run_layer,
    shift_right,
)


def negative_controls(
    network: Network, tensors: Mapping[str, NDArray[Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Put each deliberate error through the same comparison as the witnesses.

    Each one provably changes a code: the definition says so before the comparison is asked.

    - one flipped weight bit (the lowest) in each convolution, on the photograph; where that leaves the layer
      idle (the residual of an untrained network is 0 everywhere), on an impulse at a rounding border,
    - another rounding rule (half up for half to even) on accumulators that are exact ties, and half away for
      double right below them: of the first convolution that drops bits, else of the first other layer where
      an input tells the two rules apart,
    - where additions have a rule of their own, that of convolutions in the first of them where it shows,
    - zero padding in the first convolution that replicates edges and shows it on the photograph,
    - every other operator with the error that it names itself (``Operator.corrupted``): a shift of a bit, a
      slope, a table's entry, a limit, operands or channels in another order,
    - one code off by one, in a network where nothing of this can be told.

    Args:
        network: The network that is verified.
        tensors: The definition's codes of a photograph, every tensor by name.

    Returns:
        For each control its name, the codes compared, the mismatches, and whether it was caught; and in words
        which errors no input can show.
    """
    controls, untold, with_flip = [], [], {conv.name for conv in network.convs}
    for conv in network.convs:
        name, flipped = f"flipped weight bit in {conv.name}", _corrupted(conv, tensors)
        operands, codes = tensors, (_codes(network, conv, tensors), _codes(network, flipped, tensors))
        if np.array_equal(*codes):
            name = f"{name}, built border"
            edge, operands = _at_border(network, conv, flipped)
            broken = replace(flipped, bias_i32=edge.bias_i32)
            codes = _codes(network, edge, operands), _codes(network, broken, operands)
        if np.array_equal(*codes):
            untold.append(f"{name}: the layer makes the same code of every 32-bit accumulator")
        else:
            controls.append(_control(name, network, conv, operands, *codes))
    rounding = _rounding_control(network)
    if rounding is None:
        untold.append("another rounding rule: no layer drops a bit where an input would show it")
    else:
        controls.append(rounding)
    if len(set(network.rules)) > 1:
        others = [layer for layer in network.requantised if not layer.AS_CONVOLUTIONS]
        rounding = _told_apart(network, others, network.rounding)
        if rounding is not None:
            controls.append(rounding)
        else:
            untold.append("rounding of convolutions in additions: no input of any tells the two rules apart")
    replicating = [conv for conv in network.convs if conv.padding is not Padding.ZERO]
    padding = next(filter(None, (_padding_control(network, conv, tensors) for conv in replicating)), None)
    if padding is not None:
        controls.append(padding)
    elif replicating:
        untold.append("zero padding: no convolution makes another code of the photograph with it")
    for layer in network.layers:
        if layer.name not in with_flip:
            control = _corrupted_control(network, layer, tensors)
            if control is None:
                untold.append(f"deliberate error in {layer.name}: it makes the same code of every input")
            else:
                controls.append(control)
    if not controls:
        output = network.layers[-1]
        codes = tensors[output.name].astype(np.int64), tensors[output.name].astype(np.int64)
        codes[1][0, 0, 0] += 1
        controls.append(_control(f"one code off by one in {output.name}", network, output, tensors, *codes))
    return controls, untold


def witness_controls(
    network: Network,
    picture: NDArray[Any] | Fed,
    tensors: Mapping[str, NDArray[Any]],
    others: Sequence[Remade] = (),
) -> list[dict[str, Any]]:
    """One flipped weight bit, computed by each kind of witness: each must return other codes.

    A witness that repeated the definition, whatever it is given, would pass every comparison but this.

    Args:
        network: The network that is verified.
        picture: Codes of a small picture, for the slow witness is among them.
        tensors: The definition's codes of it, every tensor by name.
        others: Witnesses beside those that always are.

    Returns:
        As :func:`negative_controls`; nothing if no flip changes a code of this picture.
    """
    for conv in network.convs:
        name = conv.name
        with suppress(HwrtsError):  # a weight one larger can pass a bound that the network keeps by a hair
            broken = network.exchanged(_corrupted(conv, tensors))
            if not np.array_equal(run_layer(broken, broken.layer(name), tensors, "int64"), tensors[name]):
                break
    else:
        return []
    controls = []
    for witness in (
        NumpyWitness(broken, "fast"),
        *onnx_witnesses(broken, to_onnx(broken).SerializeToString()),
        *(each.of(broken) for each in others),
    ):
        title = f"flipped weight bit in {name}, computed by {witness.name}"
        row = compare(
            Row("control", "entire", name),
            network,
            title,
            tensors[name],
            witness.entire(picture).get(name),
            tensors,
        )
        controls.append(_entry(title, row))
    return controls


def _codes(
    network: Network, layer: Operator, operands: Mapping[str, NDArray[Any]], rounding: Rounding | None = None
) -> NDArray[Any]:
    """The definition of a layer, whether a network with it would be legal or not."""
    xs, formats = [operands[source] for source in layer.sources], network.formats_of(layer.sources)
    return layer.define(xs, formats, rounding or network.rules.rule_of(layer))


def _control(
    name: str,
    network: Network,
    layer: Operator,
    operands: Mapping[str, NDArray[Any]],
    expected: NDArray[Any],
    found: NDArray[Any],
) -> dict[str, Any]:
    row = compare(Row("control", "single", layer.name), network, name, expected, found, operands)
    return _entry(name, row)


def _entry(name: str, row: Row) -> dict[str, Any]:
    return {
        "name": name,
        "compared": row.compared,
        "mismatches": row.mismatches,
        "caught": row.mismatches > 0,
    }


def _corrupted(conv: Conv, tensors: Mapping[str, NDArray[Any]]) -> Conv:
    return conv.corrupted([tensors[conv.source]], tensors[conv.name])


def _at_border(network: Network, conv: Conv, flipped: Conv) -> tuple[Conv, dict[str, NDArray[Any]]]:
    """The layer with a bias, and an impulse to feed it, such that the flip crosses a border between codes.

    The impulse is the largest code m >= 1, so the flip moves the accumulator by m or more. Its lower end is
    put right below the first accumulator that rounds to code 1, by whatever rule; where that one needs more
    than 32 bits (floor, a shift of 31), below the first that rounds to code 0.
    """
    source = network.formats[conv.source]
    o, i, ky, kx = place = tuple(int(n) for n in np.argwhere(conv.weight_i8 != flipped.weight_i8)[0])
    weight, other = int(conv.weight_i8[place]), int(flipped.weight_i8[place])
    first = _first_of_code(1, int(conv.shift(source)[o]), network.rule_of(conv))
    if first > np.iinfo(np.int32).max:
        first = _first_of_code(0, int(conv.shift(source)[o]), network.rule_of(conv))
    bias = conv.bias_i32.copy()
    bias[o] = first - 1 - min(weight, other) * source.max
    i += o // (len(bias) // conv.groups) * conv.weight_i8.shape[1]
    if conv.shape.keeps_size and conv.padding is Padding.ZERO:
        y, x, impulse = 0, 0, np.zeros((1, 1, network.channels[conv.source]), source.dtype)
    else:  # a picture as large as the kernel, of which one pixel sees all
        impulse = np.zeros_like(attack_input(conv, source)[0])
        y, x = (
            pixel * conv.stride - pad + tap * conv.dilation
            for pixel, pad, tap in zip(attacked_pixel(conv), conv.shape.margins[:2], (ky, kx), strict=True)
        )
    impulse[y, x, i] = source.max
    return replace(conv, bias_i32=bias), {conv.source: impulse}


def _first_of_code(code: int, shift: int, rounding: Rounding) -> int:
    """The smallest accumulator that a shift by so many bits rounds to a code of at least ``code``."""
    if shift < 1:
        return code
    middle = (code << shift) - (1 << (shift - 1))  # the tie below the code
    near = np.array([middle - 1, middle, middle + 1, code << shift])
    return int(near[shift_right(near, shift, rounding) >= code].min())


def _rounding_control(network: Network) -> dict[str, Any] | None:
    """Another rounding rule at the first layer where that changes a code, or None."""
    for conv in network.convs:
        if (most := int(conv.shift(network.formats[conv.source]).max())) >= 1:
            twice = network.rule_of(conv) is Rounding.DOUBLE and most > 1
            other = Rounding.HALF_AWAY if twice else _other(network.rule_of(conv))
            ties, where = _with_ties(network, conv, below=twice), "right below ties" if twice else "ties"
            channels, source = network.channels[conv.source], network.formats[conv.source]
            size = network.single(conv.name).legal_size(1, 1)
            operands = {conv.source: np.zeros((*size, channels), source.dtype)}
            codes = _codes(network, ties, operands), _codes(network, ties, operands, other)
            name = f"rounding {other.value} in {conv.name}, built {where}"
            return _control(name, network, conv, operands, *codes)
    return _told_apart(network, network.requantised)


def _other(rounding: Rounding) -> Rounding:
    """A rule that makes another code of a tie between 0 and 1."""
    to_one = rounding in (Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.DOUBLE)
    return Rounding.HALF_EVEN if to_one else Rounding.HALF_UP


def _told_apart(
    network: Network, layers: Sequence[Requantised], rule: Rounding | None = None
) -> dict[str, Any] | None:
    """Another rule, by default any, at the first of some layers where an input shows it, or None."""
    for layer in layers:
        operands, other = _every_input(network, layer), rule or _other(network.rules.rule_of(layer))
        codes = _codes(network, layer, operands), _codes(network, layer, operands, other)
        if not np.array_equal(*codes):
            return _control(f"rounding {other.value} in {layer.name}", network, layer, operands, *codes)
    return None


def _padding_control(
    network: Network, conv: Conv, tensors: Mapping[str, NDArray[Any]]
) -> dict[str, Any] | None:
    """Code 0 around the picture in place of its edge, or None if that changes no code."""
    codes = tensors[conv.name], _codes(network, replace(conv, padding=Padding.ZERO), tensors)
    if np.array_equal(*codes):
        return None
    return _control(f"zero padding in {conv.name}", network, conv, tensors, *codes)


def _corrupted_control(
    network: Network, layer: Operator, tensors: Mapping[str, NDArray[Any]]
) -> dict[str, Any] | None:
    """A layer's own deliberate error on the photograph, else on noise, or None if neither shows it."""
    # moved down by the place of the operand, so that no two of them are alike
    noise = {
        name: np.roll(codes, i, axis=0) for i, (name, codes) in enumerate(noise_for(network, layer).items())
    }
    for operands in (tensors, noise):
        codes = _codes(network, layer, operands)
        broken = layer.corrupted([operands[source] for source in layer.sources], codes)
        found = _codes(network, broken, operands)
        if not np.array_equal(codes, found):
            return _control(f"deliberate error in {layer.name}", network, layer, operands, codes, found)
    return None


def _every_input(network: Network, layer: Requantised) -> dict[str, NDArray[Any]]:
    """Every code, or pair of codes, that a layer can meet where that shows its rounding; else noise."""
    sources = dict.fromkeys(layer.sources)
    if not layer.EVERY_CODE:
        return dict(noise_for(network, layer))
    formats = network.formats_of(sources)
    codes = np.meshgrid(*(np.arange(each.min, each.max + 1) for each in formats), indexing="ij")
    return {name: np.atleast_2d(each)[..., None] for name, each in zip(sources, codes, strict=True)}


def _with_ties(network: Network, conv: Conv, *, below: bool = False) -> Conv:
    """The layer with weights 0 and biases half an LSB: each accumulator is a tie between codes 0 and 1.

    With ``below`` it is one less, where that is not the code 0 itself.
    """
    shift = conv.shift(network.formats[conv.source])
    half = np.where(shift >= 1, np.int64(1) << np.maximum(shift - 1, 0), 0)
    bias = (half - (below & (shift > 1))).astype(np.int32)
    return replace(conv, weight_i8=np.zeros_like(conv.weight_i8), bias_i32=bias)
