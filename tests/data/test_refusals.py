"""Refusals that other tests of photographs do not end in: what is done, and the line that it gives."""

import errno
import os
import shutil
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.data import list_images, read_image
from hwrts.data.tiles import Sizes, enhance
from hwrts.errors import DataError

from .test_store import build, photo

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def stored(folder):
    return build([photo(folder, "a", 4, 6)], folder / "store")


def listed_without_permission(folder, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", stopped)
    list_images(folder)


def stopped(*given, **more):
    raise PermissionError(errno.EACCES, "Permission denied")


def read_a_pipe(folder, monkeypatch):
    os.mkfifo(folder / "a.png")
    read_image(folder / "a.png")


def read_a_link_to_nothing(folder, monkeypatch):
    (folder / "a.png").symlink_to("b.png")
    read_image(folder / "a.png")


def read_a_circle(folder, monkeypatch):
    (folder / "a.png").symlink_to("a.png")
    read_image(folder / "a.png")


def read_without_permission(folder, monkeypatch):
    (folder / "a.png").write_bytes(b"")
    monkeypatch.setattr(Path, "open", stopped)
    read_image(folder / "a.png")


def exchange_an_array(folder, monkeypatch):
    store, _ = stored(folder)
    (path,) = (each for each in (folder / "store").rglob("*.npy") if each.parent.name == "hr")
    store.array(0, "hr")
    np.save(path, PIXELS[:2])
    store.array(0, "hr")


def rebuild_what_cannot_be_deleted(folder, monkeypatch):
    stored(folder)
    monkeypatch.setattr(shutil, "rmtree", stopped)
    stored(folder)


def too_small_for_what_is_taken_away(folder, monkeypatch):
    Sizes(lacks=(4, 6)).made_of(3, 4, 1)


def enhance_by_less_than_a_whole_number(folder, monkeypatch):
    enhance(lambda pixels: pixels, PIXELS, 0, Fraction(1, 2))


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize(
    ("does", "message"),
    [
        (listed_without_permission, "F: can't be listed (Permission denied); check its permissions"),
        (read_a_pipe, "F/a.png: a device or a pipe, not a file; give an image file"),
        (
            read_a_link_to_nothing,
            "F/a.png: a link to b.png, which is not there; replace or remove it",
        ),
        (read_a_circle, "F/a.png: a link that leads to itself; replace or remove it"),
        (read_without_permission, "F/a.png: not readable (Permission denied); check its permissions"),
        (
            exchange_an_array,
            "F/store/hr/00000.npy: holds uint8 (2, 6, 3) where uint8 (4, 6, 3) belongs; build the store "
            "again",
        ),
        (
            rebuild_what_cannot_be_deleted,
            "F/store/hr: can't be deleted (Permission denied); check its permissions",
        ),
        (
            too_small_for_what_is_taken_away,
            "a picture of 4x3: the network's convolutions without padding leave nothing of it; 7x5 pixels "
            "are the least",
        ),
        (
            enhance_by_less_than_a_whole_number,
            "the network makes smaller pictures or has convolutions without padding: it enhances none at the "
            "size that it has; ask for what the network itself makes",
        ),
    ],
)
def test_a_refusal_is_one_line(does, message, tmp_path, monkeypatch):
    with pytest.raises(DataError) as caught:
        does(tmp_path, monkeypatch)
    assert str(caught.value).replace(str(tmp_path), "F") == message


def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path):
    """Python makes room for all that is asked for, before it reads: 4 GiB of a file of 500 bytes."""
    path = tmp_path / "a.jp2"
    Image.new("RGB", (9, 11)).save(path)
    payload = path.read_bytes()
    at = payload.index(b"jp2h") - 4
    read_image(path)  # Pillow loads its plugins
    path.write_bytes(payload[:at] + b"\xff\xff\xff\x00" + payload[at + 4 :])
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="damaged image"):
            read_image(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()
