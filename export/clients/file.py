"""A file as its client takes it: its bytes, and how codes go in and come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.stimuli import Fed
from hwrts.fixed_point import Format, HwrtsError

# Letters of the shape comments: C channels; H, W rows and columns.


@dataclass(frozen=True)
class End:
    """How a tensor of the network stands at an end of a file.

    Attributes:
        tensor: Its name in the network.
        name: Its name in the file.
        out: Its format.
        kind: "uint8", "int8", or "float32" of code * lsb.
        zero: The number that stands for code 0, of bytes.
        channels_last: Whether it is (1, H, W, C), not (1, C, H, W).
        order: Which channel of the network stands at each place; None is its own order.
    """

    tensor: str
    name: str
    out: Format
    kind: str
    zero: int = 0
    channels_last: bool = False
    order: tuple[int, ...] | None = None

    def stored(self, codes: NDArray[np.integer]) -> NDArray[Any]:
        """What the file takes of codes (H, W, C).

        >>> End("x", "x", Format(False, 8, 8), "int8", -128).stored(np.array([[[0, 255]]])).ravel().tolist()
        [-128, 127]
        """
        x = codes if self.order is None else codes[..., list(self.order)]
        if self.kind == "float32":
            made = np.ldexp(x.astype(np.float32), -self.out.frac)
        else:
            made = (x.astype(np.int16) + self.zero).astype(self.kind)
        return made[None] if self.channels_last else made.transpose(2, 0, 1)[None]

    def codes(self, made: NDArray[Any]) -> NDArray[Any]:
        """The codes (H, W, C) of what the file gives; where one is no whole number, real numbers.

        Raises:
            HwrtsError: It is no picture.
        """
        if made.ndim != 4 or made.shape[0] != 1:
            raise HwrtsError(f"output {self.name!r}: {made.shape} is not one picture; use a file of one")
        x = made[0] if self.channels_last else made[0].transpose(1, 2, 0)  # (H, W, C)
        if self.order is not None and x.shape[2] == len(self.order):
            x = x[..., np.argsort(self.order)]
        if self.kind == "float32":
            real: NDArray[Any] = np.ldexp(x.astype(np.float64), self.out.frac)
            if not bool((np.isfinite(real) & (real == np.rint(real))).all()):
                return real
        else:
            real = x.astype(np.int32) - self.zero
        return real.astype(np.int32)


@dataclass(frozen=True)
class ClientFile:
    """A file.

    Attributes:
        model: Its bytes.
        takes: "onnx" or "tflite".
        inputs: What it is fed, in its order.
        outputs: What it is asked for: of a TensorFlow Lite file all of its outputs, in its order.
    """

    model: bytes
    takes: str
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]

    def stored(self, codes: Fed) -> dict[str, NDArray[Any]]:
        """What its inputs take, by their names, of codes (H, W, C) by the network's."""
        return {end.name: end.stored(codes[end.tensor]) for end in self.inputs}

    def codes(self, made: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The codes (H, W, C) by the network's names of what its outputs give by their own."""
        return {end.tensor: end.codes(made[end.name]) for end in self.outputs}
