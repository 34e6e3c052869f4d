"""hwrts score: tables, JSON, processes, and what is refused."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwrts.errors import HwrtsError
from hwrts.metrics.viqet import UNITS, files, score, score_files

from .conftest import make_photographs
from .test_bad_input import assert_one_clear_line


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_photographs(tmp_path / "photos")


def test_json_of_one_picture_is_the_library_s_score(photos, hwrts):
    result = hwrts("score", "photos/photo0.png", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert list(document) == ["schema_version", "images"]
    assert document["schema_version"] == 1
    (entry,) = document["images"]
    assert list(entry) == ["image", "mos_raw", "mos", "mos_raw_night", "features"]
    expected = score(np.asarray(Image.open(photos / "photo0.png")))
    assert entry == {"image": "photos/photo0.png", **expected.as_json()}
    assert "1 process" in result.err
    assert hwrts("score", "photos/photo0.png", "--json", "-q").err == ""


def test_table_of_one_picture(photos, hwrts):
    result = hwrts("score", photos / "photo1.png")
    assert result.code == 0, result.err
    expected = score(np.asarray(Image.open(photos / "photo1.png")))
    shown = {
        cells[0].strip(): cells[1].strip()
        for cells in (line.split("│") for line in result.out.splitlines())
        if len(cells) == 3
    }
    assert shown.pop("MOS, raw") == f"{expected.mos_raw:.3f}"
    assert shown.pop("MOS") == f"{expected.mos:.3f}"
    assert shown.pop("MOS, raw, night") == f"{expected.mos_raw_night:.3f}"
    assert shown == {name: f"{value:.2f}" for name, value in expected.features.items()}
    assert list(shown) == list(UNITS)
    assert "compare pictures by the raw values" in result.out
    assert "Flat Region Index: not available" in result.out


def test_several_pictures_in_order_whatever_the_number_of_processes(photos, hwrts):
    odd = photos / "[b]a name that is long enough to be broken into several lines[-b].png"
    Image.fromarray(np.asarray(Image.open(photos / "photo2.png"))[::-1]).save(odd)
    arguments = ["score", "photos/photo2.png", "photos", "--json"]
    before = {**os.environ, "MPLBACKEND": "agg"}  # which every command chooses for its process
    one, two = (hwrts(*arguments, "--workers", workers) for workers in (1, 2))
    assert (one.code, two.code) == (0, 0), (one.err, two.err)
    assert "5 in " in one.err
    assert "2 processes" in two.err
    assert dict(os.environ) == before
    images, others = json.loads(one.out)["images"], json.loads(two.out)["images"]
    names = ["photo2.png", odd.name, "photo0.png", "photo1.png", "photo2.png"]
    assert [entry["image"] for entry in images] == [f"photos/{name}" for name in names]
    assert images[0] == images[4]
    for here, there in zip(images, others, strict=True):
        assert here["image"] == there["image"]
        # BLAS may split a sum by its number of threads; three decimals of a MOS are shown
        assert there["mos_raw"] == pytest.approx(here["mos_raw"], abs=1e-5)
        assert there["features"] == pytest.approx(here["features"], rel=1e-6)


def test_tables_of_several_pictures(photos, hwrts):
    long = photos / "[b]_a_name_that_is_longer_than_the_space_that_is_left_for_it_in_the_table[_b].png"
    (photos / "photo2.png").rename(long)
    result = hwrts("score", photos / "photo0.png", long)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 100
    scores = [score(np.asarray(Image.open(path))) for path in (photos / "photo0.png", long)]
    means = [line.split("│")[1:] for line in lines if line.startswith(" mean ")]
    assert [cell.strip() for row in means for cell in row][:4] == [
        f"{np.mean([s.mos_raw for s in scores]):.3f}",
        f"{np.mean([s.mos for s in scores]):.3f}",
        f"{np.mean([s.mos_raw_night for s in scores]):.3f}",
        f"{np.mean([s.features['Multi-scale Edge Acutance'] for s in scores]):.2f}",
    ]
    assert len(means[0]) + len(means[1]) == 3 + len(UNITS)
    names = "".join(line.split("│")[0].strip() for line in lines if "│" in line)
    assert names.count(re.sub(" ", "", str(long))) == 2, names  # folded, never cut


def test_the_command_of_the_document_runs(photos, hwrts):
    text = (Path(__file__).parents[2] / "docs" / "viqet.md").read_text("utf-8")
    (command,) = re.findall(r"^    hwrts (.*)$", text, re.MULTILINE)
    for path in sorted(photos.iterdir())[1:]:
        path.unlink()
    result = hwrts(*shlex.split(command))
    assert result.code == 0, result.err
    assert len(json.loads(result.out)["images"]) == 1


def test_one_pixel(photos, hwrts):
    Image.fromarray(np.full((1, 1, 3), 200, np.uint8)).save("dot.png")
    result = hwrts("score", "dot.png", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["images"][0]["features"]["Multi-scale Edge Acutance"] == 0


def test_wrong_pictures(photos, hwrts, tmp_path):
    good = photos / "photo0.png"
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "none").mkdir()
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:2000])
    Image.fromarray(np.zeros((2, 900, 3), np.uint8)).save("strip.png")
    assert_one_clear_line(hwrts("score", good, "missing.png"), "missing.png", "no such picture")
    some = hwrts("score", good, "text.png")
    assert (some.code, "text.png: not an image" in some.err) == (1, True)
    assert_one_clear_line(hwrts("score", "text.png"), "text.png", "not an image")
    assert_one_clear_line(hwrts("score", "empty.png"), "empty.png", "empty file")
    assert_one_clear_line(hwrts("score", "none"), "none", "no images")
    assert_one_clear_line(hwrts("score", "cut.png"), "cut.png", "damaged")
    assert_one_clear_line(hwrts("score", "strip.png"), "strip.png", "too elongated", "cut it")
    both = hwrts("score", "cut.png", "strip.png", "--workers", "2")  # from processes
    assert (both.code, both.out, both.err.count("error: ")) == (2, "", 2)
    assert hwrts("score", good, "--workers", "0").code == 2
    assert hwrts("score").code == 2


def test_a_broken_picture_costs_the_others_nothing(photos, hwrts, tmp_path):
    whole = sorted(photos.iterdir())
    (photos / "cut.png").write_bytes(whole[0].read_bytes()[:2000])
    (photos / "empty.png").touch()
    Image.fromarray(np.zeros((2, 900, 3), np.uint8)).save(photos / "strip.png")
    for workers in ("1", "2"):
        result = hwrts("score", photos, "--json", "--workers", workers)
        assert [entry["image"] for entry in json.loads(result.out)["images"]] == [str(p) for p in whole]
        assert result.code == 1
        errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 3
        assert errors[0].startswith(f"error: {photos / 'cut.png'}: damaged")
        assert errors[1].startswith(f"error: {photos / 'empty.png'}: an empty file")
        assert errors[2].startswith(f"error: {photos / 'strip.png'}: a picture of 900x2 is too elongated")
    shown = hwrts("score", "photos", "--quiet")
    assert shown.code == 1
    assert shown.out.count("photos/photo0.png") == 2


def test_a_process_that_dies_is_reported(photos):
    import multiprocessing

    def kill_all(done, name):
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    paths = sorted(photos.iterdir()) * 3
    with pytest.raises(HwrtsError, match="2 scoring processes died, most likely for want of memory"):
        files.score_files(paths, 2, kill_all)


def test_no_files_no_processes():
    assert score_files([]) == []


def test_help_is_light_and_says_what_to_compare():
    code = (
        "import sys; sys.argv = ['hwrts', {0}'--help']\n"
        "from hwrts.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(repr(sorted({{'scipy', 'skimage', 'PIL', 'torch'}} & set(sys.modules))))"
    )
    for verb in ("", "'score', "):
        done = subprocess.run(
            [sys.executable, "-c", code.format(verb)], capture_output=True, text=True, check=False
        )
        assert done.stderr.strip() == "[]", done.stderr
        assert "score" in done.stdout
    text = re.sub(r"[│\s]+", " ", done.stdout)
    assert "compare pictures by the raw MOS" in text
    assert "one a core" in text
