"""hwrts check-vectors: what a simulator wrote beside a folder of vectors, without any run."""

import json
import shutil

import numpy as np
import pytest

from hwrts.export.vectors.files import vector_files
from hwrts.fixed_point import PIXEL, Add, Input, Network
from hwrts.runs.vectors import Vectors

from ..export.rtl.build import S8, random_conv


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of vectors of two layers."""
    rng = np.random.default_rng(0)
    layers = (random_conv(rng, "first", "x", 2, 3, 3, S8), Add("last", ("first", "first"), S8))
    folder = tmp_path_factory.mktemp("vectors")
    for name, content in vector_files(Network((Input("x", 3, PIXEL),), layers), {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def out(made, tmp_path):
    """What a simulator wrote that is right: every tensor of every case."""
    folder = tmp_path / "out"
    folder.mkdir()
    for path in (made / "mem").glob("c*.mem"):
        shutil.copy(path, folder)
    return folder


def damaged(path, word, channel_bits=0):
    """Flip a bit of a word."""
    lines = path.read_text().splitlines()
    lines[word] = f"{int(lines[word], 16) ^ 1 << channel_bits:0{len(lines[word])}x}"
    path.write_text("\n".join(lines) + "\n")


def test_what_is_right_passes(made, out, hwrts):
    result = hwrts("check-vectors", made, "--outputs", out)
    assert result.code == 0, result.err
    total = sum(
        int(np.prod(entry["shape"]))
        for case in Vectors(made).manifest["cases"]
        for entry in (*case["codes"].values(), *case["accumulators"].values())
    )
    assert result.out.splitlines()[-1] == f"PASSED: 0 of {total:,} codes differ"


def test_the_hand_over_that_holds_the_vectors_is_a_folder_too(made, out, tmp_path, hwrts):
    shutil.copytree(made, tmp_path / "kit/vectors")
    assert hwrts("check-vectors", tmp_path / "kit", "--outputs", out).code == 0


def test_the_first_difference_is_named_as_the_layer_rounds_it(made, out, hwrts):
    """In the order of computation, whatever the files are called."""
    case = Vectors(made).cases["c0_all_0"]
    width = case["codes"]["t1_first"]["shape"][2]
    damaged(out / "c0_all_0.t2_last.mem", 0)
    damaged(out / "c0_all_0.t1_first.mem", 2 * width + 5, 8)
    result = hwrts("check-vectors", made, "--outputs", out)
    assert result.code == 1
    *_, first, verdict = result.out.splitlines()
    vectors = Vectors(made)
    acc = vectors.array(case["accumulators"]["t1_first"])[0, 2, 5, 1]
    code = vectors.array(case["codes"]["t1_first"])[0, 2, 5, 1]
    shift = vectors.array(vectors.layers["t1_first"]["constants"]["shift"])[1, 0]
    assert first == (
        "first difference: c0_all_0.t1_first.mem, layer first, frame 0, row 2, column 5, channel 1: expected "
        f"{code}, found {code ^ 1}; accumulator {acc}, shift {shift}, half_even"
    )
    assert verdict.startswith("FAILED: 2 of ")
    said = json.loads(hwrts("check-vectors", made, "--outputs", out, "--json").out)
    assert (said["passed"], said["differing"]) == (False, 2)
    found = next(each for each in said["files"] if each["differing"])
    assert (found["layer"], found["accumulator"], found["shift"]) == ("first", acc, shift)
    assert found["first"]["place"] == {"frame": 0, "row": 2, "column": 5, "channel": 1}


def test_missing_extra_short_and_undefined_are_named(made, out, hwrts):
    (out / "c1_impulses.t2_last.mem").unlink()
    (out / "mine.mem").write_text("0\n")
    (out / "notes.txt").write_text("no vectors")
    path = out / "c0_all_0.t2_last.mem"
    lines = path.read_text().splitlines()
    width = Vectors(made).cases["c0_all_0"]["codes"]["t2_last"]["shape"][2]
    path.write_text("\n".join(["xxxx", *lines[1 : width + 3]]) + "\n")
    result = hwrts("check-vectors", made, "--outputs", out)
    assert result.code == 1
    assert (
        f"c0_all_0.t2_last.mem has {width + 3} of {len(lines)} words, "
        "the first that is missing is frame 0, row 1, column 3" in (result.out)
    )
    assert "row 0, column 0, channel 0: expected" in result.out
    assert "found undefined (x)" in result.out
    assert "missing: c1_impulses.t2_last.mem" in result.out
    assert "of no vector: mine.mem" in result.out
    assert result.out.splitlines()[-1].startswith("FAILED: 0 of ")
    assert f"2 undefined, {len(lines) - width - 3} words are missing" in result.out.splitlines()[-1]


def test_an_output_that_is_missing_fails_although_no_code_differs(made, out, hwrts):
    (out / "c1_impulses.t2_last.mem").unlink()
    result = hwrts("check-vectors", made, "--outputs", out, "--partial")
    assert result.code == 1
    assert result.out.splitlines()[-1].startswith("FAILED: 0 of ")


def test_cases_of_which_nothing_was_written(made, out, hwrts):
    for path in out.glob("c0_all_0.*"):
        path.unlink()
    words = ("check-vectors", made, "--outputs", out)
    refused = hwrts(*words)
    assert refused.code == 1
    assert "not tried: c0_all_0" in refused.out
    partly = hwrts(*words, "--partial")
    assert partly.code == 0
    assert "not tried, allowed by --partial: c0_all_0" in partly.out
    assert hwrts(*words, "--case", "c1_impulses", "-q").out.startswith("PASSED: 0 of ")


@pytest.mark.parametrize(
    ("folder", "words", "message"),
    [
        ("nowhere", ("out",), "nowhere: holds no vectors (manifest.json is missing)"),
        ("made", ("nowhere",), "--outputs nowhere: is no folder"),
        ("made", ("empty",), "write each tensor under the name of its vectors, such as c0_all_0.t2_last.mem"),
        ("made", ("out", "--case", "c0_all_1"), "is none of the vectors; did you mean 'c0_all_0'?"),
        ("made", ("out", "--case", "q"), "--case q: is none of the vectors; see VECTORS.md"),
        ("broken", ("out",), "damaged, the manifest has another sha256; copy the folder of vectors"),
        ("short", ("out",), "short/npy/c0_all_0.t0_x.npy: damaged ("),
        ("other", ("out",), "not a hwrts.vectors of version 1 but 'hwrts.sweep' of version 1"),
        ("outside", ("out",), "damaged, cases[0].codes.t0_x.stem = '../x'"),
        ("unequal", ("out",), "has accumulators of t1_first beside other codes"),
        ("shiftless", ("out",), "layer t1_first has accumulators and not their shifts"),
        ("wide", ("out",), "t0_x has words of other bits than its numbers together"),
        ("outputless", ("out",), "has no codes of its output"),
        ("nameless", ("out",), "has codes of t1_first, which is no tensor"),
    ],
)
def test_wrong_use_is_one_line(made, out, tmp_path, monkeypatch, hwrts, folder, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    if folder == "made":
        (tmp_path / folder).symlink_to(made)
    elif folder != "nowhere":
        shutil.copytree(made, tmp_path / folder)
        DAMAGES[folder](tmp_path / folder)
    refused = hwrts("check-vectors", folder, "--outputs", *words)
    assert refused.code == 2, refused.out
    (line,) = refused.err.splitlines()
    assert message in line


def _broken(folder):
    path = folder / "npy/c0_all_0.t0_x.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")


def _edited(change):
    def edit(folder):
        document = json.loads((folder / "manifest.json").read_text())
        change(document)
        (folder / "manifest.json").write_text(json.dumps(document))

    return edit


def _shorter(document):
    document["cases"][0]["codes"]["t0_x"]["shape"][1] -= 1


def _taller(document):
    document["cases"][0]["accumulators"]["t1_first"]["shape"][1] += 1


DAMAGES = {
    "broken": _broken,
    "short": _edited(_shorter),
    "other": _edited(lambda document: document.update(schema="hwrts.sweep")),
    "outside": _edited(lambda document: document["cases"][0]["codes"]["t0_x"].update(stem="../x")),
    "unequal": _edited(_taller),
    "shiftless": _edited(lambda document: document["layers"][0]["constants"].pop("shift")),
    "wide": _edited(lambda document: document["cases"][0]["codes"]["t0_x"].update(word_bits=2**30)),
    "nameless": _edited(lambda document: document["tensors"].pop(1)),
    "outputless": _edited(lambda document: document["cases"][0]["codes"].pop("t2_last")),
}
