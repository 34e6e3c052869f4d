"""hwrts demo: everything once, small, and its page in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import print_line
from hwrts.cli.options import Quiet
from hwrts.cli.run import run


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; made or shown again.")
    ] = (Path("runs/demo")),
    browser: Annotated[bool, typer.Option(help="Open the report in a browser.")] = True,
    quiet: Quiet = False,
) -> None:
    """Train a tiny network on the embedded photographs, prove it, and open its report: about a minute.

    What hwrts run makes in ten minutes, with better pictures, has the same files and the same page.
    """
    import webbrowser

    if (output / "run.json").is_file():
        run(resume=output, quiet=quiet)
    else:
        # enough to be above bicubic; half of the minute is proofs and pictures
        run(
            stages="1",
            channels=8,
            first_steps=150,
            qat_steps=30,
            same_size_steps=20,
            score=False,
            output=output,
            quiet=quiet,
        )
    page = (output / "report.html").resolve().as_uri()
    print_line(f"page:   {page}")
    if browser:
        webbrowser.open(page)
