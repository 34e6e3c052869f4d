import os
import stat
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import list_images, read_image, write_image
from hwrts.data.images import image_size, read_picture
from hwrts.errors import DataError

from .kinds import png, png_chunk

# 16-bit value -> code: both ends, the middle of the first step (128.5 = 257 / 2) and of the last
DEEP_CODES = [(0, 0), (128, 0), (129, 1), (257, 1), (385, 1), (386, 2), (32767, 127), (32768, 128),
              (65406, 254), (65407, 255), (65535, 255)]  # fmt: skip

# (mode, one pixel, RGB code)
MODES = [
    ("1", 1, (255, 255, 255)),
    ("1", 0, (0, 0, 0)),
    ("L", 77, (77, 77, 77)),
    ("RGB", (1, 2, 3), (1, 2, 3)),
    ("LA", (77, 255), (77, 77, 77)),
    ("LA", (77, 0), (255, 255, 255)),
    ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
    ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
    ("RGBA", (0, 100, 200, 51), (204, 224, 244)),  # a fifth of the colour over white
]


def listing(folder):
    return sorted(entry.name for entry in folder.iterdir())


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("mode", "pixel", "code"), MODES)
def test_modes_table(tmp_path, mode, pixel, code):
    path = tmp_path / "a.png"
    Image.new(mode, (3, 2), pixel).save(path)
    out = read_image(path)
    assert out.shape == (2, 3, 3)
    assert out.dtype == np.uint8
    assert out.flags.writeable
    assert (out == code).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_grey_table(tmp_path, suffix):
    values = np.array([[value for value, _ in DEEP_CODES]], np.uint16)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(values).save(path)
    out = read_image(path)
    assert out.shape == (1, len(DEEP_CODES), 3)
    for channel in range(3):
        assert out[0, :, channel].tolist() == [code for _, code in DEEP_CODES]


def test_big_endian_16_bit_tiff(tmp_path):
    Image.fromarray(np.array([[257, 65535]], ">u2")).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif")[0, :, 0].tolist() == [1, 255]


def test_16_bit_grey_with_a_transparent_value(tmp_path):
    raw = b"\0" + np.array([0, 2570], ">u2").tobytes()
    (tmp_path / "a.png").write_bytes(png(2, 1, 16, 0, raw, png_chunk(b"tRNS", struct.pack(">H", 2570))))
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255]


