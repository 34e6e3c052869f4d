"""hwrts sweep: the command itself on tiny photographs, and what is refused."""

import json
import re
import shlex
from pathlib import Path

import pytest

from hwrts.sweep.page import write_page
from hwrts.sweep.results import read_rows

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line

FILE = """
[axes]
"network.channels" = [4, 64]
"qat.weight_bits" = [6, 8]
[base]
precision = "float32"
[base.data]
val_fraction = 0.4
patch = 32
crops_per_image = 4
[base.network]
blocks = 0
[base.rts]
stages = 1
first_steps = 4
batch = 2
[base.qat]
steps = 2
[budget.at_most]
params = "2k"
[halving]
rungs = 1
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_photographs(tmp_path / "photos")
    (tmp_path / "sweep.toml").write_text(FILE)
    (tmp_path / "wrong.toml").write_text("axes = 3")
    return tmp_path / "sweep.toml"


def test_a_sweep_from_a_file_and_again(file, hwrts, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = hwrts("sweep", file, "--data", "photos", "-o", "out")
    assert result.code == 0, result.err
    assert "4 configurations by grid, 1 rung(s)" in result.err
    assert "axes: network.channels 4, 64; qat.weight_bits 6, 8" in result.err
    assert "budget: at most params 2,000 (2160p60 output); quality: psnr, against params" in result.err
    assert "best in the budget: int8" in result.out
    heading = result.out.partition("best in the budget")[0]
    shown, _, left_out = heading.partition("columns left out at this width: ")
    assert "weights, KiB" in " ".join(left_out.split())  # what it costs besides, and no result
    assert {"int8", "float", "parameters"} <= set(re.split(r"[^a-z0-9]+", shown))
    assert "mind: int8 is below bicubic: " in result.out  # after four steps
    assert "2 of 2 results are below bicubic" in result.out
    page = Path("out/index.html").read_text()
    assert "2 of 2 results are below bicubic" in page
    assert "Mind:</b> int8 is below bicubic: " in page
    assert 'class="viewer"' in page  # the best network's pictures
    for name in ("results.json", "results.csv", "results.parquet", "index.html", "optuna.journal"):
        assert (Path("out") / name).is_file()
    trials = list(Path("out/trials").glob("*/rung0/trial.json"))
    assert len(trials) == 2  # 64 channels are over budget
    times = {path: path.stat().st_mtime_ns for path in trials}

    again = hwrts("sweep", file, "--data", "photos", "-o", "out", "--json", "-q")
    document = json.loads(again.out)
    assert (again.code, again.err) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in trials} == times
    assert len(document["rows"]) == 2
    assert all(row["passed"] and row["mismatches"] == 0 for row in document["rows"])
    assert document["best"]["network.channels"] == 4
    assert max(row["params"] for row in document["rows"]) <= 2000
    assert document["failed"] == {}

    status = hwrts("sweep", "--status", "-o", "out")
    assert status.code == 0
    assert "2 results, 0 failed the bit comparison" in status.out
    best = document["best"]
    assert f"int8 {best['quality_int8']:.3f} (bicubic {best['bicubic']:.3f}) with " in status.out
    assert f"mind: {best['remarks']}" in status.out
    assert "2 of 2 results are below bicubic" in status.out
    assert best["quality_int8"] < best["bicubic"]
    assert json.loads(hwrts("sweep", "--status", "-o", "out", "--json").out)["in_budget"] == 2

    verified = hwrts("verify", Path("out") / document["best"]["run"])
    assert verified.code == 0, verified.err
    (command,) = re.findall("next: hwrts (.*)", result.out)
    handed = hwrts(*shlex.split(command))
    assert handed.code == 0, handed.err
    assert json.loads(Path("handover/manifest.json").read_text())["source"]["stage"] == "1"

    cheap = min(document["rows"], key=lambda row: row["weight_kib"])
    budget = ("--budget", f"weight_kib={cheap['weight_kib']}")
    tight = hwrts("sweep", "--status", *budget, "-o", "out")
    assert f"best in the budget: int8 {cheap['quality_int8']:.3f}" in tight.out
    assert cheap["key"] in tight.out
    tight = hwrts("sweep", "--status", "--budget", "params=5", "-o", "out", "--json")
    assert json.loads(tight.out)["best"] is None

    assert "the best within less" not in page  # all cost the same
    rows = read_rows(Path("out"))
    top = max(rows, key=lambda row: row["quality_int8"])
    write_page(Path("out"), [row if row is top else {**row, "params": row["params"] - 7.5} for row in rows])
    assert f"--budget params={top['params'] - 7:.0f}" in Path("out/index.html").read_text()

    made = json.loads(Path("out/sweep.json").read_text())
    Path("out/sweep.json").write_text(json.dumps(made | {"schema_version": 1}))
    assert_one_clear_line(
        hwrts("sweep", file, "--data", "photos", "-o", "out"), "version 1", "another folder"
    )


def test_the_same_size_network_is_handed_over(file, hwrts):
    text = FILE.replace("[4, 64]", "[4]").replace('"qat.weight_bits" = [6, 8]', 'head = ["same-size"]')
    text = text.replace("steps = 2\n", "steps = 2\nsame_size_steps = 2\n")
    file.write_text('quality = "score"\n' + text)
    result = hwrts("sweep", file, "--data", "photos", "-o", "out")
    assert result.code == 0, result.err
    (command,) = re.findall("next: hwrts (.*)", result.out)
    handed = hwrts(*shlex.split(command))
    assert handed.code == 0, handed.err
    assert json.loads(Path("handover/manifest.json").read_text())["source"]["stage"] == "1-same"
    assert "stage 1-same" in Path("out/index.html").read_text()


def test_nothing_in_the_budget(file, hwrts):
    result = hwrts("sweep", file, "--data", "photos", "--budget", "params=10", "-o", "out")
    assert_one_clear_line(result)
    assert "nothing is within the budget, the nearest has params " in result.err
    assert not Path("out/trials").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give a TOML file, or --budget"),
        (("nowhere.toml",), "nowhere.toml: cannot be read"),
        (("sweep.toml", "--data", "nowhere"), "nowhere"),
        (("wrong.toml",), "wrong.toml: axes = 3 is not allowed"),
        (("--budget", "parms=3"), "units: params"),
        (("sweep.toml", "--budget", "params=x"), "is no amount"),
        (("--status", "-o", "photos"), "is not a sweep's folder"),
        (("sweep.toml", "--data", "photos", "-o", "photos"), "is not a sweep's folder"),
        (
            ("sweep.toml", "--data", "photos", "--cluster", "tcp://127.0.0.1:9", "--workers", "2"),
            "give --workers or",
        ),
    ],
)
def test_bad_input(file, hwrts, arguments, words):
    result = hwrts("sweep", *arguments)
    assert_one_clear_line(result)
    assert words in result.err
    assert sorted(path.name for path in Path("photos").iterdir()) == [
        "photo0.png",
        "photo1.png",
        "photo2.png",
    ]
