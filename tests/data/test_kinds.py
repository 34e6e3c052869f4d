"""Each kind of file gives the colours that its numbers mean, or is refused by name: never anything else."""

import itertools
import struct

import numpy as np
import pytest
import tifffile

from hwrts.data import read_image
from hwrts.errors import DataError

from .kinds import packed_rows, png, png_chunk, tiff

H, W = 13, 17
BANDS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "separated": 4, "palette": 1, "ycbcr": 3}
KINDS = [
    kind
    for kind in itertools.product(
        ("u1", "u2", "i1", "i2", "f4"),
        BANDS,
        ("contig", "separate"),
        (None, "unassalpha", "assocalpha", "unspecified"),
    )
    if (kind[1] not in ("palette", "ycbcr") or (kind[0], kind[3]) == ("u1", None))
    and (BANDS[kind[1]] > 1 or kind[3] or kind[2] == "contig")
]


def refused(path):
    """The message if a picture is refused, which must name the kind; None if it is read."""
    try:
        read_image(path)
    except DataError as error:
        message = str(error)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert "damaged" not in message  # it is not
        assert "; " in message  # what to do follows
        return message
    return None


def assert_colours(path, wanted, tolerance):
    """wanted: (H, W, 1 or 3) of 0..1."""
    found = read_image(path)
    assert found.shape == (*wanted.shape[:2], 3)
    assert np.abs(found - 255 * wanted).max() <= tolerance


def meant(values, photometric, extra, palette, white):
    """Colours 0..1 that (H, W, samples) numbers mean, by the TIFF standard, over white."""
    bands = BANDS[photometric]
    colours, alpha = values[..., :bands] / white, values[..., bands:] / white
    if photometric == "miniswhite":
        colours = 1 - colours
    elif photometric == "separated":
        colours = (1 - colours[..., :3]) * (1 - colours[..., 3:])
    elif photometric == "palette":
        colours = palette.T[values[..., 0]] / 65535
    elif photometric == "ycbcr":
        y, cb, cr = (values[..., i].astype(float) for i in range(3))
        rgb = [
            y + 1.402 * (cr - 128),
            y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
            y + 1.772 * (cb - 128),
        ]
        colours = np.clip(np.stack(rgb, -1) / 255, 0, 1)
    if extra == "unassalpha":
        colours = colours * alpha + 1 - alpha
    elif extra == "assocalpha":
        colours = np.minimum(colours + 1 - alpha, 1)
    return colours


def must_be_read(dtype, photometric, planar, extra, order, compression):
    """What photographs come in; the other kinds may be refused."""
    if dtype not in ("u1", "u2") or extra is not None or (photometric, dtype) == ("miniswhite", "u2"):
        return (dtype, photometric, extra, order) == ("u2", "miniswhite", None, "<")
    return planar == "contig" or compression is not None or (dtype == "u1" and photometric == "rgb")


@pytest.mark.parametrize(("dtype", "photometric", "planar", "extra"), KINDS)
def test_tiff_is_right_or_refused(tmp_path, dtype, photometric, planar, extra):
    """Planar 16-bit RGB was noise, 16-bit white-is-zero a negative, planar LA and signed were wrong too."""
    rng = np.random.default_rng(3)
    shape = (H, W, BANDS[photometric] + (extra is not None))
    if dtype == "f4":
        values, white = rng.random(shape).astype(dtype), 1.0
    else:
        white = float(np.iinfo(dtype).max)
        values = rng.integers(0, int(white), shape, dtype=dtype, endpoint=True)
    palette = rng.integers(0, 65536, (3, 256), dtype="u2")
    wanted = meant(values, photometric, extra, palette, white)
    # Of 16-bit CMYK and colours multiplied by alpha Pillow hands out the high byte
    rough = dtype == "u2" and (extra == "assocalpha" or photometric == "separated")
    exact = extra is None and photometric in ("minisblack", "miniswhite", "rgb") and planar == "contig"
    tolerance = 3 if rough else 0.501 if exact else 1.51
    path = tmp_path / "a.tif"
    for order, (compression, predictor) in itertools.product(
        "<>", ((None, None), ("zlib", None), ("zlib", True if dtype != "f4" else None))
    ):
        options = {"photometric": photometric, "byteorder": order, "metadata": None}
        options |= {"compression": compression, "predictor": predictor}
        if photometric == "palette":
            options["colormap"] = palette
        if extra is not None:
            options["extrasamples"] = [extra]
        if shape[2] > 1:
            options["planarconfig"] = planar
        stored = (
            values[..., 0] if shape[2] == 1 else values if planar == "contig" else np.moveaxis(values, -1, 0)
        )
        tifffile.imwrite(path, stored, **options)
        message = refused(path)
        if message is None:
            assert dtype in ("u1", "u2")
            assert_colours(path, wanted, tolerance)
        else:
            assert not must_be_read(dtype, photometric, planar, extra, order, compression), message
            assert any(word in message for word in ("TIFF of", "signed", "float", "La pixels")), message


