"""What the measures of a stage say that nobody may overlook, in words; the one place that decides it."""

from collections.abc import Iterable, Mapping
from typing import Any

from hwrts.config import DegradationConfig, RunConfig
from hwrts.fixed_point import PIXEL

FAITHFUL_DB = 30.0
"""Below this an int8 network is no longer the float one: an error of 8 codes rms is seen everywhere."""

FLOOR_DB = 10.0
"""Below this it is another network, 81 codes rms away: its bits may be proved, but commands that made it end
with exit code 1. Even 2-bit weights without any fine-tuning stay above."""

SATURATED_PERCENT = 1.0
"""More saturated codes than this are no highlights any more."""

_FULL_SCALES = 4 * (PIXEL.max + 1)
"""An output that reaches so many codes is no picture of 0..1 that overshoots, but one in another unit."""


def is_faithful(measures: Mapping[str, Any]) -> bool:
    """Whether int8 is still the float network at all; networks of which it was not measured pass."""
    return bool(measures.get("fidelity_db", FLOOR_DB) >= FLOOR_DB)


def unfaithful_end(measures: Mapping[str, Any]) -> str:
    """Why a command whose bits are all proved ends with exit code 1."""
    return (
        f"int8 is another network than the float one: {measures['fidelity_db']:.2f} dB, below "
        f"{FLOOR_DB:.0f} dB; exit code 1"
    )


def faithfulness(measures: Mapping[str, Any]) -> str:
    """Fidelity and saturation as a verdict line says them; empty where they were not measured."""
    if "fidelity_db" not in measures:
        return ""
    return (
        f"int8 against float {measures['fidelity_db']:.2f} dB, "
        f"{measures['saturated_percent']:.2f} % of the output saturates"
    )


def remarks(measures: Mapping[str, Any]) -> list[str]:
    """Sentences about what is wrong with a stage's pictures, whatever its bits are; most stages have none.

    Args:
        measures: Content of metrics.json; what an older file has not is not judged.
    """
    return [text for text in (_unfaithful(measures), below_bicubic(measures)) if text is not None]


def psnr_of(stages: Iterable[Mapping[str, Any]], *, luma: bool) -> str:
    """Which PSNR a run's tables have: psnr_y of networks of luma, psnr of others.

    Args:
        stages: Content of each metrics.json. Older files have no psnr_y: then all of the run is of RGB.
        luma: Whether the run is of luma.
    """
    measured = [each for each in stages if "psnr_int8_db" in each]
    return "psnr_y" if luma and all("psnr_y_int8_db" in each for each in measured) else "psnr"


def below_bicubic(measures: Mapping[str, Any]) -> str | None:
    """That bicubic interpolation, which costs nothing, is nearer to the original than int8 is."""
    bicubic, int8, exact = (measures.get(f"psnr_{kind}_db") for kind in ("bicubic", "int8", "float"))
    if bicubic is None or int8 is None or int8 >= bicubic:
        return None
    text = f"int8 is below bicubic: {int8:.2f} dB, bicubic has {bicubic:.2f}"
    if exact is None:
        return text
    if exact >= bicubic:
        return (
            f"{text} and the float network {exact:.2f}, so it is lost in quantisation: "
            "fine-tune longer, or give it more bits"
        )
    later = str(measures.get("stage", "1")).partition("-")[0] != "1"
    why = "later stages leave the original by design" if later else "it is trained for too few steps"
    return f"{text}; so is the float network, {exact:.2f}: {why}"


def _is_of_up_scaling(made: DegradationConfig) -> bool:
    """Whether LR is made as papers make it: bicubic and nothing else, however the settings say nothing."""
    return _described(made) == "the bicubic kernel"


def purpose(config: RunConfig) -> str:
    """What a run's networks are for, which follows from how its LR is made."""
    made = config.degradation
    if _is_of_up_scaling(made):
        return "up-scaling of clean pictures (bicubic LR without JPEG)"
    return f"enhancement (LR by {_described(made)}); to up-scale: hwrts run upscale"


def trained_for(config: RunConfig, stage: int) -> str | None:
    """What a network is for, if it is not up-scaling: it undoes what made its LR, and later stages enhance.

    Args:
        config: Of its run.
        stage: 1 the first.
    """
    made = config.degradation
    reasons = [] if _is_of_up_scaling(made) else [f"its LR was made by {_described(made)}"]
    if stage > 1:
        reasons.append(f"stage {stage} is trained toward enhanced pictures")
    if not reasons:
        return None
    return (
        f"stage {stage} is trained to enhance, not to up-scale: {' and '.join(reasons)}; hwrts run upscale "
        "trains a network on bicubic LR"
    )


def _described(made: DegradationConfig) -> str:
    jpeg = made.jpeg_range
    kernels = (made.kernel,) if isinstance(made.kernel, str) else dict.fromkeys(made.kernel)
    parts = [f"the {' or '.join(kernels)} kernel"]
    least, most = made.blur_range
    if most:
        parts.append(f"blur {most:g}" if least == most else f"blur {least:g} to {most:g}")
    if jpeg is not None:
        parts.append(f"JPEG {jpeg[0]}" if jpeg[0] == jpeg[1] else f"JPEG {jpeg[0]} to {jpeg[1]}")
    if made.footage.read_noise[1] or made.footage.shot_noise[1]:
        parts.append("noise")
    if made.footage.jpeg is not None and made.footage.times[1]:
        parts.append("JPEG at half size")
    return ", ".join(parts[:-1]) + " and " * (len(parts) > 1) + parts[-1]


def _unfaithful(measures: Mapping[str, Any]) -> str | None:
    """That int8 is far from float, or saturates, with the likely cause."""
    db, saturated = measures.get("fidelity_db"), measures.get("saturated_percent", 0.0)
    if db is None or (db >= FAITHFUL_DB and saturated <= SATURATED_PERCENT):
        return None
    lowest, highest = measures["float_lowest_codes"], measures["float_highest_codes"]
    found = f"int8 is {db:.2f} dB from the float network and {saturated:.1f} % of its output saturates"
    reach = f"the float output goes from {lowest:,.0f} to {highest:,.0f} codes"
    if max(highest, -lowest) > _FULL_SCALES:
        return (
            f"{found}: {reach}, so its pixels are probably 0..255 (or shifted); hwrts feeds and expects "
            "0..1, unless value_range = (0, 255) stands beside the function that makes the module"
        )
    if saturated > SATURATED_PERCENT:
        return f"{found}: {reach}, and int8 holds 0 to 255; a display clips the rest too, if it is meant"
    return (
        f"{found}: too few bits, or formats chosen on pictures unlike these; "
        "fine-tune, give it more bits, or calibrate on your photographs"
    )
