"""The whole reproduction on tiny pictures with a made-up score: what is done, and how often."""

import json
import os
import re
import shutil
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hwrts.data.twins import picture_key
from hwrts.errors import DataError, RunFolderError
from hwrts.metrics.viqet import UNITS, Score
from hwrts.progress import Silent
from hwrts.reproduce.budgets import Budget, Experiment, Selection
from hwrts.reproduce.reproduction import _claim, reproduce
from hwrts.reproduce.results import TARGETS
from hwrts.reproduce.runs import Source

from ..runs.tiny import Lines, photographs

pytestmark = pytest.mark.usefixtures("small_verdict")

SETTINGS: dict[str, Any] = {
    "precision": "float32",
    "data": {"patch": 32, "crops_per_image": 4},
    "rts": {"stages": 2, "first_steps": 4, "steps": 3, "batch": 2, "score": False},
    "qat": {"steps": 2, "same_size_steps": 2},
}
RESIDUAL = {"name": "residual", "blocks": 1, "channels": 4}
TABLE3 = {
    **SETTINGS,
    "rts": {**SETTINGS["rts"], "stages": 1},
    "qat": {"steps": 2, "same_size": False},
}
TILED = Selection(train=2, val=1, train_crop=(64, 64), val_crop=(48, 96))
TINY = Budget(
    "small",
    ("Nearly everything is reduced.",),
    Experiment("stages", "Residual3", {**SETTINGS, "network": RESIDUAL}, Selection(train=2, val=1)),
    (
        Experiment("residual1", "Residual1", {**TABLE3, "network": RESIDUAL}, TILED),
        Experiment("edsr", "EDSR", {**TABLE3, "network": {**RESIDUAL, "name": "edsr"}}, TILED),
    ),
)


