"""What a stage is worth on the validation photographs, float and int8 side by side."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data import PhotoStore, through_jpeg, to_codes, upscale_by_2
from hwrts.data.depth import Codes, in_units
from hwrts.data.luma import through
from hwrts.data.tiles import Upscaler, upscale_float
from hwrts.errors import DataError
from hwrts.fixed_point.cores import available_cores
from hwrts.metrics import (
    against_float,
    artefacts,
    error_gain,
    image_difference_percent,
    pattern_figures,
    psnr_db,
)
from hwrts.metrics.viqet import score
from hwrts.runs.engines import Deployed
from hwrts.training.rts import target_kind

JPEG_QUALITY = 80
"""Of the JPEG whose error is followed through a network: a good camera's, or a broadcaster's at its best."""

SHAVED = 2
"""Pixels left out at each border of what PSNR of Y is measured on: papers take the scale."""

_EXTREMES: dict[str, Callable[[Sequence[float]], float]] = {
    "int8_against_float_largest": max,
    "fidelity_largest_codes": max,
    "float_lowest_codes": min,
    "float_highest_codes": max,
}
"""Measures that have no mean over pictures: the furthest of all is what counts."""


def evaluate_stage(
    store: PhotoStore,
    stage: int,
    float_network: Upscaler,
    int8_network: Deployed,
    progress: Callable[[int, int], None],
    scored: bool = False,
) -> dict[str, Any]:
    """Means over the validation photographs at full size.

    PSNR is of the x2 output from LR, against the original and against the stage's target; the image
    difference is of HR_n from HR0. HR_n of the float network is read from the store
    (phase B wrote it).

    Args:
        store: The validation photographs.
        stage: 1 the first.
        float_network: Its output must not be clipped: how far it leaves 0..255 is measured. It sees what
            the int8 network does.
        int8_network: What is deployed; the float network's halo is its halo.
        progress: Told the photographs that are done, and all.
        scored: Measure VIQET's MOS too.

    Returns:
        Numbers by name: psnr_* of RGB, psnr_y_* of Y as papers have it (BT.601, 2 pixels shaved) in dB,
        difference_* in percent, int8_against_float_* with the float picture
        as it is displayed (clipped, rounded), those of :func:`against_float` before that, mean_shift_* and
        overshoot_* in codes, noise_gain_*, jpeg_gain_int8; with ``scored``, mos_raw_* of HR0 and HR_n by
        VIQET, unclipped; and what :func:`hwrts.metrics.pattern_figures` finds.
    """
    rows: list[dict[str, float]] = []

    def up(seen: Codes) -> NDArray[np.float32]:
        return upscale_float(float_network, seen, int8_network.halo, sizes=int8_network.sizes)

    for i in range(len(store.names)):
        lr, original = np.array(store.array(i, "lr")), np.array(store.array(i, "hr"))
        target = store.array(i, target_kind(stage - 1))
        # Codes (2H, 2W, 3), beyond 0..255 where the network is.
        exact = through(int8_network.luma, lr, up, 2)
        x2_float, x2_int8 = to_codes(exact), int8_network.upscale(lr)
        x2 = {"bicubic": to_codes(upscale_by_2(lr)), "float": x2_float, "int8": x2_int8}
        rows.append(
            {
                **{f"psnr_{name}_db": psnr_db(made, original) for name, made in x2.items()},
                **{
                    f"psnr_y_{name}_db": psnr_db(made, original, shave=SHAVED, luma=True)
                    for name, made in x2.items()
                },
                "psnr_target_float_db": psnr_db(x2_float, target),
                "psnr_target_int8_db": psnr_db(x2_int8, target),
                **_in_all_bits(store, i, int8_network),
                **_as_displayed(x2_float, x2_int8),
                **against_float(exact, x2_int8),
                **_enhancement(store, i, stage, enhanced := int8_network.enhance(original)),
                **_jpeg_gain(int8_network, enhanced, original),
            }
        )
        if scored:
            pictures = {"hr0": original, "float": np.array(store.array(i, target_kind(stage)))}
            rows[-1] |= _scores({**pictures, "int8": enhanced})
        progress(i + 1, len(store.names))
    return means(rows) | pattern_figures(int8_network.upscale, int8_network.halo)


def evaluate_same_size(
    store: PhotoStore,
    stage: int,
    int8_network: Deployed,
    progress: Callable[[int, int], None],
    scored: bool = False,
) -> dict[str, Any]:
    """Means over the validation photographs at full size, of a network with D folded in.

    Returns:
        Numbers by name: difference_* in percent, int8_* against D(S(HR0)) of the float network; with
        ``scored``, mos_raw_int8; and what :func:`hwrts.metrics.pattern_figures` finds.
    """
    rows: list[dict[str, float]] = []
    for i in range(len(store.names)):
        original = np.array(store.array(i, "hr"))
        enhanced = int8_network.enhance(original)
        rows.append(
            _enhancement(store, i, stage, enhanced)
            | _jpeg_gain(int8_network, enhanced, original)
            | (_scores({"int8": enhanced}) if scored else {})
        )
        progress(i + 1, len(store.names))
    return means(rows) | pattern_figures(int8_network.upscale, int8_network.halo)


def _in_all_bits(store: PhotoStore, i: int, int8_network: Deployed) -> dict[str, float]:
    """PSNR of the x2 picture with all bits of the store's pixels, white as in 8; nothing if these are all."""
    if store.bits == 8:
        return {}
    lr, original = (in_units(store.whole(i, kind), store.bits) for kind in ("lr", "hr"))
    made = in_units(int8_network.upscale(np.array(store.whole(i, "lr"))), store.bits)
    bicubic = np.clip(upscale_by_2(lr), 0, 256 - 2.0 ** (8 - store.bits))
    errors = {"int8": made - original, "bicubic": bicubic - original}
    return {
        f"psnr_all_bits_{name}_db": 10 * math.log10(255**2 / max(float(np.square(error).mean()), 1e-6))
        for name, error in errors.items()
    }


