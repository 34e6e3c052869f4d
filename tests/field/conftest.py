"""Proofs of small modules take small pictures."""

import sys
from collections.abc import Sequence

import pytest

from hwrts.export.stimuli import Fed
from hwrts.fixed_point import Input

ROWS, COLUMNS = 17, 19
"""Odd, and larger than what most modules here reach."""


@pytest.fixture
def few_pixels(small_verdict: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``small_verdict`` takes, and less of each: every witness, layer and control is still there.

    One thread computes: a limit of the system is not asked for at every one of a thousand tiny layers.
    """

    verify = sys.modules["hwrts.export.verify"]  # which the function of that name hides
    made = verify.synthetic_codes

    def cut(inputs: Sequence[Input]) -> dict[str, Fed]:
        return {
            name: {each: codes[:ROWS, :COLUMNS] for each, codes in picture.items()}
            for name, picture in made(inputs).items()
        }

    monkeypatch.setattr(verify, "synthetic_codes", cut)
    monkeypatch.setattr("hwrts.fixed_point.fast.available_cores", lambda: 1)
    monkeypatch.setattr("hwrts.export.runtime.available_cores", lambda: 1)
    monkeypatch.setattr("hwrts.export.runtime.cpu_quota", lambda: 1.0)
