from typing import Any

import numpy as np
import pytest
from PIL import Image

import hwrts.data.dataset as dataset
from hwrts.data import Photo, find_photos, load_photo
from hwrts.errors import DataError

DEFAULTS: dict[str, Any] = {"val": None, "val_fraction": 0.25, "seed": 0, "strict": False, "min_size": 8}

# (photographs, fraction, how many go to validation): at least one, never all
FRACTIONS = [
    (2, 0.01, 1),
    (2, 0.99, 1),
    (3, 0.5, 2),
    (10, 0.1, 1),
    (10, 0.25, 2),
    (10, 0.99, 9),
    (40, 0.25, 10),
]

# (file names, photograph names)
NAMES = [
    (["a.png", "b.png"], ["a", "b"]),
    (["a.jpg", "a.png", "b.png"], ["a_jpg", "a_png", "b"]),
    (["a.jpg", "a.png", "a_png.bmp"], ["a_jpg", "a_png_2", "a_png"]),
    (["A.png", "a.jpg"], ["A_png", "a_jpg"]),
    (["a.PNG", "a.png"], ["a_png", "a_png_2"]),
    (["x.y.png", "x.z.png"], ["x.y", "x.z"]),
]


def fill(folder, names, size=(16, 12)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", size, (1, 2, 3)).save(folder / name, format="PNG")
    return folder


def names_of(photos):
    return [photo.name for photo in photos]


@pytest.mark.parametrize(("count", "fraction", "held_out"), FRACTIONS)
def test_fraction_table(tmp_path, count, fraction, held_out):
    fill(tmp_path, [f"{i:02d}.png" for i in range(count)])
    split = find_photos(tmp_path, **{**DEFAULTS, "val_fraction": fraction})
    assert len(split.val) == held_out
    together = names_of(split.train) + names_of(split.val)
    assert sorted(together) == [f"{i:02d}" for i in range(count)]
    assert names_of(split.train) == sorted(names_of(split.train))
    assert names_of(split.val) == sorted(names_of(split.val))


@pytest.mark.parametrize(("files", "names"), NAMES)
def test_names_table(tmp_path, files, names):
    fill(tmp_path / "data", files)
    if len(list((tmp_path / "data").iterdir())) < len(files):
        pytest.skip("this file system does not tell upper from lower case")
    fill(tmp_path / "val", ["v.png"])
    split = find_photos(tmp_path / "data", **{**DEFAULTS, "val": tmp_path / "val"})
    assert [(photo.path.name, photo.name) for photo in split.train] == list(zip(files, names, strict=True))


def test_split_is_a_function_of_the_seed(tmp_path):
    fill(tmp_path, [f"{i:02d}.png" for i in range(20)])
    splits = [find_photos(tmp_path, **{**DEFAULTS, "seed": seed}) for seed in (0, 0, 1)]
    assert splits[0] == splits[1]
    assert splits[0].val != splits[2].val


@pytest.mark.parametrize("val_name", ["val", "valid"])
def test_train_and_val_sub_folders(tmp_path, val_name):
    fill(tmp_path, ["ignored.png"])
    fill(tmp_path / "train", ["a.png", "b.png"])
    fill(tmp_path / val_name, ["a.png"])
    split = find_photos(tmp_path, **DEFAULTS)
    assert [photo.path for photo in split.train] == [
        tmp_path / "train" / "a.png",
        tmp_path / "train" / "b.png",
    ]
    assert [photo.path for photo in split.val] == [tmp_path / val_name / "a.png"]


def test_an_explicit_val_folder_goes_first(tmp_path):
    fill(tmp_path / "data" / "train", ["a.png"])
    fill(tmp_path / "data" / "val", ["b.png"])
    other = fill(tmp_path / "other", ["c.png"])
    split = find_photos(tmp_path / "data", **{**DEFAULTS, "val": other})
    assert (names_of(split.train), names_of(split.val)) == (["a"], ["c"])


def test_a_val_sub_folder_beside_loose_photographs(tmp_path):
    fill(tmp_path, ["a.png", "b.png"])
    fill(tmp_path / "val", ["c.png"])
    split = find_photos(tmp_path, **DEFAULTS)
    assert (names_of(split.train), names_of(split.val)) == (["a", "b"], ["c"])


def test_unusable_files_are_skipped_with_the_reason(tmp_path):
    fill(tmp_path, ["a.png", "b.png", "c.png"])
    fill(tmp_path, ["flat.png"], size=(40, 7))
    fill(tmp_path, ["dot.png"], size=(1, 1))
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "void.png").write_bytes(b"")
    split = find_photos(tmp_path, **DEFAULTS)
    assert len(split.train + split.val) == 3
    reasons = {path.name: reason for path, reason in split.skipped}
    assert set(reasons) == {"flat.png", "dot.png", "text.png", "void.png"}
    assert "40x7 is too small; both sides must be 8 or more" in reasons["flat.png"]
    assert "not an image" in reasons["text.png"]
    assert "empty file" in reasons["void.png"]


