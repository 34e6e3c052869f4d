"""The TensorFlow Lite file of a stage, run in the runtimes that are installed."""

from dataclasses import asdict
from typing import Any

from hwrts.errors import ConfigError
from hwrts.export.clients import CLIENTS, Definitions, client_of
from hwrts.export.environments import not_installed, python_with
from hwrts.export.targets import check_pictures
from hwrts.export.tflite import TFLITE_TARGETS, Flavour, other_codes, to_tflite
from hwrts.export.tflite.vela import ACCELERATORS, VELA, compile_for_ethos_u
from hwrts.fixed_point import Network
from hwrts.runs.folder import RunFolder
from hwrts.runs.verify_inputs import load_fed


def tflite_files(
    run: RunFolder, network: Network, target: str, size: tuple[int, int] | None, *, check: bool
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the manifest says of the file, and it by its name.

    Args:
        run: The run, whose photographs it is compared on.
        network: The integer network.
        target: A name of :data:`hwrts.export.tflite.TFLITE_TARGETS`.
        size: Height and width of pictures.
        check: Whether runtimes, and for Ethos-U its compiler, are given it.

    Raises:
        HwrtsError: No size, a layer that the format cannot say, or a runtime refuses the file.
    """
    if size is None:
        raise ConfigError(f"--target {target}: takes no open height and width; add --size such as 360x640")
    found = TFLITE_TARGETS[target]
    file = to_tflite(network, size, found.flavour)
    entry = {**file.described(found), "checks": [], "not_run": []}
    files = {entry["file"]: file.model}
    if not check:
        return {**entry, "not_run": ["not run in any client: --no-check"]}, files
    pictures = check_pictures(network, size, list(load_fed(run, network).values()))
    definitions = Definitions(network, pictures)
    rules = CLIENTS[found.runtime(network.rules)].rules
    entry["codes_that_its_rounding_changes"] = definitions.changed(rules)
    if other := entry["other_default"]:
        other["codes_that_its_rounding_changes"] = definitions.changed(CLIENTS[other["client"]].rules)
    for client in map(client_of, found.clients):
        if client.python is None:
            entry["not_run"].append(client.not_installed)
        elif reason := other_codes(network, client.rules, size, file.flavour, client.name):
            entry["not_run"].append(reason)
        else:
            entry["checks"].append(definitions.check(file.for_clients, client.name))
    if file.flavour is Flavour.ETHOS_U:
        if python_with(*VELA) is None:
            entry["not_run"].append(not_installed("vela", VELA[1]))
        else:
            entry["vela"] = [asdict(compile_for_ethos_u(file.model, name)) for name in ACCELERATORS]
    return {**entry, "pictures": list(pictures)}, files
