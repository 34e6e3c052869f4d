"""Files of kinds that Pillow does not write, made by hand, and the colours that they mean."""

import struct
import zlib

import numpy as np

P3_PRIMARIES = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
SRGB_PRIMARIES = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_D65, _D50 = (0.3127, 0.3290), np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, raw, extra=b""):
    """A PNG file; ``raw`` has a filter byte before each row, ``extra`` are chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [png_chunk(b"IHDR", head), extra, png_chunk(b"IDAT", zlib.compress(raw)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def packed_rows(values, bits, filter_byte=b""):
    """(H, W) or (H, W, C) integers as rows of so many bits a sample, high bits first."""
    out = b""
    for row in values:
        text = "".join(format(int(x), f"0{bits}b") for x in np.ravel(row))
        text += "0" * (-len(text) % 8)
        out += filter_byte + bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    return out


def tiff(tags, strip, order="<"):
    """A TIFF file of one strip; tags are number: (type, values), types 1, 3, 4 are 8, 16, 32 bits."""
    sizes, codes = {1: 1, 3: 2, 4: 4}, {1: "B", 3: "H", 4: "I"}
    entries = {**tags, 273: (4, [0]), 279: (4, [len(strip)])}
    start = 8 + 2 + 12 * len(entries) + 4
    outside = sum(len(v) * sizes[t] for t, v in entries.values() if len(v) * sizes[t] > 4)
    entries[273] = (4, [start + outside])
    head, extra = struct.pack(order + "H", len(entries)), b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        body = struct.pack(order + codes[kind] * len(values), *values)
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack(order + "I", start + len(extra))
        extra += body if len(body) > 4 else b""
        head += struct.pack(order + "HHI", tag, kind, len(values)) + place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", 8) + head + struct.pack(order + "I", 0) + extra + strip


def _xyz(x, y):
    return np.array([x / y, 1.0, (1 - x - y) / y])


def rgb_to_d50(primaries):
    """Linear RGB of D65 white to XYZ of D50, (3, 3)."""
    columns = np.stack([_xyz(*p) for p in primaries], 1)
    white = _xyz(*_D65)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    return adapt @ columns * np.linalg.solve(columns, white)


def expand(codes):
    """sRGB codes, which are P3 codes too, to linear light 0..1."""
    v = np.asarray(codes) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def compress(linear):
    """Linear light, clipped to 0..1, to sRGB codes, not rounded."""
    v = np.clip(linear, 0, 1)
    return 255 * np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)


def rgb_profile(primaries, description=b"test", gamma=None):
    """ICC profile of RGB primaries with sRGB's curve, or a power."""
    s15 = lambda values: struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))  # noqa: E731
    if gamma is None:  # type 3: (a x + b)^g from d on, below it c x
        curve = b"para\0\0\0\0\0\3\0\0" + s15([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045])
    else:
        curve = b"para\0\0\0\0\0\0\0\0" + s15([gamma])
    matrix = rgb_to_d50(primaries)
    text = b"desc\0\0\0\0" + struct.pack(">I", len(description) + 1) + description + bytes(79)
    xyz = [(name, b"XYZ \0\0\0\0" + s15(matrix[:, i])) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))]
    curves = [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"RGB ", [(b"desc", text), (b"wtpt", b"XYZ \0\0\0\0" + s15(_D50)), *xyz, *curves])


def grey_profile(gamma):
    """ICC profile of a grey with a power for its curve."""
    curve = b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in _D50))
    return _profile(b"GRAY", [(b"wtpt", white), (b"kTRC", curve)])


def _profile(space, entries):
    place, table, body = 128 + 4 + 12 * len(entries), struct.pack(">I", len(entries)), b""
    for name, content in entries:
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", place + len(body), b"test", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(v * 65536) for v in _D50))
    return head.ljust(128, b"\0") + table + body
