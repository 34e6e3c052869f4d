"""How long a run will take: from the pace of its first steps, then from what its finished stages took."""

import time
from collections.abc import Callable

from hwrts.config import RunConfig
from hwrts.progress import duration
from hwrts.runs.documents import read_measures
from hwrts.runs.folder import RunFolder
from hwrts.runs.quantise import qat_schedule
from hwrts.training.rts import stage_schedule

FIRST_SECONDS = 5.0
"""The pace is taken from so long, or from so many steps where they are quick."""
FIRST_STEPS = 20

_CALIBRATION = 10
"""Steps of fine-tuning that calibration takes as long as."""
_STEPS_OF = {"train": 1.0, "targets": 20.0, "qat": 2.5, "export": 1.0, "measure": 40.0, "verify": 40.0}
"""What a piece takes in steps of the float training, until a stage has shown it: measured with Residual-1 of
32 channels and Residual-3 of 64; a larger network trains and proves more slowly alike."""


class Estimate:
    """Says what a run will take, and after each stage what is left.

    Args:
        run: Its finished stages are what is known.
        config: How many stages and steps.
        crops: How many there are to train on.
        same_size: Whether each stage has a same-size network too.
        say: Where a line goes.
    """

    def __init__(
        self, run: RunFolder, config: RunConfig, crops: int, *, same_size: bool, say: Callable[[str], None]
    ) -> None:
        self._run, self._config, self._crops, self._same_size, self._say = run, config, crops, same_size, say
        self._seconds_of: dict[tuple[bool, str], float] = {}
        self._began: tuple[int, float] | None = None
        self._said = ""

    def after_step(self, done: int, steps: int) -> None:
        """Called after each step of a float training; the first ones say how long all of it takes."""
        if self._seconds_of:
            return
        if self._began is None:  # behind the first step, which is slower
            self._began = (done, time.monotonic())
            return
        counted, seconds = done - self._began[0], time.monotonic() - self._began[1]
        if seconds < FIRST_SECONDS and counted < FIRST_STEPS and done < steps:
            return
        self._seconds_of[False, "train"] = seconds / counted
        self._say_left("at the pace of the first steps, ")

    def after_stage(self) -> None:
        """Say what is left after the finished stages; nothing if that is nothing."""
        for stage in self._run.stages():
            pieces = self._pieces(stage.number)
            for piece, seconds in read_measures(stage.metrics).get("seconds", {}).items():
                work = pieces.get((stage.same_size, piece))
                if work and stage.name in (f"{stage.number}", f"{stage.number}-same"):  # no variant
                    self._seconds_of[stage.same_size, piece] = seconds / work
        if self._seconds_of:
            self._say_left("")

    def _say_left(self, why: str) -> None:
        finished = {stage.name for stage in self._run.stages()}
        left = {
            number: sum(
                work * self._rate(same, piece)
                for (same, piece), work in self._pieces(number).items()
                if f"{number}{'-same' * same}" not in finished
            )
            for number in range(self._run.first_stage, self._config.stage_limit + 1)
        }
        left = {number: seconds for number, seconds in left.items() if seconds}
        if left:
            most = "at most " if self._config.rts.stages == "auto" else ""
            each = ", ".join(f"stage {number} {duration(seconds)}" for number, seconds in left.items())
            text = f"time left: {why}{most}about {duration(sum(left.values()))} ({each})"
            if text != self._said:  # such as behind each finished stage of a run that is continued
                self._say(text)
            self._said = text

    def _rate(self, same_size: bool, piece: str) -> float:
        """Seconds of a piece of a unit of work."""
        known = self._seconds_of.get((same_size, piece))
        return self._seconds_of[False, "train"] * _STEPS_OF[piece] if known is None else known

    def _pieces(self, number: int) -> dict[tuple[bool, str], float]:
        """The work of a stage: steps of its trainings; what has none is 1."""
        config = self._config
        work = {(False, "train"): float(stage_schedule(config, number, self._crops).steps)}
        work[False, "targets"] = 1.0
        for same in (False, True)[: 1 + self._same_size]:
            work[same, "qat"] = float(_CALIBRATION + qat_schedule(config.qat, same_size=same).steps)
            work |= {(same, piece): 1.0 for piece in ("export", "measure", "verify")}
        return work
