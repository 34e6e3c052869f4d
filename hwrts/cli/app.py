"""The typer application: one command, verbs, and what they have in common."""

import inspect
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts import __version__
from hwrts.cli.console import LONGEST_ERROR, LONGEST_REFUSAL, print_error
from hwrts.cli.examples import EXAMPLES
from hwrts.cli.memory import memory_error
from hwrts.cli.streams import safe_streams
from hwrts.errors import HwrtsError, UnsupportedOperatorError

app = typer.Typer(
    name="hwrts",
    help="From photographs to a bit-proved int8 super-resolution network.",
    epilog="Start with: hwrts demo   (a minute), then hwrts run --name first   (ten, on two cores)",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# typer has no public name for it, and takes it from click or from a copy of its own.
_WrongUse: Any = typer.BadParameter.__base__


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwrts {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; anywhere on the line.")
    ] = False,
) -> None:
    pass


@cache
def register_commands() -> None:
    """Add every command to the application; in this order they stand in the help."""
    from hwrts.cli.check_vectors import check_vectors
    from hwrts.cli.compare import compare
    from hwrts.cli.cost import cost
    from hwrts.cli.demo import demo
    from hwrts.cli.enhance import enhance
    from hwrts.cli.evaluate import evaluate
    from hwrts.cli.export import export
    from hwrts.cli.handover import handover
    from hwrts.cli.info import info
    from hwrts.cli.inspect import inspect as inspect_command
    from hwrts.cli.list import list_runs
    from hwrts.cli.patterns import patterns
    from hwrts.cli.prune import prune
    from hwrts.cli.quantize import quantize
    from hwrts.cli.reproduce import reproduce
    from hwrts.cli.run import run
    from hwrts.cli.score import score
    from hwrts.cli.sensitivity import sensitivity
    from hwrts.cli.sweep import sweep
    from hwrts.cli.verify import verify
    from hwrts.cli.view import view

    groups: dict[str, tuple[Callable[..., None], ...]] = {
        "Make networks": (demo, run, sweep, reproduce, prune, quantize),
        "Use them": (list_runs, enhance, export, handover, view),
        "Measure and prove": (verify, check_vectors, compare, evaluate, patterns, score, sensitivity),
        "Know what is inside": (cost, inspect_command, info),
    }
    for panel, commands in groups.items():
        for command in commands:
            # rich makes a paragraph of each, and would take brackets for markup
            name = command.__name__.removesuffix("_runs").replace("_", "-")
            lines = [line.replace("[", r"\[") for line in EXAMPLES[name]]
            epilog = "\n\n".join(["Examples:", *lines])
            app.command(name, help=_help(command), rich_help_panel=panel, epilog=epilog)(command)


def _help(command: Callable[..., None]) -> str:
    """Its docstring, without the ends of its lines: where those of the terminal are, the terminal knows."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def run() -> int:
    """Run the command line; its exit code."""
    os.environ["MPLBACKEND"] = "agg"  # a notebook's kernel leaves its own behind, which may not exist here
    if os.environ.get("COLUMNS") == "0":  # a terminal that knows no width; rich would show nothing
        del os.environ["COLUMNS"]
    words = sys.argv[1:]
    flags = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in flags  # wherever it stands
    words = [word for word in flags if word != "--debug"] + words[len(flags) :]
    with safe_streams():
        try:
            _check_current_folder()
            register_commands()
            code = int(app(words, prog_name="hwrts", standalone_mode=False) or 0)
            sys.stdout.flush()  # a full disk fails here, not after the exit code is said
            return code
        except _WrongUse as error:
            if type(error).__name__ == "NoArgsIsHelpError":  # the help is printed
                return 2
            command = error.ctx.command_path if error.ctx is not None else "hwrts"
            print_error(f"{error.format_message()} ({command} --help)")
        except (HwrtsError, OSError) as error:
            if debug:
                raise
            refused = isinstance(error, UnsupportedOperatorError)
            print_error(_said(error), LONGEST_REFUSAL if refused else LONGEST_ERROR)
        except (MemoryError, RuntimeError) as error:
            said = memory_error(error) or _circle(error)
            if debug or said is None:
                raise
            print_error(said)
    return 2


def _check_current_folder() -> None:
    """Libraries that load from a folder that is deleted end the process with messages of their own."""
    try:
        Path.cwd()
    except OSError as error:
        raise HwrtsError(
            f"the current folder cannot be used ({error.strerror}); change to another"
        ) from error


def _circle(error: Exception) -> str | None:
    """What to say if a link leads to itself: before Python 3.13 resolving it is no OSError."""
    text = str(error)
    if not text.startswith("Symlink loop from "):
        return None
    return f"{text.removeprefix('Symlink loop from ')}: a link that leads to itself; give another folder"


def _said(error: Exception) -> str:
    """The message; of the system's errors without their numbers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)
