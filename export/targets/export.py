"""A target's file, run in ONNX Runtime and in its client where that is installed."""

from collections.abc import Sequence
from typing import Any

from hwrts.export.environments import not_installed
from hwrts.export.stimuli import Fed
from hwrts.export.targets.clients import check_file, python_of
from hwrts.export.targets.file import TargetFile
from hwrts.export.targets.pictures import check_pictures


def checked(file: TargetFile, photographs: Sequence[Fed]) -> dict[str, Any]:
    """What the manifest says of a file: :meth:`TargetFile.described`, and what each client made of it.

    Args:
        file: The file.
        photographs: Codes of every input, of any size.

    Returns:
        The description, with "checks" of every client that ran it, "not_run" with a sentence for one that is
        not installed, and the names of the pictures.

    Raises:
        HwrtsError: A client refuses the file.
    """
    pictures = check_pictures(file.network, file.options.size, photographs)
    fed = list(pictures.values())
    checks, not_run = [check_file(file, fed)], list[str]()
    client = file.target.client
    if client is not None and python_of(client) is None:
        not_run.append(not_installed(client, client))
    elif client is not None:
        checks.append(check_file(file, fed, client))
    return {**file.described(), "pictures": list(pictures), "checks": checks, "not_run": not_run}


def differing(target: dict[str, Any]) -> int:
    """Codes that differ in any client, of what :func:`checked` returned."""
    return sum(int(check["codes_differing"]) for check in target.get("checks", ()))