class Measure:
    """A made-up score that remembers which pictures it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, pixels):
        self.asked.append(picture_key(pixels))
        return Score(3 + float(pixels.std()) / 100, 0.0, dict.fromkeys(UNITS, float(pixels.mean())))


def trained_files(folder: Path) -> dict[Path, int]:
    """Every file of weights and targets, with its time."""
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.glob("runs/**/*")
        if path.suffix in {".safetensors", ".npy", ".onnx"}
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    root = tmp_path_factory.mktemp("reproduction")
    return Source(photographs(root / "photos", count=4), None, 0, "cpu")


def make(root, targets, source, progress=None, *, budget=TINY, int8=False, measure=None):
    measure = measure or Measure()
    return reproduce(
        root, targets, budget, source, {}, progress or Silent(), int8=int8, measure_score=measure
    )


def test_everything_is_made_and_nothing_twice(source):
    root, measure, lines = source.data.parent / "all", Measure(), Lines()
    first = make(root, ["table2"], source, measure=measure)
    assert [row[0] for row in first["results"]["table2"]["rows"]] == [
        "LR",
        "LR, Lanczos",
        "HR0",
        "HR1",
        "HR2",
    ]
    assert not list(root.rglob("*.onnx"))  # nothing is quantised that nobody asked for
    floats = trained_files(root)
    assert {path.parts[1] for path in floats} == {"stages"}

    # --int8 completes the float run; the other results reuse it
    document = make(root, TARGETS, source, int8=True, measure=measure)
    assert list(document["results"]) == list(TARGETS)
    assert json.loads((root / "results.json").read_text()) == document
    after = trained_files(root)
    assert {
        path: after[path] for path in floats if path.name != "state.safetensors"
    }.items() <= floats.items()
    assert {path.parts[1] for path in after} == {"stages", "residual1", "edsr"}
    assert {each.name for each in (root / "photographs").iterdir()} == {"2-1", "2of64x64-1of96x48"}
    assert len(measure.asked) == len(set(measure.asked))  # each picture once, in both calls

    # what is there is reused, and results that have int8 rows keep them
    repeated, again = make(root, TARGETS, source, lines, measure=Measure()), trained_files(root)
    assert again == after
    assert repeated == document
    assert sum("trained already" in text for text in lines.said) == 3

    rows = {name: entry["rows"] for name, entry in document["results"].items()}
    assert [row[0] for row in rows["table2"]][-2:] == ["HR1 int8", "HR2 int8"]
    assert [row[0] for row in rows["fig5"]] == ["HR0", "HR1", "HR2", "HR2 int8", "USM x1", "USM x2"]
    assert rows["fig5"][0][2] in (0, None)  # HR0 has no halo against itself
    assert rows["table1"][1][2] == pytest.approx(rows["fig4"][1][2])
    assert [row[0] for row in rows["table3"]] == ["Residual1", "EDSR"]
    titles = document["results"]["table3"]["columns"]
    seconds = dict(zip(titles, rows["table3"][1], strict=True))
    assert min(seconds["training, s"], seconds["int8, s"]) > 0
    claims = {each["claim"] for entry in document["results"].values() for each in entry["findings"]}
    assert {
        "int8 keeps the gain",
        "repetition beats size",
        "int8 is exact",
        "a stage contracts",
        "a better score without ringing",
        "int8 keeps every network's gain",
    } <= claims
    exact = [
        each
        for entry in document["results"].values()
        for each in entry["findings"]
        if each["claim"] == "int8 is exact"
    ]
    assert all(each["agrees"] for each in exact)
    assert exact[0]["text"].startswith("4 of 4 int8 networks")  # two stages, each with its same-size network

    html = (root / "index.html").read_text()
    for number in ("0.95", "4.028", "2.639", f"{rows['table1'][1][2]:.2f}", f"{rows['table2'][3][2]:.3f}"):
        assert f">{number}</td>" in html, number
    assert html.count("<svg") == html.count("<figcaption>") == 2 + 5
    assert html.count("data:image/png") == 1
    assert not re.search(r'(src|href)="(?!data:|#)', html)  # self-contained
    verdicts = [each["agrees"] for entry in document["results"].values() for each in entry["findings"]]
    summary = html.index(f"{sum(verdicts)} of {len(verdicts)} claims agree")
    assert summary < html.index("<h2")  # on top
    for entry in document["results"].values():
        for finding in entry["findings"]:
            assert finding["text"] in html.replace("&#39;", "'")
        for file in entry["files"]:
            assert (root / file).stat().st_size > 100


def test_what_a_kill_left_out_is_made_and_the_rest_reused(source):
    root = source.data.parent / "killed"

    class Killed(Silent):
        def say(self, text):
            if "photographs to train on" in text:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(root, ["table1"], source, Killed())
    assert not (root / "results.json").exists()
    document = make(root, ["table1"], source)
    stages = root / "runs" / "stages"
    weights = [(stages / f"stage{n}" / "float.safetensors").read_bytes() for n in (1, 2)]
    before = trained_files(root)
    (stages / "stage2" / "float.safetensors").unlink()
    assert make(root, ["table1"], source) == document
    assert [(stages / f"stage{n}" / "float.safetensors").read_bytes() for n in (1, 2)] == weights
    changed = {path for path, time in trained_files(root).items() if before[path] != time}
    assert Path("runs/stages/stage2/float.safetensors") in changed
    assert not [path for path in changed if path.parts[2] == "stage1" or path.suffix == ".npy"]


def test_each_result_has_int8_rows_or_not(source, tmp_path):
    """Also where the run is gone and another result, which has none, is made first."""
    root, settings = tmp_path / "r", {**TINY.stages.settings, "rts": {**SETTINGS["rts"], "stages": 1}}
    one = replace(TINY, stages=replace(TINY.stages, settings=settings))
    make(root, ["table2"], source, int8=True, budget=one)
    shutil.rmtree(root / "runs" / "stages")
    results = make(root, ["table1", "table2"], source, budget=one)["results"]
    assert [row[0] for row in results["table2"]["rows"]][-2:] == ["HR1", "HR1 int8"]
    assert not any("int8" in column for column in results["table1"]["columns"])


def test_elongated_photographs_are_left_out_of_the_scores(source, tmp_path):
    """One of them was refused after the training; if all are, they are refused before it."""
    val, lines, measure = tmp_path / "val", Lines(), Measure()
    val.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 900, 3), dtype=np.uint8)
    Image.fromarray(noise).save(val / "a_panorama.png")
    with pytest.raises(DataError, match=r"a_panorama\.png: too elongated to score, as all"):
        make(tmp_path / "r", ["table2"], replace(source, val=val))
    assert not (tmp_path / "r").exists()
    shutil.copy(sorted(source.data.iterdir())[0], val / "b.png")
    everything = replace(TINY, stages=replace(TINY.stages, selection=None))  # the panorama too
    for name, budget in (("selected", TINY), ("all", everything)):
        root = tmp_path / name
        document = make(root, ["table2"], replace(source, val=val), lines, budget=budget, measure=measure)
        assert [row[0] for row in document["results"]["table2"]["rows"]][2:] == ["HR0", "HR1", "HR2"]
        pictures = sorted((root / "runs/stages/data/val/hr").iterdir())
        assert len(pictures) == (1 if budget is TINY else 2)
        original = np.load(pictures[-1])
        assert document["results"]["table2"]["rows"][2][2] == pytest.approx(measure(original).mos_raw)
        assert any("a_panorama.png: too elongated to score; left out" in text for text in lines.said)


def test_a_folder_of_other_settings_is_refused(source, tmp_path):
    root = tmp_path / "made"
    make(root, ["fig5"], source)
    other = Source(source.data, None, 1, "cpu")
    with pytest.raises(
        RunFolderError, match="was made with seed 0, not 1; use the same settings, or another"
    ):
        make(root, ["fig5"], other)
    longer = {**TINY.stages.settings, "rts": {**SETTINGS["rts"], "steps": 4}}
    changed = Budget(
        "small", (), Experiment("stages", "Residual3", longer, TINY.stages.selection), TINY.networks
    )
    moved = tmp_path / "moved"
    root.rename(moved)
    make(moved, ["fig5"], source)  # where the folder is does not matter
    moved.rename(root)
    with pytest.raises(RunFolderError, match=r"was trained with other settings \(rts.steps\); delete it"):
        make(root, ["fig5"], source, budget=changed)
    (root / "results.json").write_text('{"schema": "hwrts reproduction", "schema_version": 99}')
    with pytest.raises(RunFolderError, match="not a hwrts reproduction of version 1"):
        make(root, ["fig5"], source)
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="not a folder of hwrts reproduce"):
        make(tmp_path, ["fig5"], source)


def test_without_a_selection_the_folders_are_used_as_they_are(source, tmp_path):
    whole = Budget("paper", (), Experiment("stages", "Residual3", TINY.stages.settings, None), TINY.networks)
    document = make(tmp_path / "made", ["fig4"], source, budget=whole)
    assert document["photographs"] == {"train": 3, "val": 1}  # a fifth of four
    assert not list((tmp_path / "made" / "photographs").iterdir())
    usm = [row[4] for row in document["results"]["fig4"]["rows"]]
    assert 0 < usm[0] < usm[1]


def test_a_folder_whose_making_was_killed(tmp_path):
    """It was refused as somebody else's; and what later kills left half written stayed for ever."""
    root, source = tmp_path / "made", Source(tmp_path, None, 0, "cpu")
    root.mkdir()
    (root / ".settings.json.01234567.tmp").write_text("{")
    _claim(root, TINY, source)
    (root / "runs").rmdir()  # the kill came before it was made
    (root / "photographs" / ".scores.json.01234567.tmp").write_text("{")
    (root / "photographs" / ".2-1.01234567.new").mkdir()
    _claim(root, TINY, source)
    assert sorted(path.name for path in root.rglob("*")) == ["photographs", "runs", "settings.json"]


