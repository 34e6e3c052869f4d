"""Which photographs are for training and which for validation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwrts.data.depth import Samples
from hwrts.data.images import MAX_MEGAPIXELS, image_size, list_images, read_image, read_picture
from hwrts.errors import DataError

# The photographs that scikit-image ships inside its wheel (nothing is downloaded), chosen by eye: no
# drawings, scanned pages, microscopy or astronomy, whose detail is unlike that of a TV picture. In colour and
# grey, 300 to 741 pixels a side.
_EMBEDDED_TRAIN = (
    "astronaut",
    "brick",
    "camera",
    "chelsea",
    "coins",
    "grass",
    "gravel",
    "motorcycle_left",
    "motorcycle_right",
)
# Fixed, so that results on the default data compare between runs: a still life with highlights, and a night
# scene with fine lattices against a smooth sky. Neither has a near copy above, which the two motorcycle
# pictures are of each other.
_EMBEDDED_VAL = ("coffee", "rocket")


@dataclass(frozen=True)
class Photo:
    """One photograph: a file, or with path None one that is embedded in scikit-image under this name.

    A file of more than ``max_megapixels`` is refused before it is decoded.
    """

    name: str
    path: Path | None
    max_megapixels: int = MAX_MEGAPIXELS


@dataclass(frozen=True)
class Split:
    """Photographs for training and validation, in name order, and the files left out with the reason."""

    train: tuple[Photo, ...]
    val: tuple[Photo, ...]
    skipped: tuple[tuple[Path, str], ...]


def find_photos(
    data: Path | None,
    *,
    val: Path | None,
    val_fraction: float,
    seed: int,
    strict: bool,
    min_size: int,
    max_megapixels: int = MAX_MEGAPIXELS,
) -> Split:
    """Find the photographs and split them.

    Training photographs are those of ``data/train`` if there is such a folder, else of ``data``, else
    (``data`` None) the embedded ones. Validation photographs come from the first of these that applies:

    1. the folder ``val``;
    2. ``data/val`` or ``data/valid``;
    3. two fixed embedded photographs, when ``data`` is None;
    4. a part of the training photographs: ``val_fraction`` of them, at least one and never all, by a seeded
       shuffle.

    Of each file only the header is read here, which finds files that are no images or too small without
    decoding hundreds of them twice. Damage further inside shows when the store is built.

    Args:
        data: Folder with photographs, or None for the embedded ones.
        val: Folder with validation photographs, or None.
        val_fraction: Between 0 and 1, both excluded. Used in case 4 only.
        seed: Of the shuffle in case 4.
        strict: Raise on the first unusable file instead of skipping it.
        min_size: Least width and height in pixels.
        max_megapixels: A larger photograph is unusable.

    Returns:
        The split. Names are distinct within each of its two parts (and over both in case 4): a stem that two
        files share is extended by the suffix.

    Raises:
        DataError: A folder is missing or without (usable) images, both parts are the same folder, both
            ``data/val`` and ``data/valid`` exist, the fraction is out of range, or there is one photograph to
            split; with ``strict`` also any unusable file.
    """
    skipped: tuple[tuple[Path, str], ...] = ()
    if data is None:
        train, val_folder = _embedded(_EMBEDDED_TRAIN), val
    else:
        train_folder = data / "train" if (data / "train").is_dir() else data
        val_folder = val if val is not None else _val_subfolder(data)
        if val_folder is not None and val_folder.resolve() == train_folder.resolve():
            raise DataError(
                f"{val_folder}: the same folder for training and validation; choose another one for val"
            )
        train, skipped = _usable(train_folder, strict, min_size, max_megapixels)

    if val_folder is not None:
        held_out, skipped_val = _usable(val_folder, strict, min_size, max_megapixels)
        return Split(train, held_out, skipped + skipped_val)
    if data is None:
        return Split(train, _embedded(_EMBEDDED_VAL), skipped)
    chosen = _choose(len(train), val_fraction, seed, data)
    return Split(
        train=tuple(photo for i, photo in enumerate(train) if i not in chosen),
        val=tuple(photo for i, photo in enumerate(train) if i in chosen),
        skipped=skipped,
    )


def load_photo(photo: Photo) -> NDArray[np.uint8]:
    """The pixels of a photograph, (H, W, 3) uint8.

    Raises:
        DataError: The file can't be read, or scikit-image has no such photograph.
    """
    if photo.path is not None:
        return read_image(photo.path, photo.max_megapixels)
    if photo.name not in _EMBEDDED_TRAIN + _EMBEDDED_VAL:
        allowed = ", ".join(_EMBEDDED_TRAIN + _EMBEDDED_VAL)
        raise DataError(f"no embedded photograph is called '{photo.name}'; use one of {allowed}")
    pixels = _from_skimage(photo.name)  # (H, W) or (H, W, 3)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)  # (H, W, 3)
    return pixels


def load_deep(photo: Photo) -> Samples:
    """The pixels of a photograph, (H, W, 3): uint16 of a file of 16 bits, else uint8 as :func:`load_photo`.

    A file of 16 bits with alpha, or with colours that are not sRGB's, has 8.

    Raises:
        DataError: As :func:`load_photo`.
    """
    if photo.path is not None:
        picture = read_picture(photo.path, photo.max_megapixels)
        if picture.samples.dtype == np.uint16 and picture.alpha is None and picture.profile is None:
            return picture.samples if picture.samples.shape[2] == 3 else picture.samples[..., [0, 0, 0]]
    return load_photo(photo)


def _from_skimage(name: str) -> NDArray[np.uint8]:
    # Imported here because it takes a quarter of a second that only a run on the default data should pay.
    from skimage import data as skimage_data

    try:
        if name.startswith("motorcycle_"):
            left, right, _disparity = skimage_data.stereo_motorcycle()
            found = left if name == "motorcycle_left" else right
        else:
            found = getattr(skimage_data, name)()
    # Without its file scikit-image tries to download it: OSError when that fails, ModuleNotFoundError without
    # pooch.
    except (AttributeError, OSError, ModuleNotFoundError) as error:
        raise DataError(
            f"embedded photograph '{name}': scikit-image lacks its file; reinstall it or give a data folder"
        ) from error
    return np.array(found, dtype=np.uint8)


def _embedded(names: Sequence[str]) -> tuple[Photo, ...]:
    return tuple(Photo(name, None) for name in names)


def _val_subfolder(data: Path) -> Path | None:
    found = [folder for folder in (data / "val", data / "valid") if folder.is_dir()]
    if len(found) == 2:
        raise DataError(
            f"{data}: has both val and valid; remove one or name the validation folder explicitly"
        )
    return found[0] if found else None


def _usable(
    folder: Path, strict: bool, min_size: int, max_megapixels: int
) -> tuple[tuple[Photo, ...], tuple[tuple[Path, str], ...]]:
    """Photographs of a folder, without the files whose header is broken or says that they are too small."""
    good: list[Path] = []
    skipped: list[tuple[Path, str]] = []
    for path in list_images(folder):
        try:
            height, width = image_size(path, max_megapixels)
            if min(height, width) < min_size:
                raise DataError(
                    f"{path}: {width}x{height} is too small; both sides must be {min_size} or more"
                )
        except DataError as error:
            if strict:
                raise
            skipped.append((path, str(error)))
        else:
            good.append(path)
    if not good:
        raise DataError(f"{folder}: none of its {len(skipped)} images is usable; the first: {skipped[0][1]}")
    photos = (Photo(name, path, max_megapixels) for name, path in zip(_names(good), good, strict=True))
    return tuple(photos), tuple(skipped)


def _names(paths: Sequence[Path]) -> list[str]:
    """Stems, or stem_suffix where files share a stem; distinct even where upper and lower case are one."""
    shared = Counter(path.stem.casefold() for path in paths)
    taken = {stem for stem, times in shared.items() if times == 1}
    names = []
    for path in paths:
        name = path.stem
        if shared[name.casefold()] > 1:
            stem, number = f"{path.stem}_{path.suffix[1:].lower()}", 2
            name = stem
            while name.casefold() in taken:
                name, number = f"{stem}_{number}", number + 1
            taken.add(name.casefold())
        names.append(name)
    return names


def _choose(count: int, fraction: float, seed: int, folder: Path) -> frozenset[int]:
    """Indices of the validation photographs among ``count``, which are in name order."""
    if not 0 < fraction < 1:
        raise DataError(
            f"validation fraction {fraction} is not allowed; give more than 0 and less than 1, such as 0.1"
        )
    if count < 2:
        raise DataError(
            f"{folder}: one usable photograph can't be split; add another or give a validation folder"
        )
    held_out = min(max(round(count * fraction), 1), count - 1)
    return frozenset(np.random.default_rng(seed).permutation(count)[:held_out].tolist())
