"""A target's file, run in ONNX Runtime and in its client where that is installed."""

from collections.abc import Sequence
from typing import Any

from hwrts.export.clients import ONNXRUNTIME, Definitions, client_of
from hwrts.export.operators import NODES
from hwrts.export.stimuli import Fed
from hwrts.export.targets.file import TargetFile
from hwrts.export.targets.pictures import check_pictures
from hwrts.fixed_point import Network, RoundingRules


def checked(file: TargetFile, photographs: Sequence[Fed]) -> dict[str, Any]:
    """What the manifest says of a file: :meth:`TargetFile.described`, and what each client made of it.

    Args:
        file: The file.
        photographs: Codes of every input, of any size.

    Returns:
        The description, with "checks" of every client that ran it, "not_run" with a sentence for one that is
        not installed, how many codes the target's rules make others than the network's, and the names of the
        pictures.

    Raises:
        HwrtsError: A client refuses the file.
    """
    pictures = check_pictures(file.network, file.options.size, photographs)
    definitions = Definitions(file.network, pictures)
    checks, not_run = list[dict[str, Any]](), list[str]()
    for client in filter(None, (ONNXRUNTIME, file.target.client)):
        mean = own_rule(file.network, client_of(client).rules)
        if mean is not None:
            not_run.append(f"{client}: {mean}")
        elif client_of(client).python is None:
            not_run.append(client_of(client).not_installed)
        else:
            checks.append(definitions.check(file.for_clients, client))
    rules = file.target.rules or file.network.rules  # each reader of the file brings its own, or nobody knows
    return {
        **file.described(),
        "codes_that_its_rounding_changes": definitions.changed(rules),
        "pictures": list(pictures),
        "checks": checks,
        "not_run": not_run,
    }


def own_rule(network: Network, rules: RoundingRules | None) -> str | None:
    """Why a client's codes are of no one rule: means are whole numbers in a file, of the network's rule."""
    if rules is None or rules.additions is network.rules.additions:
        return None
    for layer in network.layers:
        if NODES[type(layer)].FORMS.own_rule:
            return (
                f"not compared: it rounds {rules}, and the mean {layer.name!r} is written out with the "
                f"network's {network.rules}"
            )
    return None


def differing(target: dict[str, Any]) -> int:
    """Codes that differ in any client whose rules are known, of what :func:`checked` returned."""
    checks = [check for check in target.get("checks", ()) if not without_rule(check)]
    return sum(int(check["codes_differing"]) for check in checks)


def without_rule(check: dict[str, Any]) -> bool:
    """Whether a client's entry is a report and no verdict: it is exact under no rule that was tried."""
    return "client_rounds_convolutions" in check and check["client_rounds_convolutions"] is None
