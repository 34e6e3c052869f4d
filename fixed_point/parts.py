"""Whole pictures at the speed of a line buffer: each core streams a part of the rows."""

from collections.abc import Mapping

import numpy as np

from .codes import Codes
from .fast import in_parts
from .network import Network
from .stream import stream_all


def run_rows(network: Network, codes: Mapping[str, Codes]) -> dict[str, Codes]:
    """The codes (H', W', C') of every output for whole pictures, on the fast path, all cores at work.

    Each core streams a part of the rows through all layers, with the margin that its first and last rows
    depend on; what a part needs in between stays in that core's caches.
    """
    height, width, _ = codes[network.inputs[0].name].shape
    whole = {each.name for each in network.inputs if each.whole}
    unit = network.multiple
    margin = -(-network.halo // unit) * unit
    out = {
        name: np.empty(
            (*network.size_of(name, height, width), network.channels[name]), network.formats[name].dtype
        )
        for name in network.outputs
    }

    def compute(top: int, bottom: int) -> None:
        first, last = max(0, top - margin), min(height, bottom + margin)
        part = ({name: x[0 if name in whole else y] for name, x in codes.items()} for y in range(first, last))
        place = {name: int(first * network.scales[name]) for name in out}
        for tick in stream_all(network, part):
            for name, rows in tick.items():
                scale = network.scales[name]
                end = bottom * scale if bottom < height else len(out[name])
                for y, row in enumerate(rows, place[name]):
                    if top * scale <= y < end:
                        out[name][y] = row
                place[name] += len(rows)

    in_parts(height, compute, unit, network.smallest[0])
    return out
