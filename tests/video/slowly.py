"""The equations of docs/video.md a pixel at a time, in fractions: independent of the package's integers."""

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

SHARES = {
    "bt709": (Fraction(2126, 10000), Fraction(722, 10000)),
    "bt601": (Fraction(299, 1000), Fraction(114, 1000)),
    "bt2020": (Fraction(2627, 10000), Fraction(593, 10000)),
}


def near(value):
    return floor(value + Fraction(1, 2))


def ranges(bits, full):
    """Codes of black and grey, and from 0 to 1 of luma and of chroma."""
    step = 2 ** (bits - 8)
    most = 2**bits - 1
    return (0, 128 * step, most, most) if full else (16 * step, 128 * step, 219 * step, 224 * step)


def into_colours(bits, full, name, seen):
    """The matrix to red, green and blue of ``seen`` bits times 2^(14 + bits - seen), each rounded once."""
    white = 2**seen - 1
    kr, kb = SHARES[name]
    kg = 1 - kr - kb
    _, _, luma, chroma = ranges(bits, full)
    exact: list[list[Any]] = [
        [Fraction(white, luma), 0, Fraction(white, chroma) * 2 * (1 - kr)],
        [
            Fraction(white, luma),
            -Fraction(white, chroma) * 2 * (1 - kb) * kb / kg,
            -Fraction(white, chroma) * 2 * (1 - kr) * kr / kg,
        ],
        [Fraction(white, luma), Fraction(white, chroma) * 2 * (1 - kb), 0],
    ]
    return [[near(value * Fraction(2) ** (14 + bits - seen)) for value in row] for row in exact]


def from_colours(bits, full, name, seen):
    white = 2**seen - 1
    kr, kb = SHARES[name]
    kg = 1 - kr - kb
    _, _, luma, chroma = ranges(bits, full)
    exact: list[list[Any]] = [
        [Fraction(luma, white) * kr, Fraction(luma, white) * kg, Fraction(luma, white) * kb],
        [
            -Fraction(chroma, white) * kr / (2 * (1 - kb)),
            -Fraction(chroma, white) * kg / (2 * (1 - kb)),
            Fraction(chroma, white) / 2,
        ],
        [
            Fraction(chroma, white) / 2,
            -Fraction(chroma, white) * kg / (2 * (1 - kr)),
            -Fraction(chroma, white) * kb / (2 * (1 - kr)),
        ],
    ]
    made = []
    for row, total in zip(exact, (Fraction(luma, white), Fraction(0), Fraction(0)), strict=True):
        red, blue = near(row[0] * 2**14), near(row[2] * 2**14)
        made.append([red, near(total * 2**14) - red - blue, blue])
    return made


def triangle(distance):
    return max(Fraction(0), 1 - abs(distance))


def keys(distance):
    """Keys' kernel with a = -1/2, as its paper has it."""
    d = abs(Fraction(distance))
    if d <= 1:
        return Fraction(3, 2) * d**3 - Fraction(5, 2) * d**2 + 1
    return -(d**3) / 2 + Fraction(5, 2) * d**2 - 4 * d + 2 if d < 2 else Fraction(0)


def at(plane, y, x, weight=triangle):
    """A plane between its samples, by a kernel, linearly if none is given; the border is repeated."""
    rows, columns = len(plane), len(plane[0])
    total = Fraction(0)
    for j in range(floor(y) - 1, floor(y) + 3):
        for i in range(floor(x) - 1, floor(x) + 3):
            share = weight(y - j) * weight(x - i)
            if share:
                total += share * plane[min(max(j, 0), rows - 1)][min(max(i, 0), columns - 1)]
    return total


def middle(k, scale, cosited=False):
    """Where sample k of a larger plane lies (V5)."""
    if cosited and scale > 1:
        return Fraction(4 * k + 1 - scale, 4 * scale)
    return Fraction(2 * k + 1 - scale, 2 * scale)


def kind(bits):
    """What codes of so many bits are held in."""
    return np.uint8 if bits == 8 else np.uint16


