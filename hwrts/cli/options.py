"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated, Any

import typer


def run_folders(incomplete: str) -> list[str]:
    """What a shell completes a run folder by: the runs in ./runs; where there is none it takes any file."""
    runs = sorted(str(file.parent) for file in Path("runs").glob("*/run.json"))
    return [run for run in runs if run.startswith(incomplete)]


RunArgument = Annotated[Path, typer.Argument(help="Run folder.", autocompletion=run_folders)]

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; results, warnings and errors stay.")]

StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        help=r"The network of this name: 2 (x2), 2-same (same size), 2-w4a8 \[of the kept stage: its "
        r"same-size network, as a TV deploys it, or x2 if it has none].",
        show_default=False,
    ),
]

MultipliersOption = Annotated[
    int | None, typer.Option(min=1, help="Of the circuit: so many at most.", show_default=False)
]
CyclesOption = Annotated[
    int | None,
    typer.Option(min=1, help=r"Of the circuit: clocks for a pixel of the input \[16].", show_default=False),
]
ModeOption = Annotated[
    str | None,
    typer.Option(help="Of the circuit: video mode of the output, such as 2160p60.", show_default=False),
]
ClockOption = Annotated[
    float | None, typer.Option(min=1, help="Of the circuit: clock for --mode.", show_default=False)
]
WeightsOption = Annotated[str, typer.Option(help="Of the circuit: rom, or loadable through a port.")]

UnverifiedOption = Annotated[bool, typer.Option("--unverified", help="Hand over a stage that did not pass.")]
ReplaceOption = Annotated[bool, typer.Option("--force", help="Replace an earlier hand-over.")]
ManifestOption = Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")]

STRENGTH = "Strength"
"""The group of options that adjust a correction."""


def _adjusting(help_text: str, flag: str) -> Any:
    return typer.Option(flag, help=help_text, show_default=False, rich_help_panel=STRENGTH)


StrengthOption = Annotated[
    float | None,
    _adjusting(
        "By what the correction is multiplied, 0 to 2 in steps of 1/16 (docs/strength.md).", "--strength"
    ),
]
CoringOption = Annotated[
    int | None, _adjusting("Drop corrections of at most so many codes: noise is not sharpened.", "--coring")
]
OvershootOption = Annotated[
    int | None,
    _adjusting(
        "Leave the range of the 3x3 pixels around by at most so many codes: halos end.", "--overshoot"
    ),
]
StrengthInputOption = Annotated[
    bool,
    _adjusting("Make the strength an input of the network: one file serves a slider.", "--strength-input"),
]

RequireOption = Annotated[
    str | None,
    typer.Option(
        "--require",
        help="Most codes that test patterns may be off: flat, border, grey, step, such as "
        "flat=0,grey=1,border=1; exit code 1 if they are.",
        show_default=False,
    ),
]


def option(help_text: str, *names: str, panel: str | None = None, least: int | None = None) -> Any:
    """An option whose default stands in the help text.

    Args:
        help_text: What ``--help`` says.
        names: Its flags; none takes that of the parameter.
        panel: The group of options that it stands in.
        least: The smallest number that is allowed.
    """
    # typer takes what stands in brackets, here the default, for markup
    text = help_text.replace("[", r"\[")
    return typer.Option(*names, help=text, show_default=False, rich_help_panel=panel, min=least)


def max_megapixels_option(panel: str | None = None) -> Any:
    """``--max-megapixels``."""
    # the number is hwrts.data.MAX_MEGAPIXELS, whose import would make --help slow
    text = "Refuse larger pictures before they are decoded [256]."
    return option(text, "--max-megapixels", panel=panel, least=1)


def reduce_range_option(panel: str | None = None) -> Any:
    """``--reduce-range``."""
    return option("7-bit weights, which never saturate on x86 without VNNI.", "--reduce-range", panel=panel)


MaxMegapixels = Annotated[int | None, max_megapixels_option()]
ReduceRange = Annotated[bool, reduce_range_option()]
