"""Whole commands in processes that are forked from one which has loaded everything: a tenth of a second each.

They compute little: few steps, few pictures a proof, the trials of a sweep in the process itself.
"""

import contextlib
import gc
import multiprocessing
import os
import pkgutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ..cli.conftest import make_photographs
from ..cli.spent import Spent

TINY = [
    "--blocks", "0", "--channels", "4", "--stages", "1", "--first-steps", "8", "--batch", "2",
    "--patch", "32", "--qat-steps", "3", "--no-score", "--device", "cpu", "-q",
]  # fmt: skip

COMPUTING, ASLEEP = 30.0, 90.0
"""Seconds that no command needs: none computes for three, and the longest sleep is 30, for Optuna's lock."""

SWEEP = """
quality = "psnr"
[axes]
"network.channels" = [4]
"qat.weight_bits" = [4, 8]
[halving]
rungs = 2
[base]
precision = "float32"
device = "cpu"
[base.data]
train = "photos"
patch = 32
crops_per_image = 4
[base.network]
blocks = 0
[base.rts]
first_steps = 6
batch = 2
[base.qat]
steps = 2
"""

MODULE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.PixelShuffle(2))
"""

OLD = ("run", "--data", "photos", "-o", "runs/old", *TINY, "--same-size-steps", "2")
"""What the others work with."""

QAT = ("--qat-steps", "3", "-q", "--force")

COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "--data", "photos", "-o", "runs/new", *TINY, "--no-same-size"),
    "run of two networks": ("run", "--data", "photos", "-o", "runs/two", *TINY, "--same-size-steps", "2"),
    "run --force": (
        "run",
        "--data",
        "photos",
        "-o",
        "runs/old",
        *TINY,
        "--no-same-size",
        "--seed",
        "5",
        "--force",
    ),
    "sweep": ("sweep", "sweep.toml", "-o", "searched", "-q"),
    "reproduce": ("reproduce", "table1", "--data", "photos", "-o", "made", "--device", "cpu", "-q", "--int8"),
    "quantize": ("quantize", "runs/old", "--stage", "1", "--weight-bits", "4", *QAT),
    "quantize an own module": ("quantize", "own.py:build", "--data", "photos", "-o", "owned", *QAT),
}
"""What trains, and is continued after a kill."""

WRITERS: dict[str, tuple[str, ...]] = {
    **COMMANDS,
    "export": ("export", "runs/old", "-o", "out", "--force"),
    "enhance": ("enhance", "photos", "-o", "enhanced", "--run", "runs/old", "--force", "-q"),
    "verify": ("verify", "runs/old", "--stage", "1"),
    "sensitivity": ("sensitivity", "runs/old", "--stage", "1", "--bits", "4", "-q"),
    "patterns": ("patterns", "runs/old", "-o", "patterns", "--force"),
    "evaluate": ("evaluate", "runs/old", "--data", "photos"),
}
"""Every command that writes."""


@dataclass
class Child:
    """A command that runs in a process of its own."""

    process: BaseProcess
    log: Path

    def end(self, computing: float = COMPUTING, asleep: float = ASLEEP) -> int:
        """Its exit code, negative for a signal; one that hangs is killed, and fails."""
        watched = Spent(self.process.pid or 0)
        while self.process.exitcode is None:
            self.process.join(1.0)
            if watched.computing() > computing or watched.asleep() > asleep:
                self.process.kill()
                raise AssertionError(f"it hangs, {watched}: {self.said()}")
        return self.process.exitcode

    def kill(self, number: int) -> None:
        if self.process.pid is not None and self.process.exitcode is None:
            os.kill(self.process.pid, number)

    @property
    def begun(self) -> bool:
        """Whether it came as far as the command: a signal may meet a process that is still being made."""
        return self.log.exists()

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.begun else ""


@cache
def server() -> Any:
    """Processes are forked from one that has loaded everything and has computed nothing."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.campaigns.loaded"])
    return context


def furnish(folder: Path) -> None:
    """Photographs, a sweep and a module of its own: what the commands name."""
    make_photographs(folder / "photos", 2, (64, 72))
    (folder / "sweep.toml").write_text(SWEEP)
    (folder / "own.py").write_text(MODULE)


def start(
    arguments: Sequence[str], folder: Path, log: Path, prepare: Callable[..., None] | None = None, *given: Any
) -> Child:
    """A command in a folder; ``prepare`` is called with what is given in its process before it begins."""
    log.unlink(missing_ok=True)
    process = server().Process(target=_main, args=(list(arguments), folder, log, prepare, given))
    process.start()
    return Child(process, log)


def load_everything() -> None:
    """For the process that others are forked from: every module, also those that a first use loads."""
    import hwrts

    for each in pkgutil.walk_packages(hwrts.__path__, "hwrts."):
        if "__main__" not in each.name and "clients" not in each.name:
            __import__(each.name)
    with tempfile.TemporaryDirectory() as folder:
        furnish(Path(folder))
        here = Path.cwd()
        for arguments in (OLD, *WRITERS.values()):
            os.chdir(folder)
            with (
                contextlib.suppress(SystemExit),
                Path(os.devnull).open("w") as nowhere,
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                _call(arguments)
        os.chdir(here)
    gc.collect()
    gc.freeze()  # or the collector writes to every page that is shared


def _main(
    arguments: list[str], folder: Path, log: Path, prepare: Callable[..., None] | None, given: Any
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(folder)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    if prepare is not None:
        prepare(*given)
    _call(arguments)


def _call(arguments: Sequence[str]) -> None:
    from hwrts.cli import main

    shorten()
    sys.argv = ["hwrts", *arguments]
    main()


@cache
def shorten() -> None:
    """Few steps, pictures and measures: what is tried is what becomes of files."""
    import pytest
    import torch

    from hwrts.reproduce import budgets

    from ..conftest import few_pictures
    from ..sweep.in_process import in_process

    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    few_pictures(patch)
    verify: Any = sys.modules["hwrts.export.verify"]  # the function of that name hides the module
    made, one = verify.synthetic_codes, verify.CONTROL_PICTURE
    patch.setattr(verify, "synthetic_codes", lambda inputs: {one: made(inputs)[one]})
    patch.setattr("hwrts.runs.session.VERIFY_CROP", (9, 11))
    patch.setattr("hwrts.report.plots._svg", lambda *_: "<svg></svg>")
    for room in ("hwrts.fixed_point.fast", "hwrts.export.runtime"):  # threads would wait by spinning
        patch.setattr(f"{room}.available_cores", lambda: 1)
    patch.setattr("hwrts.export.runtime.cpu_quota", lambda: 1.0)
    patch.setattr("hwrts.runs.resumable.CHECKPOINT_SECONDS", 0.0)  # so that a kill meets a checkpoint
    patch.setattr("hwrts.api.sweep.local_workers", in_process)
    settings = {
        "precision": "float32",
        "data": {"patch": 32, "crops_per_image": 4},
        "network": {"name": "residual", "blocks": 1, "channels": 4},
        "rts": {"stages": 1, "first_steps": 6, "batch": 2, "score": False},
        "qat": {"steps": 2, "same_size": False},
    }
    stages = budgets.Experiment("tiny", "Residual3", settings, budgets.Selection(train=2, val=1))
    patch.setattr(budgets, "_small", lambda: budgets.Budget("small", (), stages, ()))
