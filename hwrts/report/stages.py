"""One finished stage or variant as its files tell it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hwrts.command_line import command_line
from hwrts.errors import RunFolderError
from hwrts.runs.documents import read_measures, read_verdict
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.proof import read_proof


@dataclass(frozen=True)
class StageResult:
    """The verdict and the measures of a stage.

    Attributes:
        folder: Where its files are.
        verify: Content of verify.json.
        measures: Content of metrics.json; empty when the run was stopped before it was written.
        changed: Handed-over files that are not the ones that verify.json is about.
    """

    folder: StageFolder
    verify: dict[str, Any]
    measures: dict[str, Any]
    changed: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as "2", or "2-same" and "2-w4a8" for variants of stage 2."""
        return self.folder.name

    @property
    def is_variant(self) -> bool:
        """Whether it is another quantisation of a stage."""
        return "-" in self.name

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What was compared: one entry per witness, mode and layer."""
        rows: list[dict[str, Any]] = self.verify.get("rows", [])
        return rows

    @property
    def controls(self) -> list[dict[str, Any]]:
        """Deliberate errors that the comparison had to find."""
        controls: list[dict[str, Any]] = self.verify.get("controls", [])
        return controls

    @property
    def compared(self) -> int:
        """Codes compared."""
        return sum(row["compared"] for row in self.rows)

    @property
    def mismatches(self) -> int:
        """Codes that differ."""
        return sum(row["mismatches"] for row in self.rows)

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Everything beside mismatches that stands against a pass, in sentences."""
        found = [str(problem) for problem in self.verify.get("problems", [])]
        totals = (self.verify.get("compared"), self.verify.get("mismatches"))
        if totals != (self.compared, self.mismatches):
            found.append("the totals of verify.json are not the sums of its rows")
        found += [
            f"{row['witness']}, {row['mode']}, {row['layer']}: nothing was compared"
            for row in self.rows
            if not row["compared"]
        ]
        missed = [control["name"] for control in self.controls if not control["caught"]]
        found += [f"negative control not caught: {name}" for name in missed]
        if not self.controls:
            found.append("no negative control was run")
        found += [
            f"{name} is not the file that was verified; run hwrts verify again" for name in self.changed
        ]
        return tuple(found)

    @property
    def passed(self) -> bool:
        """The verdict says so, and nothing that it consists of contradicts it."""
        agreed = self.compared > 0 and self.mismatches == 0 and not self.problems
        return self.verify.get("passed") is True and agreed

    def measure(self, name: str) -> float | None:
        """A number of metrics.json, or None."""
        value = self.measures.get(name)
        return None if value is None else float(value)


def read_stages(run: RunFolder) -> tuple[StageResult, ...]:
    """Every finished stage and variant, in order.

    Raises:
        RunFolderError: There is none, or a file is damaged.
    """
    stages = tuple(_read(folder) for folder in run.stages())
    if not stages:
        raise RunFolderError(
            f"{run.root}: no stage is finished, so there is nothing to report; "
            f"continue the run with: {command_line('run', '--resume', run.root)}"
        )
    return stages


def kept_stage(stages: Iterable[StageResult], best: object) -> StageResult:
    """The stage that run.json names, else the last one, a variant only if there is nothing else."""
    found = list(stages)
    named = [stage for stage in found if stage.name == str(best)]
    mains = [stage for stage in found if not stage.is_variant]
    return (named or mains or found)[-1]


def _read(folder: StageFolder) -> StageResult:
    verify = read_verdict(folder.verify)
    measures = read_measures(folder.metrics) if folder.metrics.is_file() else {}
    return StageResult(folder, verify, measures, read_proof(folder).changed)
