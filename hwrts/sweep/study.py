"""The memory of a sweep: an Optuna study in a journal file, no server; and the choice of configurations."""

import json
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from hwrts.sweep.space import Candidate, candidate, candidates, size_of
from hwrts.sweep.spec import SweepSpec

GRID_LIMIT = 100
"""Largest space that ``method = "auto"`` tries whole."""

NAME = "sweep"


class SweepStudy:
    """Asks for configurations and remembers what they gave; everything is in the journal at once.

    Optuna's values are those of the first rung: quality up, cost down. What a network over budget would give
    is not known, so Optuna is told its constraints alone.

    Args:
        root: The sweep's folder.
        spec: What to search.
    """

    def __init__(self, root: Path, spec: SweepSpec) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        journal = str(root / "optuna.journal")
        self._spec = spec
        self.method = _method(spec)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal))),
            sampler=_sampler(self.method, spec), study_name=NAME, load_if_exists=True,
            directions=["maximize", "minimize"],
        )  # fmt: skip
        if self.method == "grid" and not self._study.get_trials(deepcopy=False):
            for point in candidates(spec):
                self._study.enqueue_trial(_parameters(point.values))

    @property
    def wanted(self) -> int:
        """How many configurations are looked at in all."""
        return size_of(self._spec) if self.method == "grid" else self._spec.search.trials

    @property
    def asked(self) -> int:
        """How many have been looked at, finished or not."""
        waiting = (TrialState.WAITING,)
        return sum(t.state not in waiting for t in self._study.get_trials(deepcopy=False))

    def interrupted(self) -> list[tuple[int, Candidate]]:
        """Numbers and configurations of trials that were asked for and never told: killed, or failed."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [(trial.number, candidate(self._spec, _values(trial))) for trial in running]

    def told(self) -> list[tuple[int, dict[str, Any], float | None]]:
        """Number, values and quality of what was told before; None for what was over budget."""
        trials = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        return [
            (t.number, _values(t), t.values[0] if t.state == TrialState.COMPLETE else None) for t in trials
        ]

    def ask(self) -> tuple[int, Candidate]:
        """The next configuration and the number to tell its result with."""
        trial = self._study.ask()
        values = {
            axis: json.loads(trial.suggest_categorical(axis, [json.dumps(value) for value in known]))
            for axis, known in self._spec.axes.items()
        }
        return trial.number, candidate(self._spec, values)

    def tell(self, number: int, quality: float, cost: float) -> None:
        """A configuration was measured at the first rung."""
        self._study.tell(number, [quality, cost])

    def constrain(self, number: int, excess: dict[str, float]) -> None:
        """By how much of each budget a configuration is off, positive above it; before it is told."""
        trial = optuna.trial.Trial(self._study, self._trial_id(number))
        for unit, share in excess.items():
            if unit not in trial.constraints:  # or it was interrupted and is known already
                trial.set_constraint(unit, share)

    def tell_over_budget(self, number: int) -> None:
        """A configuration costs too much and was not trained."""
        self._study.tell(number, state=TrialState.PRUNED)

    def _trial_id(self, number: int) -> int:
        return next(t._trial_id for t in self._study.get_trials(deepcopy=False) if t.number == number)


def _method(spec: SweepSpec) -> str:
    if spec.search.method != "auto":
        return spec.search.method
    return "grid" if size_of(spec) <= GRID_LIMIT else "nsga2"


def _sampler(method: str, spec: SweepSpec) -> optuna.samplers.BaseSampler:
    if method == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(seed=spec.search.seed, multivariate=True)
    # A grid is enqueued whole, so its sampler is never asked.
    return optuna.samplers.NSGAIISampler(
        seed=spec.search.seed, population_size=max(8, spec.search.trials // 4)
    )


def _parameters(values: dict[str, Any]) -> dict[str, str]:
    return {axis: json.dumps(value) for axis, value in values.items()}


def _values(trial: FrozenTrial) -> dict[str, Any]:
    return {axis: json.loads(text) for axis, text in trial.params.items()}
