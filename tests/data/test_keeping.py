"""What goes in comes out: bits, grey, alpha, profile, EXIF and dpi through each format that can hold them."""

import itertools
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from hwrts.data import Picture, fit_to, read_image, read_picture, write_picture
from hwrts.data.images import MAX_MEGAPIXELS
from hwrts.errors import DataError

from .kinds import P3_PRIMARIES, grey_profile, packed_rows, png, png_chunk, rgb_profile, tiff

P3, GREY = rgb_profile(P3_PRIMARIES), grey_profile(1.8)
EXIF = {
    271: "Maker",
    33432: "somebody",
    0x8769: {0x829A: 0.5, 0x9003: "2026:01:01 00:00:00", 0x927C: b"note", 0xA002: 7, 0xA003: 5},
    0x8825: {1: "N", 2: (1.0, 2.0, 3.5)},
}
# suffix, bits, samples with alpha (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA)
HELD = [
    *itertools.product((".png",), (8, 16), (1, 2, 3, 4)),
    *itertools.product((".tif", ".tiff"), (8, 16), (1, 3, 4)),
    (".tif", 8, 2),
    *itertools.product((".webp",), (8,), (3, 4)),
    *itertools.product((".bmp", ".ppm"), (8,), (1, 3)),
]


def picture(bits, samples, size=(5, 7), **more):
    dtype = np.uint16 if bits == 16 else np.uint8
    values: Any = np.random.default_rng(bits + samples).integers(0, 2**bits, (*size, samples), dtype=dtype)
    alpha = values[..., -1].copy() if samples in (2, 4) else None
    return Picture(values[..., : 1 if samples < 3 else 3].copy(), alpha, **more)


def same(a, b):
    assert a.samples.dtype == b.samples.dtype
    assert np.array_equal(a.samples, b.samples)
    assert (a.alpha is None) == (b.alpha is None)
    assert a.alpha is None or np.array_equal(a.alpha, b.alpha)


@pytest.mark.parametrize(("suffix", "bits", "samples"), HELD)
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (64, 33)])
def test_samples_come_back(tmp_path, suffix, bits, samples, size):
    path = tmp_path / f"a{suffix}"
    given = picture(bits, samples, size)
    if suffix == ".webp" and given.alpha is not None:
        given.alpha[0] = 0  # WebP writers change the colours that are not seen
    write_picture(path, given)
    found = read_picture(path)
    same(found, given)
    assert (found.profile, found.exif, found.notes) == (None, {}, ())
    assert found.dpi == (
        None if suffix != ".bmp" else pytest.approx((96, 96), abs=0.02)
    )  # BMP can't say none
    if bits == 16 and suffix == ".tif":  # by another reader
        both = given.samples if given.alpha is None else np.dstack([given.samples, given.alpha])
        assert np.array_equal(tifffile.imread(path).reshape(both.shape), both)


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_what_a_picture_says_of_itself_comes_back(tmp_path, suffix, bits, samples):
    path = tmp_path / f"a{suffix}"
    grey = samples < 3
    given = picture(bits, samples, profile=GREY if grey else P3, exif=EXIF, dpi=(300.0, 150.0))
    if grey and suffix == ".webp":
        with pytest.raises(DataError, match=r"can't hold a profile of grey; use \.png"):
            write_picture(path, given)
        return
    if samples == 2 and suffix == ".tif" and bits == 16:
        return  # it is written in three channels
    write_picture(path, given)
    found = read_picture(path)
    assert found.profile == given.profile
    assert found.dpi == pytest.approx((300, 150), abs=0.02)  # PNG counts pixels per metre
    assert found.exif == EXIF


