"""The TensorFlow Lite file of a stage, run in the runtimes that are installed."""

from dataclasses import asdict
from typing import Any

from hwrts.errors import ConfigError
from hwrts.export.clients import Client, check_file, clients_of, under
from hwrts.export.environments import not_installed, python_with
from hwrts.export.targets import check_pictures
from hwrts.export.tflite import Flavour, TfliteFile, to_tflite
from hwrts.export.tflite.vela import ACCELERATORS, VELA, compile_for_ethos_u
from hwrts.fixed_point import Network, load_network
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
    entry = {"name": target, "file": name, **file.described(), "checks": [], "not_run": []}
    if not check:
        return {**entry, "not_run": ["not run in any client: --no-check"]}, {name: file.model}
    pictures = check_pictures(network, size, list(load_fed(run, network).values()))
    for client in clients_of("tflite").values():
        reason = _why_not(client, network, file)
        if reason is not None:
            entry["not_run"].append(reason)
        else:
            entry["checks"].append(check_file(file.for_clients, network, pictures, client.name))
    if file.flavour is Flavour.ETHOS_U:
        if python_with(*VELA) is None:
            entry["not_run"].append(not_installed("vela", VELA[1]))
        else:
            entry["vela"] = [asdict(compile_for_ethos_u(file.model, name)) for name in ACCELERATORS]
    return {**entry, "pictures": list(pictures)}, {name: file.model}


def _why_not(client: Client, network: Network, file: TfliteFile) -> str | None:
    """Why a runtime is not run: it is not there, or the file of a network of its rules is another one."""
    if client.python is None:
        return client.not_installed
    own = to_tflite(under(network, client.rules), file.size, file.flavour)
    if own.model == file.model:
        return None
    return (
        f"{client.name}: rounds as {client.rules}, and the file holds codes that were rounded as "
        f"{network.rules}; quantize with --rounding {client.rules}"
    )
