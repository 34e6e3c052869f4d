"""What is measured on the validation photographs of a finished training.

Letters: H rows, W columns.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hwrts.data import PhotoStore
from hwrts.data.depth import Codes
from hwrts.errors import DataError
from hwrts.metrics import Artefacts, Spread, artefacts, contraction, image_difference_percent, spread
from hwrts.metrics.baselines import bicubic, lanczos, repeated_usm
from hwrts.metrics.viqet import UNITS, Score
from hwrts.reproduce.runs import Trained
from hwrts.reproduce.scores import ScoreCache
from hwrts.reproduce.tables import Quality
from hwrts.runs.engines import Deployed, open_stage
from hwrts.runs.folder import StageFolder
from hwrts.training.rts import target_kind

TILES = (2, 4)
"""Pieces along the shorter and the longer side of a picture, in Table 3."""


@dataclass(frozen=True)
class Pictures:
    """A picture of each validation photograph, made when it is asked for.

    Attributes:
        name: Such as "HR1" or "LR, bicubic".
        count: How many photographs there are.
        make: Number of the photograph to its picture, (H, W, 3) uint8.
    """

    name: str
    count: int
    make: Callable[[int], Codes]

    def __iter__(self) -> Iterator[Codes]:
        """The pictures in the order of the photographs."""
        return (self.make(i) for i in range(self.count))


def float_pictures(store: PhotoStore, stage: int) -> Pictures:
    """HR_n of the float network, as it was trained toward; HR_0 is the originals."""
    kind = target_kind(stage)
    return Pictures(f"HR{stage}", len(store.names), lambda i: np.array(store.array(i, kind)))


@functools.lru_cache(maxsize=1)
def _opened(stage: StageFolder) -> Deployed:
    """One int8 network at a time: ONNX Runtime holds gigabytes for a deep one at full size."""
    return open_stage(stage)


def int8_pictures(trained: Trained, stage: int) -> Pictures:
    """HR_n of the int8 network that is deployed: the same-size one where the network has one."""
    store, folder = trained.val, trained.run.enhancing_stage(str(stage))

    def make(i: int) -> Codes:
        return _opened(folder).enhance(np.array(store.array(i, "hr")))

    return Pictures(f"HR{stage} int8", len(store.names), make)


def lr_pictures(store: PhotoStore) -> tuple[Pictures, Pictures]:
    """LR brought back to full size, by bicubic and by Lanczos interpolation."""
    count = len(store.names)
    return (
        Pictures("LR", count, lambda i: bicubic(np.array(store.array(i, "lr")))),
        Pictures("LR, Lanczos", count, lambda i: lanczos(np.array(store.array(i, "lr")))),
    )


def differences(originals: Pictures, changed: Pictures) -> tuple[float, float]:
    """The mean image difference from the originals in %: of full scale, and of each one's mean brightness."""
    rows = [image_difference_percent(b, a) for a, b in zip(originals, changed, strict=True)]
    full, brightness = np.mean(rows, axis=0)
    return float(full), float(brightness)


def contractions(originals: Pictures, changed: Pictures) -> Spread | None:
    """The contraction a over the photographs that have detail to lose; None if none has."""
    found = []
    for original, picture in zip(originals, changed, strict=True):
        try:
            found.append(contraction(picture, original))
        except DataError:
            continue  # a test card or a black frame among the photographs
    return spread(found) if found else None


def side_effects(originals: Pictures, changed: Pictures) -> Artefacts:
    """Means of halos and noise over the photographs that have edges and flat areas; None if none has."""
    rows = [artefacts(b, a) for a, b in zip(originals, changed, strict=True)]

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return Artefacts(
        mean([row.overshoot for row in rows]),
        mean([row.overshoot_99 for row in rows]),
        mean([row.noise_gain for row in rows]),
    )


def usm_differences(originals: Pictures, times: int) -> list[float]:
    """The mean difference from the originals in % of full scale after 1, 2, ... unsharp masks."""
    rows = [
        [image_difference_percent(masked, picture)[0] for masked in repeated_usm(picture, times)]
        for picture in originals
    ]
    return [float(value) for value in np.mean(rows, axis=0)]


def quality(scores: Sequence[Score | None]) -> Quality:
    """Means over pictures: MOS as the model gives it, MOS as the tool shows it (clipped), features.

    Raises:
        DataError: None of them has a score.
    """
    known = _known(scores)
    features = tuple(float(np.mean([each.features[name] for each in known])) for name in UNITS)
    return Quality(
        float(np.mean([each.mos_raw for each in known])),
        float(np.mean([each.mos for each in known])),
        features,
    )


def _known(scores: Sequence[Score | None]) -> list[Score]:
    known = [each for each in scores if each is not None]
    if not known:
        raise DataError("all photographs to validate on are too elongated to score; give others")
    return known


def tiles(pixels: Codes) -> list[Codes]:
    """4x2 equal pieces of a picture (H, W, 3), four along its longer side; a remainder is left out.

    >>> [tile.shape for tile in tiles(np.zeros((5, 9, 3), np.uint8))] == [(2, 2, 3)] * 8
    True
    """
    height, width = pixels.shape[:2]
    rows, columns = TILES if width >= height else TILES[::-1]
    h, w = height // rows, width // columns
    return [
        np.ascontiguousarray(pixels[y * h : (y + 1) * h, x * w : (x + 1) * w])
        for y in range(rows)
        for x in range(columns)
    ]


def tile_mos(cache: ScoreCache, pictures: Pictures, done: Callable[[int], None]) -> float:
    """The mean unclipped MOS over all tiles of all pictures; raises as :func:`quality`."""
    pieces = (tile for picture in pictures for tile in tiles(picture))
    return float(np.mean([each.mos_raw for each in _known(cache.of(pieces, done))]))
