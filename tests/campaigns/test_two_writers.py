"""Two of every command at once in one folder: each does its work, or one is refused in one line."""

import os
import sys
import time

import pytest

from .children import WRITERS
from .left import differences, files_of
from .notes import note

PAIRS = int(os.environ.get("HWRTS_PAIRS", "2"))
"""Of each command; a campaign takes a hundred."""


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize("name", WRITERS)
def test_two_at_once(place, chance, name):
    wanted, _ = place.undisturbed(WRITERS[name])
    for _ in range(PAIRS):
        place.renew()
        first = place.start(WRITERS[name], log="first")
        time.sleep(delay := chance.choice([0.0, chance.uniform(0, 0.5), chance.uniform(0, 3)]))
        second = place.start(WRITERS[name], log="second")
        codes = [each.end() for each in (first, second)]
        for each, code in zip((first, second), codes, strict=True):
            said = each.said()
            errors = [line for line in said.splitlines() if line.startswith("error: ")]
            assert "Traceback" not in said, (delay, said)
            assert (code, len(errors)) in ((0, 0), (2, 1)), (delay, codes, said)
        assert 0 in codes, (delay, first.said(), second.said())
        bad = differences(files_of(place.work), wanted)
        assert not bad, (delay, codes, bad, first.said(), second.said())
        note(campaign="two writers", command=name, codes=codes, delay=round(delay, 3))