def test_stored_lines_of_a_smooth_picture_are_small(tmp_path):
    """Each row has the filter that leaves least: a ramp of 16 bits is 1.2 MB unfiltered."""
    ramp = (np.arange(500)[None, :] * 90 + np.arange(400)[:, None] * 37).astype(np.uint16)
    write_picture(tmp_path / "a.png", Picture(np.repeat(ramp[..., None], 3, 2)))
    assert (tmp_path / "a.png").stat().st_size < 60_000


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour", [2, 4, 6])
def test_every_filter_and_interlacing(tmp_path, colour, interlaced):
    """Written by hand: rows of each filter, and Adam7."""
    samples = {2: 3, 4: 2, 6: 4}[colour]
    values = np.random.default_rng(colour).integers(0, 65536, (13, 11, samples))
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [
            (0, 0, 8, 8),
            (0, 4, 8, 8),
            (4, 0, 8, 4),
            (0, 2, 4, 4),
            (2, 0, 4, 2),
            (0, 1, 2, 2),
            (1, 0, 2, 1),
        ]
    raw, pixel = b"", 2 * samples
    for top, left, down, across in passes:
        rows = [packed_rows([row], 16) for row in values[top::down, left::across]]
        above = bytes(len(rows[0]))
        for y, row in enumerate(rows):
            raw += bytes([y % 5])
            for i, byte in enumerate(row):
                a = row[i - pixel] if i >= pixel else 0
                b, c = above[i], above[i - pixel] if i >= pixel else 0
                paeth = min((a, b, c), key=lambda each: abs(a + b - c - each))
                raw += bytes([(byte - (0, a, b, (a + b) // 2, paeth)[y % 5]) % 256])
            above = row
    content = bytearray(png(11, 13, 16, colour, raw))
    if interlaced:
        content[8:33] = png_chunk(b"IHDR", bytes(content[16:28]) + b"\1")
    (tmp_path / "a.png").write_bytes(content)
    found = read_picture(tmp_path / "a.png")
    joined = found.samples if found.alpha is None else np.dstack([found.samples, found.alpha])
    assert np.array_equal(joined, values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "bits", "samples"), [(".png", 16, 3), (".png", 16, 2), (".tif", 16, 4),
                                                         (".tif", 16, 1), (".png", 8, 4)])  # fmt: skip
def test_pixels_are_upright_and_the_tag_is_gone(tmp_path, suffix, bits, samples, orientation):
    """Never both, or a viewer turns an upright picture."""
    stored = picture(bits, samples, exif={271: "Maker"})
    path = tmp_path / f"a{suffix}"
    write_picture(path, Picture(stored.samples, stored.alpha, exif={271: "Maker", 274: orientation}))
    turned = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: lambda x: np.rot90(x, 1),
    }[orientation]
    with Image.open(path) as image:
        assert image.getexif()[274] == orientation
    found = read_picture(path)
    alpha = None if stored.alpha is None else turned(stored.alpha)
    same(found, Picture(turned(stored.samples), alpha))
    assert found.exif == {271: "Maker"}


LOST = [
    (".jpg", 16, 4, ["alpha (it is over white)", "16 bits (they became 8)"]),
    (".jpg", 8, 1, []),
    (".webp", 16, 3, ["16 bits (they became 8)"]),
    (".webp", 8, 2, ["one channel of grey (it became R = G = B)"]),
    (".bmp", 8, 4, ["alpha (it is over white)", "EXIF"]),
    (".ppm", 16, 1, ["16 bits (they became 8)", "EXIF", "dpi"]),
    (".tif", 16, 2, ["one channel of grey (it became R = G = B)"]),
    (".png", 16, 2, []),
]


@pytest.mark.parametrize(("suffix", "bits", "samples", "lost"), LOST)
def test_what_a_format_cannot_hold_is_said(tmp_path, suffix, bits, samples, lost):
    given = picture(bits, samples, exif=EXIF, dpi=(72.0, 72.0))
    path = tmp_path / f"a{suffix}"
    fitted = fit_to(path, given)
    assert fitted.notes == ((f"{suffix} can't hold {', '.join(lost)}",) if lost else ())
    write_picture(path, fitted)
    assert read_image(path).shape == (5, 7, 3)


def test_over_white_is_what_is_read_for_training(tmp_path):
    given = picture(8, 4)
    write_picture(tmp_path / "a.png", given)
    write_picture(tmp_path / "a.bmp", given)
    assert np.array_equal(read_image(tmp_path / "a.png"), read_picture(tmp_path / "a.bmp").samples)


def colours(seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def saved(name, image, **options):
    return name, lambda path: image.save(path, **options)


def deep_ppm(path):
    path.write_bytes(b"P6 2 1 65535\n" + bytes(range(12)))


def premultiplied(path):
    tifffile.imwrite(
        path, np.full((4, 4, 4), 9999, "u2"), photometric="rgb", extrasamples=["assocalpha"], metadata=None
    )


SAID = [
    (*saved("a.png", colours().quantize(16)), "palette: became RGB", "RGB 8"),
    (*saved("a.png", colours().convert("1")), "bilevel: became grey of 8 bits", "grey 8 bits"),
    (*saved("a.jpg", colours().convert("CMYK")), "CMYK: became sRGB", "RGB 8 bits"),
    (*saved("a.tif", colours(), save_all=True, append_images=[colours(1)]), "2 frames or pages", "RGB 8"),
    (*saved("a.webp", colours(), save_all=True, append_images=[colours(1)]), "2 frames or pages", "RGB 8"),
    (*saved("a.png", colours().convert("L"), icc_profile=P3), "grey with a profile of RGB", "RGB 8"),
    ("a.ppm", deep_ppm, "more than 8 bits a sample: became 8", "RGB 8 bits"),
    ("a.tif", premultiplied, "more than 8 bits a sample: became 8", "RGBA 8 bits"),
]


@pytest.mark.parametrize(("name", "write", "says", "kind"), SAID)
def test_what_a_picture_becomes_is_said(tmp_path, name, write, says, kind):
    write(tmp_path / name)
    found = read_picture(tmp_path / name, MAX_MEGAPIXELS)
    assert [note for note in found.notes if note.startswith(says)]
    assert found.kind.startswith(kind)


def test_12_bits_become_16(tmp_path):
    values = np.array([[0, 1, 2048, 4095]])
    tags = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 277: 1, 278: 1}
    content = tiff({tag: (3, [value]) for tag, value in tags.items()}, packed_rows(values, 12))
    (tmp_path / "a.tif").write_bytes(content)
    found = read_picture(tmp_path / "a.tif")
    assert found.samples.ravel().tolist() == [0, 16, 32776, 65535]
    assert found.notes == ("12 bits: became 16",)


def test_one_transparent_value_is_alpha(tmp_path):
    raw = b"\0" + np.array([0, 2570], ">u2").tobytes()
    (tmp_path / "a.png").write_bytes(png(2, 1, 16, 0, raw, png_chunk(b"tRNS", b"\x0a\x0a")))
    found = read_picture(tmp_path / "a.png")
    assert found.samples.ravel().tolist() == [0, 2570]
    assert found.alpha.ravel().tolist() == [65535, 0]


def test_damaged_exif_is_left_out_and_said(tmp_path):
    (tmp_path / "a.png").write_bytes(
        png(1, 1, 8, 2, bytes(4), png_chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff\1"))
    )
    found = read_picture(tmp_path / "a.png")
    assert found.exif == {}
    assert found.notes in ((), ("damaged EXIF: left out",))


def test_sides_in_exif_are_those_of_the_result(tmp_path):
    write_picture(tmp_path / "a.jpg", picture(8, 3, (10, 14), exif=EXIF))
    tags = read_picture(tmp_path / "a.jpg").exif[0x8769]
    assert (tags[0xA002], tags[0xA003]) == (14, 10)
