"""The C model as a witness of the verification: every layer, alone and in sequence, and it can fail."""

import shutil

import numpy as np
import pytest

from hwrts.export import to_onnx, verify
from hwrts.export.c import CWitness, build, requantise
from hwrts.fixed_point import Rounding

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, build.COMPILERS)), reason="no compiler of C is installed (cc, gcc, clang)"
)


def verdict_of(network):
    picture = np.random.default_rng(3).integers(0, 256, (9, 10, 3)).astype(np.uint8)
    model = to_onnx(network).SerializeToString()
    return verify(network, model, {"p": picture}, [CWitness(network)], layers=["first"], stimuli=["noise"])


def test_each_layer_is_compared_alone_and_in_sequence(anchor):
    verdict = verdict_of(anchor())
    rows = {key: row for key, row in verdict.rows.items() if key[0] == "c"}
    assert {key[1:] for key in rows} == {(mode, name) for mode in ("entire", "single") for name in ("first",)}
    assert all(row.compared > 500 for row in rows.values())
    assert verdict.passed, verdict.problems
    assert "flipped weight bit in first, computed by c" in [each["name"] for each in verdict.controls]


def test_another_rounding_in_c_is_seen(anchor, monkeypatch):
    honest = requantise._body
    monkeypatch.setattr(requantise, "_body", lambda rule, kind: honest(Rounding.FLOOR, kind))
    verdict = verdict_of(anchor())
    assert not verdict.passed
    wrong = [key for key, row in verdict.rows.items() if row.mismatches]
    assert wrong
    assert all(key[0] == "c" for key in wrong)
