"""The C model as a witness: compiled, run, and every layer of it compared."""

from collections.abc import Mapping
from typing import Any, Self

from numpy.typing import NDArray

from hwrts.export.c.build import find_compiler
from hwrts.export.c.model import alone
from hwrts.export.c.traced import TracedModel
from hwrts.export.stimuli import Fed, fed
from hwrts.fixed_point import Network


class CWitness:
    """The C99 model under the compiler that is there.

    Args:
        network: The integer network.
        compiler: None is the one that is there.

    Raises:
        HwrtsError: No model says the network, or no compiler is there.
    """

    small_only = False
    name = "c"

    def __init__(self, network: Network, compiler: str | None = None) -> None:
        self._network, self._compiler = network, compiler or find_compiler()
        self._entire = TracedModel(network, self._compiler)
        self._alone: dict[str, TracedModel] = {}

    def entire(self, picture: NDArray[Any] | Fed) -> dict[str, NDArray[Any]]:
        """Every tensor that a layer makes."""
        return self._entire.tensors(fed(self._network, picture))

    def single(self, layer: str, operands: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """One layer, as a model of its own."""
        if layer not in self._alone:
            self._alone[layer] = TracedModel(alone(self._network, layer), self._compiler)
        return self._alone[layer].tensors(operands)[layer]

    def of(self, network: Network) -> Self:
        """The same of another network: one with a deliberate error."""
        return type(self)(network, self._compiler)
