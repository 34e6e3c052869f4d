"""What is printed, and where to: terminals without the letters, readers who leave, names with escapes."""

import os
import subprocess
import sys

import pytest

from hwrts.cli.console import print_table
from hwrts.cli.streams import visible

from .conftest import SHORT, TINY, make_photographs

HWRTS = [sys.executable, "-m", "hwrts"]


def shell(command, folder, **environment):
    program = command.replace("hwrts", " ".join(HWRTS))
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
        errors="surrogateescape",
    )


@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        ("hwrts cost residual | head -1", 0, "residual"),
        ("hwrts cost residual --json | head -1", 0, "{"),
        ("hwrts --help | head -1", 0, ""),
        ("hwrts cost residual 2>&1 >&- ", 0, ""),
        ("hwrts cost residual >&- 2>&- <&-", 0, ""),
        ("hwrts cost no.toml 2>&-", 2, ""),
        ("hwrts cost residual >/dev/full", 2, ""),
        ("hwrts cost residual --json >/dev/full", 2, ""),
    ],
)
def test_outputs_that_are_closed_or_full(tmp_path, command, code, out):
    """The exit code says how the work ended, whoever still reads; a full disk is an error."""
    done = shell(command, tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith(out)
    said = "error: standard output: No space left on device\n" if "/dev/full" in command else ""
    assert done.stderr == said


def test_a_closed_output_is_not_the_next_file(tmp_path):
    """With descriptor 1 free, the next file that is opened is standard output to every library."""
    done = shell("hwrts cost no.toml >&- ; ls -l /proc/self/fd/1", tmp_path)
    assert "no.toml: cannot be read" in done.stderr or "no such network" in done.stderr


EVIL = "a\x1b]0;title\x07\x1b[31mred\u202e\x9b2Jb"


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", EVIL), ("cost", EVIL), ("run", EVIL), ("run", "--data", EVIL), ("run", "--resume", EVIL),
        ("run", "--kernel", EVIL), (EVIL,), ("run", f"--{EVIL}"), ("verify", "x", EVIL), ("score", EVIL),
        ("enhance", EVIL, "-o", EVIL, "--run", EVIL), ("sweep", "-o", EVIL, "--status"), ("inspect", EVIL),
        ("view", EVIL), ("quantize", f"{EVIL}:build"), ("info", "--debug", EVIL),
    ],
)  # fmt: skip
def test_names_do_not_steer_the_terminal(tmp_path, monkeypatch, hwrts, arguments):
    monkeypatch.chdir(tmp_path)
    result = hwrts(*arguments)
    assert result.code == 2
    for text in (result.out, result.err):
        assert all(each.isprintable() or each == "\n" for each in text), text
    assert "\\x1b" in result.err
    assert len([line for line in result.err.splitlines() if line.startswith("error: ")]) == 1


def test_results_with_such_names(workspace, hwrts):
    photo = workspace / "photos" / f"{EVIL}.png"
    photo.write_bytes((workspace / "photos/photo0.png").read_bytes())
    (workspace / "runs/tiny").rename(workspace / "runs" / EVIL)
    calls = [
        ("enhance", photo, "-o", f"{EVIL}.png", "--run", f"runs/{EVIL}", "--engine", "numpy"),
        ("score", photo),
        ("verify", f"runs/{EVIL}", "--stage", "1"),
        ("run", "--resume", f"runs/{EVIL}"),
    ]
    for arguments in calls:
        result = hwrts(*arguments)
        assert result.code == 0, result.err
        for text in (result.out, result.err):
            assert all(each.isprintable() or each == "\n" for each in text), (arguments, text)


def test_visible_keeps_what_shows():
    assert visible("Größe 漢字 ✓\nnext") == "Größe 漢字 ✓\nnext"
    assert visible("a\tb\x7f\x00\udcff\u200b") == "a\\tb\\x7f\\x00\\xff\\u200b"