def without_seconds(document: dict[str, Any]) -> list[dict[str, Any]]:
    entry = document["results"]["table3"]
    return [
        {title: cell for title, cell in zip(entry["columns"], row, strict=True) if not title.endswith(", s")}
        for row in entry["rows"]
    ]


class KilledIn(Silent):
    """Ends its own process with SIGKILL in the first task of a name after something was said."""

    def __init__(self, after: str, task: str, done: int) -> None:
        self.after, self.title, self.done, self.armed = after, task, done, False

    def say(self, text):
        self.armed |= self.after in text

    @contextmanager
    def task(self, title, total):
        def advance(done, text):
            if self.armed and self.title in title and done >= self.done:
                os.kill(os.getpid(), signal.SIGKILL)

        yield advance


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_night_that_is_killed_leaves_a_table_of_the_networks_so_far_and_goes_on(source):
    """Killed in the second network's training, in its targets and in its scores; as if nothing had been."""
    folder, labels = source.data.parent, ["Residual1", "EDSR"]
    whole = without_seconds(make(folder / "undisturbed", ["table3"], source))
    assert [row["network"] for row in whole] == labels
    assert [row["steps"] for row in whole] == ["4", "4"]
    root = folder / "night"
    for killed_in in [
        KilledIn("edsr: ", "float training", 3),
        KilledIn("edsr: ", "validation targets", 1),
        KilledIn("residual1: trained already", "EDSR: scoring tiles of HR1", 1),
    ]:
        child = os.fork()
        if child == 0:
            try:
                make(root, ["table3"], source, killed_in)
            finally:
                os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        document = json.loads((root / "results.json").read_text())
        assert without_seconds(document) == whole[:1]
        entry = document["results"]["table3"]
        assert entry["title"].endswith("; not trained yet: EDSR, which the same command goes on with")
        claims = [each["claim"] for each in entry["findings"]]
        assert claims == ["recurrent training helps every network", "peaks where the paper has them"]
        assert "not trained yet: EDSR" in (root / "index.html").read_text()
    before, lines = trained_files(root), Lines()
    document = make(root, ["table3"], source, lines)
    assert without_seconds(document) == whole
    assert "not trained yet" not in document["results"]["table3"]["title"]
    assert document["results"]["table3"]["findings"][0]["claim"] == "repetition beats size"
    assert trained_files(root) == before  # nothing was trained again
    for label in ("residual1", "edsr"):
        weights = Path("runs") / label / "stage1" / "float.safetensors"
        assert (root / weights).read_bytes() == (folder / "undisturbed" / weights).read_bytes()


