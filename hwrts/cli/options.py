"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated, Any

import typer

RunArgument = Annotated[Path, typer.Argument(help="Run folder.")]

StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        help=r"The network of this name: 2 (x2), 2-same (same size), 2-w4a8 \[of the kept stage: its "
        r"same-size network, as a TV deploys it, or x2 if it has none].",
        show_default=False,
    ),
]

MaxMegapixels = Annotated[
    int | None,
    typer.Option(
        "--max-megapixels",
        # the number is hwrts.data.MAX_MEGAPIXELS, whose import would make --help slow
        help=r"Refuse larger pictures before they are decoded \[256].",
        min=1,
        show_default=False,
    ),
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

ReduceRange = Annotated[
    bool, typer.Option("--reduce-range", help="7-bit weights, which never saturate on x86 without VNNI.")
]


def option(help_text: str, *names: str) -> Any:
    """An option whose default stands in the help text."""
    # typer takes what stands in brackets, here the default, for markup
    return typer.Option(*names, help=help_text.replace("[", r"\["), show_default=False)
