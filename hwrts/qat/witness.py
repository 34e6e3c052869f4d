"""The fake-quantised torch module as a witness: what training saw, in the comparison's terms."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwrts.export.stimuli import Fed, fed
from hwrts.fixed_point import Network
from hwrts.qat.network import QuantNetwork


def exact_dtype(network: Network) -> torch.dtype:
    """float32 where every accumulator of the network is proved exact in it (eq. 10), else float64."""
    exact = all(bounds.exact_in_float32 for bounds in network.bounds.values())
    return torch.float32 if exact else torch.float64


class TorchWitness:
    """Runs a :class:`QuantNetwork` on codes and returns value * 2**frac, which must be the integer code.

    float32 where every accumulator is proved exact in it, else float64 (docs/arithmetic.md, eq. 10). On the
    CPU: TF32 and reduced precision of other devices void the proof.
    """

    small_only = False

    def __init__(self, quantised: QuantNetwork, network: Network) -> None:
        self._dtype = exact_dtype(network)
        self.name = f"torch fake-quantised {str(self._dtype).removeprefix('torch.')}"
        self._module = quantised.cpu().to(self._dtype).eval()
        self._network = network

    @torch.inference_mode()
    def entire(self, picture: NDArray[Any] | Fed) -> dict[str, NDArray[Any]]:
        """Every tensor as float codes: a value off the grid stays visible."""
        codes = fed(self._network, picture)
        x = {each.name: self._value(codes[each.name], each.name) for each in self._network.inputs}
        values = self._module.values(x)
        return {name: self._codes(value, name) for name, value in values.items()}

    @torch.inference_mode()
    def single(self, layer: str, operands: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """One layer fed with given codes."""
        values = {name: self._value(codes, name) for name, codes in operands.items()}
        return self._codes(self._module.single(layer, values), layer)

    def _value(self, codes: NDArray[Any], name: str) -> Tensor:
        scale = 2.0 ** -self._network.formats[name].frac
        x = torch.from_numpy(codes.astype(np.float64)).permute(2, 0, 1)[None]  # (1, C, H, W)
        return x.to(self._dtype) * scale

    def _codes(self, value: Tensor, name: str) -> NDArray[Any]:
        codes: NDArray[Any] = (value * 2.0 ** self._network.formats[name].frac)[0].permute(1, 2, 0).numpy()
        return codes  # (H, W, C)
