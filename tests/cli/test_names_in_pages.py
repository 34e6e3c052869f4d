"""Names of files, folders and photographs in pages: the elements are those of a page of plain names."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

PLAIN = "photo"
HOSTILE = (
    "\"><script>alert(1)<img src=x onerror='alert(1)'>",
    "' onmouseover=alert(1) x='",
    "&lt;script&gt;{{7*7}}<svg onload=alert(1)>",
    "<!--",
    "</script><script>alert(1)</script>",  # of a damaged index: no file can be called so, a path can
)


class Elements(HTMLParser):
    """The tags of a page with the names of their attributes, and what scripts hold that run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.scripts = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self.runs = tag == "script" and ("type", "application/json") not in attrs

    def handle_data(self, data: str) -> None:
        if self.found and self.runs:
            self.scripts += data

    def handle_endtag(self, tag: str) -> None:
        self.runs = False


def elements(page: Path) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    found = Elements(page.read_text("utf-8"))
    return found.found, found.scripts


def run_called(name: str, finished: Path, root: Path) -> Path:
    """A finished run in a folder of that path, whose photographs have that name too."""
    run = root / name
    shutil.copytree(finished / "runs" / "tiny", run)
    notes = json.loads((run / "run.json").read_text())
    notes["photographs"] = {part: [name] * len(names) for part, names in notes["photographs"].items()}
    (run / "run.json").write_text(json.dumps(notes | {"command": f"hwrts run {name}"}))
    for part in ("train", "val"):
        path = run / "data" / part / "index.json"
        index = json.loads(path.read_text())
        path.write_text(json.dumps(index | {"names": [name] * len(index["names"])}))
    return run


def pages(name: str, finished: Path, root: Path) -> list[Path]:
    """Of a run, of two runs, of a sweep, of a reproduction, with a name wherever one is shown."""
    from hwrts.report.overview import cells, costs, summary, write_comparison
    from hwrts.report.page import write_report
    from hwrts.reproduce.page import write_page as write_reproduction
    from hwrts.reproduce.page import write_result
    from hwrts.reproduce.tables import Table, usm_rows
    from hwrts.runs.folder import open_run
    from hwrts.sweep.folder import claim
    from hwrts.sweep.page import write_page as write_sweep
    from hwrts.sweep.results import read_rows
    from hwrts.sweep.spec import parse_spec

    run = run_called(name, finished, root)
    rows = [[*cells(summary(run)), *costs(run)]] * 2
    sweep = root / "sweep" / name
    sweep.mkdir(parents=True)
    claim(sweep, parse_spec({"axes": {"network.blocks": [0, 1]}}, "test"), name)
    made = root / "made"
    made.mkdir()
    columns, lines = usm_rows([3.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    table = Table("fig4", name, columns, lines, ())
    document = {
        "schema": "hwrts reproduction",
        "schema_version": 1,
        "budget": name,
        "seed": 0,
        "notes": [name],
        "photographs": {"train": 1, "val": 1},
        "results": {"fig4": {**write_result(made, table, None), "int8": False}},
    }
    return [
        write_report(open_run(run)),
        write_comparison(root / "two.html", [run, run], rows),
        write_sweep(sweep, read_rows(sweep)),
        write_reproduction(made, document),
        looked_at(name, root / "look.html"),
    ]


def looked_at(name: str, page: Path) -> Path:
    """Two clips whose names, and those of their frames, are that."""
    from hwrts.report.look import View, compare_looks
    from hwrts.report.moments import Moment, Moments

    codes = np.full((9, 12, 3), 90, np.uint8)
    before = Moment(name, codes, (codes, codes))
    made = Moment(name, codes, (codes, codes), before)
    compare_looks(Moments(1, iter([made]), True, [name]), [View(name), View(name)], page)
    return page


@pytest.fixture(scope="module")
def plain(finished, tmp_path_factory):
    return [elements(page) for page in pages(PLAIN, finished, tmp_path_factory.mktemp("plain"))]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text(name, plain, finished, tmp_path):
    for page, wanted in zip(pages(name, finished, tmp_path), plain, strict=True):
        assert elements(page) == wanted, page
