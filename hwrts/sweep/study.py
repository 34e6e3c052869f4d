"""The memory of a sweep: an Optuna study in a journal file, no server; and the choice of configurations."""

import itertools
import json
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from hwrts.sweep.journal import NAME, Lock, mend_end, put_aside
from hwrts.sweep.space import method_of, points
from hwrts.sweep.spec import SweepSpec

STUDY = "sweep"

NO_QUALITY = -1e3
"""What Optuna is told of a configuration over budget, below any quality: NSGA-II learns from what is complete
alone, and looks at such a configuration's constraints, never at this."""

POPULATION_SHARE, LEAST_POPULATION = 4, 8
"""NSGA-II has a quarter of all trials in a generation, and at least so many."""


class SweepStudy:
    """Asks for configurations and remembers what they gave; everything is in the journal at once.

    Optuna's values are those of the first rung: quality up, cost down.

    Args:
        root: The sweep's folder.
        spec: What to search.
        known: Values of configurations within the budget, to begin with if the journal is lost.

    Attributes:
        mended: What was wrong with the journal and what was done about it, if anything.
    """

    def __init__(self, root: Path, spec: SweepSpec, known: Sequence[dict[str, Any]] = ()) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._spec = spec
        self.method = method_of(spec)
        path = root / NAME
        cut = mend_end(path)
        self.mended = f"{path}: its end was cut short, {cut} bytes left out" if cut else None
        try:
            self._study = self._open(path)
        except OSError:  # a disk that is full or read-only has damaged nothing
            raise
        except Exception as error:  # Optuna checks nothing that it reads
            aside = put_aside(path)
            self._study = self._open(path)
            for values in known if self.method != "grid" else ():  # a grid is asked whole
                self._study.enqueue_trial({axis: json.dumps(value) for axis, value in values.items()})
            self.mended = (
                f"{path}: damaged ({type(error).__name__}), put aside as {aside.name}; begun again with the "
                f"{len(known)} configurations that are in the budget, what is trained stays"
            )
        before = len(self._study.get_trials(deepcopy=False))
        # A seed of its own for each session: a sampler that starts anew would suggest the same again.
        self._study.sampler = _sampler(self.method, spec, spec.search.seed + before)
        if self.method == "grid":
            for values in itertools.islice(points(spec), before, None):  # or a kill came in between
                self._study.enqueue_trial({axis: json.dumps(value) for axis, value in values.items()})

    def _open(self, path: Path) -> optuna.Study:
        """The study in a journal; anything may be raised by a damaged one."""
        if os.path.lexists(path) and not path.is_file():  # Optuna would wait for a pipe, and read a device
            raise ValueError("not a regular file")
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(path), Lock(str(path)))),
            study_name=STUDY,
            load_if_exists=True,
            directions=["maximize", "minimize"],
        )
        if len(study.directions) != 2:
            raise ValueError("another number of objectives")
        for trial in study.get_trials(deepcopy=False):
            for axis, choices in trial.distributions.items():
                if choices != CategoricalDistribution(self._choices(axis)):
                    raise ValueError(f"{axis} has other choices than in this sweep")
            for axis, text in {**trial.system_attrs.get("fixed_params", {}), **trial.params}.items():
                if json.loads(text) not in self._spec.axes[axis]:
                    raise ValueError(f"{axis} = {text} is no value of this sweep")
            if trial.state == TrialState.COMPLETE and not all(map(math.isfinite, trial.values)):
                raise ValueError("a result that is not finite")
        return study

    @property
    def asked(self) -> int:
        """How many have been looked at, finished or not."""
        waiting = (TrialState.WAITING,)
        return sum(t.state not in waiting for t in self._study.get_trials(deepcopy=False))

    def interrupted(self) -> list[tuple[int, dict[str, Any]]]:
        """Numbers and values of trials that were asked for and never told: killed, or failed."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        # A kill may have come between two of its suggestions; what was suggested stays.
        return [(t.number, self._suggest(optuna.trial.Trial(self._study, t._trial_id))) for t in running]

    def told(self) -> list[tuple[int, dict[str, Any], float | None]]:
        """Number, values and quality of what was told before; None for what was over budget."""
        trials = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [(t.number, _values(t), None if t.values[0] == NO_QUALITY else t.values[0]) for t in trials]

    def ask(self) -> tuple[int, dict[str, Any]]:
        """The values of the next configuration, and the number to tell its result with."""
        trial = self._study.ask()
        return trial.number, self._suggest(trial)

    def _suggest(self, trial: optuna.trial.Trial) -> dict[str, Any]:
        return {
            axis: json.loads(trial.suggest_categorical(axis, self._choices(axis))) for axis in self._spec.axes
        }

    def _choices(self, axis: str) -> list[str]:
        return [json.dumps(value) for value in self._spec.axes[axis]]

    def tell(self, number: int, quality: float, cost: float) -> None:
        """A configuration was measured at the first rung."""
        self._study.tell(number, [quality, cost])

    def constrain(self, number: int, excess: dict[str, float]) -> None:
        """By how much of each budget a configuration is off, positive above it; before anything is told."""
        trial = optuna.trial.Trial(self._study, self._trial_id(number))
        for unit, share in excess.items():
            if unit not in trial.constraints:  # or it was interrupted and is known already
                trial.set_constraint(unit, share)

    def tell_infeasible(self, number: int, cost: float) -> None:
        """A configuration costs too much, or is no network, and was not trained; its constraints say so."""
        self._study.tell(number, [NO_QUALITY, cost])

    def _trial_id(self, number: int) -> int:
        return next(t._trial_id for t in self._study.get_trials(deepcopy=False) if t.number == number)


def _sampler(method: str, spec: SweepSpec, seed: int) -> optuna.samplers.BaseSampler:
    if method == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(seed=seed, multivariate=True)
    # A grid is enqueued whole, so its sampler is never asked.
    population = max(LEAST_POPULATION, spec.search.trials // POPULATION_SHARE)
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=population)


def _values(trial: FrozenTrial) -> dict[str, Any]:
    return {axis: json.loads(text) for axis, text in trial.params.items()}
