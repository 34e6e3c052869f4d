"""The course of a sweep: ask, train on the workers, tell, let the promising go on; resumable anywhere."""

import dataclasses
import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from pathlib import Path
from typing import Any

from hwrts.config import RunConfig
from hwrts.cost.budget import in_words, over_budget
from hwrts.errors import ConfigError, DataError, HwrtsError, RunFolderError
from hwrts.files.read import file_sha256
from hwrts.progress import Progress
from hwrts.runs.session import find_split
from hwrts.runs.teacher import sha256_so_far
from hwrts.sweep.folder import claim, entries, finished, save_entry, save_promoted
from hwrts.sweep.front import promoted
from hwrts.sweep.space import (
    Candidate,
    candidate,
    check_axes,
    costs_of,
    points,
    wanted,
)
from hwrts.sweep.spec import SweepSpec
from hwrts.sweep.study import SweepStudy
from hwrts.sweep.trial import Task
from hwrts.sweep.workers import Workers


@dataclasses.dataclass(frozen=True)
class Known:
    """A configuration that fits the budget.

    Attributes:
        candidate: Its settings.
        key: Of its trial.
        costs: What it costs, by unit.
    """

    candidate: Candidate
    key: str
    costs: dict[str, float]


class Sweep:
    """A sweep in a folder; one at a time (:func:`hwrts.files.lock.writing`).

    Args:
        root: The folder; made, or continued if it holds the same sweep.
        spec: What to search.

    Raises:
        HwrtsError: Photographs that are missing; or the folder holds another sweep or something else.
    """

    def __init__(self, root: Path, spec: SweepSpec) -> None:
        check_axes(spec)
        self.root, self.photographs = root.resolve(), _fingerprint(spec)
        self.spec = spec = claim(self.root, spec, self.photographs, _teachers(spec))
        self.study = SweepStudy(self.root, spec, [entry["values"] for entry in entries(self.root)])
        self.wanted = wanted(spec)
        self.known: dict[str, Known] = {}
        self.over = 0
        self._nearest = (math.inf, "")  # excess of what is over budget, and in words
        self._no_network = ""  # why the last one that is no network is none
        self.failed: dict[str, str] = {}

    def run(self, workers: Workers, progress: Progress) -> None:
        """Train every rung; what is finished already is only read.

        A configuration that cannot be trained is reported and left out; the others go on.

        Raises:
            HwrtsError: No configuration is a network within the budget, photographs are broken, the disk is
                full.
        """
        if self.study.mended:
            progress.say(self.study.mended)
        with progress.task("rung 0: configurations", self.wanted) as advance:
            measured = self._search(workers, progress, lambda n: advance(n, f"{len(self.known)} in budget"))
        if not self.known and not self._nearest[1]:
            raise ConfigError(f"sweep: no configuration is a network; {self._no_network}")
        if not self.known:
            raise ConfigError(
                f"sweep: nothing is within the budget, the nearest has {self._nearest[1]}; "
                "give more, or smaller networks as axes, and another folder"
            )
        for rung in range(1, self.spec.halving.rungs):
            found = [(self.known[key].costs[self.spec.cost], quality) for key, quality in measured.items()]
            count = -(-len(found) // self.spec.halving.factor)
            chosen = [list(measured)[i] for i in promoted(found, count)]
            save_promoted(self.root, rung, chosen)
            with progress.task(f"rung {rung}: the promising ones", len(chosen)) as advance:
                measured = self._rung(workers, progress, rung, chosen, lambda n: advance(n, ""))

    def _search(self, workers: Workers, progress: Progress, done: Callable[[int], None]) -> dict[str, float]:
        """The first rung: quality by key, in the order in which configurations were asked for."""
        running: dict[Future[dict[str, Any]], tuple[int, Known]] = {}
        found: dict[int, tuple[str, float]] = {}
        interrupted = self.study.interrupted()
        told = self._told(found, progress)
        while True:
            while len(running) < workers.count and (interrupted or self.study.asked < self.wanted):
                number, values = interrupted.pop(0) if interrupted else self.study.ask()
                known = self._consider(number, values, progress)
                if known is None:
                    self.over += 1
                    told += 1
                else:
                    running[self._start(workers, known, 0)] = number, known
            done(told)
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number, known = running.pop(future)
                quality = self._result(future, known, progress)
                if quality is not None:  # what failed stays open: the same command tries it again
                    self.study.tell(number, quality, known.costs[self.spec.cost])
                    found[number] = known.key, quality
                told += 1
        return dict(found[number] for number in sorted(found))

    def _told(self, found: dict[int, tuple[str, float]], progress: Progress) -> int:
        """Take over what an earlier run of this sweep has told; returns how many configurations that were."""
        told = 0
        for number, values, quality in self.study.told():
            told += 1
            known = self._consider(None, values, progress)
            if known is None or quality is None:
                self.over += 1
            else:
                found[number] = known.key, quality
        return told

    def _rung(
        self, workers: Workers, progress: Progress, rung: int, keys: list[str], done: Callable[[int], None]
    ) -> dict[str, float]:
        """A later rung: quality by key."""
        running = {self._start(workers, self.known[key], rung): self.known[key] for key in keys}
        found: dict[str, float] = {}
        count = 0
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                known = running.pop(future)
                quality = self._result(future, known, progress)
                if quality is not None:
                    found[known.key] = quality
                count += 1
                done(count)
        return {key: found[key] for key in keys if key in found}

    def _consider(self, number: int | None, values: dict[str, Any], progress: Progress) -> Known | None:
        """A configuration with its cost; None if it is over budget or no network, and Optuna is told.

        Without a number Optuna knows it from an earlier run of this sweep.
        """
        try:
            point = candidate(self.spec, values)
            costs = costs_of(point, self.spec)
        except HwrtsError as error:
            self._no_network = str(error)
            if number is not None:
                self.study.constrain(number, {"no such network": 1.0})
                self.study.tell_infeasible(number, 0.0)
                progress.say(f"left out: {error}")
            return None
        excess = over_budget(costs, self.spec.budget)
        if number is not None:
            self.study.constrain(number, excess)
        if any(share > 0 for share in excess.values()):
            words = ", ".join(in_words(unit, costs[unit]) for unit in excess if excess[unit] > 0)
            self._nearest = min(self._nearest, (max(excess.values()), words))
            if number is not None:
                self.study.tell_infeasible(number, costs[self.spec.cost])
            return None
        known = Known(point, point.key(self.photographs), costs)
        self.known[known.key] = known
        save_entry(self.root, {"key": known.key, "values": point.values, "costs": costs})
        return known

    def _start(self, workers: Workers, known: Known, rung: int) -> "Future[dict[str, Any]]":
        """A trial on a worker, unless it is finished: in an earlier session, or asked for a second time."""
        document = finished(self.root, known.key, rung)
        if document is not None:
            done: Future[dict[str, Any]] = Future()
            done.set_result(document)
            return done
        point = known.candidate
        return workers.submit(
            Task(
                str(self.root),
                known.key,
                point.float_key(self.photographs),
                point.config.model_dump(),
                point.head,
                self.spec.quality,
                rung,
                self.spec.halving.model_dump(),
                point.pruned_from,
            )
        )

    def _result(self, future: "Future[dict[str, Any]]", known: Known, progress: Progress) -> float | None:
        shown = ", ".join(f"{axis} = {value}" for axis, value in known.candidate.values.items())
        try:
            document = future.result()
        except (DataError, RunFolderError, OSError):
            raise  # photographs or disk: the next trial would meet the same
        except CancelledError as error:
            raise HwrtsError("the workers are gone; start them again, the same command continues") from error
        except Exception as error:  # of torch, too little memory, or a cluster that gave a trial up
            self.failed[known.key] = str(error) or type(error).__name__
            progress.say(f"{shown}: failed, {self.failed[known.key]}")
            return None
        verdict = "" if document["passed"] else ", FAILED the bit comparison"
        progress.say(
            f"{shown}: rung {document['rung']}, int8 {document['quality_int8']:.3f}, "
            f"float {document['quality_float']:.3f}, {document['seconds']:.0f} s{verdict}"
        )
        return float(document["quality_int8"]) if document["passed"] else None


def _fingerprint(spec: SweepSpec) -> str:
    """Hash of the photographs' names and bytes, training and validation apart."""
    split = find_split(_any_config(spec))
    digest = hashlib.sha256()
    for part in (split.train, split.val):
        for photo in part:
            # The embedded photographs are told by their names.
            content = "" if photo.path is None else file_sha256(photo.path)
            digest.update(os.fsencode(photo.name) + f"\0{content}\0".encode())
        digest.update(b"\1")
    return digest.hexdigest()


def _teachers(spec: SweepSpec) -> dict[str, dict[str, str]]:
    """What the teachers of a sweep are: by folder, hashes of their weights by stage, of those that teach."""
    alone = spec.base.get("rts", {}).get("teacher")
    named = spec.axes.get("rts.teacher", [] if alone is None else [alone])
    if not named:
        return {}
    numbers = [n for n in spec.axes.get("rts.stages", []) if isinstance(n, int)]
    last = max([_any_config(spec).stage_limit, *numbers])
    return {str(name): sha256_so_far(Path(str(name)), range(1, last + 1)) for name in named}


def _any_config(spec: SweepSpec) -> RunConfig:
    """The settings of the first configuration that is one; photographs are the same for all."""
    first: HwrtsError | None = None
    for values in points(spec):
        try:
            return candidate(spec, values).config
        except HwrtsError as error:
            first = first or error
    assert first is not None  # a sweep has one point at least
    raise first
