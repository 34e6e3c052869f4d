"""The C99 model of an integer network: text alone, the same for the same network."""

from typing import Any

from hwrts.export.c.codes import Stored
from hwrts.export.c.dense import LANES, PIXELS, SHAPES, TAPS
from hwrts.export.c.function import Function, Writer
from hwrts.export.c.operators import EMITTERS
from hwrts.export.c.requantise import rounding_functions
from hwrts.export.c.schedule import Schedule, Track, schedule
from hwrts.export.templates import filled_file
from hwrts.fixed_point import HwrtsError, Network, plan_lines, registers_of, whole_frame

PREFIX = "model"
"""Of files, functions and macros."""
HEADER_X86 = f"{PREFIX}_x86.h"
"""The sums of dot products again, for those who ask for it by a macro."""
_WIDTH = 1920
"""Columns for which line memory is asserted, as ``hwrts inspect`` says it; and twice as many."""


def check_rows(network: Network) -> None:
    """Refuse a network that no model can compute row by row.

    Raises:
        HwrtsError: A layer reads the whole picture, or an input is no picture of the size of the first.
    """
    for name in whole_frame(network.steps):
        raise HwrtsError(
            f"C model: layer {name!r} is made of the whole picture, and the model is fed row by row; use the "
            "ONNX file, or a network without global means, maxima and resizing"
        )
    for name in (each.name for each in network.inputs if each.name in registers_of(network.steps)):
        raise HwrtsError(
            f"C model: input {name!r} is one pixel beside a picture, a register, and the model is fed rows "
            "alone; export it with a number in its place, such as --strength 0.75, or use the ONNX file"
        )
    for each in network.inputs:
        if each.grow != each.shrink:
            raise HwrtsError(
                f"C model: input {each.name!r} has another size than the first, so their rows do not come "
                "together; use the ONNX file"
            )


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
    """Whether it makes one picture of another, of bytes: then a program can read and write files."""
    ends = [network.inputs[0].name, network.output]
    alone = len(network.inputs) == len(network.outputs) == 1
    channels = {network.channels[name] for name in ends}
    bytes_alone = all(network.formats[name].bits == 8 and not network.formats[name].signed for name in ends)
    return alone and bytes_alone and channels in ({1}, {3})


def _values(writer: Writer, plan: Schedule, functions: dict[str, Function]) -> dict[str, Any]:
    network = writer.network
    widths = [network.legal_size(1, times * _WIDTH)[1] for times in (1, 2)]
    lines = plan_lines(network.steps)
    return {
        "prefix": PREFIX,
        "inputs": [_end(writer, plan.tracks[each.name], each.name) for each in network.inputs],
        "outputs": [_end(writer, plan.tracks[name], name) for name in network.outputs],
        "made": [_end(writer, plan.tracks[layer.name], layer.name) for layer in network.layers],
        "multiple": network.multiple,
        "smallest": network.smallest,
        "tracks": list(plan.tracks.values()),
        "rings": plan.rings,
        "in_order": plan.in_order,
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
    number = place.index(name) if name in place else 0
    return {
        "track": track,
        "channels": track.channels,
        "outside": stored.outside,
        "low": form.min,
        "high": form.max,
        "frac": form.frac,
        "stored": stored.keep(f"in{number}[i]"),
        "code": f"({stored.outside}){stored.code('from[i]')}",
    }
