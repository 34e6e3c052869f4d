"""What a stage is worth on the validation photographs, float and int8 side by side."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hwrts.data import PhotoStore, to_codes, upscale_by_2
from hwrts.metrics import image_difference_percent, psnr_db
from hwrts.rts import target_kind
from hwrts.tiles import Picture, Upscaler, enhance, upscale

LARGEST_DB = 99.0
"""Stands for the infinite PSNR of equal pictures, which no mean and no JSON can hold."""


def evaluate_stage(
    store: PhotoStore,
    stage: int,
    float_network: Upscaler,
    int8_network: Upscaler,
    halo: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Means over the validation photographs at full size.

    PSNR is of the x2 output from LR, against the original and against the stage's target; the image
    difference is of HR_n from HR0. HR_n of the float network is read from the store
    (phase B wrote it).

    Returns:
        Numbers by name: psnr_* in dB, difference_* in percent, int8_* against float.
    """
    rows: list[dict[str, float]] = []
    for i in range(len(store.names)):
        lr, original = np.array(store.array(i, "lr")), np.array(store.array(i, "hr"))
        target = store.array(i, target_kind(stage - 1))
        x2_float, x2_int8 = upscale(float_network, lr, halo), upscale(int8_network, lr, halo)
        apart = np.abs(x2_float.astype(np.int16) - x2_int8)
        rows.append(
            {
                "psnr_bicubic_db": psnr_db(to_codes(upscale_by_2(lr)), original),
                "psnr_float_db": psnr_db(x2_float, original),
                "psnr_int8_db": psnr_db(x2_int8, original),
                "psnr_target_float_db": psnr_db(x2_float, target),
                "psnr_target_int8_db": psnr_db(x2_int8, target),
                "int8_against_float_db": min(psnr_db(x2_float, x2_int8), LARGEST_DB),
                "int8_against_float_largest": float(apart.max()),
                "int8_against_float_over_1_percent": 100 * float(np.mean(apart > 1)),
                **_enhancement(store, i, stage, enhance(int8_network, original, halo)),
            }
        )
        progress(i + 1, len(store.names))
    return {
        **_means(rows),
        "int8_against_float_largest": max(row["int8_against_float_largest"] for row in rows),
    }


def evaluate_same_size(
    store: PhotoStore, stage: int, int8_network: Upscaler, halo: int, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Means over the validation photographs at full size, of a network with D folded in.

    Returns:
        Numbers by name: difference_* in percent, int8_* against D(S(HR0)) of the float network.
    """
    rows: list[dict[str, float]] = []
    for i in range(len(store.names)):
        original = np.array(store.array(i, "hr"))
        rows.append(_enhancement(store, i, stage, enhance(int8_network, original, halo, scale=1)))
        progress(i + 1, len(store.names))
    return _means(rows)


def _enhancement(store: PhotoStore, i: int, stage: int, enhanced_int8: Picture) -> dict[str, float]:
    """HR_n of the int8 network beside that of the float network, which phase B wrote."""
    original, enhanced = store.array(i, "hr"), store.array(i, target_kind(stage))
    difference = image_difference_percent(enhanced, original)
    difference_int8 = image_difference_percent(enhanced_int8, original)
    return {
        "difference_float_percent": difference[0],
        "difference_int8_percent": difference_int8[0],
        "difference_float_of_brightness_percent": difference[1],
        "difference_int8_of_brightness_percent": difference_int8[1],
        "int8_against_float_enhanced_db": min(psnr_db(enhanced, enhanced_int8), LARGEST_DB),
        "mean_shift_codes": float(enhanced.mean(dtype=np.float64) - original.mean(dtype=np.float64)),
    }


def _means(rows: list[dict[str, float]]) -> dict[str, Any]:
    return {"images": len(rows), **{name: float(np.mean([row[name] for row in rows])) for name in rows[0]}}
