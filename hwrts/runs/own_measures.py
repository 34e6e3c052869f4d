"""A user's module beside its integers: which outputs are pictures, and how far int8 is from float."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwrts.data.depth import Samples, to_bytes
from hwrts.data.pieces import shown_piece
from hwrts.data.store import store_pictures
from hwrts.export.onnx_nodes import zero_point
from hwrts.export.witness import stored_type
from hwrts.fixed_point import PIXEL, Format, Network
from hwrts.graph.deploy import deploy_form
from hwrts.metrics import against_float, pattern_figures
from hwrts.qat.calibrate import Ends
from hwrts.qat.network import QuantNetwork
from hwrts.runs.engines import Deployed
from hwrts.runs.evaluate import means
from hwrts.runs.folder import RunFolder
from hwrts.runs.own_check import Checked
from hwrts.runs.own_ends import Given
from hwrts.runs.own_feed import Feeder
from hwrts.runs.session import VERIFY_CROP, VERIFY_PHOTOGRAPHS, centre_crop

# Letters of the shape comments: B pictures, C channels, H rows, W columns.

MEASURED = 8, (512, 512)
"""Photographs, and centre of each, on which int8 is measured against float."""

SHOWN = 2
"""Photographs that are kept for the report."""

FRAMES = 3
"""What has a state is shown the state of none, one and two frames before, in turn."""

BEYOND = 0.1
"""Of a further output's values: if fewer leave the range of pixels, it is a picture."""


def ends_of(checked: Checked, codes: Samples, device: str) -> Ends:
    """Formats of what is a picture, and the states, for the form of the graph that is quantised.

    The first output is a picture, and so are others that are clipped to the range of pixels or stay in it.

    Args:
        checked: The module.
        codes: Photographs (B, H, W, 3).
        device: Where the module is.
    """
    feeder, deployed = checked.feeder, deploy_form(checked.graph)
    pixels = feeder.own.pixels
    made = feeder.outputs(feeder.given(codes, device, frames=1))
    after = set(feeder.states.values())
    pictures = dict.fromkeys(checked.pictures, pixels.out)
    for place, (name, y) in enumerate(zip(deployed.outputs, made, strict=True)):
        outside = float(((y < pixels.low) | (y > pixels.high)).float().mean())
        if place == 0 or place in checked.clipped or (place not in after and outside < BEYOND):
            pictures[name] = pixels.out
    return Ends(pictures, {name: deployed.outputs[place] for name, place in feeder.states.items()})


def output_formats(quantised: QuantNetwork) -> list[Format]:
    """Of every output."""
    origins = quantised.graph.origins()
    return [quantised.formats[origins[name]] for name in quantised.graph.outputs]


def clamped(values: Sequence[Tensor], outs: Sequence[Format]) -> list[Tensor]:
    """Values within what their formats hold."""
    return [
        y.clamp(out.min * 2.0**-out.frac, out.max * 2.0**-out.frac)
        for y, out in zip(values, outs, strict=True)
    ]


def in_codes(values: Sequence[Tensor], outs: Sequence[Format]) -> Tensor:
    """All outputs as one tensor, a code of 8 bits of each being 2**-8: errors in codes count alike."""
    scaled = [y * 2.0 ** (out.frac - max(8, out.bits)) for y, out in zip(values, outs, strict=True)]
    return scaled[0] if len(scaled) == 1 else torch.cat([y.flatten(1) for y in scaled], 1)


def stored_of(values: Tensor, out: Format) -> NDArray[Any]:
    """Values (1, C, H, W) as the file stores their codes, (H, W, C)."""
    codes = (values * 2.0**out.frac).round().clamp(out.min, out.max) + zero_point(out)
    return codes[0].permute(1, 2, 0).cpu().numpy().astype(stored_type(out))


