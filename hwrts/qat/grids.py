"""By what a fine-tuning in progress is known again: the grids that it began with.

Weights that are trained for one grid are wrong on another, and nothing else tells: shapes are the same.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Self

from hwrts.graph.carried import is_apart
from hwrts.graph.equalise import takes_factors
from hwrts.qat.network import QuantNetwork


@dataclass(frozen=True)
class Grids:
    """Those of a network at the start of its fine-tuning.

    Attributes:
        sha256: Of each tensor's format, and of the power of two of each kernel's largest weight, which has
            the factors of its channel in it.
        since_ever: Whether checkpoints in which they are not noted have the same: factors of channels came
            before the note, and taps of 1 were in their kernels.
    """

    sha256: str
    since_ever: bool

    @classmethod
    def of(cls, quantised: QuantNetwork) -> Self:
        """The grids of a network that is calibrated and not yet trained."""
        formats = {name: asdict(out) for name, out in quantised.formats.items()}
        sizes = {
            node.name: quantised.part(node).weight.detach().flatten(1).abs().amax(1).frexp().exponent.tolist()
            for node in quantised.graph.operations
            if node.name in quantised.widths
        }
        text = json.dumps([formats, sizes], sort_keys=True)
        graph = quantised.graph
        since_ever = not takes_factors(graph) and not is_apart(graph)
        return cls(hashlib.sha256(text.encode()).hexdigest(), since_ever)

    def are_of(self, noted: str | None) -> bool:
        """Whether a checkpoint is of a training on these; of None nothing was noted."""
        return self.since_ever if noted is None else noted == self.sha256