def _enhancement(store: PhotoStore, i: int, stage: int, enhanced_int8: Codes) -> dict[str, float]:
    """HR_n of the int8 network beside that of the float network, which phase B wrote."""
    original, enhanced = store.array(i, "hr"), store.array(i, target_kind(stage))
    difference = image_difference_percent(enhanced, original)
    difference_int8 = image_difference_percent(enhanced_int8, original)
    mean = original.mean(dtype=np.float64)
    return {
        "difference_float_percent": difference[0],
        "difference_int8_percent": difference_int8[0],
        "difference_float_of_brightness_percent": difference[1],
        "difference_int8_of_brightness_percent": difference_int8[1],
        "int8_against_float_enhanced_db": psnr_db(enhanced, enhanced_int8),
        "mean_shift_float_codes": float(enhanced.mean(dtype=np.float64) - mean),
        "mean_shift_int8_codes": float(enhanced_int8.mean(dtype=np.float64) - mean),
        **_artefacts("float", enhanced, original),
        **_artefacts("int8", enhanced_int8, original),
    }


def _artefacts(name: str, enhanced: Codes, original: Codes) -> dict[str, float]:
    """Halos and noise under the name of a network; what the original has no place for is left out."""
    found = artefacts(enhanced, original)
    values = {
        f"overshoot_{name}_codes": found.overshoot,
        f"overshoot_99_{name}_codes": found.overshoot_99,
        f"noise_gain_{name}": found.noise_gain,
    }
    return {key: value for key, value in values.items() if value is not None}


def _jpeg_gain(network: Deployed, enhanced: Codes, original: Codes) -> dict[str, float]:
    """By how much enhancement multiplies the error of a JPEG; one without an error is left out."""
    try:
        damaged = through_jpeg(original, JPEG_QUALITY, "4:2:0")
    except DataError:  # longer than JPEG can be
        return {}
    gain = error_gain(network.enhance(damaged), enhanced, damaged, original)
    return {} if gain is None else {"jpeg_gain_int8": gain}


def _scores(pictures: dict[str, Codes]) -> dict[str, float]:
    """VIQET's unclipped MOS of pictures of one shape; nothing if it is too elongated to be scored."""
    with ThreadPoolExecutor(available_cores()) as pool:
        try:
            return {
                f"mos_raw_{name}": found.mos_raw
                for name, found in zip(pictures, pool.map(score, pictures.values()), strict=True)
            }
        except DataError:
            return {}


def _as_displayed(float_picture: Codes, int8_picture: Codes) -> dict[str, float]:
    """What is seen of the difference between the int8 network's picture and the float network's."""
    apart = np.abs(float_picture.astype(np.int16) - int8_picture)
    return {
        "int8_against_float_db": psnr_db(float_picture, int8_picture),
        "int8_against_float_largest": float(apart.max()),
        "int8_against_float_over_1_percent": 100 * float(np.mean(apart > 1)),
    }


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The mean of each number over the pictures, of extremes the furthest; every one is finite.

    A picture may lack a measure that is not defined on it, such as the halos of one without edges, or have
    NaN or an infinity in its place: it does not count there. What no picture has is left out.

    >>> means([{"noise": 1.0, "halo": 4.0}, {"noise": 2.0, "halo": float("nan")}, {"noise": float("inf")}])
    {'images': 3, 'noise': 1.5, 'halo': 4.0}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    found: dict[str, Any] = {"images": len(rows)}
    for name in names:
        values = [row[name] for row in rows if name in row and math.isfinite(row[name])]
        if values:
            found[name] = float(_EXTREMES.get(name, np.mean)(values))
    return found
