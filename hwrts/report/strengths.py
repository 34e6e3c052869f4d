"""What the slider does: score, halos and noise of the same-size network by its strength, beside a mask."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from hwrts.data import open_store
from hwrts.data.depth import Codes
from hwrts.data.tiles import Upscaler
from hwrts.fixed_point import Adjusted
from hwrts.fixed_point.cores import available_cores
from hwrts.metrics import artefacts, image_difference_percent
from hwrts.metrics.baselines import usm
from hwrts.metrics.viqet import has_score, score
from hwrts.report.crops import PHOTOGRAPHS
from hwrts.report.text import fixed
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import RunFolder

_QUARTERS = (2, 4, 6, 8)
"""Strengths 1/2 to 2: what a slider has between nothing and its end."""
_AMOUNTS = (0.5, 1.0)
"""Of the mask: as strong as the network's strengths 1 and 2, about."""
SCORED = 2
"""Photographs that are scored: a score takes two seconds of a core, and there are seven rows."""


@dataclass(frozen=True)
class Strengths:
    """A row for each strength and for each mask.

    Attributes:
        rows: Name and cells (difference, overshoot, its 99th percentile, noise gain, and if some are scored
            the score, unclipped) of each: means over the first validation photographs, whole.
        scored: How many photographs the score is the mean of: the first :data:`SCORED`, but those that are
            too small for a score.
    """

    rows: list[tuple[str, tuple[str, ...]]]
    scored: int


def strengths(run: RunFolder, kept: str) -> Strengths | None:
    """What strengths do; None of an x2 network. Scores are there where the run measures them.

    Raises:
        HwrtsError: A file of the stage or the photographs is missing or damaged, or it has no correction.
    """
    stage = run.enhancing_stage(kept)
    if not stage.same_size:
        return None
    store = open_store(run.root / "data" / "val")
    pictures = [np.array(store.array(i, "hr")) for i in range(min(PHOTOGRAPHS, len(store.names)))]
    scored = [each for each in pictures[:SCORED] if run.config.rts.scored and has_score(*each.shape[:2])]
    found = [("strength 0, the original", _figures(lambda x: x, pictures, scored))]
    for quarters in _QUARTERS:
        network = make_engine("onnxruntime", stage, how=Adjusted(strength=4 * quarters))
        found.append((f"strength {quarters / 4:g}", _figures(network.enhance, pictures, scored)))
    for amount in _AMOUNTS:
        mask = _figures(partial(usm, amount=amount), pictures, scored)
        found.append((f"unsharp mask, amount {amount:g}", mask))
    return Strengths(found, len(scored))


def _figures(enhance: Upscaler, pictures: Sequence[Codes], scored: Sequence[Codes]) -> tuple[str, ...]:
    rows = []
    for original in pictures:
        made = enhance(original)
        found = artefacts(made, original)
        difference = image_difference_percent(made, original)[0]
        rows.append((difference, found.overshoot, found.overshoot_99, found.noise_gain))
    columns = ([value for value in column if value is not None] for column in zip(*rows, strict=True))
    cells = [
        fixed(float(np.mean(column)) if column else None, digits)
        for column, digits in zip(columns, (2, 2, 1, 2), strict=True)
    ]
    if scored:
        with ThreadPoolExecutor(available_cores()) as pool:
            cells.append(
                fixed(float(np.mean([each.mos_raw for each in pool.map(score, map(enhance, scored))])), 3)
            )
    return tuple(cells)
