"""Proofs of small modules take small pictures."""

import sys
from collections.abc import Sequence

import pytest

from hwrts.export.stimuli import Fed
from hwrts.fixed_point import Input

ROWS, COLUMNS = 17, 19
"""Odd, and larger than what most modules here reach."""


@pytest.fixture
def few_pixels(small_verdict: None, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``small_verdict`` takes, and less of each: every witness, layer and control is still there."""
    verify = sys.modules["hwrts.export.verify"]  # which the function of that name hides
    made = verify.synthetic_codes

    def cut(inputs: Sequence[Input]) -> dict[str, Fed]:
        return {
            name: {each: codes[:ROWS, :COLUMNS] for each, codes in picture.items()}
            for name, picture in made(inputs).items()
        }

    monkeypatch.setattr(verify, "synthetic_codes", cut)
