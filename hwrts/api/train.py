"""From photographs to proved int8 networks, in a run folder: made, continued, finished."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwrts.api.door import public
from hwrts.api.stage import Stage, load
from hwrts.command_line import command_line
from hwrts.config import RunConfig
from hwrts.errors import ConfigError
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder, next_to, put_in_place
from hwrts.progress import Progress, Told, telling
from hwrts.report import write_report
from hwrts.runs.documents import read_measures, read_verdict
from hwrts.runs.folder import RunFolder, check_replaceable, is_occupied, open_run, write_run
from hwrts.runs.pipeline import run_stages
from hwrts.runs.remarks import is_faithful
from hwrts.runs.session import open_session, prepare
from hwrts.runs.settings import resolve_config, run_notes


@public
def train(
    output: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    config: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Told | None = None,
) -> Stage:
    """Train, quantise, export and verify, stage by stage, and write a report: ``hwrts run``.

    What is computed is deterministic from here on in this process: torch is told so.

    Args:
        output: Folder of the run, such as "runs/first".
        settings: Settings in place of those of ``config`` or of the defaults, by their names in config.toml:
            ``{"network.blocks": 3}``, or by table: ``{"network": {"blocks": 3}}``.
        config: TOML file of settings, or "upscale" or "paper"; None takes the defaults.
        resume: Continue the run in that folder, which keeps its settings.
        force: Replace a run in that folder, which stays until this one is finished.
        progress: Called as ``progress(title, done, total, text)``; a line of what was decided has no units,
            so ``total`` is 0. ``print`` will do; None tells nobody.

    Returns:
        The network of the run that ``hwrts.load(output)`` gives.

    Raises:
        ConfigError: A setting that is not there, not allowed, or without effect.
        DataError: Photographs that are missing, unreadable or too small.
        RunFolderError: The folder is taken, damaged, or somebody else is writing to it.
    """
    root, told = Path(output), telling(progress)
    if resume:
        if settings or config or force:
            raise ConfigError("resume: takes no other settings, the run keeps its own; leave them out")
        root = open_run(root).root
    else:
        source = None if config is None else str(config)
        resolved = resolve_config(source, flat(settings or {}), told, "settings")
        check_replaceable(root, force=force, advice=_ELSE, flag="force=True")
    with writing(root):
        folder = (
            interrupted_run(root)
            if resume
            else make_run(root, resolved, run_notes(resolved.seed, "hwrts.train"), told, force=force)
        )
        finish_run(folder, root, told)
    return load(root)


_ELSE = "choose another folder, continue the run in it with resume=True"


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key.

    >>> flat({"network": {"blocks": 1}, "rts.stages": 2, "seed": 3})
    {'network.blocks': 1, 'rts.stages': 2, 'seed': 3}
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        entries = value.items() if isinstance(value, Mapping) and "." not in key else None
        found |= {key: value} if entries is None else {f"{key}.{name}": each for name, each in entries}
    return found


def make_run(
    root: Path, config: RunConfig, notes: dict[str, Any], progress: Progress, *, force: bool
) -> RunFolder:
    """A run folder with its photographs in it; beside an older one, which stays for the time being.

    Args:
        root: Where it is to stand; the caller holds its lock.
        config: Its settings.
        notes: What run.json starts with.
        progress: Where to say how far the reading is.
        force: Whether it may replace an older run.

    Raises:
        HwrtsError: Something is there already, or as :func:`.session.prepare`.
    """
    advice = f"choose another --name or --output, continue it with {command_line('run', '--resume', root)}"
    check_replaceable(root, force=force, advice=advice)
    place = next_to(root) if is_occupied(root) else root
    with new_folder(place) as folder:
        prepare(write_run(folder, config, notes), progress)
    return RunFolder(place)


def interrupted_run(root: Path) -> RunFolder:
    """The run to continue: the one that was to replace another, if that was interrupted."""
    return open_run(next_to(root) if next_to(root).is_dir() else root)


def finish_run(folder: RunFolder, root: Path, progress: Progress) -> bool:
    """Complete a run, write its report, and put it in place.

    Args:
        folder: The run, where it is trained.
        root: Where it is to stand.
        progress: Where to say what happens.

    Returns:
        Whether every network is proved, and still its float network.
    """
    if folder.root != root:
        progress.say(f"{root} is an older run: it stays until the new one is finished and replaces it")
    progress.say(f"run folder {folder.root}, settings in {folder.root / 'config.toml'}")
    run_stages(open_session(folder, progress))
    write_report(folder)
    passed = all(
        read_verdict(stage.verify)["passed"] and is_faithful(read_measures(stage.metrics))
        for stage in folder.stages()
    )
    if folder.root != root:
        put_in_place(folder.root, root)
    return passed
