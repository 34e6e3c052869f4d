"""hwrts prune: from the command line to a proved run, and what it refuses."""

import json

import pytest

from .test_bad_input import assert_one_clear_line

PRUNE = ("prune", "runs/tiny", "--stage", "1", "--budget", "line_kib=70", "--multiple", "2", "--steps", "2")


def test_a_pruned_run_is_used_as_any_other(workspace, hwrts):
    result = hwrts(*PRUNE, "--rounds", "1", "--json", "-q")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["run"] == "runs/tiny-pruned"
    assert document["widths"] == {"before": {"conv_in": 4}, "after": {"conv_in": 2}}
    assert document["costs"]["after"]["line_kib"] <= 70 < document["costs"]["before"]["line_kib"]
    assert (document["passed"], document["mismatches"]) == (True, 0)
    assert document["from_scratch"] == "hwrts run runs/tiny-pruned/scratch.toml --name tiny-pruned-scratch"
    for words in (
        ("verify", "runs/tiny-pruned", "-q"),
        ("quantize", "runs/tiny-pruned", "--weight-bits", "6", "-q"),
        ("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/tiny-pruned", "-q"),
        ("export", "runs/tiny-pruned", "-o", "handover", "-q"),
        ("cost", "runs/tiny-pruned"),
        (*document["from_scratch"].split()[1:], "-q"),
    ):
        assert hwrts(*words).code == 0, words
    again = hwrts(*PRUNE, "-q")
    assert_one_clear_line(again, "runs/tiny-pruned: exists already", "choose another --name")
    replaced = hwrts(*PRUNE, "--rounds", "1", "--importance", "sensitivity", "--force", "-q")
    assert replaced.code == 0
    assert "compare: hwrts run runs/tiny-pruned/scratch.toml" in replaced.out
    assert "Residual-1, 2 channels" in replaced.out


def test_a_later_stage_says_what_it_is(workspace, hwrts):
    words = ("--stage", "2", "--form", "same-size", "--budget", "params=650", "--multiple", "1")
    result = hwrts("prune", "runs/tiny", *words, "--rounds", "1", "--steps", "2", "--name", "second", "-q")
    assert result.code == 0, result.err
    assert "stages before 2 are those of runs/tiny, this run has none" in result.out
    assert hwrts("verify", "runs/second", "-q").code == 0
    assert hwrts("run", "--resume", "runs/second", "-q").code == 0
    for asked in (
        ("verify", "runs/second", "--stage", "1"),
        ("export", "runs/second", "--stage", "1", "-o", "handover"),
        ("quantize", "runs/second", "--stage", "1", "--weight-bits", "6"),
        ("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/second", "--stage", "1-same"),
        ("prune", "runs/second", "--stage", "1", "--budget", "params=600", "--name", "third"),
    ):
        refused = hwrts(*asked, "-q")
        assert_one_clear_line(
            refused, "runs/second: was pruned at stage 2", "stage 1 is that of runs/tiny, use"
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "line_kib=9999"), "--budget line_kib=9999: the network has line_kib"),
        (("--budget", "line_kib=1"), "give more, a smaller multiple"),
        (("--budget", "lines=1"), "--budget 'lines=1': write unit=number"),
        (("--importance", "size"), "--importance 'size' is not allowed: use gradient or sensitivity"),
        (("--form", "drawn"), "--form 'drawn' is not allowed: use x2 or same-size"),
        (("--mode", "9p"), "there is no such video mode"),
        (("--stage", "9"), "stage 9 is not finished"),
        (("-o", "runs/tiny"), "runs/tiny: is the run that is pruned; choose another"),
        (("-o", "photos"), "photos: exists already"),
        (("--name", "a/b"), "use a plain name"),
    ],
)
def test_what_is_refused(workspace, hwrts, words, message):
    given = dict(zip(PRUNE[2::2], PRUNE[3::2], strict=True)) | dict(zip(words[::2], words[1::2], strict=True))
    before = sorted(path.name for path in (workspace / "runs").iterdir())
    flat = [word for pair in given.items() for word in pair]
    assert_one_clear_line(hwrts("prune", "runs/tiny", *flat, "-q"), message)
    assert sorted(path.name for path in (workspace / "runs").iterdir()) == before
