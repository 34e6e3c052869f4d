"""A client beside the definition under the client's own rules: the one comparison of exported files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hwrts.export.clients.client import ONNXRUNTIME, client_of
from hwrts.export.clients.file import ClientFile
from hwrts.export.clients.run import run_file
from hwrts.export.compare import Row, compare
from hwrts.export.stimuli import Fed
from hwrts.fixed_point import HwrtsError, Network, RoundingRules, run_all, run_outputs


def under(network: Network, rules: RoundingRules | None) -> Network:
    """The same integers under a client's rules."""
    if rules is None or rules == network.rules:
        return network
    return replace(network, rounding=rules.convolutions, additions=rules.additions, like=None)


def compared(
    file: ClientFile, network: Network, pictures: Mapping[str, Fed], client: str = ONNXRUNTIME
) -> tuple[list[Row], str]:
    """What a client gives, tensor by tensor, beside what the network is.

    Args:
        file: The file; its outputs are outputs of the network, or any of its layers.
        network: The integer network under the client's rules: the definition.
        pictures: Codes of every input, of the file's size, by what they show; at least one.
        client: Name of the client.

    Returns:
        A row for each tensor in the network's order, and the client's version.

    Raises:
        HwrtsError: The client is not installed, refuses the file, or makes another size; or no pictures.
    """
    if not pictures:
        raise HwrtsError(f"{client}: nothing to compare; give one picture or more")
    found, version = run_file(file, list(pictures.values()), client)
    asked = {end.tensor for end in file.outputs}
    rows = {name: Row(client, "entire", name) for name in network.tensors if name in asked}
    for (what, picture), outputs in zip(pictures.items(), found, strict=True):
        tensors = run_outputs(network, picture) if asked <= set(network.outputs) else {}
        if any(name not in tensors or not np.array_equal(outputs[name], tensors[name]) for name in asked):
            tensors = run_all(network, picture)  # operands as well, to explain what differs
        for name, row in rows.items():
            if outputs[name].shape != tensors[name].shape:
                raise HwrtsError(
                    f"{client}: makes {outputs[name].shape} of {name!r} where the network makes "
                    f"{tensors[name].shape}; the file is of another size"
                )
            rows[name] = compare(row, network, what, tensors[name], outputs[name], tensors)
    return list(rows.values()), version


def rules_said(rules: RoundingRules | None) -> dict[str, str | None]:
    """A client's rules as documents say them; None of those that are not known."""
    return {
        "client_rounds_convolutions": rules.convolutions.value if rules else None,
        "client_rounds_additions": rules.additions.value if rules else None,
    }


def changed(network: Network, rules: RoundingRules | None, pictures: Sequence[Fed]) -> int:
    """How many codes of the outputs a client's rules make others than the network's own."""
    definition = under(network, rules)
    if definition is network:
        return 0
    count = 0
    for picture in pictures:
        own, theirs = run_outputs(network, picture), run_outputs(definition, picture)
        count += sum(int(np.count_nonzero(own[name] != theirs[name])) for name in own)
    return count


def check_file(
    file: ClientFile,
    network: Network,
    pictures: Mapping[str, Fed] | Sequence[Fed],
    client: str = ONNXRUNTIME,
) -> dict[str, Any]:
    """A client's entry of a manifest: :func:`compared` with the network under the client's rules.

    Args:
        file: The file.
        network: The integer network.
        pictures: As :func:`compared` has them; names are not needed.
        client: Name of the client.

    Returns:
        Client, version, its rules, codes compared, how many differ and by how much at most (None if by no
        number); and how many codes its rules make others than the network's.

    Raises:
        HwrtsError: As :func:`compared`.
    """
    named = pictures if isinstance(pictures, Mapping) else {str(i): fed for i, fed in enumerate(pictures)}
    rules = client_of(client).rules
    rows, version = compared(file, under(network, rules), named, client)
    largest = max(row.largest for row in rows)
    return {
        "client": client,
        "version": version,
        **rules_said(rules),
        "codes_compared": sum(row.compared for row in rows),
        "codes_differing": sum(row.mismatches for row in rows),
        "largest_difference": (int(largest) if largest % 1 == 0 else largest)
        if np.isfinite(largest)
        else None,
        "codes_that_its_rounding_changes": changed(network, rules, list(named.values())),
    }
