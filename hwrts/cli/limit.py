"""--max-megapixels of every command that reads pictures."""

from typing import Annotated

import typer

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