def whole(pixels: Samples, feeder: Feeder, size: tuple[int, int]) -> NDArray[Any]:
    """The middle of a picture, with sides that the module takes."""
    step = feeder.step
    rows, columns = (min(have, want) // step * step for have, want in zip(pixels.shape, size, strict=False))
    return centre_crop(pixels, (rows, columns))


def verified_on(
    feeder: Feeder, network: Network, pictures: Mapping[str, Samples], device: str
) -> dict[str, dict[str, NDArray[Any]]]:
    """Stored codes of every input by its name, for crops of photographs by theirs."""
    fed = {}
    for name, pixels in list(pictures.items())[:VERIFY_PHOTOGRAPHS]:
        crop: NDArray[Any] = np.ascontiguousarray(whole(pixels, feeder, VERIFY_CROP))
        values = feeder.by_name(feeder.given(crop[None], device, frames=FRAMES - 1))
        fed[f"photo {name}"] = {key: stored_of(x, network.formats[key]) for key, x in values.items()}
    return fed


def keep_shown(run: RunFolder, int8: Deployed, pictures: Mapping[str, Samples]) -> None:
    """Write what the report shows: of the first photographs the part with the most detail, as a store.

    Args:
        run: Its folder.
        int8: Nothing is written where it takes no pictures, or makes none of a whole size.
        pictures: Photographs (H, W, 3) by name, of its bits; the store's have 8.
    """
    if int8.enlargement is None or int8.refusal is not None:
        return
    shown = {}
    for name, codes in list(pictures.items())[:SHOWN]:
        pixels = to_bytes(codes, int8.bits)
        even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
        step = math.lcm(2, int8.enlargement)
        piece = shown_piece(even, step)
        cut = [
            have - step >= part for have, part in zip(pixels.shape, (piece.height, piece.width), strict=False)
        ]
        shown[f"{name}, {piece}" if any(cut) else name] = even[piece.inside]
    store_pictures(shown, run.root / "data" / "val")


def own_measures(
    feeder: Feeder,
    device: str,
    int8: Deployed,
    network: Network,
    pictures: Mapping[str, Samples],
    advance: Callable[[int, str], None],
) -> dict[str, Any]:
    """How far int8 is from float on photographs, over all outputs of 8 bits; both are fed the same codes.

    Pixels of more bits are judged as they are looked at: rounded to 8.

    Args:
        feeder: The module, and what it is fed.
        device: Where it computes.
        int8: Its integers in ONNX Runtime.
        network: The same, for the formats.
        pictures: Photographs (H, W, 3) by name.
        advance: Told how many are done.

    Returns:
        Means over the photographs, and what is made of test patterns, by the names of metrics.json.
    """
    assert int8.stored is not None
    judged = [i for i, name in enumerate(network.outputs) if network.formats[name].bits >= PIXEL.bits]
    outs = [network.formats[name] for name in network.outputs]
    rows = []
    for done, pixels in enumerate(pictures.values()):
        crop: NDArray[Any] = np.ascontiguousarray(whole(pixels, feeder, MEASURED[1]))
        values = feeder.by_name(feeder.given(crop[None], device, frames=FRAMES - 1))
        stored = {name: stored_of(x, network.formats[name]) for name, x in values.items()}
        made = int8.stored({name: codes.transpose(2, 0, 1)[None] for name, codes in stored.items()})
        given = Given(tuple(_values(codes, network.formats[name], device) for name, codes in stored.items()))
        exact = feeder.outputs(given)
        floats = [
            (exact[i].cpu() * 2.0 ** (outs[i].frac - outs[i].bits + 8) + zero_point(outs[i])).numpy().ravel()
            for i in judged
        ]
        codes = [_in_bytes(made[network.outputs[i]], outs[i].bits).ravel() for i in judged]
        rows.append(against_float(_picture(floats), _picture(codes)))
        advance(done + 1, "")
    figures = {} if int8.refusal else pattern_figures(int8.upscale, int8.halo)
    return means(rows) | figures


def _picture(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """All codes as one row of pixels of one channel."""
    return np.concatenate(parts)[None, :, None]


def _in_bytes(stored: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    return to_bytes(stored, bits)


def _values(stored: NDArray[Any], out: Format, device: str) -> Tensor:
    codes = torch.from_numpy(stored.astype(np.float32) - zero_point(out))
    return (codes.permute(2, 0, 1)[None] * 2.0**-out.frac).to(device)
