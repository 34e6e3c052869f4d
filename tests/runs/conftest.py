"""What tests of runs share."""

from typing import Any

import pytest

from hwrts.qat.range_penalty import RangePenalty


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tensors the range penalty watches in each fine-tuning that follows."""
    found: list[int] = []

    class Watched(RangePenalty):
        def __init__(self, formats: Any) -> None:
            found.append(len(formats))
            super().__init__(formats)

    monkeypatch.setattr("hwrts.runs.integers.RangePenalty", Watched)
    return found
