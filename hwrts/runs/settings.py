"""Settings of a run from its file and flags, and what its record starts with."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwrts import __version__
from hwrts.command_line import command_line
from hwrts.errors import ConfigError
from hwrts.runs.versions import library_versions

if TYPE_CHECKING:
    from hwrts.config import RunConfig
    from hwrts.progress import Progress


COMMAND_LINE = "command line"
"""Where settings are from that are given as flags, and named so in messages."""


def resolve_config(
    config: str | None,
    flags: dict[str, Any],
    progress: "Progress | None" = None,
    given_in: str = COMMAND_LINE,
) -> "RunConfig":
    """The settings of a TOML file, or of a shipped one by its name, with those given as flags in their place.

    A flag wins over everything in the file, also over what would leave it without effect; then that is said.
    One that does nothing beside other flags, or that a file cannot give way to, is refused.

    Args:
        config: File or name; None takes the defaults.
        flags: Values by dotted key, such as "network.blocks".
        progress: Where to say what of the file gave way, or does nothing; None says nothing.
        given_in: Where ``flags`` are from; elsewhere than on the command line they are named by their keys.

    Raises:
        ConfigError: A file that cannot be read, a setting that is not allowed, or a flag without effect.
    """
    from hwrts.runs.overruled import idle_settings
    from hwrts.settings_file import as_before, is_record, parse_config, read_toml, set_entry

    document: dict[str, Any] = {}
    if config is not None:
        shipped = resources.files("hwrts") / "configs" / f"{config}.toml"
        path = Path(config)
        document = read_toml(Path(str(shipped)) if not path.exists() and shipped.is_file() else path)
        # The record of a run, which is to be trained again as it was.
        if is_record(document) or (path.parent / "run.json").is_file():
            complete = as_before(document)
            if complete != document and progress is not None:
                progress.say(
                    f"{config} is of a run before there were these choices: {_new(complete, document)}"
                )
            document = complete
        for line in _give_way(document, flags, config):
            if progress is not None:
                progress.say(line)
    for key, value in flags.items():
        set_entry(document, key, value, config or given_in)
    as_flags = given_in == COMMAND_LINE
    named = {key: flag_of(key) for key in flags} if as_flags else {}
    resolved = parse_config(document, config or given_in, named)
    check_effect(flags, resolved, as_flags=as_flags)
    if progress is not None:
        for key, why in idle_settings(resolved).items():
            progress.say(f"{key} of {config} does nothing: {why}")
    return resolved


def check_effect(
    given: Mapping[str, Any], config: "RunConfig", *, as_flags: bool, same_size_alone: bool = False
) -> None:
    """Refuse a setting that has no effect beside the others.

    Args:
        given: Values by dotted key.
        config: The complete settings, those among them.
        as_flags: Whether they were given on the command line, and are named so.
        same_size_alone: As :func:`.overruled`.

    Raises:
        ConfigError: Names the first one, and what leaves it without effect.
    """
    from hwrts.runs.overruled import overruled

    for key, value in given.items():
        why = overruled(key, config, same_size_alone=same_size_alone)
        if why is not None:
            flag = flag_of(key).replace("--", "--no-", 1) if value is False else flag_of(key)
            raise ConfigError(f"{flag if as_flags else key}: would do nothing: {why}")


def _new(complete: dict[str, Any], document: dict[str, Any]) -> str:
    """Names and values of the settings that a document does not have."""
    return ", ".join(
        f"{table}.{key} = {value}"
        for table, settings in complete.items()
        if isinstance(settings, dict)
        for key, value in settings.items()
        if key not in document.get(table, {})
    )


def _give_way(document: dict[str, Any], flags: dict[str, Any], config: str) -> list[str]:
    """Take out what would leave a flag without effect; returns what is said about it."""
    from hwrts.config.network import LUMA_SETTINGS, OLD_NAMES

    said = []

    def take_out(table: str, keys: Sequence[str], flag: str) -> None:
        settings = document.get(table)
        found = [key for key in keys if settings.pop(key, None)] if isinstance(settings, dict) else []
        if found:
            names = ", ".join(f"{table}.{key}" for key in found)
            said.append(f"{names} of {config} left out, {flag} is given in place of it")

    network = document.get("network")
    named = network.get("name", "residual") if isinstance(network, dict) else None
    if flags.get("network.name", named) != named:  # blocks and channels are those of another network
        take_out("network", ("blocks", "channels", "keeps", "widths"), "--network")
    for key in ("network.blocks", "network.channels"):
        if key in flags:
            take_out("network", ("widths",), flag_of(key))
    if flags.get("network.colour") == "rgb":
        take_out("network", LUMA_SETTINGS, "--colour")
    rts, made_of = document.get("rts"), network if isinstance(network, dict) else {}
    name, colour = (flags.get(f"network.{key}", made_of.get(key)) for key in ("name", "colour"))
    one_correction = colour == "luma" or name in ("sesr", *OLD_NAMES)
    changed = [key for key in ("network.name", "network.colour") if key in flags]
    if changed and not one_correction and isinstance(rts, dict) and rts.get("loss") == "luma":
        take_out("rts", ("loss",), flag_of(changed[0]))
    steps = [key for key in ("rts.first_steps", "rts.steps") if key in flags]
    if steps and "rts.epochs" not in flags:
        take_out("rts", ("epochs",), flag_of(steps[0]))
    if "qat.weight_bits" in flags:
        take_out("qat", ("layer_weight_bits",), "--weight-bits (or --reduce-range)")
    if "qat.accumulator_bits" in flags:
        take_out("qat", ("layer_accumulator_bits",), "--accumulator-bits")
    return said


_OTHER_FLAGS = {"data.train": "--data", "network.name": "--network", "qat.steps": "--qat-steps"}


def flag_of(key: str) -> str:
    """The flag of ``hwrts run`` that gives a setting, by its dotted key."""
    return _OTHER_FLAGS.get(key) or f"--{key.rpartition('.')[2].replace('_', '-')}"


def run_notes(seed: int, command: str | None = None) -> dict[str, Any]:
    """What run.json starts with.

    Args:
        seed: Of the run.
        command: What made it; None takes the command line of this process.
    """
    return {
        "command": command_line(*sys.argv[1:]) if command is None else command,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": {"hwrts": __version__, **library_versions()},
        "commit": _commit(),
        "seed": seed,
        "status": "created",
    }


def _commit() -> str | None:
    """Commit of the source tree, when hwrts runs from one."""
    here = Path(__file__)

    def git(*words: str) -> str | None:
        command = ["git", "-C", str(here.parent), *words]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    if git("ls-files", "--error-unmatch", here.name) is None:  # installed: a repository around it is not ours
        return None
    return git("describe", "--always", "--dirty", "--exclude", "*")


def weight_bits_of(bits: int | None, reduce_range: bool) -> int | None:
    """What --weight-bits and --reduce-range ask for together."""
    if reduce_range and bits not in (None, 7):
        raise ConfigError(f"--weight-bits {bits}: --reduce-range means 7 bits; give one of the two")
    return 7 if reduce_range else bits


def with_target(target: str, given: dict[str, Any]) -> dict[str, Any]:
    """Settings of QAT with those that a client needs.

    Args:
        target: Its name.
        given: By their names in the section.

    Raises:
        ConfigError: What was given says otherwise, or nothing is known of the client.
    """
    from hwrts.runs.target import trained_for

    needed = trained_for(target)
    for key, value in needed.items():
        if given.get(key, value) != value:
            raise ConfigError(
                f"--target {target}: needs {flag_of(f'qat.{key}')} {value}, {given[key]} is given; leave one "
                "of the two out"
            )
    return {**given, **needed}
