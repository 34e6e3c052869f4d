"""The benchmark behind docs/wide_and_taught.md: what was asked for wrongly, and lines of other settings."""

import json
from typing import Any

import pytest

from benchmarks.small_networks import main
from benchmarks.small_networks_results import NOT_NOTED, key_of, read_rows

LINE: dict[str, Any] = {
    "network": "quicksrnet", "size": "2x8", "rate": 2e-3, "steps": 10, "qat_steps": 5, "seed": 0,
    "variant": "wide", "teacher": "0123456789abcdef", "expand": 4,
    "params": 2268, "line_kib": 101.25, "float_db": 33.7, "int8_db": 33.5,
}  # fmt: skip


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The line that a command ends with."""
    monkeypatch.setattr("sys.argv", ["small_networks.py", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    usage, _, said = capsys.readouterr().err.partition("small_networks.py: error: ")
    assert usage.startswith("usage: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "give the folder of a trained run and a file of results"),
        ("nothing new.jsonl --variants wdie", "--variants: 'wdie' is none; take of plain, wide"),
        ("nothing new.jsonl", "nothing: is not a run folder (no run.json)"),
        ("nothing new.jsonl --sizes 2y8", "--sizes: '2y8' is no size; give blocks x channels"),
        ("nothing new.jsonl --network srcnn", "srcnn has three layers and no blocks"),
        ("nothing new.jsonl --sizes 2x32", "--pruned-from 32: is not wider than 2x32"),
        ("nothing new.jsonl --steps 0", "argument --steps: 0: not a whole number of at least 2"),
        ("nothing new.jsonl --rate nan", "argument --rate: nan: not a number above 0"),
        ("nothing gone/new.jsonl", "gone: is no folder"),
        ("--plot new.jsonl -o new.png", "new.jsonl: No such file"),
        ("--plot some.jsonl", "--plot: give the picture's file with -o"),
        ("--plot some.jsonl -o new.xyz", "-o new.xyz: is no picture's name"),
        ("--plot empty.jsonl -o new.png", "empty.jsonl: has no lines"),
        ("--plot other.jsonl -o new.png", "other.jsonl: line 1 is none of this benchmark"),
    ],
)
def test_what_is_wrong_is_one_line(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in (("some", json.dumps(LINE)), ("empty", ""), ("other", '{"a": 1}')):
        (tmp_path / f"{name}.jsonl").write_text(text)
    assert said in refused(monkeypatch, capsys, *words.split())
    assert not list(tmp_path.glob("new*"))


@pytest.mark.parametrize(
    "change",
    [
        {"network": "sesr"},
        {"rate": 1e-3},
        {"steps": 11},
        {"qat_steps": 6},
        {"expand": 2},
        {"teacher": "f" * 16},
    ],
    ids=lambda change: next(iter(change)),
)
def test_lines_of_other_settings_are_others(change, tmp_path, monkeypatch, capsys):
    """They are trained, and are not in one plot."""
    assert key_of({**NOT_NOTED, **LINE}) != key_of({**NOT_NOTED, **LINE, **change})
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps(line) + "\n" for line in (LINE, {**LINE, **change})))
    said = refused(monkeypatch, capsys, "--plot", str(results), "-o", str(tmp_path / "new.png"))
    assert f"has lines of several {next(iter(change))} (" in said
    assert not (tmp_path / "new.png").exists()


def test_lines_from_before_are_of_what_made_them(tmp_path):
    """The plain network is one whatever the others were asked for."""
    before = {key: value for key, value in LINE.items() if key not in NOT_NOTED}
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(before) + "\n")
    (row,) = read_rows(results)
    assert (row["qat_steps"], row["expand"], row["teacher"]) == (100, 4, None)
    plain = {**row, "variant": "plain"}
    assert key_of(plain) == key_of({**plain, "expand": 2, "share": 0.1, "pruned_from": 64})
