"""A folder with a finished run that every case begins with, and where campaigns note what was tried."""

import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .children import OLD, Child, furnish, start
from .faults import count_changes
from .left import Files, files_of


@dataclass(frozen=True)
class Place:
    """A folder to work in, and what it begins with."""

    root: Path

    @property
    def work(self) -> Path:
        """Where commands run: always of one name, which some files hold."""
        return self.root / "work"

    def renew(self) -> Path:
        """The folder as it begins."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.root / "base", self.work)
        return self.work

    def start(
        self,
        arguments: Sequence[str],
        prepare: Callable[..., None] | None = None,
        *given: Any,
        log: str = "log",
    ) -> Child:
        """A command in it."""
        return start(arguments, self.work, self.root / log, prepare, *given)

    def undisturbed(self, arguments: Sequence[str]) -> tuple[Files, int]:
        """What a command leaves that nothing happens to, and how many changes of files that takes."""
        work, tally = self.renew(), self.root / "tally"
        child = self.start(arguments, count_changes, work, tally)
        assert child.end() == 0, child.said()
        return files_of(work), tally.stat().st_size


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("campaign"))
    (made.root / "base").mkdir()
    furnish(made.root / "base")
    child = start(OLD, made.root / "base", made.root / "log")
    assert child.end() == 0, child.said()
    return made


@pytest.fixture(scope="session")
def chance() -> random.Random:
    """Another one at each call, unless HWRTS_SEED says which."""
    seed = int(os.environ.get("HWRTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"HWRTS_SEED={seed}")
    return random.Random(seed)