def test_16_bit_colour_is_the_nearest_code(tmp_path):
    values = np.random.default_rng(1).integers(0, 65536, (8, 5, 3))
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    (tmp_path / "a.png").write_bytes(png(5, 8, 16, 2, raw))
    assert np.array_equal(read_image(tmp_path / "a.png"), (values + 128) // 257)


def test_every_16_bit_value():
    """v / 257 rounded against integers: (v + 128) // 257 is exact, for an odd divisor has no ties."""
    values = np.arange(65536)
    assert np.array_equal(np.rint(values / 257.0), (values + 128) // 257)


@pytest.mark.parametrize(("dtype", "word"), [(np.float32, "float"), (np.int32, "signed")])
def test_deep_pixels_without_a_known_white_are_refused(tmp_path, dtype, word):
    Image.fromarray(np.ones((2, 2), dtype)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=f"a.tif: {word} pixels"):
        read_image(tmp_path / "a.tif")


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    out = read_image(tmp_path / "a.jpg").astype(int)
    assert np.abs(out - [255, 0, 0]).max() <= 4  # red, as far as JPEG keeps it


def test_palette(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([9, 8, 7, 200, 100, 50])
    image.putdata([0, 1])
    image.save(tmp_path / "opaque.png")
    assert read_image(tmp_path / "opaque.png").tolist() == [[[9, 8, 7], [200, 100, 50]]]
    image.save(tmp_path / "one.png", transparency=1)
    assert read_image(tmp_path / "one.png").tolist() == [[[9, 8, 7], [255, 255, 255]]]
    image.save(tmp_path / "each.png", transparency=b"\xff\x00")  # an alpha for each entry
    assert read_image(tmp_path / "each.png").tolist() == [[[9, 8, 7], [255, 255, 255]]]


def test_rgb_with_a_transparent_colour(tmp_path):
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(4, 5, 6))
    assert read_image(tmp_path / "a.png").tolist() == [[[1, 2, 3], [255, 255, 255]]]


def test_opaque_alpha_keeps_every_code(tmp_path):
    pixels = noise(16, 16)
    alpha = np.full((16, 16, 1), 255, np.uint8)
    Image.fromarray(np.concatenate([pixels, alpha], axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels)


# From the upright picture to the stored one, by EXIF orientation (6: stored turned left by 90 degrees)
ORIENTATIONS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: np.rot90(p, 2),
    4: lambda p: p[::-1],
    6: lambda p: np.rot90(p, 1),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation(tmp_path, orientation):
    upright = noise(4, 6)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(ORIENTATIONS[orientation](upright))
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), upright)
    assert image_size(tmp_path / "a.png") == stored.shape[:2]


def test_exif_orientation_of_16_bit_grey(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[0, 257, 514]], np.uint16)).save(tmp_path / "a.png", exif=exif)
    assert read_image(tmp_path / "a.png")[:, 0, 0].tolist() == [0, 1, 2]


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    for name in ("a.gif", "a.webp", "a.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        assert (read_image(tmp_path / name) == [255, 0, 0]).all()


def test_one_pixel(tmp_path):
    Image.new("RGB", (1, 1), (5, 6, 7)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tolist() == [[[5, 6, 7]]]


def header_only_png(path, width, height):
    """Says its size, holds no pixels: opening it is enough to see how the size is judged."""
    path.write_bytes(png(width, height, 8, 2, b""))


def test_pictures_up_to_the_limit_are_let_through(tmp_path, monkeypatch):
    """8K frames and photographs of 200 megapixels, of which Pillow warns or which it refuses."""
    for width, height in ((7680, 4320), (12_000, 9_000), (16_384, 12_288)):
        header_only_png(tmp_path / "a.png", width, height)
        assert image_size(tmp_path / "a.png") == (height, width)
    write_image(tmp_path / "b.png", noise(10, 15))
    for limit in (100, 10):  # 150 pixels: above Pillow's warning, above its refusal
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert read_image(tmp_path / "b.png").shape == (10, 15, 3)
        assert limit == Image.MAX_IMAGE_PIXELS  # it is the process's own


def test_giants_are_refused_by_their_header(tmp_path):
    header_only_png(tmp_path / "a.png", 20_000, 20_000)
    for function in (read_image, image_size, read_picture):
        with pytest.raises(DataError) as caught:
            function(tmp_path / "a.png")
        assert str(caught.value) == (
            f"{tmp_path / 'a.png'}: 20000x20000 is 400.0 megapixels, more than the limit of 256; "
            "raise it with --max-megapixels if it is meant, memory grows with it"
        )
    assert image_size(tmp_path / "a.png", 400) == (20_000, 20_000)
    header_only_png(tmp_path / "b.png", 1000, 2001)
    with pytest.raises(DataError, match=r"1000x2001 is 2\.0 megapixels, more than the limit of 2;"):
        read_image(tmp_path / "b.png", 2)


def test_warnings_become_log_lines(tmp_path, caplog):
    good = tmp_path / "a.tif"
    Image.fromarray(noise(4, 4)).save(good)

    def open_with_warning(*args, _open=Image.open, **kwargs):
        warnings.warn("Corrupt EXIF data", UserWarning, stacklevel=1)
        return _open(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Image, "open", open_with_warning)
        assert read_image(good).shape == (4, 4, 3)
    assert [record.getMessage() for record in caplog.records] == [f"{good}: Corrupt EXIF data"]


def bad_files(folder):
    """(path, what the message says of it), one of each kind."""
    whole = folder / "whole.jpg"
    Image.fromarray(noise(64, 64)).save(whole)
    data = whole.read_bytes()
    whole.unlink()
    table = [
        ("truncated.jpg", data[: len(data) // 2], "damaged image"),
        ("head.jpg", data[:10], "not an image|damaged image"),
        ("text.png", b"hello, I am a text\n", "not an image"),
        ("empty.png", b"", "an empty file"),
        ("nothing_in_it.png", png(8, 8, 8, 2, b""), "damaged image"),
        ("figure.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
    ]
    for name, content, _ in table:
        (folder / name).write_bytes(content)
    return [(folder / name, says) for name, _, says in table]


def test_bad_files(tmp_path):
    cases = [*bad_files(tmp_path), (tmp_path / "no.png", "no such file"), (tmp_path, "is a folder")]
    for path, says in cases:
        with pytest.raises(DataError, match=says) as caught:
            read_image(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert "; " in message  # what to do follows


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".gif", ".tga", ".jp2", ".qoi"])
def test_damaged_bytes_raise_nothing_but_data_errors(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise(24, 24)).save(path)
    original = path.read_bytes()
    seed = 11
    rng = np.random.default_rng(seed)
    refused = 0
    for _ in range(60):
        data = bytearray(original[: rng.integers(1, len(original))] if rng.random() < 0.5 else original)
        for position in rng.integers(0, min(len(data), 120), 4):
            data[position] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            read_image(path)
        except DataError:  # any other exception fails the test
            refused += 1
    assert refused > 5, seed


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file(tmp_path):
    write_image(tmp_path / "a.png", noise(2, 2))
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(DataError, match="not readable"):
        read_image(tmp_path / "a.png")


def test_permission_error_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a.png: not readable \(Permission denied\)"):
        read_image(tmp_path / "a.png")


def test_list_images(tmp_path):
    for name in (
        "b.PNG",
        "a.jpg",
        "10.webp",
        "9.tif",
        "B.bmp",
        ".hidden.png",
        "notes.txt",
        "labels.h5",
        "figure.eps",
    ):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "inside.png").write_bytes(b"x")
    (tmp_path / "gone.png").symlink_to(tmp_path / "missing")
    found = [path.name for path in list_images(tmp_path)]
    assert found == ["10.webp", "9.tif", "B.bmp", "a.jpg", "b.PNG", "gone.png"]


def test_list_images_of_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for name, says in (("no", "no such folder"), ("file", "is a file"), ("empty", "no images in it")):
        with pytest.raises(DataError, match=f"{name}: {says}"):
            list_images(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF", "a.bmp", "a.ppm", "a.webp"])
def test_write_image_is_lossless(tmp_path, name):
    pixels = noise(9, 7)
    write_image(tmp_path / name, pixels)
    assert np.array_equal(read_image(tmp_path / name), pixels)
    assert listing(tmp_path) == [name]


def test_write_jpeg_at_full_chroma(tmp_path):
    write_image(tmp_path / "a.jpg", noise(8, 8))
    with Image.open(tmp_path / "a.jpg") as image:
        assert [layer[1:3] for layer in vars(image)["layer"]] == [(1, 1)] * 3


def test_write_image_replaces_and_respects_the_umask(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    write_image(path, noise(2, 2))
    assert read_image(path).shape == (2, 2, 3)
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, noise(2, 2, seed=1))
    before = path.read_bytes()

    def fail(self, file, **kwargs):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(DataError, match="disk full"):
        write_image(path, noise(2, 2, seed=2))
    assert path.read_bytes() == before
    assert listing(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "ü" * 125 + "n.png"])
def test_names_as_long_as_a_file_system_takes(tmp_path, name):
    """255 bytes; the temporary name is longer, and was refused after the work."""
    write_image(tmp_path / name, noise(2, 2))
    assert listing(tmp_path) == [name]
    with pytest.raises(DataError, match="the name is too long for this file system; choose a shorter one"):
        write_image(tmp_path / f"n{name}", noise(2, 2))


def test_write_image_refusals(tmp_path):
    good = noise(2, 2)
    (tmp_path / "file").write_bytes(b"x")
    cases = [
        ("a.gif", good, "use one of .png"),
        ("a", good, "can't write the suffix ''"),
        ("no/a.png", good, "the folder .*no does not exist"),
        ("file/a.png", good, "file does not exist"),
        ("a.png", good[:, :, 0], "give uint8"),
        ("a.png", good.astype(np.float32), "give uint8"),
        ("a.png", good[:0], "give uint8"),
        ("a.webp", np.zeros((1, 16_384, 3), np.uint8), "a.webp: can't be written"),  # WebP's limit is 16,383
    ]
    for name, pixels, says in cases:
        with pytest.raises(DataError, match=says) as caught:
            write_image(tmp_path / name, pixels)
        assert "\n" not in str(caught.value)
    assert listing(tmp_path) == ["file"]


def test_read_only_folder(tmp_path, monkeypatch):
    def refuse(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        DataError, match=r"can't be written .*Permission denied.*; choose a folder that is writable"
    ):
        write_image(tmp_path / "a.png", noise(2, 2))
