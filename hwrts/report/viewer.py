"""Whole pictures beside one another with one zoom and one place: originals, what is usual, and each stage."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from hwrts.data import PhotoStore, open_store, to_codes, upscale_by_2
from hwrts.data.depth import Codes
from hwrts.metrics.baselines import usm
from hwrts.report.crops import Piece, enhanced_piece, most_detail, upscaled_pieces, with_margin
from hwrts.report.stages import StageResult
from hwrts.report.template import render
from hwrts.runs.engines import Deployed, open_stage
from hwrts.runs.folder import RunFolder, StageFolder

PHOTOGRAPHS = 2
"""At most so many: ten pictures of one are 3 MB, and the file should open at once."""
LARGEST = (512, 768)
"""Rows and columns that are shown of a larger one, around the piece with the most detail."""
STAGES = 4
"""The kept stage and those before it, at most so many."""
KERNEL_HALO = 4
"""LR pixels around a piece that bicubic and Lanczos up-scaling by 2 read, and one more."""

ENHANCED, ENLARGED = "same size", "\u00d72 from LR"


@dataclass(frozen=True)
class Network:
    """A network whose pictures are shown.

    Attributes:
        label: What its pictures are called.
        int8: Computes.
        stage: Its number, to switch to another one by; "" for networks that are no stages of one run.
    """

    label: str
    int8: Deployed
    stage: str = ""


def run_networks(
    run: RunFolder, stages: Iterable[StageResult], kept: StageResult
) -> dict[str, list[Network]]:
    """The networks of the kept stage and those before it, by what they make."""
    mains = [stage for stage in stages if not stage.is_variant and stage.folder.number <= kept.folder.number]
    folders = [stage.folder for stage in (mains or [kept])[-STAGES:] if not stage.changed]
    return {
        ENHANCED: [_network(run.enhancing_stage(folder.name), folder) for folder in folders],
        ENLARGED: [_network(folder, folder) for folder in folders if not folder.same_size],
    }


def _network(folder: StageFolder, of: StageFolder) -> Network:
    return Network(f"int8, stage {folder.name}", open_stage(folder), str(of.number))


def viewer(run: RunFolder, networks: Mapping[str, list[Network]], *, enlarge_first: bool) -> str:
    """The HTML of the pictures.

    Args:
        run: Its validation photographs are shown.
        networks: By what they make; not all of them are none.
        enlarge_first: Show at first what up-scales.

    Raises:
        HwrtsError: The photographs or a network are missing or damaged.
    """
    store = open_store(run.root / "data" / "val")
    photographs = [_photograph(store, i, networks) for i in range(min(PHOTOGRAPHS, len(store.names)))]
    views = []
    for kind, (title, usual) in {
        ENHANCED: ("Enhancement", ["HR0", "unsharp mask"]),
        ENLARGED: ("Up-scaling \u00d72", ["bicubic", "Lanczos"]),
    }.items():
        made = networks.get(kind, [])
        # of one run its last stage beside what is usual, of several runs their networks
        shown = made[-1:] if any(each.stage for each in made) else made[:2]
        if shown:
            panes = [*usual[: 3 - len(shown)], *(f"{each.label}, {kind}" for each in shown)]
            views.append({"label": title, "panes": panes})
    if enlarge_first:
        views.reverse()
    numbers = dict.fromkeys(each.stage for made in networks.values() for each in made if each.stage)
    return render(
        "hwrts.report",
        "viewer.html.j2",
        data={"photographs": photographs, "views": views, "stages": list(numbers)},
    )


def _photograph(store: PhotoStore, i: int, networks: Mapping[str, list[Network]]) -> dict[str, Any]:
    original, lr = np.array(store.array(i, "hr")), np.array(store.array(i, "lr"))
    piece = _region(original)
    bottom, right = piece.top + piece.height, piece.left + piece.width
    region, inner = with_margin(original, piece, 1)
    half = Piece(piece.top // 2, piece.left // 2, piece.height // 2, piece.width // 2)
    low, low_inner = with_margin(lr, half, KERNEL_HALO)
    doubled = tuple(slice(2 * part.start, 2 * part.stop) for part in low_inner)
    found = [
        _picture("HR0", ENHANCED, original[piece.top : bottom, piece.left : right]),
        _picture("unsharp mask", ENHANCED, usm(region)[inner]),
        _picture("LR, pixels repeated", ENLARGED, low[low_inner].repeat(2, 0).repeat(2, 1)),
        _picture("bicubic", ENLARGED, to_codes(upscale_by_2(low, "bicubic"))[doubled]),
        _picture("Lanczos", ENLARGED, to_codes(upscale_by_2(low, "lanczos"))[doubled]),
    ]
    for kind, made in networks.items():
        for each in made:
            pixels = (
                enhanced_piece(each.int8, original, piece)
                if kind == ENHANCED
                else upscaled_pieces(each.int8, lr, piece)[1]
            )
            found.append(_picture(f"{each.label}, {kind}", kind, pixels, each.stage))
    place = f"{original.shape[1]}\u00d7{original.shape[0]} pixels"
    if (piece.height, piece.width) != original.shape[:2]:
        place += f"; columns {piece.left}\u2013{right - 1}, rows {piece.top}\u2013{bottom - 1}"
    size = {"width": piece.width, "height": piece.height}
    return {"name": store.names[i], "place": place, **size, "pictures": found}


def _region(original: Codes) -> Piece:
    """All of a photograph, or as much as is shown, around the piece with the most detail."""
    detail, sizes = most_detail(original, 256), original.shape[:2]
    parts = [min(most, size) for most, size in zip(LARGEST, sizes, strict=True)]
    middles = (detail.top + detail.height // 2, detail.left + detail.width // 2)
    top, left = (
        min(max(0, (middle - part // 2) // 2 * 2), size - part)
        for middle, part, size in zip(middles, parts, sizes, strict=True)
    )
    return Piece(top, left, parts[0], parts[1])


def _picture(label: str, group: str, pixels: Codes, stage: str = "") -> dict[str, str]:
    return {"label": label, "group": group, "stage": stage, "uri": webp_uri(pixels)}


def webp_uri(pixels: Codes) -> str:
    """A picture (H, W, 3) uint8 as a data URI, lossless; of photographs a quarter smaller than PNG."""
    buffer = io.BytesIO()
    # little effort: a second for all of them in place of ten, and a fiftieth larger
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", lossless=True, quality=20, method=1)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
