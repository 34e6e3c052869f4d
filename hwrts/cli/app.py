"""The typer application: one command, verbs, and what they have in common."""

import sys
from typing import Annotated

import typer

from hwrts import __version__
from hwrts.errors import HwrtsError

app = typer.Typer(
    name="hwrts",
    help="From photographs to a bit-proved int8 super-resolution network.",
    epilog="Start with: hwrts run --name first   (embedded photographs, five to eight minutes on two cores)",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_debug = False


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwrts {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    global _debug
    _debug = debug


def register_commands() -> None:
    """Import the modules of all commands; each adds its own to the application."""
    from hwrts.cli import (  # noqa: F401 - for what their import does
        commands,
        cost,
        inspect,
        pictures,
        quantize,
        reproduce,
        score,
        sensitivity,
        sweep,
        training,
    )


def main() -> None:
    """Run the command line: exit 0 passed, 1 the check failed, 2 wrong use."""
    register_commands()
    try:
        app()
    except (HwrtsError, OSError) as error:
        if _debug:
            raise
        sys.stderr.write(f"error: {' '.join(str(error).splitlines())}\n")
        sys.exit(2)
