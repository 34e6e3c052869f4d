"""VIQET's scores of pictures, kept on disk by the pixels: a picture is scored once, whatever asks for it."""

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from hwrts import __version__
from hwrts.data.depth import Codes
from hwrts.data.twins import picture_key
from hwrts.files.read import LARGEST, Document, Text, check_document, read_json
from hwrts.fixed_point.cores import available_cores
from hwrts.metrics.viqet import Score, has_score, score
from hwrts.runs.folder import write_json

SCHEMA = "hwrts viqet scores"
SCHEMA_VERSION = 1

_Measure = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


class _Score(Document):
    model_config = ConfigDict(extra="forbid")
    mos_raw: _Measure
    mos_raw_night: _Measure
    features: dict[Text, _Measure]


class ScoresFile(Document):
    """scores.json."""

    scores: dict[Text, _Score]


class ScoreCache:
    """Scores by the sha256 of shape and pixels, in a JSON file that is written as they are found.

    Scores of another version of hwrts are not used: what it measures may have changed.

    Args:
        path: The file; made if it is not there.
        measure: Scores one picture.
    """

    def __init__(self, path: Path, measure: Callable[[Codes], Score] = score) -> None:
        self._path = path
        self._measure = measure
        self._scores = _read(path)

    def of(
        self, pictures: Iterable[Codes], done: Callable[[int], None] = lambda n: None
    ) -> list[Score | None]:
        """The score of each picture, in order, None if it is too elongated; ``done`` is told how many are."""
        found: list[Score | None] = []
        remaining = iter(pictures)
        cores = available_cores()
        with ThreadPoolExecutor(cores) as pool:
            # A pool's map would take every picture at once; two thousand of 2K are 16 GB.
            while several := list(itertools.islice(remaining, cores)):
                keys = [picture_key(picture) for picture in several]
                new = {
                    key: picture
                    for key, picture in zip(keys, several, strict=True)
                    if key not in self._scores and has_score(*picture.shape[:2])
                }
                for key, result in zip(new, pool.map(self._measure, new.values()), strict=True):
                    self._scores[key] = result
                if new:
                    self._write()
                found += [self._scores.get(key) for key in keys]
                done(len(found))
        return found

    def _write(self) -> None:
        scores = {
            key: {"mos_raw": s.mos_raw, "mos_raw_night": s.mos_raw_night, "features": s.features}
            for key, s in self._scores.items()
        }
        head = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "hwrts": __version__}
        write_json(self._path, {**head, "scores": scores})


def _read(path: Path) -> dict[str, Score]:
    if not path.is_file():
        return {}
    remedy = "delete it to score the pictures again"
    document = read_json(path, remedy)
    head = tuple(document.get(key) for key in ("schema", "schema_version", "hwrts"))
    if head != (SCHEMA, SCHEMA_VERSION, __version__):
        return {}
    scores: dict[str, dict[str, Any]] = check_document(document, ScoresFile, str(path), remedy)["scores"]
    return {key: Score(**entry) for key, entry in scores.items()}
