"""Which layer of a file a client computes otherwise first, as far as it lets its inner tensors be seen."""

from collections.abc import Callable
from dataclasses import dataclass

from hwrts.export.clients.check import compared
from hwrts.export.clients.file import ReadFile
from hwrts.export.compare import Row
from hwrts.export.stimuli import Fed
from hwrts.fixed_point import HwrtsError, Network


@dataclass(frozen=True)
class Layers:
    """What was found.

    Attributes:
        rows: A row of each layer that was seen, in the network's order.
        first: The first that differs; None if none of them does.
        how: How they were seen, in a sentence.
    """

    rows: tuple[Row, ...]
    first: Row | None
    how: str


def first_layer(
    read: ReadFile,
    network: Network,
    picture: tuple[str, Fed],
    client: str,
    advance: Callable[[int, str], None] = lambda done, text: None,
) -> Layers:
    """The first layer that a client computes otherwise, of one picture.

    All layers that the file holds become outputs of a copy. Where outputs are others then, a client had put
    operators together that it now keeps apart: each layer is shown alone, and counts if its outputs stay.

    Args:
        read: The file.
        network: The integer network under the client's rules.
        picture: What it shows, and codes of every input.
        client: Name of the client.
        advance: Told how many of ``len(read.inner) + 1`` files were run.

    Raises:
        HwrtsError: As :func:`.compared`, of the file as it is.
    """
    named = dict([picture])
    given, _ = compared(read.file, network, named, client)

    def shown(ends: tuple[int, ...]) -> list[Row] | None:
        """Rows of a copy that shows those layers, if its outputs are those of the file."""
        try:
            rows, _ = compared(read.shown([read.inner[i] for i in ends]), network, named, client)
        except HwrtsError:
            return None  # the copy is refused, which says nothing of the file
        own = {row.layer: row for row in given}
        return rows if all(own.get(row.layer, row) == row for row in rows) else None

    if not read.inner:
        return _of(given, "the file holds no layer of the network by its name; its outputs were compared")
    rows = shown(tuple(range(len(read.inner))))
    advance(1, "")
    if rows is not None:
        return _of(rows, "all layers that the file holds as outputs of a copy, which gives the same codes")
    seen = list(given)
    order = list(network.tensors)
    for i, end in enumerate(read.inner):
        alone = shown((i,))
        advance(i + 2, end.tensor)
        if alone is not None:
            seen += [row for row in alone if row.layer == end.tensor]
            if seen[-1].first is not None and seen[-1].layer == end.tensor:
                break
    seen.sort(key=lambda row: order.index(row.layer))
    return _of(
        seen,
        "each layer as the output of a copy of its own, where that leaves the other codes as they are: the "
        "client puts operators together that are computed apart where all of them are outputs",
    )


def _of(rows: list[Row], how: str) -> Layers:
    return Layers(tuple(rows), next((row for row in rows if row.first is not None), None), how)
