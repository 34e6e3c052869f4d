"""Proofs of small modules take few pictures."""

import pytest


@pytest.fixture(autouse=True)
def _verdict(request):
    """Every witness, layer and control is there; where the proof itself is tested, every picture too."""
    if "full_verdict" not in request.keywords:
        request.getfixturevalue("small_verdict")
        request.getfixturevalue("one_thread")
