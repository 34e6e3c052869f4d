"""Fixtures that every folder of tests shares.

NumPy alone is imported here: tests/fixed_point runs without the rest. A fixture imports what it needs.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from .repeats import repeats

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
"""Those of the whole test run; each of several workers keeps to one of them."""


ERRORS = os.environ.get("HWRTS_ERRORS", "")
"""A folder where to note which test ends in which refusal (docs/_site/errors.py)."""


def _note_errors(folder: Path) -> None:
    from hwrts.fixed_point.errors import HwrtsError

    folder.mkdir(parents=True, exist_ok=True)
    notes = (folder / f"{os.getpid()}.jsonl").open("a", encoding="utf-8")
    root, seen = f"{Path(__file__).resolve().parents[1]}{os.sep}", set()

    def noted(self: HwrtsError, *arguments: object) -> None:
        Exception.__init__(self, *arguments)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition("[")[0].partition(" ")[0]
        frame: FrameType | None = sys._getframe(1)
        while test and frame is not None:
            place = (os.path.realpath(frame.f_code.co_filename).removeprefix(root), frame.f_lineno, test)
            if place not in seen:
                seen.add(place)
                notes.write(json.dumps(place) + "\n")
                notes.flush()
            if frame.f_code.co_name not in ("__init__", "refused", "_refused"):
                break
            frame = frame.f_back  # who asked for the error

    HwrtsError.__init__ = noted  # type: ignore[assignment]


def pytest_configure() -> None:
    """A shell script starts what ends in & with Ctrl-C ignored, and children inherit that.

    So they do the core: a run or a notebook that a test starts would share the others out among its threads,
    which wait by spinning for those that the tests beside it hold up (four times as long).

    Clients are looked for in this clone, for tests of commands work in folders of their own.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of make test: make in a kit would talk as its child
        os.environ.pop(name, None)
    os.environ.setdefault("HWRTS_TARGETS", str(Path(__file__).resolve().parents[1] / "build/targets"))
    if ERRORS:
        _note_errors(Path(ERRORS))
    if WORKER and CORES:
        os.sched_setaffinity(0, {CORES[int(WORKER.removeprefix("gw")) % len(CORES)]})


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in repeats(items):
        item.add_marker(pytest.mark.slow)


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """Makes a random picture (H, W, 3) uint8."""

    def make(height: int, width: int, seed: int = 0) -> np.ndarray:
        print(f"seed {seed}")
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture(autouse=True)
def _torch_state() -> Iterator[None]:
    """Each test starts from the same generator and leaves torch's global switches as they were."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        yield  # whoever imports it now is the first, and the next test sets it up
        return
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    torch.default_generator.manual_seed(0)  # that of the CPU; torch.manual_seed asks every device, 0.3 ms
    torch.set_num_threads(1)  # networks too small to share out: threads would only wait for each other
    yield
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic)  # it imports the compiler
    torch.set_num_threads(threads)


@pytest.fixture
def quantise() -> Callable[..., Any]:
    """Makes a random Residual-N, quantised and lowered."""
    from .torch_fixtures import quantise

    return quantise


@pytest.fixture
def few_stimuli(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proofs take two of the stimuli, where a proof is made on the way to what is tested.

    Every witness, layer and negative control is still there: the time goes into the number of pictures.
    """
    _few_stimuli(monkeypatch)


def _few_stimuli(monkeypatch: pytest.MonkeyPatch) -> None:
    import hwrts.export.verify  # noqa: F401

    verify = sys.modules["hwrts.export.verify"]  # the function of that name hides the module
    made = verify.synthetic_codes
    few = ("ramp", verify.CONTROL_PICTURE)
    monkeypatch.setattr(verify, "synthetic_codes", lambda inputs: {name: made(inputs)[name] for name in few})


@pytest.fixture
def small_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those of runs take small crops."""
    few_pictures(monkeypatch)


def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """As :func:`small_verdict`, for fixtures of another scope."""
    import hwrts.runs.quantise  # before it takes the small crop for its own, for good
    import hwrts.runs.session

    _few_stimuli(monkeypatch)
    monkeypatch.setattr(hwrts.runs.session, "VERIFY_CROP", (33, 35))


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread computes: the system's limit is not asked for at every one of a thousand tiny layers."""
    monkeypatch.setattr("hwrts.fixed_point.fast.available_cores", lambda: 1)
    monkeypatch.setattr("hwrts.export.runtime.available_cores", lambda: 1)
    monkeypatch.setattr("hwrts.export.runtime.cpu_quota", lambda: 1.0)


@contextmanager
def on_two_cores() -> Iterator[None]:
    """Two cores, so that each of two workers has one: another number of threads adds up in another order."""
    if len(CORES) < 2:
        pytest.skip("needs two cores that can be chosen")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES[:2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.fixture
def two_cores() -> Iterator[None]:
    with on_two_cores():
        yield