@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("fill_order", [1, 2])
@pytest.mark.parametrize("photometric", [0, 1, 3])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_bits_of_a_grey_or_palette_tiff(tmp_path, bits, photometric, fill_order, planar):
    """Twelve bits were taken for sixteen, sixteen times too dark; one plane of 16 bits for 8-bit codes."""
    if photometric == 3 and bits > 8:
        return
    rng = np.random.default_rng(4)
    path = tmp_path / "a.tif"
    for order in "<>":
        values = rng.integers(0, 2**bits, (5, 7))
        strip = values.astype(f"{order}u2").tobytes() if bits == 16 else packed_rows(values, bits)
        if fill_order == 2:
            strip = bytes(int(f"{byte:08b}"[::-1], 2) for byte in strip)
        tags = {
            256: 7,
            257: 5,
            258: bits,
            259: 1,
            262: photometric,
            266: fill_order,
            277: 1,
            278: 5,
            284: planar,
        }
        tags = {tag: (3, [value]) for tag, value in tags.items()}
        wanted = (values / (2**bits - 1))[..., np.newaxis]
        if photometric == 3:
            palette = rng.integers(0, 65536, (3, 2**bits))
            tags[320] = (3, palette.ravel().tolist())
            wanted = palette.T[values] / 65535
        path.write_bytes(tiff(tags, strip, order))
        if refused(path) is None:
            assert_colours(path, 1 - wanted if photometric == 0 else wanted, 1)
        else:
            assert (fill_order, planar) != (1, 1) or bits > 8


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_is_upright(tmp_path, orientation, dtype, compression):
    """Of uncompressed greys that are turned by 90 degrees the rows were mixed up."""
    stored = np.random.default_rng(5).integers(0, np.iinfo(dtype).max, (5, 9), dtype=dtype)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).T,
        8: np.rot90(stored, 1),
    }[orientation]
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="minisblack",
        compression=compression,
        metadata=None,
        extratags=[(274, "H", 1, orientation, True)],
    )
    assert_colours(tmp_path / "a.tif", upright[..., np.newaxis] / np.iinfo(dtype).max, 0.51)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("layout", [{"tile": (16, 32)}, {"rowsperstrip": 7}, {"bigtiff": True}])
def test_tiles_strips_and_big_tiff(tmp_path, layout, planar):
    for dtype, compression in itertools.product(("u1", "u2"), (None, "zlib")):
        values = np.random.default_rng(6).integers(0, np.iinfo(dtype).max, (50, 37, 3), dtype=dtype)
        stored = values if planar == "contig" else np.moveaxis(values, -1, 0)
        tifffile.imwrite(
            tmp_path / "a.tif",
            stored,
            photometric="rgb",
            planarconfig=planar,
            compression=compression,
            metadata=None,
            **layout,
        )
        if (dtype, compression, planar) == ("u2", None, "separate"):
            assert "in separate planes" in refused(tmp_path / "a.tif")
        else:
            tolerance = 1 if planar == "separate" else 0.501
            assert_colours(tmp_path / "a.tif", values / np.iinfo(dtype).max, tolerance)


