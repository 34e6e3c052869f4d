"""A page on which pictures or clips are looked at beside one another, in one file."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwrts import __version__
from hwrts.data.depth import Codes
from hwrts.data.looking import Box
from hwrts.data.pieces import most_detail
from hwrts.errors import DataError
from hwrts.files.atomic import text_bytes, write_atomic
from hwrts.report.crops import png_uri
from hwrts.report.look_figures import Figures, flicker_points, gathered, headings
from hwrts.report.moments import Moment, Moments, enlarged, page_size
from hwrts.report.plots import Curve, Plot, line_plot
from hwrts.report.template import render
from hwrts.report.text import plural

MOST_MEGAPIXELS = 12
"""Of all that a page holds: about 30 MB as PNG, which a browser opens at once, and a mail still takes."""

_DETAIL = 256
"""Side of the piece that a larger one is put around."""

ABOUT = (
    "The first one is the original that the others are compared with; figures are of whole pictures, of all "
    "moments that are shown."
)


@dataclass(frozen=True)
class View:
    """One of what is compared.

    Attributes:
        label: What it is called.
        more: Cells of its own below the figures.
    """

    label: str
    more: tuple[str, ...] = ()


def compare_looks(
    moments: Moments,
    views: Sequence[View],
    page: Path | None,
    *,
    zoom: Box | None = None,
    more: Sequence[str] = (),
    advance: Callable[[int, str], None] = lambda done, name: None,
) -> list[Figures]:
    """Measure what is compared, and write a page of it.

    Args:
        moments: What is shown.
        views: One for each view of a moment.
        page: The file to write; None writes none.
        zoom: The piece that is shown, in pixels of what is seen; None shows all, or as much as a page holds
            around the most detail.
        more: Headings of :attr:`View.more`.
        advance: Told how many moments are done.

    Raises:
        DataError: Sizes that do not fit together, a piece that is not there, or too large for a page.
        NotWrittenError: The file cannot be written.
    """
    figures = gathered(len(views))
    shown: list[list[str]] = [[] for _ in views]
    names: list[str] = []
    piece, size, said = Box(0, 0, 0, 0), (0, 0), list[str]()
    for moment in moments.each:
        if not names:
            size = page_size([made.shape for made in moment.made], [view.label for view in views])
            piece, why = _piece(moment.seen, size, len(views) * moments.count, zoom)
            said += [*why, *_repeated(moment, size, views)]
        large = [enlarged(made, size) for made in moment.made]
        for index, view in enumerate(large):
            figures[index].add(moment, index, view, large[0])
            if page is not None:
                shown[index].append(png_uri(_cut(view, piece)))
        names.append(moment.name)
        advance(len(names), moment.name)
    if not names:
        raise DataError(f"{views[0].label}: has no frame to compare; give another clip")
    said += moments.found
    if page is not None:
        place = f"{size[1]}\u00d7{size[0]} pixels"
        if (piece.width, piece.height) != (size[1], size[0]):
            place += (
                f"; columns {piece.left}\u2013{piece.left + piece.width - 1}, "
                f"rows {piece.top}\u2013{piece.top + piece.height - 1}"
            )
        data = {
            "width": piece.width, "height": piece.height, "left": piece.left, "top": piece.top,
            "place": place, "moments": names,
            "views": [{"label": view.label, "uris": uris} for view, uris in zip(views, shown, strict=True)],
        }  # fmt: skip
        _write(page, data, views, figures, moments.clips, more, said)
    return list(figures)


def _repeated(moment: Moment, size: tuple[int, int], views: Sequence[View]) -> list[str]:
    """What is smaller than the page, in a line each."""
    times = [(size[0] // len(made), view.label) for made, view in zip(moment.made, views, strict=True)]
    return [
        f"{label} is smaller: each pixel of it is {many}x{many} here" for many, label in times if many > 1
    ]


def _write(
    page: Path, data: dict[str, Any], views: Sequence[View], figures: Sequence[Figures], clips: bool,
    more: Sequence[str], notes: Sequence[str],
) -> None:  # fmt: skip
    columns = [[*each.cells(clips=clips), *view.more] for each, view in zip(figures, views, strict=True)]
    lines = list(zip([*headings(clips=clips), *more], zip(*columns, strict=True), strict=True))
    html = render(
        "hwrts.report",
        "comparison.html.j2",
        names=[view.label for view in views],
        lines=lines,
        viewer=render("hwrts.report", "look.html.j2", data=data),
        about=ABOUT,
        notes=notes,
        plots=_plots(views, figures),
        version=__version__,
    )
    write_atomic(page, text_bytes(html))


def _plots(views: Sequence[View], figures: Sequence[Figures]) -> list[Plot]:
    """Flicker from moment to moment, if anything is still."""
    curves = tuple(
        Curve(_short(view.label), points)
        for view, each in zip(views[1:], figures[1:], strict=True)
        if (points := flicker_points(each))
    )
    title = "Flicker: change of the correction in still places, from the frame before"
    return [line_plot("flicker", title, "moment", "codes", curves)] if curves else []


def _short(label: str) -> str:
    """For a legend, which has no room; matplotlib leaves out what begins with a line."""
    label = label.lstrip("_").replace("$", "")
    return label if len(label) <= 32 else f"\u2026{label[-31:]}"


def _piece(seen: Codes, size: tuple[int, int], pictures: int, zoom: Box | None) -> tuple[Box, list[str]]:
    """What is shown, in pixels of the page, and why it is not all of it."""
    height, width = size
    times = height // len(seen)
    most = MOST_MEGAPIXELS * 1_000_000
    held = f"{plural(pictures, 'picture')} of one page hold {MOST_MEGAPIXELS} megapixels together"
    if zoom is not None:
        if zoom.left + zoom.width > seen.shape[1] or zoom.top + zoom.height > seen.shape[0]:
            raise DataError(
                f"--zoom {zoom}: is not inside of {seen.shape[1]}x{seen.shape[0]}; give a piece of it as "
                "X,Y,W,H"
            )
        box = Box(*(each * times for each in (zoom.left, zoom.top, zoom.width, zoom.height)))
        if box.width * box.height * pictures > most:
            raise DataError(f"--zoom {zoom}: is too large, {held}; give a smaller piece, or fewer --frames")
        return box, []
    if height * width * pictures <= most:
        return Box(0, 0, width, height), []
    share = math.sqrt(most / (height * width * pictures))
    rows, columns = (max(times, int(side * share) // times * times) for side in size)
    detail = most_detail(seen, _DETAIL)
    middle = times * (detail.top + detail.height // 2), times * (detail.left + detail.width // 2)
    top, left = (
        min(max(0, (at - part // 2) // times * times), side - part)
        for at, part, side in zip(middle, (rows, columns), size, strict=True)
    )
    why = f"A piece around the most detail is shown: {held}; --zoom shows another, --frames takes fewer"
    return Box(left, top, columns, rows), [why]


def _cut(view: Codes, piece: Box) -> Codes:
    return view[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width]