@pytest.mark.parametrize("environment", [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_terminal_without_the_letters(finished, tmp_path, environment):
    (tmp_path / "größe").symlink_to(finished / "runs/tiny")
    done = shell(
        "hwrts inspect größe/stage1; hwrts enhance größe -o x.png --run größe", tmp_path, **environment
    )
    assert done.returncode == 2
    assert "conv_in" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["before", "after", "between"])
def test_debug_stands_anywhere(tmp_path, monkeypatch, place):
    from hwrts.cli import main
    from hwrts.errors import ConfigError

    words = {
        "before": ["--debug", "cost", "nothing"],
        "after": ["cost", "nothing", "--debug"],
        "between": ["cost", "--debug", "nothing"],
    }[place]
    monkeypatch.setattr(sys, "argv", ["hwrts", *words])
    with pytest.raises(ConfigError, match="'nothing': no such network"):
        main()


def test_debug_behind_two_dashes_is_a_name(tmp_path, monkeypatch, hwrts):
    monkeypatch.chdir(tmp_path)
    assert "'--debug': no such network" in hwrts("cost", "--", "--debug").err


NAMES = ["1", "2-w4a8s2_half_away", "10-same_w4a8s20"]
COLUMNS = ["stage", "verdict", "of 10^6 codes", "bicubic dB", "float dB", "int8 dB", "diff % float", "s"]
ROWS = [[name, "PASSED", "123.4", "28.25", "27.86", "27.87", "0.73", "1,234"] for name in NAMES]


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40, 20, 10])
def test_tables_leave_columns_out_before_they_break_a_word(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    print_table("title", COLUMNS, ROWS, spare=["of 10^6 codes", "s"])
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "title"
    left_out = lines.pop() if lines[-1].startswith("columns left out at this width: ") else ""
    missing = left_out.partition(": ")[2].split(", ") if left_out else []
    for name in NAMES:
        assert any(line.split()[0] == name for line in lines if line.strip()), (name, lines)
    for i, column in enumerate(COLUMNS):
        assert (column in missing) == all(ROWS[0][i] not in line.split() for line in lines)
    if width >= 40:
        assert max(map(len, lines)) <= width
    assert missing == {200: [], 100: []}.get(width, missing)
    if missing:
        assert "of 10^6 codes" in missing  # the one to spare goes first
    if width == 20:
        assert missing == COLUMNS[1:]


@pytest.mark.parametrize("verb", ["verify", "inspect", "cost", "sensitivity"])
def test_the_tables_of_a_run_at_80_columns(workspace, monkeypatch, hwrts, verb):
    monkeypatch.setenv("COLUMNS", "80")
    arguments = {
        "verify": ("runs/tiny", "--stage", "1"),
        "inspect": ("runs/tiny/stage1",),
        "cost": ("runs/tiny/stage1",),
        "sensitivity": ("runs/tiny", "--stage", "1", "--bits", "4-7"),
    }[verb]
    lines = hwrts(verb, *arguments).out.splitlines()
    rows = [line for line in lines if "│" in line]
    assert rows
    assert max(map(len, rows)) <= 80
    assert any(line.split("│")[0].strip() == "conv_out" for line in rows), rows


def test_names_that_are_no_utf_8(tmp_path, monkeypatch, hwrts):
    """Python keeps their bytes as surrogates, which neither TOML nor ONNX nor HTML can hold."""
    monkeypatch.chdir(tmp_path)
    photos = make_photographs(tmp_path / "photos")
    strange = os.fsdecode(b"n\xffme")
    (photos / "photo0.png").rename(photos / f"{strange}.png")
    (photos / f"{strange}.jpg").write_bytes(b"no picture")
    result = hwrts("run", "-o", strange, "--data", "photos", *SHORT)
    assert result.code == 0, result.err
    assert "n\\xffme" in result.out
    assert "\udcff" not in result.out + result.err
    picture = photos / f"{strange}.png"
    calls = [
        ("verify", strange),
        ("enhance", picture, "-o", f"{strange}.png", "--run", strange, "--x2"),
        ("score", picture),
        ("export", strange, "-o", f"{strange}2"),
        ("inspect", f"{strange}/stage1"),
        ("quantize", strange, "--stage", "1", "--weight-bits", "4", "--qat-steps", "0"),
    ]
    for arguments in calls:
        result = hwrts(*arguments)
        assert result.code == 0, (arguments, result.err)
        assert "\udcff" not in result.out + result.err
    photos.rename(tmp_path / strange / "more")
    refused = hwrts("run", "--data", f"{strange}/more", "--name", "never", *TINY)
    assert refused.code == 2
    assert "--data (data.train)" in refused.err
    assert "the name is no UTF-8" in refused.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "no such backend"])
def test_the_backend_of_a_notebook_kernel(workspace, backend):
    """``!hwrts`` in a notebook inherits its kernel's MPLBACKEND, which may not exist for this Python."""
    done = shell("hwrts verify runs/tiny --stage 1", workspace, MPLBACKEND=backend)
    assert done.returncode == 0, done.stderr
    assert (workspace / "runs/tiny/report.html").stat().st_mtime > (
        workspace / "runs/tiny/run.json"
    ).stat().st_mtime