def test_a_finished_table_does_not_shrink_while_it_is_looked_at_again(source):
    root = source.data.parent / "again"
    document = make(root, ["table3"], source)
    assert len(document["results"]["table3"]["rows"]) == 2
    shown = []

    class Looks(Silent):
        @contextmanager
        def task(self, title, total):
            shown.append(len(json.loads((root / "results.json").read_text())["results"]["table3"]["rows"]))
            yield lambda done, text: None

    assert make(root, ["table3"], source, Looks()) == document
    assert set(shown) == {2}


def test_float_rows_stay_while_int8_follows(source):
    """The order that docs/reproduction.md advises: the page of a night lost its rows, "not trained yet"."""
    root, shown = source.data.parent / "float-first", []
    floats = without_seconds(make(root, ["table3"], source))

    class Looks(Silent):
        @contextmanager
        def task(self, title, total):
            shown.append(json.loads((root / "results.json").read_text()))
            yield lambda done, text: None

    document = make(root, ["table3"], source, Looks(), int8=True)
    for each in shown:
        rows = without_seconds(each)
        assert [{name: row[name] for name in floats[0]} for row in rows] == floats
    titles = [each["results"]["table3"]["title"].partition("; ")[2] for each in shown]
    assert list(dict.fromkeys(titles)) == [
        "",
        "not in int8 yet: Residual1, EDSR, which the same command goes on with",
        "not in int8 yet: EDSR, which the same command goes on with",
    ]
    half = next(each for each, title in zip(shown, titles, strict=True) if ": EDSR," in title)
    first, second = without_seconds(half)
    assert first["int8: HR1"] is not None
    assert second["int8: HR1"] is None
    claims = {each["claim"]: each["text"] for each in half["results"]["table3"]["findings"]}
    assert "1 networks" in claims["int8 keeps every network's gain"]
    assert {"int8 is exact", "int8 repetition beats float size at equal steps"} <= claims.keys()
    assert "yet" not in document["results"]["table3"]["title"]
    assert None not in [row["int8: HR1"] for row in without_seconds(document)]
