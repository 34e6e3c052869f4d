"""The report as one HTML file."""

from pathlib import Path

from hwrts import __version__
from hwrts.errors import HwrtsError
from hwrts.files.atomic import text_bytes, write_atomic
from hwrts.report.comparison import comparison
from hwrts.report.crops import PhotoCrops, photo_crops
from hwrts.report.exports import exports
from hwrts.report.plots import Plot, difference_plots, training_plot
from hwrts.report.shown_patterns import ShownPattern, shown_patterns
from hwrts.report.silicon import COLUMNS, silicon
from hwrts.report.stages import StageResult, kept_stage, read_stages
from hwrts.report.summary import facts, headline, next_commands, photograph_names
from hwrts.report.tables import PHASES, stage_rows
from hwrts.report.template import render
from hwrts.report.viewer import run_networks, viewer
from hwrts.runs.folder import RunFolder
from hwrts.runs.patterns import AMPLIFICATION
from hwrts.runs.remarks import remarks, trained_for


def write_report(run: RunFolder, *, whole_pictures: bool = True) -> Path:
    """Write ``report.html`` of the stages and variants that are finished so far.

    The file holds everything it shows: no font, script or picture comes from elsewhere. It is written whole
    or not at all, and an older one is replaced. Equal runs give equal reports.

    Args:
        run: A run with at least one finished stage.
        whole_pictures: Begin with them: half of the file and of its time.

    Returns:
        The path of the file.

    Raises:
        RunFolderError: No stage is finished, a file of the run is damaged, or the folder cannot be written.
    """
    stages, best = read_stages(run), run.notes().get("best_stage")
    kept = kept_stage(stages, best)
    photographs, missing = _crops(run, kept) if run.trained else ([], None)  # nobody knows what it is fed
    html = render(
        "hwrts.report",
        "report.html.j2",
        name=run.place.resolve().name,
        version=__version__,
        headline=headline(run, stages, kept),
        failed=[stage for stage in stages if not stage.passed],
        remarks=[(stage.name, text) for stage in stages for text in remarks(stage.measures)],
        viewer=_viewer(run, stages, kept) if whole_pictures else None,
        silicon=silicon(
            list({each.name: each for each in (run.enhancing_stage(kept.name), kept.folder)}.values())
        ),
        silicon_columns=COLUMNS,
        commands=next_commands(run, kept.name),
        facts=facts(run, kept),
        names=photograph_names(run.notes()),
        config=(run.root / "config.toml").read_text("utf-8") if run.trained else None,
        rows=stage_rows(stages, kept),
        phases=PHASES,
        images=kept.measures.get("images"),
        plots=_plots(run, stages),
        kept=kept.name,
        kept_word="latest" if best is None else "kept",  # an unfinished run has not chosen yet
        photographs=photographs,
        no_photographs=missing,
        patterns=_patterns(run, kept) if run.trained else [],
        amplification=AMPLIFICATION,
        exports=exports(run),
        comparisons=[comparison(stage, run.place, kept=stage is kept) for stage in stages],
    )
    write_atomic(run.report, text_bytes(html))
    return run.report


def _plots(run: RunFolder, stages: tuple[StageResult, ...]) -> list[Plot]:
    metrics = list(run.metrics())
    bicubic = next((db for stage in stages if (db := stage.measure("psnr_bicubic_db")) is not None), None)
    title = "PSNR of the crops against HR(n\u22121)"
    trained = (
        training_plot(metrics, "float", f"Float training: {title}", bicubic),
        training_plot(metrics, "qat", f"Quantisation-aware training: {title}", bicubic),
        training_plot(metrics, "same-size", "Same-size networks: PSNR of the crops against D(S(HR0)), float"),
    )
    return [plot for plot in trained if plot is not None] + difference_plots(stages)


def _crops(run: RunFolder, kept: StageResult) -> tuple[list[PhotoCrops], str | None]:
    """Pictures, or why there are none: the rest of the report is worth having without them."""
    if kept.changed:
        return [], f"{', '.join(kept.changed)} of stage {kept.name} is missing or not what was verified"
    try:
        return photo_crops(run, kept), None
    except HwrtsError as error:
        return [], str(error)


def pictures(run: RunFolder) -> str | None:
    """The HTML of whole pictures through the kept stage, for another page; None if they cannot be made.

    Raises:
        RunFolderError: No stage is finished, or a file of the run is damaged.
    """
    stages = read_stages(run)
    return _viewer(run, stages, kept_stage(stages, run.notes().get("best_stage")))


def _viewer(run: RunFolder, stages: tuple[StageResult, ...], kept: StageResult) -> str | None:
    """As :func:`_crops`."""
    if kept.changed or not run.trained:
        return None
    try:
        enlarge_first = trained_for(run.config, kept.folder.number) is None
        return viewer(run, run_networks(run, stages, kept), enlarge_first=enlarge_first)
    except HwrtsError:
        return None


def _patterns(run: RunFolder, kept: StageResult) -> list[tuple[str, list[ShownPattern]]]:
    """As :func:`_crops`; what is wrong with a file is said there."""
    if kept.changed:
        return []
    try:
        return shown_patterns(run, kept)
    except HwrtsError:
        return []
