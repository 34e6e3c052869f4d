"""The tables with one row per stage: picture quality, artefacts, the comparison and the time."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwrts.report.paper import DIFFERENCE_PERCENT
from hwrts.report.stages import StageResult
from hwrts.report.text import NONE, fixed, whole
from hwrts.runs.remarks import psnr_of
from hwrts.runs.requirements import REQUIRED

PHASES = ("train", "targets", "qat", "export", "measure", "verify")
"""Parts of a stage that are timed, in the order of the work."""


@dataclass(frozen=True)
class StageRow:
    """Cells of a stage in each table, and how they are marked."""

    name: str
    passed: bool
    kept: bool
    variant: bool
    quality: tuple[str, ...]
    artefacts: tuple[str, ...]
    work: tuple[str, ...]
    patterns: tuple[str, ...]


def stage_rows(stages: Sequence[StageResult], kept: StageResult) -> list[StageRow]:
    """One row per stage and variant, in order."""
    named = {stage.name: stage for stage in stages}
    psnr = psnr_of((stage.measures for stage in stages), luma=kept.folder.luma is not None)

    def before(stage: StageResult) -> StageResult | None:
        """The same kind of network one stage earlier, or else that stage itself."""
        number, dash, kind = stage.name.partition("-")
        earlier = str(int(number) - 1)
        return named.get(f"{earlier}{dash}{kind}", named.get(earlier))

    return [
        StageRow(
            stage.name,
            stage.passed,
            stage is kept,
            stage.is_variant,
            _quality(stage, before(stage), psnr),
            _artefacts(stage),
            _work(stage),
            tuple(fixed(stage.measure(name), 0) for name in REQUIRED.values()),
        )
        for stage in stages
    ]


def paper_difference(number: int) -> float | None:
    """The paper's difference of HR_number from HR0 in percent, if it has one."""
    known = 0 < number <= len(DIFFERENCE_PERCENT)
    return DIFFERENCE_PERCENT[number - 1] if known else None


def change(stage: StageResult, before: StageResult | None, name: str) -> float | None:
    """How much a difference from HR0 grew over the stage before; HR0 itself differs by 0."""
    now = stage.measure(name)
    previous = 0.0 if stage.folder.number == 1 else before.measure(name) if before else None
    return None if now is None or previous is None else now - previous


def paper_change(number: int) -> float | None:
    """The paper's change from the stage before, in percent of full scale."""
    now, previous = paper_difference(number), paper_difference(number - 1) or 0.0
    return None if now is None else now - previous


def _quality(stage: StageResult, before: StageResult | None, psnr: str) -> tuple[str, ...]:
    psnr_float, psnr_int8 = stage.measure(f"{psnr}_float_db"), stage.measure(f"{psnr}_int8_db")
    drop = None if psnr_float is None or psnr_int8 is None else psnr_float - psnr_int8
    number = stage.folder.number
    return (
        fixed(stage.measure(f"{psnr}_bicubic_db"), 2),
        fixed(psnr_float, 2),
        fixed(psnr_int8, 2),
        fixed(drop, 2, sign=True),
        fixed(stage.measure("int8_against_float_db"), 1),
        fixed(stage.measure("difference_float_percent"), 2),
        fixed(change(stage, before, "difference_float_percent"), 2, sign=True),
        fixed(stage.measure("difference_int8_percent"), 2),
        fixed(change(stage, before, "difference_int8_percent"), 2, sign=True),
        fixed(paper_difference(number), 2),
        fixed(paper_change(number), 2, sign=True),
        fixed(stage.measure("difference_float_of_brightness_percent"), 2),
        fixed(stage.measure("difference_int8_of_brightness_percent"), 2),
        fixed(stage.measure("mos_raw_hr0"), 3),
        fixed(stage.measure("mos_raw_float"), 3),
        fixed(stage.measure("mos_raw_int8"), 3),
    )


def _artefacts(stage: StageResult) -> tuple[str, ...]:
    return (
        *(fixed(stage.measure(f"mean_shift_{name}_codes"), 2, sign=True) for name in ("float", "int8")),
        *(fixed(stage.measure(f"overshoot_{name}_codes"), 2) for name in ("float", "int8")),
        *(fixed(stage.measure(f"overshoot_99_{name}_codes"), 1) for name in ("float", "int8")),
        *(fixed(stage.measure(f"noise_gain_{name}"), 2) for name in ("float", "int8")),
        fixed(stage.measure("fidelity_db"), 1),
        fixed(stage.measure("saturated_percent"), 2),
        fixed(stage.measure("jpeg_gain_int8"), 2),
    )


def _work(stage: StageResult) -> tuple[str, ...]:
    seconds = stage.measures.get("seconds") or {}
    total = fixed(sum(seconds.values()), 1) if seconds else NONE
    return (
        whole(stage.compared),
        whole(stage.mismatches),
        whole(sum(not control["caught"] for control in stage.controls)),
        *(fixed(seconds.get(phase), 1) for phase in PHASES),
        total,
    )
