"""A client beside the definition under the client's own rules: the one comparison of exported files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.clients.client import ONNXRUNTIME, client_of
from hwrts.export.clients.file import ClientFile
from hwrts.export.clients.run import run_file
from hwrts.export.compare import Row, compare
from hwrts.export.stimuli import Fed
from hwrts.fixed_point import HwrtsError, Network, RoundingRules, run_all, run_outputs

Outputs = Mapping[str, NDArray[np.integer]]
"""Codes (H, W, C) of a picture by tensor."""


def under(network: Network, rules: RoundingRules | None) -> Network:
    """The same integers under a client's rules."""
    if rules is None or rules == network.rules:
        return network
    return replace(network, rounding=rules.convolutions, additions=rules.additions, like=None)


def compared(
    file: ClientFile,
    network: Network,
    pictures: Mapping[str, Fed],
    client: str = ONNXRUNTIME,
    *,
    outputs: Callable[[str], Outputs] | None = None,
) -> tuple[list[Row], str]:
    """What a client gives, tensor by tensor, beside what the network is.

    Args:
        file: The file; its outputs are outputs of the network, or any of its layers.
        network: The integer network under the client's rules: the definition.
        pictures: Codes of every input, of the file's size, by what they show; at least one.
        client: Name of the client.
        outputs: The definition's outputs of a picture, where somebody keeps them.

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
    for (what, picture), given in zip(pictures.items(), found, strict=True):
        tensors: Outputs = {}
        if asked <= set(network.outputs):
            tensors = outputs(what) if outputs else run_outputs(network, picture)
        if any(name not in tensors or not np.array_equal(given[name], tensors[name]) for name in asked):
            tensors = run_all(network, picture)  # operands as well, to explain what differs
        for name, row in rows.items():
            if given[name].shape != tensors[name].shape:
                raise HwrtsError(
                    f"{client}: makes {given[name].shape} of {name!r} where the network makes "
                    f"{tensors[name].shape}; the file is of another size; give that of the stage"
                )
            rows[name] = compare(row, network, what, tensors[name], given[name], tensors)
    return list(rows.values()), version


def rules_said(rules: RoundingRules | None) -> dict[str, str | None]:
    """A client's rules as documents say them; None of those that are not known."""
    return {
        "client_rounds_convolutions": rules.convolutions.value if rules else None,
        "client_rounds_additions": rules.additions.value if rules else None,
    }


class Definitions:
    """What a network is on pictures under one client's rules and another's: each output is made once.

    Args:
        network: The integer network.
        pictures: As :func:`compared` has them; names are not needed.

    Attributes:
        network: The same.
        pictures: By what they show.
    """

    def __init__(self, network: Network, pictures: Mapping[str, Fed] | Sequence[Fed]) -> None:
        self.network = network
        if not isinstance(pictures, Mapping):
            pictures = {str(i): fed for i, fed in enumerate(pictures)}
        self.pictures = pictures
        self._made: dict[tuple[RoundingRules, str], Outputs] = {}

    def outputs(self, rules: RoundingRules | None, what: str) -> Outputs:
        """Codes of every output for a picture, under rules; None are the network's own."""
        key = rules or self.network.rules, what
        if key not in self._made:
            self._made[key] = run_outputs(under(self.network, rules), self.pictures[what])
        return self._made[key]

    def changed(self, rules: RoundingRules | None) -> int:
        """How many codes of the outputs a client's rules make others than the network's own."""
        if under(self.network, rules) is self.network:
            return 0
        count = 0
        for what in self.pictures:
            own, theirs = self.outputs(None, what), self.outputs(rules, what)
            count += sum(int(np.count_nonzero(own[name] != theirs[name])) for name in own)
        return count

    def check(self, file: ClientFile, client: str) -> dict[str, Any]:
        """A client's entry of a manifest: as :func:`check_file`."""
        rules = client_of(client).rules
        definition = under(self.network, rules)
        rows, version = compared(
            file, definition, self.pictures, client, outputs=lambda what: self.outputs(rules, what)
        )
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
            "codes_that_its_rounding_changes": self.changed(rules),
        }


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
    return Definitions(network, pictures).check(file, client)
