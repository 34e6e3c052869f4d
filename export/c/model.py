"""The C99 model of an integer network: text alone, the same for the same network."""

from dataclasses import replace
from typing import Any

from hwrts.export.c.codes import Stored
from hwrts.export.c.dense import LANES, PIXELS, SHAPES, TAPS
from hwrts.export.c.function import Function, Writer
from hwrts.export.c.operators import EMITTERS, WITH_REGISTERS
from hwrts.export.c.requantise import rounding_functions
from hwrts.export.c.schedule import Schedule, Track, schedule
from hwrts.export.templates import filled_file
from hwrts.fixed_point import (
    REGISTER,
    STRONGEST,
    HwrtsError,
    Network,
    has_register,
    plan_lines,
    registers_of,
    whole_frame,
)

PREFIX = "model"
"""Of files, functions and macros."""
HEADER_X86 = f"{PREFIX}_x86.h"
"""The sums of dot products again, for those who ask for it by a macro."""
_WIDTH = 1920
"""Columns for which line memory is asserted, as ``hwrts inspect`` says it; and twice as many."""


def check_rows(network: Network) -> None:
    """Refuse a network that no model can compute row by row.

    Raises:
        HwrtsError: A layer reads the whole picture, an input is no picture of the size of the first, or what
            is one pixel beside a picture is more than a register (:func:`_check_registers`).
    """
    for name in whole_frame(network.steps):
        raise HwrtsError(
            f"C model: layer {name!r} is made of the whole picture, and the model is fed row by row; use the "
            "ONNX file, or a network without global means, maxima and resizing"
        )
    _check_registers(network)
    for each in network.inputs:
        if each.grow != each.shrink:
            raise HwrtsError(
                f"C model: input {each.name!r} has another size than the first, so their rows do not come "
                "together; use the ONNX file"
            )


def _check_registers(network: Network) -> None:
    """What is one pixel beside a picture is set before its first row, and a factor or a summand of pixels.

    Raises:
        HwrtsError: A layer reads more of it than that pixel, or reads it in another way; or it is an output.
    """
    registers = registers_of(network.steps)
    for layer in network.layers:
        held = [source for source in layer.sources if source in registers]
        alone = layer.name in registers
        reads = layer.window.before or layer.window.after or layer.window.grow > 1 or layer.window.shrink > 1
        if held and (reads if alone else type(layer) not in WITH_REGISTERS):
            raise HwrtsError(
                f"C model: layer {layer.name!r} reads {held[0]!r}, one pixel beside a picture, and not by a "
                "sum or a product of pixels; use the ONNX file"
            )
        if alone and layer.name in network.outputs:
            raise HwrtsError(
                f"C model: output {layer.name!r} is made of one pixel beside a picture, and the model hands "
                "out rows of pictures; use the ONNX file, or leave that output out"
            )


def alone(network: Network, name: str) -> Network:
    """One layer as a network whose model reads rows: pictures first, and pixels if there is nothing else."""
    made = network.single(name)
    inputs = sorted(made.inputs, key=lambda each: each.whole)
    if inputs[0].whole:  # a picture of one pixel
        inputs = [replace(each, whole=False) for each in inputs]
    return replace(made, inputs=tuple(inputs))


def c_files(network: Network) -> dict[str, str]:
    """The files of a model by name: ``model.c``, ``trace.c`` and, of a network of pictures, ``main.c``.

    Args:
        network: The integer network.

    Raises:
        HwrtsError: As :func:`check_rows`.
    """
    check_rows(network)
    writer = Writer(network)
    functions = {layer.name: EMITTERS[type(layer)].write(writer, layer) for layer in network.layers}
    plan = schedule(writer, functions)
    values = _values(writer, plan, functions)
    names = ["model.h", "model.c", "trace.c", "Makefile", *(["main.c"] if values["main"] else [])]
    if writer.dots:
        names.append(HEADER_X86)
    return {name: filled_file("hwrts.export.c", f"templates/{name}.j2", **values) for name in names}


def takes_pictures(network: Network) -> bool:
    """Whether it makes one picture of another, of bytes: then a program can read and write files.

    Beside the picture there may be registers of one number, which the program is told.
    """
    ends = [network.inputs[0].name, network.output]
    registers = [each for each in network.inputs[1:] if each.name in registers_of(network.steps)]
    numbers = all(each.channels == 1 for each in registers)
    alone = len(network.inputs) - len(registers) == len(network.outputs) == 1 and numbers
    channels = {network.channels[name] for name in ends}
    bytes_alone = all(network.formats[name].bits == 8 and not network.formats[name].signed for name in ends)
    return alone and bytes_alone and channels in ({1}, {3})


def _values(writer: Writer, plan: Schedule, functions: dict[str, Function]) -> dict[str, Any]:
    network = writer.network
    widths = [network.legal_size(1, times * _WIDTH)[1] for times in (1, 2)]
    lines = plan_lines(network.steps)
    inputs = [_end(writer, plan.tracks[each.name], each.name) for each in network.inputs]
    registers = [each for each in inputs if each["track"].register]
    return {
        "prefix": PREFIX,
        "inputs": inputs,
        "registers": registers,
        "or_register": ", or a register is beyond its range" * any(each["beyond"] for each in registers),
        "upper": any(each["beyond"] for each in inputs if each not in registers),
        "outputs": [_end(writer, plan.tracks[name], name) for name in network.outputs],
        "made": [_end(writer, plan.tracks[layer.name], layer.name) for layer in network.layers],
        "multiple": network.multiple,
        "smallest": network.smallest,
        "tracks": list(plan.tracks.values()),
        "rings": plan.rings,
        "in_order": plan.in_order,
        "held": plan.held,
        "workers": plan.workers,
        "planned": [(width, sum(lines.bits(width).values())) for width in dict.fromkeys(widths)],
        "rounding": rounding_functions(writer.rounding),
        "dots": sorted(writer.dots),
        "blocks": writer.blocks,
        "lanes": LANES,
        "taps": TAPS,
        "pixels": PIXELS,
        "shapes": SHAPES,
        "main": takes_pictures(network),
        "channels": network.channels[network.output],
        "scale": network.tensors[network.output].scale,
        "lacks": network.tensors[network.output].lacks,
        "scratch": max(function.scratch for function in functions.values()),
        "scratch_tiles": max(max(each.scratch, each.scratch_tiles) for each in functions.values()),
    }


def _end(writer: Writer, track: Track, name: str) -> dict[str, Any]:
    """A tensor that is handed in or out."""
    form, place = writer.network.formats[name], [each.name for each in writer.network.inputs]
    stored = Stored(form)
    read = f"in{place.index(name) if name in place else 0}[i]"
    return {
        "track": track,
        "channels": track.channels,
        "outside": stored.outside,
        "low": form.min,
        "high": form.max,
        "frac": form.frac,
        "stored": stored.keep(read if track.register else stored.wires(read)),
        "beyond": stored.beyond(read),
        "code": f"({stored.outside}){stored.code('from[i]')}",
        "name": track.name,
        "shown": track.name.partition("_")[2] or track.name,
        "most": STRONGEST if has_register(writer.network) and name == REGISTER else form.max,
    }
