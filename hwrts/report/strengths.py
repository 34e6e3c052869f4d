"""What the slider does: halos and noise of the same-size network against its strength, beside a mask's."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from hwrts.data import open_store
from hwrts.data.depth import Codes
from hwrts.data.tiles import Upscaler
from hwrts.fixed_point import Adjusted
from hwrts.metrics import artefacts, image_difference_percent
from hwrts.metrics.baselines import usm
from hwrts.report.crops import PHOTOGRAPHS
from hwrts.report.text import fixed
from hwrts.runs.engines import make_engine
from hwrts.runs.folder import RunFolder

_QUARTERS = (2, 4, 6, 8)
"""Strengths 1/2 to 2: what a slider has between nothing and its end."""
_AMOUNTS = (0.5, 1.0)
"""Of the mask: as strong as the network's strengths 1 and 2, about."""


def strengths(run: RunFolder, kept: str) -> list[tuple[str, tuple[str, ...]]]:
    """Name and cells (difference, overshoot, its 99th percentile, noise gain) of each; none of an x2 network.

    Means over the first validation photographs, whole. There is no score, which takes seconds a picture:
    ``benchmarks/strength.py`` has it.

    Raises:
        HwrtsError: A file of the stage or the photographs is missing or damaged, or it has no correction.
    """
    stage = run.enhancing_stage(kept)
    if not stage.same_size:
        return []
    store = open_store(run.root / "data" / "val")
    pictures = [np.array(store.array(i, "hr")) for i in range(min(PHOTOGRAPHS, len(store.names)))]
    found = []
    for quarters in _QUARTERS:
        network = make_engine("onnxruntime", stage, how=Adjusted(strength=4 * quarters))
        found.append((f"strength {quarters / 4:g}", _figures(network.enhance, pictures)))
    for amount in _AMOUNTS:
        found.append((f"unsharp mask, amount {amount:g}", _figures(partial(usm, amount=amount), pictures)))
    return found


def _figures(enhance: Upscaler, pictures: Sequence[Codes]) -> tuple[str, ...]:
    rows = []
    for original in pictures:
        made = enhance(original)
        found = artefacts(made, original)
        difference = image_difference_percent(made, original)[0]
        rows.append((difference, found.overshoot, found.overshoot_99, found.noise_gain))
    columns = ([value for value in column if value is not None] for column in zip(*rows, strict=True))
    return tuple(
        fixed(float(np.mean(column)) if column else None, digits)
        for column, digits in zip(columns, (2, 2, 1, 2), strict=True)
    )
