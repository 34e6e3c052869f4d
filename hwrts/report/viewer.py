"""Whole pictures beside one another with one zoom and one place: originals, what is usual, and each stage."""

import base64
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from hwrts.data import PhotoStore, open_store, to_codes
from hwrts.data.degrade import Kernel, upscale
from hwrts.data.depth import Codes
from hwrts.data.pieces import shown_piece, with_margin
from hwrts.errors import HwrtsError
from hwrts.metrics.baselines import usm
from hwrts.report.crops import enhanced_piece, low_of, upscaled_pieces
from hwrts.report.stages import StageResult
from hwrts.report.template import render
from hwrts.runs.engines import Deployed, open_stage
from hwrts.runs.folder import RunFolder, StageFolder

PHOTOGRAPHS = 2
"""At most so many: ten pictures of one are 3 MB, and the file should open at once."""
STAGES = 4
"""The kept stage and those before it, at most so many."""
VARIANTS = 2
"""Other widths of the kept stage, at most so many."""
KERNEL_HALO = 4
"""LR pixels around a piece that bicubic and Lanczos up-scaling read, and one more."""

Networks = Mapping[int, list["Network"]]
"""Networks by how much larger their pictures are than what they are given: 1 the same size, 2 from LR, ..."""


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


def run_networks(run: RunFolder, stages: Iterable[StageResult], kept: StageResult) -> Networks:
    """The networks of the kept stage, of those before it and of its other widths; or a user's own.

    Raises:
        HwrtsError: A file is damaged, or the network is none from pictures to pictures of a whole size.
    """
    if not run.trained:
        return of_pictures("int8", kept.folder)
    found = [stage for stage in stages if not stage.changed]
    mains = [stage for stage in found if not stage.is_variant and stage.folder.number <= kept.folder.number]
    widths = [
        stage
        for stage in found
        if stage.is_variant and not stage.folder.same_size and stage.folder.number == kept.folder.number
    ]
    folders = [stage.folder for stage in (mains or [kept])[-STAGES:]]
    others = [stage.folder for stage in widths[-VARIANTS:] if stage.folder not in folders]
    return {
        1: [_network(run.enhancing_stage(folder.name), folder) for folder in others + folders],
        2: [_network(folder, folder) for folder in others + folders if not folder.same_size],
    }


def of_pictures(label: str, folder: StageFolder) -> Networks:
    """A network that is no stage of a run, by what it makes.

    Raises:
        HwrtsError: A file is damaged, or it is none from pictures to pictures of a whole size.
    """
    int8 = open_stage(folder)
    if int8.refusal is not None:
        raise HwrtsError(int8.refusal)
    scale = int8.enlargement
    if scale is None:
        rows, columns = int8.sizes.lacks
        less = f" less {rows} rows and {columns} columns" if rows or columns else ""
        raise HwrtsError(
            f"the network makes pictures of \u00d7{int8.scale}{less}, which do not fit beside the photograph"
        )
    return {each: [Network(label, int8)] for each in dict.fromkeys((1, scale))}


def _network(folder: StageFolder, of: StageFolder) -> Network:
    stage = "" if "-" in of.name and not of.same_size else str(of.number)
    return Network(f"int8, stage {folder.name}", open_stage(folder), stage)


def viewer(run: RunFolder, networks: Networks, *, enlarge_first: bool) -> str:
    """The HTML of the pictures.

    Args:
        run: Its validation photographs are shown.
        networks: Not all of them are none.
        enlarge_first: Show at first what up-scales.

    Raises:
        HwrtsError: The photographs or a network are missing or damaged.
    """
    folder = run.root / "data" / "val"
    if not run.trained and not folder.is_dir():
        raise HwrtsError("its folder has no photographs; quantize the module again")
    store = open_store(folder)
    photographs = [_photograph(store, i, networks) for i in range(min(PHOTOGRAPHS, len(store.names)))]
    views = []
    for scale, made in sorted(networks.items()):
        # of one run its last stage beside what is usual, of several runs their networks
        shown = made[-1:] if any(each.stage for each in made) else made[:2]
        if shown:
            usual = [name for name, _ in _usual(networks, scale)]
            panes = [*usual[: 3 - len(shown)], *(f"{each.label}, {_kind(scale)}" for each in shown)]
            views.append(
                {"label": f"Up-scaling \u00d7{scale}" if scale > 1 else "Enhancement", "panes": panes}
            )
    if enlarge_first:
        views.reverse()
    numbers = dict.fromkeys(each.stage for made in networks.values() for each in made if each.stage)
    return render(
        "hwrts.report",
        "viewer.html.j2",
        data={"photographs": photographs, "views": views, "stages": list(numbers)},
    )


def _kind(scale: int) -> str:
    return "same size" if scale == 1 else f"\u00d7{scale} from LR"


def _usual(networks: Networks, scale: int) -> list[tuple[str, Kernel | None]]:
    """What networks are beside, and the kernel that makes it; by its scale too if there are several."""
    if scale == 1:
        return [("HR0", None), ("unsharp mask", None)]
    which = f" \u00d7{scale}" if len([each for each in networks if each > 1]) > 1 else ""
    return [(f"bicubic{which}", "bicubic"), (f"Lanczos{which}", "lanczos")]


def _photograph(store: PhotoStore, i: int, networks: Networks) -> dict[str, Any]:
    original = np.array(store.array(i, "hr"))
    piece = shown_piece(original, math.lcm(2, *networks))
    region, inner = with_margin(original, piece, 1)
    (name, _), (mask, _) = _usual(networks, 1)
    found = [_picture(name, 1, original[piece.inside]), _picture(mask, 1, usm(region)[inner])]
    lows = {scale: low_of(store, i, scale) for scale in sorted(networks) if scale > 1}
    for scale, lr in lows.items():
        low, inner = with_margin(lr, piece.smaller(scale), KERNEL_HALO)
        which = "" if len(lows) == 1 else f" \u00d7{scale}"
        repeated = low[inner].repeat(scale, 0).repeat(scale, 1)
        found.append(_picture(f"LR, pixels repeated{which}", scale, repeated))
        larger = tuple(slice(scale * part.start, scale * part.stop) for part in inner)
        for name, kernel in _usual(networks, scale):
            assert kernel is not None
            found.append(_picture(name, scale, to_codes(upscale(low, scale, kernel))[larger]))
    for scale, made in sorted(networks.items()):
        for each in made:
            pixels = (
                enhanced_piece(each.int8, original, piece)
                if scale == 1
                else upscaled_pieces(each.int8, lows[scale], piece)[1]
            )
            found.append(_picture(f"{each.label}, {_kind(scale)}", scale, pixels, each.stage))
    place = f"{original.shape[1]}\u00d7{original.shape[0]} pixels"
    if (piece.height, piece.width) != original.shape[:2]:
        place += f"; {piece}"
    size = {"width": piece.width, "height": piece.height}
    return {"name": store.names[i], "place": place, **size, "pictures": found}


def _picture(label: str, scale: int, pixels: Codes, stage: str = "") -> dict[str, str]:
    return {"label": label, "group": _kind(scale), "stage": stage, "uri": webp_uri(pixels)}


def webp_uri(pixels: Codes) -> str:
    """A picture (H, W, 3) uint8 as a data URI, lossless; of photographs a quarter smaller than PNG."""
    buffer = io.BytesIO()
    # little effort: a second for all of them in place of ten, and a fiftieth larger
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", lossless=True, quality=20, method=1)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
