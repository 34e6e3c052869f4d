import collections
import errno
import json
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from hwrts.data import (
    Photo,
    PhotoStore,
    build_store,
    degrade,
    find_photos,
    load_photo,
    open_store,
    read_image,
)
from hwrts.data.crops import batch_indices, gather, plan_crops
from hwrts.data.twins import twins
from hwrts.errors import DataError

DEFAULTS = {"jpeg": None, "kernel": "bilinear", "seed": 0, "strict": False, "min_size": 4, "progress": None}

# (stored H, W of a file, H, W in the store)
SIZES = [((8, 8), (8, 8)), ((9, 8), (8, 8)), ((8, 9), (8, 8)), ((5, 7), (4, 6))]


def listing(folder):
    return sorted(entry.name for entry in folder.iterdir())


def photo(folder, name, height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return Photo(name, path)


@pytest.fixture
def photos(tmp_path):
    return [photo(tmp_path, f"p{k}", *size, seed=k) for k, (size, _) in enumerate(SIZES)]


def build(photos, folder, **settings):
    return build_store(photos, folder, **{**DEFAULTS, **settings})


def test_the_same_pixels_in_two_files_are_found(tmp_path):
    """Whatever the files are called and packed like; not by a picture of the same bytes in another shape."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "b.tif", compression="tiff_lzw")
    a, b = (read_image(tmp_path / name) for name in ("a.png", "b.tif"))
    other = [("other", pixels[::-1]), ("long", pixels.reshape(2, 12, 3))]
    assert twins([*other, ("a", a)], [("b", b), ("c", pixels // 2)]) == [("a", "b")]
    assert twins(other, [("b", b)]) == []


def test_sizes_table(photos, tmp_path):
    store, skipped = build(photos, tmp_path / "store")
    assert skipped == ()
    assert store.names == ("p0", "p1", "p2", "p3")
    assert store.shapes == tuple(size for _, size in SIZES)
    for i, (height, width) in enumerate(store.shapes):
        hr, lr = store.array(i, "hr"), store.array(i, "lr")
        assert np.array_equal(hr, read_image(photos[i].path)[:height, :width])
        assert np.array_equal(lr, degrade(np.array(hr), jpeg=None, kernel="bilinear", seed=0))
    assert open_store(tmp_path / "store") == store


def test_arrays_are_read_only_memory_maps(photos, tmp_path):
    array = build(photos, tmp_path / "store")[0].array(0, "hr")
    assert isinstance(array, np.memmap)
    assert array.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_jpeg_seed_is_seed_plus_position(photos, tmp_path):
    """Also when an earlier photograph breaks: the others keep their quality."""
    settings = {"jpeg": (5, 95), "kernel": "box", "seed": 40}
    store, _ = build(photos, tmp_path / "store", **settings)
    for k in range(4):
        expected = degrade(np.array(store.array(k, "hr")), jpeg=(5, 95), kernel="box", seed=40 + k)
        assert np.array_equal(store.array(k, "lr"), expected)
    before = np.array(store.array(3, "lr"))
    photos[1].path.write_bytes(b"")
    again, skipped = build(photos, tmp_path / "store", **settings)
    assert [name for name, _ in skipped] == ["p1"]
    assert again.names == ("p0", "p2", "p3")
    assert np.array_equal(again.array(2, "lr"), before)


def test_embedded_photographs(tmp_path):
    chosen = find_photos(None, val=None, val_fraction=0.1, seed=0, strict=True, min_size=64).val
    store, skipped = build(chosen, tmp_path / "store")
    assert (store.names, skipped) == (("coffee", "rocket"), ())
    assert store.shapes == ((400, 600), (426, 640))
    assert np.array_equal(store.array(1, "hr"), load_photo(chosen[1])[:426])


def test_broken_and_small_photographs_are_skipped(photos, tmp_path):
    whole = photos[0].path.read_bytes()
    bad = {"text": b"hello", "half": whole[: len(whole) // 2], "empty": b""}
    extra = [
        Photo("gone", tmp_path / "gone.png"),
        photo(tmp_path, "dot", 1, 1),
        photo(tmp_path, "flat", 3, 90),
    ]
    for name, content in bad.items():
        (tmp_path / f"{name}.png").write_bytes(content)
        extra.append(Photo(name, tmp_path / f"{name}.png"))
    calls = []
    mixed = [*extra, *photos]
    store, skipped = build(
        mixed, tmp_path / "store", progress=lambda done, total: calls.append((done, total))
    )
    assert store.names == ("p0", "p1", "p2", "p3")
    assert [name for name, _ in skipped] == ["gone", "dot", "flat", "text", "half", "empty"]
    reasons = dict(skipped)
    assert "1x1 is too small; both sides must be 4" in reasons["dot"]
    assert "no such file" in reasons["gone"]
    assert "damaged" in reasons["half"]
    assert calls == [(k + 1, 10) for k in range(10)]
    for one in extra:
        with pytest.raises(DataError, match=f"{one.path.name}: "):
            build([*photos, one], tmp_path / "strict", strict=True)
        with pytest.raises(DataError, match="no complete photo store"):
            open_store(tmp_path / "strict")


def test_one_pixel_is_too_small_whatever_min_size_says(tmp_path):
    with pytest.raises(DataError, match=r"none of 1 photographs is usable; the first: .*1x1 is too small"):
        build([photo(tmp_path, "dot", 1, 1)], tmp_path / "store", min_size=0)


def test_nothing_left(tmp_path):
    gone = [Photo(f"g{k}", tmp_path / f"g{k}.png") for k in range(3)]
    with pytest.raises(
        DataError, match=r"none of 3 photographs is usable; the first: .*g0.png: no such file"
    ):
        build(gone, tmp_path / "store")
    with pytest.raises(DataError, match="no photographs to store"):
        build([], tmp_path / "store")


def test_bad_settings_are_errors_and_not_skipped_photographs(photos, tmp_path):
    for settings, says in (
        ({"jpeg": 0}, "JPEG quality 0"),
        ({"kernel": "cubic"}, "kernel 'cubic' is unknown"),
    ):
        with pytest.raises(DataError, match=says):
            build(photos, tmp_path / "store", **settings)


def test_other_kinds(photos, tmp_path):
    store, _ = build(photos, tmp_path / "store")
    assert store.has("hr")
    assert store.has("lr")
    assert not store.has("target1")
    with pytest.raises(DataError, match="no 'target1' of 'p0'; write it first"):
        store.array(0, "target1")
    for i, (height, width) in enumerate(store.shapes):
        assert not store.has("target1")  # complete for all, or not there
        store.write(i, "target1", np.full((height, width, 3), i, np.uint8))
    assert store.has("target1")
    assert (store.array(2, "target1") == 2).all()
    store.write(2, "target1", store.array(2, "hr"))
    assert np.array_equal(store.array(2, "target1"), store.array(2, "hr"))
    transposed = np.full((8, 8, 3), 7, np.uint8).transpose(1, 0, 2)
    store.write(0, "target1", transposed)  # an array that is not contiguous
    assert (store.array(0, "target1") == 7).all()
    assert (listing(tmp_path / "store" / "target1")) == [f"{i:05d}.npy" for i in range(4)]
    assert open_store(tmp_path / "store") == store


def test_store_refusals(photos, tmp_path):
    store, _ = build(photos, tmp_path / "store")
    good = np.zeros((8, 8, 3), np.uint8)
    cases = [
        (lambda: store.array(4, "hr"), r"no picture 4; the store has 0\.\.3"),
        (lambda: store.array(-1, "hr"), "no picture -1"),
        (lambda: store.array(0, "../hr"), "kind '../hr' is not allowed"),
        (lambda: store.write(0, "", good), "kind '' is not allowed"),
        (lambda: store.write(0, "Target", good), "kind 'Target' is not allowed"),
        (
            lambda: store.write(0, "target1", good[:4]),
            r"'target1' of 'p0' is uint8 \(4, 8, 3\); give",
        ),
        (lambda: store.write(0, "target1", good.astype(np.float32)), "is float32"),
        (lambda: store.write(0, "lr", good), r"give uint8 \(4, 4, 3\)"),
    ]
    for call, says in cases:
        with pytest.raises(DataError, match=says):
            call()
    assert not (tmp_path / "store" / "target1").exists()


def test_interrupted_build_is_incomplete_and_can_be_repeated(photos, tmp_path):
    folder = tmp_path / "store"

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(photos, folder, progress=interrupt)
    with pytest.raises(DataError, match="no complete photo store"):
        open_store(folder)
    assert build(photos, folder)[0] == open_store(folder)


def test_rebuilding_removes_old_pictures_and_targets(photos, tmp_path):
    folder = tmp_path / "store"
    store, _ = build(photos, folder)
    for i, (height, width) in enumerate(store.shapes):
        store.write(i, "target1", np.zeros((height, width, 3), np.uint8))
    smaller, _ = build(photos[:1], folder)
    assert smaller.names == ("p0",)
    assert not smaller.has("target1")  # it belongs to the old pictures
    assert (listing(folder)) == ["hr", "index.json", "lr"]
    assert listing(folder / "hr") == ["00000.npy"]


def test_a_rebuild_that_is_interrupted_leaves_no_old_store(photos, tmp_path):
    folder = tmp_path / "store"
    build(photos, folder)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(photos, folder, progress=interrupt)
    with pytest.raises(DataError, match="no complete photo store"):
        open_store(folder)


def test_somebody_elses_folder_is_left_alone(photos, tmp_path):
    (tmp_path / "mine" / "hr").mkdir(parents=True)
    (tmp_path / "mine" / "hr" / "thesis.txt").write_text("x")
    with pytest.raises(DataError, match=r"is not empty and no photo store \('hr' is in it\)"):
        build(photos, tmp_path / "mine")
    assert (tmp_path / "mine" / "hr" / "thesis.txt").read_text() == "x"
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file: can't be created"):
        build(photos, tmp_path / "file")


def test_damaged_stores(photos, tmp_path):
    folder = tmp_path / "store"
    build(photos, folder)
    index = folder / "index.json"
    good = index.read_text()
    cases = [
        ("", "damaged"),
        ("[]", "damaged"),
        ("{}", "damaged"),
        (good.replace('"version": 1', '"version": 9'), "version 9, this program reads 1"),
        (good.replace('"shapes"', '"forms"'), "damaged"),
        (json.dumps({"version": 1, "names": [], "shapes": []}), "lacks some of its pictures"),
        (
            json.dumps({"version": 1, "names": ["a"] * 5, "shapes": [[2, 2]] * 5}),
            "lacks some of its pictures",
        ),
        (json.dumps({"version": 1, "names": ["a"], "shapes": [["x", 2]]}), "damaged"),
    ]
    for text, says in cases:
        index.write_text(text)
        with pytest.raises(DataError, match=says):
            open_store(folder)
    index.write_text(good)
    store = open_store(folder)
    file = folder / "hr" / "00000.npy"
    whole = file.read_bytes()
    other = folder / "hr" / "00003.npy"
    for content in (b"", b"hello", whole[:40], whole[:-1], other.read_bytes()):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"00000.npy: (damaged|holds uint8)"):
            store.array(0, "hr")
    file.unlink()
    with pytest.raises(DataError, match="lacks some of its pictures"):
        open_store(folder)
    with pytest.raises(DataError, match="no complete photo store"):
        open_store(tmp_path / "no")


Usage = collections.namedtuple("Usage", "total used free")


def test_free_space_is_checked_before_anything_is_decoded(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**6, 10**6, 1000))
    calls = []
    with pytest.raises(
        DataError, match=r"disk full, 33,\d{3} bytes are needed and 1,000 are free; "
    ) as caught:
        build(photos, tmp_path / "store", progress=lambda *done: calls.append(done))
    assert not calls
    assert "\n" not in str(caught.value)


def test_free_space_counts_the_targets_to_come(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**6, 10**6, 40_000))
    build(photos, tmp_path / "enough")  # 33,679 bytes: 243 pixels of 3.75 bytes, and blocks
    with pytest.raises(DataError, match=r"disk full, 48,259 bytes"):  # 60 bytes a pixel more
        build(photos, tmp_path / "short", targets=20)


def test_disk_full_while_writing(photos, tmp_path, monkeypatch):
    """As on a disk that somebody else fills meanwhile."""
    store, _ = build(photos, tmp_path / "store")
    real = Path.open

    class FullDisk:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            self.file.write(bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, *args: FullDisk(real(path, *args)))
        patch.setattr(shutil, "disk_usage", lambda folder: Usage(10**6, 10**6, 7))
        with pytest.raises(
            DataError, match="disk full, 192 bytes are needed and 7 are free; free some space"
        ):
            store.write(0, "target1", np.zeros((8, 8, 3), np.uint8))
    assert listing(tmp_path / "store" / "target1") == []  # nothing half-written stays


def test_store_is_a_plain_value(tmp_path):
    assert PhotoStore(tmp_path, ("a",), ((2, 2),)) == PhotoStore(tmp_path, ("a",), ((2, 2),))


def test_memory_stays_bounded(tmp_path):
    """30 photographs are 112 MiB of arrays; building the store and cropping may add a few of them."""
    ramp = np.arange(1024, dtype=np.uint8)
    pixels = np.stack(
        np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(9)), axis=2
    )  # (1024, 1024, 3)
    photos = []
    for k in range(30):
        path = tmp_path / f"{k:02d}.png"
        Image.fromarray(pixels + np.uint8(k)).save(path, compress_level=1)
        photos.append(Photo(path.stem, path))
    process = psutil.Process()
    build(photos[:2], tmp_path / "warm")  # what is allocated once does not count
    before = process.memory_info().rss
    peak = before

    def watch(done, total):
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    store, _ = build(photos, tmp_path / "store", progress=watch)
    plan = plan_crops([(h // 2, w // 2) for h, w in store.shapes], per_image=10, patch_lr=32, seed=0)
    for step in range(75):
        lr, target = gather(store, plan, batch_indices(len(plan.crops), 8, step, seed=0), 32, "hr")
        watch(0, 0)
    assert lr.shape == (8, 32, 32, 3)
    assert target.shape == (8, 64, 64, 3)
    on_disk = sum(file.stat().st_size for file in (tmp_path / "store").rglob("*.npy"))
    assert on_disk > 110 * 2**20
    assert peak - before < 60 * 2**20
