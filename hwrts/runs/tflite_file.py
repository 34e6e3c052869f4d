"""The TensorFlow Lite file of a stage, run in the runtimes that are installed."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from hwrts.errors import ConfigError
from hwrts.export.environments import not_installed, python_with
from hwrts.export.stimuli import Fed
from hwrts.export.targets.file import under
from hwrts.export.targets.pictures import check_pictures
from hwrts.export.tflite import (
    CLIENTS,
    Client,
    Flavour,
    TfliteFile,
    check_tflite,
    described,
    python_of,
    to_tflite,
)
from hwrts.export.tflite.vela import ACCELERATORS, VELA, compile_for_ethos_u
from hwrts.fixed_point import Network, RoundingRules, load_network, run_outputs
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.verify_inputs import load_fed

FLAVOURS = {flavour.value: flavour for flavour in Flavour}
"""By the name of the target."""


def tflite_files(
    run: RunFolder, stage: StageFolder, target: str, size: tuple[int, int] | None, *, check: bool
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the manifest says of the file, and it by its name.

    Args:
        run: The run, whose photographs it is compared on.
        stage: The stage.
        target: A name of :data:`FLAVOURS`.
        size: Height and width of pictures.
        check: Whether runtimes, and for Ethos-U its compiler, are given it.

    Raises:
        HwrtsError: No size, a layer that the format cannot say, or a runtime refuses the file.
    """
    if size is None:
        raise ConfigError(f"--target {target}: takes no open height and width; add --size such as 360x640")
    network = load_network(stage.root)
    file = to_tflite(network, size, FLAVOURS[target])
    name = f"model.{target}.tflite"
    entry = {"name": target, "file": name, **described(file, network), "checks": [], "not_run": []}
    if not check:
        return {**entry, "not_run": ["not run in any client: --no-check"]}, {name: file.model}
    pictures = check_pictures(network, size, list(load_fed(run, network).values()))
    for client in CLIENTS.values():
        reason = _why_not(client, network, file)
        if reason is not None:
            entry["not_run"].append(reason)
        else:
            entry["checks"].append(_checked(client, network, file, list(pictures.values())))
    if file.flavour is Flavour.ETHOS_U and python_with(*VELA) is not None:
        entry["vela"] = [asdict(compile_for_ethos_u(file.model, name)) for name in ACCELERATORS]
    return {**entry, "pictures": list(pictures)}, {name: file.model}


def _why_not(client: Client, network: Network, file: TfliteFile) -> str | None:
    """Why a runtime is not run: it is not there, or the file of a network of its rules is another one."""
    if python_of(client.name) is None:
        return not_installed(client.name, client.environment)
    rules = _rules(client)
    own = to_tflite(under(network, rules), file.size, file.flavour)
    if own.model == file.model:
        return None
    return (
        f"{client.name}: rounds as {rules.convolutions.value},{rules.additions.value}, and the file holds "
        f"codes that were rounded as {network.rounding.value},{network.rules.additions.value}; quantize with "
        f"--rounding {rules.convolutions.value},{rules.additions.value}"
    )


def _rules(client: Client) -> RoundingRules:
    return RoundingRules(client.convolutions, client.additions)


def _checked(client: Client, network: Network, file: TfliteFile, pictures: Sequence[Fed]) -> dict[str, Any]:
    """A runtime beside the definition under its own rules, and how many codes these change."""
    definition = under(network, _rules(client))
    entry = check_tflite(file, definition, pictures, client.name)
    changed = 0
    if definition is not network:
        for picture in pictures:
            own, theirs = run_outputs(network, picture), run_outputs(definition, picture)
            changed += sum(int(np.count_nonzero(own[name] != theirs[name])) for name in own)
    return {**entry, "codes_that_its_rounding_changes": changed}
