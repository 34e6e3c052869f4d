"""Figures of pictures and clips that are compared: how far each is from the first, and what it does to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwrts.data.depth import Codes
from hwrts.metrics import artefacts, psnr_db
from hwrts.metrics.flicker import Flicker, Watch
from hwrts.report.moments import Moment, enlarged
from hwrts.report.text import NONE, fixed

FIGURES = {
    "psnr_db": ("PSNR to the first, dB", 2),
    "largest": ("largest difference, codes", 0),
    "changed_percent": ("pixels that differ, %", 1),
    "overshoot_99": ("overshoot, 99 %, codes", 2),
    "noise_gain": ("noise gain", 2),
}
"""Means over the moments, but the largest: headings and decimals."""
CLIP_FIGURES = {
    "mean": ("flicker, codes", 3),
    "percentile_99": ("flicker, 99 %, codes", 0),
    "still_percent": ("still, %", 1),
    "input_mean": ("the clip itself changes by, codes", 3),
}


@dataclass
class Figures:
    """Of one view, gathered moment by moment.

    Attributes:
        first: Whether it is the one that others are compared with.
        flickers: Of each moment; None where there is no frame before it.
    """

    first: bool
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in FIGURES})
    flickers: list[Flicker | None] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)

    def add(self, moment: Moment, index: int, view: Codes, reference: Codes) -> None:
        """A moment.

        Args:
            moment: All views of it.
            index: Of this one.
            view: This one, as large as the page.
            reference: The first one, likewise.
        """
        if not self.first:
            far = np.maximum(view, reference) - np.minimum(view, reference)  # (H, W, 3)
            side = artefacts(view, reference)
            found = {
                "psnr_db": psnr_db(view, reference),
                "largest": float(far.max()),
                "changed_percent": 100 * float(far.any(axis=2).mean()),
                "overshoot_99": side.overshoot_99,
                "noise_gain": side.noise_gain,
            }
            for name, value in found.items():
                if value is not None:
                    self.values[name].append(value)
        if moment.before is None:
            self.flickers.append(None)
            return
        watch = Watch(bits=moment.bits(index))
        for each in (moment.before, moment):
            seen, made = each.of(index)
            watch.add(seen, made if len(made) >= len(seen) else enlarged(made, seen.shape))
        self.watches.append(watch)
        self.flickers.append(watch.figures())

    def document(self, *, clips: bool) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {
            name: None if not values else max(values) if name == "largest" else float(np.mean(values))
            for name, values in self.values.items()
        }
        if clips:
            found["flicker"] = Watch.joined(self.watches).document()
        return found

    def cells(self, *, clips: bool) -> list[str]:
        """For a table: :func:`headings`."""
        found = self.document(clips=clips)
        made = [fixed(found[name], decimals) for name, (_, decimals) in FIGURES.items()]
        if clips:
            flicker = found["flicker"]
            made += [fixed(flicker[name], decimals) for name, (_, decimals) in CLIP_FIGURES.items()]
            if self.first:  # it has no correction
                made[len(FIGURES) : len(FIGURES) + 2] = [NONE, NONE]
        return made


def headings(*, clips: bool) -> list[str]:
    """Of :meth:`Figures.cells`."""
    return [heading for heading, _ in [*FIGURES.values(), *(CLIP_FIGURES.values() if clips else ())]]


def flicker_points(figures: Figures) -> tuple[tuple[float, float], ...]:
    """Of each moment from 1 on with still places, the mean."""
    return tuple(
        (float(i), each.mean)
        for i, each in enumerate(figures.flickers, 1)
        if each is not None and each.mean is not None
    )


def gathered(count: int) -> Sequence[Figures]:
    """Of so many views, empty."""
    return [Figures(first=i == 0) for i in range(count)]
