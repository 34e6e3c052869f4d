"""The commands and programs of README and docs really run, in the order of their page, on a tiny run."""

import shlex
import shutil
import subprocess
from itertools import pairwise

import pytest

pytest.importorskip("av", reason="pages are not run: av is not installed (hwrts[video])")

from hwrts.training.fit import Schedule

from ..cli.conftest import call, finished, make_photographs  # noqa: F401 - a fixture
from ..conftest import few_pictures
from ..sweep.in_process import in_process
from ..video.clips import make_clip
from .pages import PAGES, ROOT, pieces, words

NAMES = {
    "NAME": "tiny", "OTHER": "first", "RUN": "runs/tiny", "DIR": "photos", "FOLDER": "photos",
    "IN.png": "photos/photo0.png", "IN.mp4": "clip.mp4",
    "PHOTO.jpg": "photos/photo0.png", "DIV2K_train_HR": "photos", "DIV2K_valid_HR": "other",
}  # fmt: skip
"""What stands for something of the reader's own, and what it is here; also as a part of a path."""

ELSEWHERE = {
    "docs/own_network.md": "tests/cli/test_own_network.py runs it",
    "docs/targets_howto.md": "tests/cli/test_targets_howto.py runs it in the clients",
    "docs/experiments.md": "a log of what was run, by the commits of its time",
    "docs/reproduction.md": "tests/reproduce runs its tables: each trains eight stages",
}
NOT_RUN = {
    "--cluster": "needs machines",
    "--client handover/": "needs its client; tests/cli/test_verify_client.py",
    "hwrts check-vectors": "needs what a simulator wrote; tests/cli/test_check_vectors.py",
    "hwrts view": "stays until it is interrupted",
    "hwrts reproduce": "tests/reproduce",
    "hwrts run paper": "trains at the paper's size",
    "my_file.py": "docs/own_network.md",
    "hwrts sweep --budget params=30k,line_kib=256 --data DIR": "twenty networks; its file is smaller",
}
SMALLER = {"[0, 1, 2, 3, 4]": "[0]", "[8, 16, 24, 32]": "[4]", "[4, 6, 8]": "[8]", "rungs = 2": "rungs = 1"}
"""Of files that pages show: fewer networks."""


QUICK = {"--channels": "4", "--patch": "64", "--batch": "2", "--stages": "2"}
"""Of trainings that pages show, beside steps: networks and crops that take no time."""


@pytest.fixture
def reader(finished, tmp_path, monkeypatch):  # noqa: F811
    """A folder as a reader has it after a first run, and trainings of two steps."""
    few_pictures(monkeypatch)
    folder = tmp_path / "reader"
    shutil.copytree(finished, folder)
    shutil.copytree(folder / "runs/tiny/stage2", folder / "runs/tiny/stage3")
    shutil.copytree(folder / "runs/tiny", folder / "runs/first")
    shutil.copy(folder / "runs/tiny/config.toml", folder / "my.toml")
    for name in ("photos", "photos/train", "photos/val", "other"):
        make_photographs(folder / name, size=(160, 176))
    make_clip(folder / "clip.mp4", codec="libx264")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    made = Schedule.__init__
    monkeypatch.setattr(
        Schedule, "__init__", lambda self, peak, steps, *more: made(self, peak, min(steps, 2), *more)
    )
    monkeypatch.setattr("hwrts.api.sweep.local_workers", in_process)
    return folder


def filled(word: str) -> str:
    return "/".join(NAMES.get(part, part) for part in word.split("/"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.relative_to(ROOT).as_posix() not in ELSEWHERE],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_a_page_does_what_it_says(page, reader, capfd):
    """Commands on lines of their own and in tables of commands, programs, and the files that they need."""
    in_tables = page.name in ("README.md", "commands.md")
    names: dict[str, object] = {}
    for piece in pieces(page):
        if piece.kind == "file":  # a page may speak of it before it shows it
            text = piece.text
            for before, after in SMALLER.items():
                text = text.replace(before, after)
            (reader / piece.name).write_text(text)
    for piece in pieces(page):
        if piece.kind == "python":
            exec(compile(piece.text, str(page), "exec"), names)
        elif piece.kind == "shell" and piece.text.startswith("make -C") and shutil.which("iverilog"):
            subprocess.run(shlex.split(piece.text), check=True)
        elif piece.kind == "command" or (in_tables and piece.kind == "mention"):
            if any(part in piece.text for part in NOT_RUN):
                continue
            given = [filled(word) for word in words(piece.text)]
            if given[0] == "run" and "--resume" not in given:
                given += [
                    word for flag, value in QUICK.items() if flag not in given for word in (flag, value)
                ]
                given += ["--no-score"] * ("--stop" not in given)  # it takes longer than all the rest
                given = [QUICK.get(before, word) for before, word in pairwise(["", *given])]
            again = not {"--resume", "--check"} & set(given)
            if again and given[0] in ("run", "quantize", "enhance", "export", "handover"):
                given.append("--force")  # pages say several ways to make one thing
            result = call(capfd, *given)
            assert result.code == 0, (piece.text, result.err)
