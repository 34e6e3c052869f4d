"""A tiny finished run, made once through the command line itself."""

import os
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

TINY = [
    "--blocks", "1", "--channels", "4", "--stages", "2", "--first-steps", "6", "--steps", "4",
    "--batch", "2", "--patch", "32", "--qat-steps", "3", "--no-score",
]  # fmt: skip

FEW = ["--same-size-steps", "3"]
"""For same-size networks, which TINY has as well; 100 were half of the time of the run."""

SHORT = [
    "--blocks", "0", "--channels", "4", "--stages", "1", "--first-steps", "2", "--batch", "2",
    "--patch", "32", "--qat-steps", "1", "--no-score", "--no-same-size",
]  # fmt: skip
"""One network, where it is not the run that is tested."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def make_photographs(folder, count=3, size=(96, 120)):
    """Smooth noise with edges: enough texture that nothing is flat."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    for i in range(count):
        small = rng.integers(0, 256, (12, 15, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)).copy()
        picture[::7] //= 2
        Image.fromarray(picture).save(folder / f"photo{i}.png")
    return folder


def call(capfd, *arguments):
    """Run the command line in this process; exit code, stdout and stderr."""
    from hwrts.cli import main

    before = sys.argv
    sys.argv = ["hwrts", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        sys.argv = before
    code = int(end.value.code or 0)
    out, err = capfd.readouterr()
    return Result(code, out, err)


@pytest.fixture(autouse=True)
def a_pipe_of_no_width(monkeypatch):
    """Tables are as wide as in a pipe, whatever terminal the tests were started in."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def _verdict(request):
    """The commands prove what they make: with few pictures, but where the proof is what is tested."""
    if "full_verdict" not in request.keywords:
        request.getfixturevalue("small_verdict")


@pytest.fixture
def hwrts(capfd):
    return lambda *arguments: call(capfd, *arguments)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Folder with photos/ and runs/tiny, the result of one real ``hwrts run``; all workers share it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with FileLock(f"{root}.lock"):
        if not (root / "made").is_file():
            make_run(root)
            (root / "made").touch()
    return root


def make_run(root):
    """With one thread, as tests have: two add up in another order, and a second run had other last bits."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _make_run(root)
    finally:
        torch.set_num_threads(threads)


def _make_run(root):
    photos = make_photographs(root / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        words = ["run", "--data", str(photos), "--name", "tiny", "-q", *TINY, *FEW]
        patch.setattr(sys, "argv", ["hwrts", *words])
        from hwrts.cli import main

        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code


@pytest.fixture
def workspace(finished, tmp_path, monkeypatch):
    """A private copy of the finished run, with the current directory in it."""
    import shutil

    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"
