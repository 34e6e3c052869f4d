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
from hwrts.report.strengths import Strengths, strengths
from hwrts.report.summary import facts, headline, next_commands, photograph_names
from hwrts.report.tables import PHASES, stage_rows
from hwrts.report.template import render
from hwrts.report.viewer import run_networks, viewer
from hwrts.runs.folder import RunFolder
from hwrts.runs.patterns import AMPLIFICATION
from hwrts.runs.remarks import faithfulness, psnr_of, remarks, trained_for


def write_report(run: RunFolder) -> Path:
    """Write ``report.html`` of the stages and variants that are finished so far.

    The file holds everything it shows: no font, script or picture comes from elsewhere. It is written whole
    or not at all, and an older one is replaced. Equal runs give equal reports.

    Args:
        run: A run with at least one finished stage.

    Returns:
        The path of the file.

    Raises:
        RunFolderError: No stage is finished, a file of the run is damaged, or the folder cannot be written.
    """
    stages, best = read_stages(run), run.notes().get("best_stage")
    kept = kept_stage(stages, best)
    shown, photographs, why_none = _pictures(run, stages, kept)
    html = render(
        "hwrts.report",
        "report.html.j2",
        name=run.place.resolve().name,
        version=__version__,
        headline=headline(run, stages, kept),
        faithful=None if run.trained else faithfulness(kept.measures),
        failed=[stage for stage in stages if not stage.passed],
        remarks=[(stage.name, text) for stage in stages for text in remarks(stage.measures)],
        viewer=shown,
        of_luma=psnr_of((stage.measures for stage in stages), luma=run.luma is not None) == "psnr_y",
        no_pictures=why_none,
        silicon=silicon(
            list({each.name: each for each in (run.enhancing_stage(kept.name), kept.folder)}.values())
        ),
        silicon_columns=COLUMNS,
        commands=next_commands(run, kept.name, pictures=shown is not None),
        facts=facts(run, kept),
        names=photograph_names(run.notes()),
        config=(run.root / "config.toml").read_text("utf-8") if run.trained else None,
        rows=stage_rows(stages, kept),
        phases=PHASES,
        strengths=None if best is None else _strengths(run, kept),
        images=kept.measures.get("images"),
        plots=_plots(run, stages),
        kept=kept.name,
        kept_word="latest" if best is None else "kept",  # an unfinished run has not chosen yet
        photographs=photographs,
        patterns=_patterns(run, kept),
        amplification=AMPLIFICATION,
        exports=exports(run),
        comparisons=[comparison(stage, run.place, kept=stage is kept) for stage in stages],
    )
    write_atomic(run.report, text_bytes(html))
    return run.report


def _plots(run: RunFolder, stages: tuple[StageResult, ...]) -> list[Plot]:
    metrics = list(run.metrics())
    name = "psnr_bicubic_db" if run.luma is None else "psnr_y_bicubic_db"
    bicubic = next((db for stage in stages if (db := stage.measure(name)) is not None), None)
    title = f"PSNR of {'' if run.luma is None else 'Y of '}the crops against HR(n\u22121)"
    trained = (
        training_plot(metrics, "float", f"Float training: {title}", bicubic),
        training_plot(metrics, "qat", f"Quantisation-aware training: {title}", bicubic),
        training_plot(metrics, "same-size", "Same-size networks: PSNR of the crops against D(S(HR0)), float"),
    )
    shown = [plot for plot in trained if plot is not None]
    return shown + difference_plots(stages) if run.trained else shown


def pictures(run: RunFolder) -> str | None:
    """The HTML of whole pictures through the kept stage, for another page; None if they cannot be made.

    Raises:
        RunFolderError: No stage is finished, or a file of the run is damaged.
    """
    stages = read_stages(run)
    return _pictures(run, stages, kept_stage(stages, run.notes().get("best_stage")))[0]


def _pictures(
    run: RunFolder, stages: tuple[StageResult, ...], kept: StageResult
) -> tuple[str | None, list[PhotoCrops], str | None]:
    """Whole pictures and pieces, or why there are none: the rest is worth having without them."""
    if kept.changed:
        return None, [], f"{', '.join(kept.changed)} of stage {kept.name} is missing or not what was verified"
    try:
        networks = run_networks(run, stages, kept)
        up_scales = trained_for(run.config, kept.folder.number) is None if run.trained else max(networks) > 1
        return viewer(run, networks, enlarge_first=up_scales), photo_crops(run, kept), None
    except HwrtsError as error:
        return None, [], str(error)


def _patterns(run: RunFolder, kept: StageResult) -> list[tuple[str, list[ShownPattern]]]:
    """As :func:`_pictures`; what is wrong with a file is said there."""
    if kept.changed:
        return []
    try:
        return shown_patterns(run, kept)
    except HwrtsError:
        return []


def _strengths(run: RunFolder, kept: StageResult) -> Strengths | None:
    """As :func:`_patterns`; a network without a correction has no slider."""
    if kept.changed:
        return None
    try:
        return strengths(run, kept.name)
    except HwrtsError:
        return None
