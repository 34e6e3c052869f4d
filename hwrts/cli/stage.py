"""Which network of a run a command works with: one rule for all of them, and the choice is said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwrts.cli.console import ConsoleProgress
from hwrts.errors import ConfigError

if TYPE_CHECKING:
    from hwrts.runs.folder import RunFolder, StageFolder

StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        help=r"The network of this name: 2 (x2), 2-same (same size), 2-w4a8 \[of the kept stage: its "
        r"same-size network, as a TV deploys it, or x2 if it has none].",
        show_default=False,
    ),
]


def choose_network(
    run: "RunFolder", name: str | None, *, x2: bool = False, quiet: bool = False
) -> "StageFolder":
    """As :meth:`hwrts.runs.folder.RunFolder.network`, and said on stderr."""
    chosen = run.network(name, x2=x2)
    form = "same-size" if chosen.same_size else "x2"
    why = f", the {form} network of the kept stage; another one by --stage"
    if name is not None or not run.trained:  # a module of a user's own is one network
        why = ""
    ConsoleProgress(quiet).say(f"network: stage {chosen.name} of {run.root}{why}")
    return chosen


def network_folder(path: Path, stage: str | None) -> Path:
    """The folder of an integer network: of a run by the rule, or the one that is named itself.

    Args:
        path: A run folder, a folder with network.json, or that file.
        stage: What --stage says.

    Raises:
        HwrtsError: A stage of what is no run, or one that is not there.
    """
    from hwrts.files.lock import restore
    from hwrts.fixed_point import JSON_NAME
    from hwrts.runs.folder import open_run

    restore(path)
    if (path / "run.json").is_file():
        return choose_network(open_run(path), stage).root
    if stage is not None:
        raise ConfigError(f"--stage {stage}: is for run folders, and {path} is none; leave it out")
    return path.parent if path.name == JSON_NAME else path
