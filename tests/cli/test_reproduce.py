"""hwrts reproduce: the command itself with a tiny budget and the real score, and what is refused."""

import json
import subprocess
import sys

import pytest

from hwrts.reproduce import budgets
from hwrts.reproduce.budgets import Budget, Experiment, Selection

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """One stage of a few steps in place of the small budget."""
    settings = {
        "precision": "float32",
        "data": {"patch": 32, "crops_per_image": 4},
        "network": {"name": "residual", "blocks": 1, "channels": 4},
        "rts": {"stages": 1, "first_steps": 4, "batch": 2, "score": False},
    }
    stages = Experiment("tiny", "Residual3", settings, Selection(train=2, val=1))
    notes = ("Nearly everything is reduced.",)
    monkeypatch.setattr(budgets, "_small", lambda: Budget("small", notes, stages, ()))
    monkeypatch.chdir(tmp_path)
    return make_photographs(tmp_path / "photos")


def test_table2(photos, hwrts):
    result = hwrts("reproduce", "table2", "--data", photos, "--device", "cpu")
    assert result.code == 0, result.err
    assert "Nearly everything is reduced." in result.err
    assert "MOS rises with the stage and peaks" in result.out
    assert "results: reproduction/results.json" in result.out
    assert max(map(len, result.out.splitlines()[:4])) <= 100
    scores = json.loads((photos.parent / "reproduction/scores.json").read_text())["scores"]
    assert len(scores) == 4  # LR twice, HR0, HR1

    again = hwrts("reproduce", "table2", "--data", photos, "--device", "cpu", "--json", "-q")
    assert (again.code, again.err) == (0, "")
    document = json.loads(again.out)
    assert (document["schema"], document["schema_version"]) == ("hwrts reproduction", 1)
    assert document == json.loads((photos.parent / "reproduction/results.json").read_text())
    means = {row[0]: row[2] for row in document["results"]["table2"]["rows"]}
    assert sorted(means.values()) == pytest.approx(sorted(each["mos_raw"] for each in scores.values()))
    notes = json.loads((photos.parent / "reproduction/runs/tiny/run.json").read_text())
    assert notes["command"].startswith("hwrts reproduce table2")
    assert_one_clear_line(
        hwrts("reproduce", "table2", "--data", photos, "--device", "cpu", "--seed", "1"),
        "seed 0, not 1",
        "-o",
    )


def test_a_first_look_needs_no_photographs_and_makes_everything(tmp_path, hwrts, monkeypatch):
    """All that the command line leaves out; what is made of it is tried above."""
    asked = []
    monkeypatch.chdir(tmp_path)

    def made(output, targets, budget, source, notes, progress, *, int8):
        asked.append((targets, budget.name, source.data))
        return {"results": {name: {"findings": [], "files": []} for name in targets}}

    monkeypatch.setattr("hwrts.reproduce.reproduction.reproduce", made)
    assert hwrts("reproduce", "--budget", "tiny").code == 0
    assert asked == [(("table1", "table2", "table3", "fig4", "fig5", "fig6"), "tiny", None)]
    config = budgets.budget("paper").stages.config(None, None, 0, "cpu")
    assert (config.data.train, config.data.val) == (None, None)


def test_wrong_use(photos, hwrts):
    assert_one_clear_line(hwrts("reproduce", "table1", "--data", "nowhere"), "nowhere", "no such folder")
    assert_one_clear_line(hwrts("reproduce", "table4", "--data", photos), "table4", "fig6 or all")
    assert_one_clear_line(hwrts("reproduce", "fig4", "--data", photos, "--budget", "big"), "big", "small")
    assert_one_clear_line(hwrts("reproduce", "fig4", "--data", photos, "--val", "nowhere"), "nowhere")
    assert_one_clear_line(hwrts("reproduce", "fig4", "--data", photos, "--device", "gpu7"), "gpu7")
    assert_one_clear_line(hwrts("reproduce"), "--budget small: give a folder of photographs with --data")
    assert hwrts("reproduce", "fig4", "--data", photos, "--seed", "-1").code == 2
    assert not (photos.parent / "reproduction").exists()
    assert_one_clear_line(hwrts("reproduce", "fig4", "--data", photos, "-o", photos), "not a folder of hwrts")


def test_help_is_light():
    code = (
        "import sys; sys.argv = ['hwrts', 'reproduce', '--help']\n"
        "from hwrts.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(repr(sorted({'scipy', 'PIL', 'torch', 'matplotlib'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]", done.stderr
    assert "--budget" in done.stdout
