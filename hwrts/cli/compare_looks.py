"""hwrts compare of pictures and clips, and of runs on one of them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from hwrts.cli.compare import FRAMES
from hwrts.cli.console import ConsoleProgress, print_error, print_json, print_line, print_note, print_table
from hwrts.cli.looks import box_of
from hwrts.cost.network import network_cost
from hwrts.data import MAX_MEGAPIXELS, to_codes
from hwrts.data.degrade import upscale
from hwrts.data.depth import Codes
from hwrts.errors import ConfigError, DataError
from hwrts.extras import need
from hwrts.fixed_point import Network, load_network
from hwrts.report.look import View, compare_looks
from hwrts.report.look_figures import headings
from hwrts.report.moments import Make, Moments, of_colours, of_pictures, through
from hwrts.report.silicon import COLUMNS, cost_cells
from hwrts.report.text import NONE, whole
from hwrts.runs.engines import Deployed, make_engine
from hwrts.runs.folder import open_run
from hwrts.runs.strength import asked_strength, words_of
from hwrts.video.formats import SUFFIXES


@dataclass(frozen=True)
class Looks:
    """What a page is told.

    Attributes:
        output: The page.
        frames: Of clips; None takes those of the help.
        zoom: As the command line has it.
        json: Print the figures as JSON, and write no page.
        quiet: No progress.
        max_megapixels: Refuse larger pictures; None takes the default.
    """

    output: Path
    frames: int | None
    zoom: str | None
    json: bool
    quiet: bool
    max_megapixels: int | None


def compare_files(files: Sequence[Path], looks: Looks) -> None:
    """Pictures or clips; the first is the original."""
    if len(files) < 2:
        raise ConfigError(f"{files[0]}: is alone; give two pictures or clips or more, or runs and --on")
    views = [View(label) for label in _names(files)]
    _compare(_moments(files, looks), views, looks)


def compare_on(
    runs: Sequence[Path], file: Path, looks: Looks, strengths: Sequence[float], *, x2: bool
) -> None:
    """Runs on a picture or a clip, which is the first view; each with each strength, if there are any."""
    networks, views, notes = [], [], dict[str, None]()
    hows = [asked_strength(each, None, None) for each in strengths] or [None]
    for root in runs:
        stage = open_run(root).network(None, x2=x2)
        if x2:
            stage.check_enlarges()
        cost = _cost(load_network(stage.root))  # no strength changes it
        for how in hows:
            network = make_engine("onnxruntime", stage, how=how)
            if network.refusal is not None:
                raise DataError(network.refusal)
            if network.enlargement is None or (x2 and network.enlargement == 1):
                why = "keeps the size; leave --x2 out" if x2 and network.scale == 1 else "makes another size"
                raise DataError(f"{root}: its network {why}; compare pictures that hwrts enhance makes")
            networks.append((root, network))
            views.append(View(", ".join([str(root), f"stage {stage.name}", *words_of(how)]), cost))
    scale = networks[0][1].enlargement if x2 else 1
    first = View(f"{file}, bicubic \u00d7{scale}" if x2 else str(file), (NONE,) * len(_MORE))
    moments = _moments([file], looks)
    made = [_first(int(scale or 1))]
    for root, network in networks:
        note = partial(_noted, notes, root)
        made.append(_make(network, clip=moments.clips, x2=x2, note=note))
    _compare(through(moments, made), [first, *views], looks, _MORE, notes)


def _noted(notes: dict[str, None], root: Path, text: str) -> None:
    """Once of a run, whatever its strengths, and however many frames."""
    notes[f"{root}: {text}"] = None


_MORE = ("parameters", *COLUMNS)


def _cost(network: Network) -> tuple[str, ...]:
    cost = network_cost(network)
    return whole(cost.parameters), *cost_cells(cost)


def _first(scale: int) -> Make:
    def made(codes: Codes) -> Codes:
        return codes if scale == 1 else to_codes(upscale(codes, scale, "bicubic"))

    return of_colours(made)


def _make(network: Deployed, *, clip: bool, x2: bool, note: Callable[[str], None]) -> Make:
    """What hwrts enhance makes: of a clip's frames a network of luma, or of more bits, gets their planes."""
    if not clip or (network.luma is None and network.bits == 8):
        return of_colours(network.upscale if x2 else network.enhance)
    from hwrts.report.clip_moments import of_planes

    scale = int(network.scale) if x2 else 1
    how = network.upscale_seen if x2 else network.enhance_seen
    return of_planes(how, scale, network.luma, network.bits, note)


def _moments(files: Sequence[Path], looks: Looks) -> Moments:
    clips = [each.suffix.lower() in SUFFIXES for each in files]
    most = looks.max_megapixels or MAX_MEGAPIXELS
    for file in files:
        if file.is_dir():
            raise DataError(f"{file}: is a folder; give pictures or clips, or runs and --on FILE")
    if len(set(clips)) > 1:
        one, other = files[clips.index(True)], files[clips.index(False)]
        raise DataError(f"{one}: is a clip, and {other} is none; compare pictures, or clips")
    if not clips[0]:
        if looks.frames is not None:
            raise ConfigError(f"--frames: is for clips, and {files[0]} is none; leave it out")
        return of_pictures(files, most)
    need("video", "clips")
    from hwrts.report.clip_moments import of_clips

    ConsoleProgress(looks.quiet).say("counting frames")
    return of_clips(files, looks.frames or FRAMES, most)


def _compare(
    moments: Moments,
    views: Sequence[View],
    looks: Looks,
    more: Sequence[str] = (),
    notes: Collection[str] = (),
) -> None:
    zoom = None if looks.zoom is None else box_of(looks.zoom)
    with ConsoleProgress(looks.quiet).task("comparing", moments.count) as advance:
        page = None if looks.json else looks.output
        figures = compare_looks(moments, views, page, zoom=zoom, more=more, advance=advance)
    if looks.json:
        print_json(
            [
                {"view": view.label, **each.document(clips=moments.clips)}
                | ({"cost": dict(zip(more, view.more, strict=True))} if more else {})
                for view, each in zip(views, figures, strict=True)
            ]
        )
    else:
        rows = [
            [view.label, *each.cells(clips=moments.clips)] for view, each in zip(views, figures, strict=True)
        ]
        print_table("beside the first", ["view", *headings(clips=moments.clips)], rows, paths=True)
        print_line(f"page: {looks.output}")
    for text in notes:
        print_note(text)
    for text in moments.found:
        print_error(text)
    if moments.found:
        raise typer.Exit(1)


def _names(files: Sequence[Path]) -> list[str]:
    """What files are called: by their names, or by their paths where two have one name."""
    names = [each.name for each in files]
    return names if len(set(names)) == len(names) else [str(each) for each in files]
