"""Channels that become pixels, and pixels that are repeated, by what each compiler takes."""

import numpy as np

from hwrts.export.depth_first import Order, depth_first
from hwrts.export.tflite.moves import channels_of, spread_out
from hwrts.export.tflite.schema import CONCATENATION, DEPTH_TO_SPACE, RESHAPE
from hwrts.export.tflite.writer import Flavour, Writer

# Letters of the shape comments: H, W rows and columns of the source; C channels of the result; R block size.

_STRIDE_OF_ETHOS_U = 2
"""The only one of TRANSPOSE_CONV that all of its series take."""


def any_order(writer: Writer, block: int) -> bool:
    """Whether :func:`to_pixels` takes channels in any order at no cost."""
    return writer.flavour is Flavour.ETHOS_U and block == _STRIDE_OF_ETHOS_U


def to_pixels(writer: Writer, source: str, target: str, block: int, order: Order | None = None) -> None:
    """Channels become pixels.

    Args:
        writer: Of the file.
        source: A tensor (1, H, W, R*R*C).
        target: A tensor (1, R*H, R*W, C) that is there.
        block: R.
        order: Which channel of ours stands at each place; without one the format's order.
    """
    _, height, width, deep = writer.shape_of(source)
    if writer.flavour is not Flavour.ETHOS_U:
        writer.node(DEPTH_TO_SPACE, [source], target, block=block)
    elif any_order(writer, block):
        channels = deep // block**2
        order = depth_first(channels, block) if order is None else order
        taps = np.eye(deep, dtype=np.int8)[:, order]  # 1 where a place is that of channel (c, i, j)
        spread_out(writer, source, target, taps.reshape(channels, block, block, deep))
        writer.rewritten.append(f"{target}: DEPTH_TO_SPACE as a TRANSPOSE_CONV that moves codes")
    else:
        each, rows = deep // block, []
        for row in range(block):
            rows.append(writer.like(source, f"{target}.channels{row}", (1, height, width, each)))
            channels_of(writer, source, rows[-1], row * each, (row + 1) * each)
        _side_by_side(writer, rows, target)
        writer.rewritten.append(f"{target}: DEPTH_TO_SPACE as SLICE, CONCATENATION and RESHAPE")


def repeated(writer: Writer, source: str, target: str, factor: int) -> None:
    """Each pixel becomes a square of equal ones, by CONCATENATION and RESHAPE."""
    _, height, width, channels = writer.shape_of(source)
    row = writer.like(source, f"{target}.pixels", (1, height, width, factor * channels))
    writer.node(CONCATENATION, [source] * factor, row, axis=3)
    _side_by_side(writer, [row] * factor, target)
    writer.rewritten.append(f"{target}: repetition as CONCATENATION and RESHAPE")


def _side_by_side(writer: Writer, rows: list[str], target: str) -> None:
    """New rows (1, H, W, R*C) of one picture, all columns of a pixel in its channels, behind one another.

    In memory the columns of a pixel already stand where those of a row R times as wide do, so its shape alone
    changes; and so do R such rows side by side, which are those of a picture R times as high.
    """
    _, height, width, channels = writer.shape_of(target)
    shape = (1, height // len(rows), width, channels)
    made = {row: f"{target}.row{number}" for number, row in enumerate(rows)}
    for row, name in made.items():
        _shaped(writer, row, writer.like(row, name, shape))
    wide = (1, height // len(rows), len(rows) * width, channels)
    beside = writer.like(rows[0], f"{target}.beside", wide)
    writer.node(CONCATENATION, [made[row] for row in rows], beside, axis=2)
    _shaped(writer, beside, target)


def _shaped(writer: Writer, source: str, target: str) -> None:
    shape = writer.constant(f"{target}.shape", np.array(writer.shape_of(target)))
    writer.node(RESHAPE, [source, shape], target)
