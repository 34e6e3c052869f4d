"""Colours of a picture with an ICC profile, or with other words on what its codes mean."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from hwrts.data import Picture, read_image, read_picture, write_image
from hwrts.data.write import fit_to, write_picture
from hwrts.errors import DataError

from .kinds import (
    P3_PRIMARIES,
    SRGB_PRIMARIES,
    compress,
    expand,
    grey_profile,
    png,
    png_chunk,
    rgb_profile,
    rgb_to_d50,
)

P3 = rgb_profile(P3_PRIMARIES, b"P3")
SRGB_FILES = {
    "by hand": rgb_profile(SRGB_PRIMARIES, b"any name"),
    "of lcms": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
}
CODES = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)


def p3_to_srgb(codes):
    """The conversion in float, by the primaries' definition."""
    matrix = np.linalg.inv(rgb_to_d50(SRGB_PRIMARIES)) @ rgb_to_d50(P3_PRIMARIES)
    return compress(expand(codes) @ matrix.T)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_p3_becomes_srgb(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {}
    options |= {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(CODES).save(path, icc_profile=P3, **options)
    codes = np.asarray(Image.open(path))  # what JPEG made of them
    assert np.abs(read_image(path) - p3_to_srgb(codes)).max() <= 1
    own = read_picture(path)
    assert np.array_equal(own.samples, codes)
    assert own.profile == P3


def test_the_colour_that_showed_it(tmp_path):
    """(60, 180, 70) was taken as sRGB; with the curve of a display, 2.2, it is (0, 185, 45)."""
    for gamma, wanted in ((2.2, (0, 185, 45)), (None, (0, 183, 49))):
        Image.new("RGB", (2, 2), (60, 180, 70)).save(
            tmp_path / "a.png", icc_profile=rgb_profile(P3_PRIMARIES, gamma=gamma)
        )
        assert np.abs(read_image(tmp_path / "a.png").astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("profile", SRGB_FILES.values(), ids=SRGB_FILES)
def test_srgb_is_not_touched_whatever_its_profile_is_called(tmp_path, profile):
    Image.fromarray(CODES).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(read_image(tmp_path / "a.png"), CODES)
    assert read_picture(tmp_path / "a.png").profile == profile


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "I;16", "1"])
def test_p3_of_other_modes(tmp_path, mode):
    image = Image.fromarray(CODES)
    if mode == "I;16":
        image = Image.fromarray(CODES[..., 0].astype(np.uint16) * 257)
        plain = np.repeat(CODES[..., :1], 3, 2)
    else:
        image = image.convert(mode)
        plain = np.asarray(image.convert("RGB"))
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(CODES[..., 1]))
    image.save(tmp_path / "a.png", icc_profile=P3)
    alpha = CODES[..., 1:2] / 255 if mode in ("RGBA", "LA") else 1.0
    wanted = p3_to_srgb(plain) * alpha + 255 * (1 - alpha)
    assert np.abs(read_image(tmp_path / "a.png") - wanted).max() <= (1 if mode in ("P", "L", "1") else 1.5)


@pytest.mark.parametrize("deep", [False, True])
def test_grey_with_a_curve_of_its_own(tmp_path, deep):
    grey = np.arange(256, dtype=np.uint16)[np.newaxis]
    stored = grey * 257 if deep else grey.astype(np.uint8)
    wanted = compress((grey[..., np.newaxis] / 255) ** 1.8)
    Image.fromarray(stored).save(tmp_path / "a.png", icc_profile=grey_profile(1.8))
    assert np.abs(read_image(tmp_path / "a.png") - wanted).max() <= 1
    own = read_picture(tmp_path / "a.png")
    assert own.profile == grey_profile(1.8)
    assert np.array_equal(own.samples[..., 0], stored)


def wrong(kind):
    return {
        "noise": bytes(range(200)),
        "cut": P3[:300],
        "for CMYK": P3.replace(b"RGB ", b"CMYK", 1),
        "for grey": grey_profile(2.2),
        "for six inks": P3.replace(b"RGB ", b"6CLR", 1),
    }[kind]