def luma_seen(plane, bits, network=8):
    """Codes of Y' as a network of luma of so many bits sees them, (H, W, 1)."""
    step, most = Fraction(2) ** (bits - network), 2**network - 1
    codes = [[min(near(code / step), most) for code in row] for row in plane.tolist()]
    return np.array(codes, kind(network))[..., None]


def luma_back(planes, result, bits, across, down, scale, weight, network=8):
    """(V6): the planes of the frame whose Y' a network enhanced."""
    height, width = result.shape[:2]
    before = luma_seen(planes[0], bits, network)[..., 0].tolist()
    step = Fraction(2) ** (bits - network)
    made = []
    for index, plane in enumerate(planes):
        rows, columns = (-(-height // down), -(-width // across)) if index else (height, width)
        codes, out = plane.tolist(), np.empty((rows, columns), plane.dtype)
        for y in range(rows):
            for x in range(columns):
                place = middle(y, scale), middle(x, scale, cosited=index > 0 and across == 2)
                value = at(codes, *place, weight)
                if not index and bits <= network:
                    value = step * int(result[y, x, 0])
                elif not index:
                    value += step * (int(result[y, x, 0]) - at(before, *place, weight))
                out[y, x] = min(max(near(value), 0), 2**bits - 1)
        made.append(out)
    return tuple(made)


def colours(planes, bits, across, down, full, name, network=8):
    """(V1), (V2): red, green and blue of so many bits."""
    luma = planes[0].tolist()
    black, grey, _, _ = ranges(bits, full)
    matrix, unit = into_colours(bits, full, name, network), Fraction(2) ** (14 + bits - network)
    chroma = [plane.tolist() for plane in planes[1:]]
    out = np.empty((len(luma), len(luma[0]), 3), kind(network))
    for y in range(len(luma)):
        for x in range(len(luma[0])):
            place = (Fraction(2 * y - 1, 4) if down == 2 else y, Fraction(x, 2) if across == 2 else x)
            seen = [luma[y][x] - black, *(at(plane, *place) - grey for plane in chroma), 0, 0][:3]
            for c in range(3):
                total = sum(
                    (share * Fraction(code) for share, code in zip(matrix[c], seen, strict=True)), Fraction(0)
                )
                out[y, x, c] = min(max(near(total / unit), 0), 2**network - 1)
    return out


def back(planes, seen, result, bits, across, down, full, name, scale, network=8):
    """(V3) to (V5): the planes of the enhanced frame."""
    height, width = result.shape[:2]
    matrix, old = from_colours(bits, full, name, network), [seen[..., c].tolist() for c in range(3)]

    def change(y, x, c):
        y, x = min(y, height - 1), min(max(x, 0), width - 1)
        place = (
            Fraction(2 * y + 1, 2 * scale) - Fraction(1, 2),
            Fraction(2 * x + 1, 2 * scale) - Fraction(1, 2),
        )
        return int(result[y, x, c]) - at(old[c], *place)

    made = []
    for index, plane in enumerate(planes):
        rows = -(-height // down) if index else height
        columns = -(-width // across) if index else width
        codes = plane.tolist()
        out = np.empty((rows, columns), plane.dtype)
        for y in range(rows):
            for x in range(columns):
                tall, wide = (down, across) if index else (1, 1)
                around = [(-1, 1), (0, 2), (1, 1)] if wide == 2 else [(0, 1)]
                total = sum(weight for _, weight in around) * tall
                changes = [
                    sum(
                        weight * change(y * tall + j, x * wide + i, c)
                        for j in range(tall)
                        for i, weight in around
                    )
                    / Fraction(total)
                    for c in range(3)
                ]
                place_y = Fraction(2 * y + 1, 2 * scale) - Fraction(1, 2)
                place_x = (
                    Fraction(Fraction(4 * x + 1, 2 * scale) - Fraction(1, 2), 2)
                    if wide == 2 and scale > 1
                    else Fraction(2 * x + 1, 2 * scale) - Fraction(1, 2)
                )
                value = (
                    at(codes, place_y, place_x)
                    + sum(Fraction(matrix[index][c]) * changes[c] for c in range(3)) / 2**14
                )
                out[y, x] = min(max(near(value), 0), 2**bits - 1)
        made.append(out)
    return tuple(made)