@pytest.mark.parametrize("content", [b"not a picture", b"", None])
def test_strict_raises_on_the_first_unusable_file(tmp_path, content):
    fill(tmp_path, ["a.png", "b.png"])
    if content is None:
        fill(tmp_path, ["bad.png"], size=(1, 1))
    else:
        (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png: "):
        find_photos(tmp_path, **{**DEFAULTS, "strict": True})


def test_refusals(tmp_path):
    one = fill(tmp_path / "one", ["a.png"])
    two = fill(tmp_path / "two", ["a.png", "b.png"])
    small = fill(tmp_path / "small", ["a.png", "b.png"], size=(4, 4))
    fill(tmp_path / "both" / "val", ["a.png"])
    fill(tmp_path / "both" / "valid", ["a.png"])
    fill(tmp_path / "sub" / "train", ["a.png"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"")
    cases = [
        (tmp_path / "no", {}, "no: no such folder"),
        (tmp_path / "file", {}, "is a file, not a folder"),
        (tmp_path / "empty", {}, "empty: no images"),
        (tmp_path / "both", {}, "has both val and valid"),
        (one, {}, "one usable photograph can't be split"),
        (small, {}, "none of its 2 images is usable; the first: .*a.png: 4x4 is too small"),
        (two, {"val": two}, "same folder for training and validation"),
        (two, {"val": tmp_path / "one" / ".." / "two"}, "same folder for training and validation"),
        (tmp_path / "sub", {"val": tmp_path / "sub" / "train"}, "same folder"),
        (two, {"val": tmp_path / "empty"}, "empty: no images"),
        (two, {"val": tmp_path / "no"}, "no: no such folder"),
        *[(two, {"val_fraction": f}, "more than 0 and less than 1") for f in (0, 1, -0.1, 1.5, float("nan"))],
    ]
    for data, settings, says in cases:
        with pytest.raises(DataError, match=says) as caught:
            find_photos(data, **{**DEFAULTS, **settings})
        assert "\n" not in str(caught.value)


def test_embedded_photographs():
    split = find_photos(None, **DEFAULTS)
    assert names_of(split.val) == ["coffee", "rocket"]
    assert len(split.train) == 9
    assert split == find_photos(
        None, **{**DEFAULTS, "seed": 9, "val_fraction": 0.5}
    )  # fixed, so results compare
    loaded = {photo.name: load_photo(photo) for photo in split.train + split.val}
    assert all(p.dtype == np.uint8 and p.shape[2] == 3 and min(p.shape[:2]) >= 300 for p in loaded.values())
    assert loaded["coffee"].shape == (400, 600, 3)
    assert np.ptp(loaded["camera"], axis=2).max() == 0  # grey: three equal channels
    assert not np.array_equal(loaded["motorcycle_left"], loaded["motorcycle_right"])
    assert len({p.tobytes() for p in loaded.values()}) == 11


def test_embedded_photographs_for_training_with_a_val_folder(tmp_path):
    split = find_photos(None, **{**DEFAULTS, "val": fill(tmp_path, ["a.png"])})
    assert (len(split.train), names_of(split.val)) == (9, ["a"])


def test_load_photo(tmp_path):
    fill(tmp_path, ["a.png"])
    assert load_photo(Photo("a", tmp_path / "a.png")).shape == (12, 16, 3)
    with pytest.raises(DataError, match="no embedded photograph is called 'hubble'; use one of astronaut, "):
        load_photo(Photo("hubble", None))


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("pooch"), ConnectionError("offline"), AttributeError("coins")]
)
def test_a_scikit_image_without_its_photographs(monkeypatch, error):
    from skimage import data

    def fail():
        raise error

    monkeypatch.setattr(data, "coins", fail)
    with pytest.raises(
        DataError, match="'coins': scikit-image lacks its file; reinstall it or give a data folder"
    ):
        load_photo(Photo("coins", None))


def test_only_headers_are_read(tmp_path, monkeypatch):
    """Decoding hundreds of photographs here and again for the store would double the waiting."""
    fill(tmp_path, ["a.png", "b.png"])
    monkeypatch.setattr(dataset, "read_image", None)
    monkeypatch.setattr(Image.Image, "load", None)
    assert len(find_photos(tmp_path, **DEFAULTS).train) == 1
