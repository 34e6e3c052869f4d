"""A verdict in words: the earliest difference, why it is one, and the command that shows it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwrts.command_line import command_line

_FED = {"single": "fed the definition\u2019s own codes", "entire": "fed by its own predecessors"}


@dataclass(frozen=True)
class Explanation:
    """The first difference of a verdict.

    Attributes:
        text: Witness, layer, place, codes, accumulator, shift and rounding rule in a sentence or two.
        command: What shows it again.
        where: Differences counted in the cells of a grid over the picture, rows from the top, or None.
    """

    text: str
    command: str
    where: list[list[int]] | None


def layer_order(verdict: dict[str, Any]) -> list[str]:
    """Names of the compared layers in the order of computation."""
    present = dict.fromkeys(row["layer"] for row in verdict.get("rows", []))
    known = [name for name in verdict.get("formats", {}) if name in present]
    return known + [name for name in present if name not in known]


def first_difference(verdict: dict[str, Any], stage: str, run: Path) -> Explanation | None:
    """The earliest layer that differs, fed by itself if it then differs too: that layer is at fault.

    Args:
        verdict: Content of verify.json.
        stage: Name of the stage.
        run: The run folder, for the command.
    """
    order = {name: i for i, name in enumerate(layer_order(verdict))}
    failed = [row for row in verdict.get("rows", []) if row.get("first")]
    if not failed:
        return None
    row = min(failed, key=lambda row: (order[row["layer"]], row["mode"] != "single"))
    first, layer = row["first"], row["layer"]
    y, x, channel = first["index"]
    found = "not a number" if first["found"] is None else f"{first['found']:g}"
    text = (
        f"Witness {row['witness']}, {_FED.get(row['mode'], row['mode'])}, layer {layer} "
        f"({verdict.get('formats', {}).get(layer, 'no format recorded')}), "
        f"stimulus {first['stimulus']}, row {y}, column {x}, channel {channel}: "
        f"expected code {first['expected']}, found {found}."
    )
    accumulator, shift = first.get("accumulator"), first.get("shift")
    if accumulator is not None and shift is not None:
        text += (
            f" The accumulator is {accumulator:,}, the shift {shift}: {accumulator:,} / 2^{shift} = "
            f"{accumulator / 2.0**shift:.4f}, rounded by {first['rounding']}, then saturated."
        )
    else:
        text += f" Rounded by {first['rounding']}." if first["rounding"] else " This layer rounds nothing."
    words = ["verify", str(run), "--stage", stage, "--layer", layer]
    if first["stimulus"] in verdict.get("stimuli", {}):  # codes fed to one layer alone are always made
        words += ["--stimulus", first["stimulus"]]
    return Explanation(text, command_line(*words), row.get("where"))


def losses(verdict: dict[str, Any], layer: str) -> tuple[float | None, float | None]:
    """SQNR of a layer in dB, and the share of its codes that photographs clamp, in percent, where known."""
    shares = verdict.get("saturation", {}).get(layer)
    clamped = None if shares is None else shares["below_percent"] + shares["above_percent"]
    return verdict.get("sqnr_db", {}).get(layer), clamped