def _rgb_tags(**more):
    tags = {
        256: (3, [2]),
        257: (3, [2]),
        258: (3, [8] * 3),
        259: (3, [1]),
        262: (3, [2]),
        277: (3, [3]),
        278: (3, [2]),
    }
    return {**tags, **{int(tag[1:]): value for tag, value in more.items()}}


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (_rgb_tags(t50706=(1, [1, 4, 0, 0])), "a raw photograph"),
        (_rgb_tags(t254=(4, [1])), "a reduced copy"),
        (_rgb_tags(t262=(3, [6])), "uncompressed YCbCr"),  # 2x2 subsampled if nothing else is said
        (_rgb_tags(t258=(3, [32] * 3)), "TIFF of RGB with 3 x 32 bits, unsigned"),
        (_rgb_tags(t262=(3, [8])), "LAB pixels"),
        (_rgb_tags(t258=(3, [8] * 4), t262=(3, [5]), t277=(3, [4]), t332=(3, [2])), "inks"),
        (_rgb_tags(t258=(3, [8]), t262=(3, [3]), t277=(3, [1]), t320=(3, [200] * 768)), "8-bit entries"),
        (_rgb_tags(t262=(3, [32803])), "TIFF of sensor data"),
    ],
)
def test_other_tiffs_are_refused_by_name(tmp_path, tags, says):
    (tmp_path / "a.tif").write_bytes(tiff(tags, bytes(64)))
    assert says in refused(tmp_path / "a.tif")


# colour type -> samples; 3 is a palette
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PNG_KINDS = [
    (depth, colour, key)
    for depth, colour, key in itertools.product((1, 2, 4, 8, 16), PNG_SAMPLES, (False, True))
    if not (colour in (2, 4, 6) and depth < 8)
    and not (colour == 3 and depth > 8)
    and not (key and colour in (4, 6))
]


@pytest.mark.parametrize(("depth", "colour", "key"), PNG_KINDS)
def test_png_is_right_or_refused(tmp_path, depth, colour, key):
    """The transparent value of 2-bit, 4-bit and 48-bit PNGs was compared with 8-bit codes."""
    rng = np.random.default_rng(7)
    samples, white = PNG_SAMPLES[colour], 2**depth - 1
    values = rng.integers(1, white + 1, (5, 7, samples))
    values[0, 0, 0] = 1  # what is transparent if one value is: its code is another number
    extra, alpha = b"", np.ones((5, 7, 1))
    colours = values[..., : 3 if colour in (2, 6) else 1] / white
    if colour == 3:
        palette = rng.integers(0, 256, (white + 1, 3))
        extra = png_chunk(b"PLTE", palette.astype("u1").tobytes())
        colours = palette[values[..., 0]] / 255
        if key:
            alphas = rng.integers(0, 256, white + 1)
            extra += png_chunk(b"tRNS", alphas.astype("u1").tobytes())
            alpha = alphas[values] / 255
    elif key:
        extra = png_chunk(b"tRNS", struct.pack(f">{samples}H", *values[0, 0]))
        alpha = 1.0 - (values == values[0, 0]).all(-1, keepdims=True)
    elif colour in (4, 6):
        alpha = values[..., -1:] / white
    path = tmp_path / "a.png"
    path.write_bytes(png(7, 5, depth, colour, packed_rows(values, depth, b"\0"), extra))
    message = refused(path)
    if message is None:
        assert_colours(path, colours * alpha + 1 - alpha, 2 if depth == 16 and colour in (4, 6) else 1)
    else:
        assert key
        assert (depth, colour) in ((2, 0), (4, 0), (16, 2))
        assert "one transparent value" in message


def test_16_bits_without_a_white_are_refused(tmp_path):
    """Of astronomy: signed, and white is what the detector counted."""
    cards = {"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2, "NAXIS1": 2, "NAXIS2": 2}
    head = "".join(f"{name:8}= {value:>20}".ljust(80) for name, value in cards.items()) + "END".ljust(80)
    (tmp_path / "a.fits").write_bytes(head.ljust(2880).encode() + bytes(2880))
    assert "FITS 16-bit pixels" in refused(tmp_path / "a.fits")
