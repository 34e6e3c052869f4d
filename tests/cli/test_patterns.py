"""hwrts patterns, and --require of it and of hwrts run."""

import json

import numpy as np
import pytest

from hwrts.data import read_image
from hwrts.metrics import pattern_pictures
from hwrts.runs.requirements import REQUIRED


def test_figures_are_those_of_the_measures_and_pictures_can_be_looked_at(workspace, hwrts):
    result = hwrts("patterns", "runs/tiny", "--stage", "1", "--x2", "--json", "-o", "looked")
    assert result.code == 0
    figures = json.loads(result.out)
    measures = json.loads((workspace / "runs/tiny/stage1/metrics.json").read_text())
    assert figures["stage"] == "1"
    assert all(figures[key] == measures[key] for key in REQUIRED.values())
    again = hwrts("patterns", "runs/tiny", "-o", "looked", "-q")
    assert again.code == 2
    assert "exists already; write elsewhere or replace it with --force" in again.err
    made = {path.name for path in (workspace / "looked").iterdir()}
    assert len(made) == 3 * len(pattern_pictures())
    given, found, difference = (
        read_image(workspace / "looked" / f"zone_plate_{what}.png") for what in ("in", "out", "difference")
    )
    assert given.shape == found.shape == difference.shape == (256, 256, 3)
    assert np.array_equal(given[::2, ::2], pattern_pictures()["zone plate"])
    wanted = np.clip(128 + 8 * (found.astype(int) - given), 0, 255)
    assert np.array_equal(difference, wanted)


def test_a_limit_that_is_not_met_ends_with_1(workspace, hwrts):
    loose = ",".join(f"{name}=255" for name in REQUIRED)
    assert hwrts("patterns", "runs/tiny", "--require", loose).code == 0
    measured = json.loads(hwrts("patterns", "runs/tiny", "--json").out)
    name, value = next((n, measured[k]) for n, k in REQUIRED.items() if measured[k] > 0)
    result = hwrts("patterns", "runs/tiny", "--require", f"{name}={value - 1:.0f}")
    assert result.code == 1
    assert f"NOT MET: {name} is {value:.0f} codes, and at most {value - 1:.0f} is required" in result.out
    assert hwrts("patterns", "runs/tiny", "--require", f"{name}={value:.0f}").code == 0


def test_run_holds_the_kept_networks_to_it(workspace, hwrts):
    result = hwrts("run", "--resume", "runs/tiny", "--require", "step=0,flat=255", "-q", "--json")
    document = json.loads(result.out)
    stages = {text.partition(":")[0] for text in document["unmet"]}
    measured = {entry["stage"]: entry["step_codes"] for entry in document["stages"]}
    kept = document["best_stage"]
    expected = {f"stage {name}" for name in (kept, f"{kept}-same") if measured.get(name, 0) > 0}
    assert stages == expected
    assert result.code == (1 if expected else 0)


@pytest.mark.parametrize("command", [["run", "--resume"], ["patterns"]])
def test_a_limit_of_an_unknown_name_is_refused_first(workspace, hwrts, command):
    result = hwrts(*command, "runs/tiny", "--require", "gray=1")
    assert result.code == 2
    assert result.err.strip().splitlines()[-1].endswith("'gray' is unknown; did you mean 'grey'?")
