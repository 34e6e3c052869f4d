"""Refusals that other tests of measures do not end in: what is done, and the line that it gives."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from hwrts.errors import DataError, HwrtsError
from hwrts.metrics import against_float
from hwrts.metrics.baselines import repeated_usm
from hwrts.metrics.contraction import contraction, spread
from hwrts.metrics.viqet import files
from hwrts.metrics.viqet.features import raw_features

GREY = np.full((4, 4, 3), 100, np.uint8)
FLOAT = GREY.astype(np.float32)


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (
            lambda: against_float(FLOAT, GREY[1:]),
            "outputs to compare are float32 (4, 4, 3) and uint8 (3, 4, 3); give two of one shape, the second "
            "one uint8",
        ),
        (
            lambda: against_float(FLOAT + np.inf, GREY),
            "the float network makes NaN or infinite values of a photograph; check its weights",
        ),
        (
            lambda: repeated_usm(GREY, 0),
            "USM 0 times with amount 0.25: give 1 or more times, and more than 0",
        ),
        (
            lambda: contraction(GREY, GREY[:2]),
            "pictures to compare are uint8 (4, 4, 3) and uint8 (2, 4, 3); give two uint8 (height, width, 3)",
        ),
        (
            lambda: contraction(GREY, GREY),
            "the original has no detail that down-scaling loses; leave this picture out",
        ),
        (lambda: spread([1.0, np.nan]), "mean of [1.0, nan]: give one or more finite values"),
        (
            lambda: raw_features(GREY[..., :1]),
            "a picture to score is uint8 (4, 4, 1); give uint8 (height, width, 3)",
        ),
        (
            lambda: raw_features(np.zeros((1, 20, 3), np.uint8)),
            "a picture of 20x1 is too elongated to score: scaled to 1920x96 it has no whole block of 80x80 "
            "pixels at three quarters of the size; cut it into pieces",
        ),
    ],
)
def test_a_refusal_is_one_line(does, message):
    with pytest.raises(DataError) as caught:
        does()
    assert str(caught.value) == message


class DyingPool:
    """As ProcessPoolExecutor is where the system ends a process of it."""

    def __init__(self, *given, **how):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, *given):
        future: Future[None] = Future()
        future.set_exception(BrokenProcessPool())
        return future

    def shutdown(self, **how):
        pass


def test_a_scoring_process_that_dies(monkeypatch):
    monkeypatch.setattr(files, "ProcessPoolExecutor", DyingPool)
    with pytest.raises(HwrtsError) as caught:
        files.score_files([Path("a.png"), Path("b.png")], workers=2)
    assert str(caught.value) == (
        "one of 2 scoring processes died, most likely for want of memory; use fewer workers"
    )