@pytest.mark.parametrize("kind", ["noise", "cut", "for CMYK", "for grey", "for six inks"])
def test_profiles_that_say_nothing_of_these_pixels_are_refused(tmp_path, kind):
    Image.fromarray(CODES).save(tmp_path / "a.png", icc_profile=wrong(kind))
    for function in (read_image, read_picture):
        with pytest.raises(DataError, match=r"a\.png: its ICC profile is (damaged|for )") as caught:
            function(tmp_path / "a.png")
        assert "\n" not in str(caught.value)
        assert "; " in str(caught.value)


def test_a_profile_that_does_not_unpack_is_refused(tmp_path):
    """Pillow hands out None, as if there were no profile."""
    chunk = png_chunk(b"iCCP", b"P3\0\0" + b"no zlib")
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, bytes(4), chunk))
    with pytest.raises(DataError, match="its ICC profile is damaged"):
        read_image(tmp_path / "a.png")


def chunk_of(kind, *numbers, size=4):
    return png_chunk(kind, b"".join(round(number).to_bytes(size, "big") for number in numbers))


SRGB_POINTS = [31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000]
P3_POINTS = [31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]


@pytest.mark.parametrize(
    ("chunks", "says"),
    [
        (chunk_of(b"gAMA", 45455), None),
        (chunk_of(b"gAMA", 45455) + chunk_of(b"cHRM", *SRGB_POINTS), None),
        (chunk_of(b"gAMA", 100000), "gAMA chunk says 1,"),
        (chunk_of(b"gAMA", 55556), "gAMA chunk says 0.55556"),
        (chunk_of(b"gAMA", 45455) + chunk_of(b"cHRM", *P3_POINTS), "cHRM chunk"),
        (chunk_of(b"sRGB", 0, size=1) + chunk_of(b"gAMA", 100000), None),  # sRGB goes before gAMA
        (chunk_of(b"cICP", 1, 13, 0, 1, size=1), None),
        (chunk_of(b"cICP", 9, 16, 0, 1, size=1), "HDR"),
        (chunk_of(b"cICP", 12, 13, 0, 1, size=1), "wide-gamut"),
    ],
)
def test_chunks_on_colour(tmp_path, chunks, says):
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, bytes([0, 1, 2, 3]), chunks))
    if says is None:
        assert read_image(tmp_path / "a.png").tolist() == [[[1, 2, 3]]]
    else:
        with pytest.raises(DataError, match=f"a.png: .*{says}.*convert it to sRGB"):
            read_image(tmp_path / "a.png")


@pytest.mark.skipif(".avif" not in Image.registered_extensions(), reason="this Pillow writes no AVIF")
def test_hdr_avif(tmp_path):
    Image.fromarray(CODES).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "a.avif").write_bytes(data[:at] + b"\0\x09\0\x10" + data[at + 4 :])  # BT.2020, PQ
    with pytest.raises(DataError, match="wide-gamut or HDR"):
        read_image(tmp_path / "a.avif")


def test_camera_set_to_adobe_rgb(tmp_path):
    """Such cameras embed no profile, but a note."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.fromarray(CODES).save(tmp_path / "a.jpg", exif=exif.tobytes())
    with pytest.raises(DataError, match="its EXIF says Adobe RGB"):
        read_image(tmp_path / "a.jpg")
    Image.fromarray(CODES).save(tmp_path / "a.jpg", exif=exif.tobytes(), icc_profile=P3)
    read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_written_with_its_profile(tmp_path, suffix):
    write_picture(tmp_path / f"a{suffix}", Picture(CODES, profile=P3))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.info["icc_profile"] == P3
    write_image(tmp_path / f"b{suffix}", CODES)
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("suffix", [".bmp", ".ppm"])
def test_formats_without_profiles(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(DataError, match=f"a.{suffix[1:]}: .* can't hold its ICC profile; use .png"):
        fit_to(path, Picture(CODES, profile=P3))
    for profile in (None, SRGB_FILES["by hand"]):  # without one, codes are taken as sRGB
        write_picture(path, Picture(CODES, profile=profile))
        assert np.array_equal(read_image(path), CODES)
    assert io.BytesIO(path.read_bytes()).read(2) in (b"BM", b"P6")
