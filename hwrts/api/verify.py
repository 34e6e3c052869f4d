"""The bits of a run's stages compared again, and the verdicts kept."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from hwrts.export import Verdict
from hwrts.files.lock import writing
from hwrts.progress import Progress
from hwrts.report import write_report
from hwrts.runs.folder import RunFolder, StageFolder, write_json
from hwrts.runs.quantise import verify_stage


def verify_stages(
    run: RunFolder,
    stages: Sequence[StageFolder],
    progress: Progress,
    wrote: Callable[[Callable[[], None]], object],
    *,
    layers: list[str] | None = None,
    stimuli: list[str] | None = None,
    witnesses: Sequence[str] = (),
) -> dict[str, Verdict]:
    """Verdicts by stage; of everything they are written to the run, with its report.

    Args:
        run: The run.
        stages: Stages of it.
        progress: Where to say how far it is.
        wrote: Called with what writes, which fails in a run that is read-only.
        layers: Only these; None for all.
        stimuli: Only these pictures; None for all.
        witnesses: Names of more of them: "c".

    Raises:
        HwrtsError: A file is missing or damaged, or somebody else is writing to the run.
    """
    verdicts: dict[str, Verdict] = {}

    def record() -> None:
        for each in stages:
            write_json(each.verify, verdicts[each.name].as_json())
        write_report(run)

    everything = not layers and not stimuli
    with writing(run.root, may_be_read_only=True) if everything else nullcontext():
        with progress.task("comparing bits, stages", len(stages)) as advance:
            for i, each in enumerate(stages):
                verdicts[each.name] = verify_stage(
                    run,
                    each,
                    layers=layers or None,
                    stimuli=stimuli or None,
                    witnesses=witnesses,
                    record=False,
                )
                advance(i + 1, f"stage {each.name}")
        if everything:
            wrote(record)
    return verdicts
