"""A file as its client takes it: its bytes, and how codes go in and come out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.stimuli import Fed
from hwrts.fixed_point import Format, HwrtsError, Network

# Letters of the shape comments: C channels; H, W rows and columns.

_CALLED = ("{}", "{}.float", "{}.real")
"""Names of an end of the network in a file."""


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


class ReadFile(ABC):
    """A file that is said to be a network, read: what it takes and gives, and which layers it shows.

    Args:
        model: Its bytes.
        network: The integer network that it is said to be.

    Attributes:
        file: Its own inputs and outputs.
        size: Height and width of the first input, None where they are open.
        inner: The layers beside its outputs that it holds, in the network's order.

    Raises:
        HwrtsError: It is of another network.
    """

    takes: str

    def __init__(self, model: bytes, network: Network) -> None:
        self.network = network
        self._sides: dict[str, tuple[int | None, int | None]] = {}
        inputs, outputs = self._ends_of_graph()
        self.file = ClientFile(
            model,
            self.takes,
            self._matched("inputs", [each.name for each in network.inputs], inputs),
            self._matched("outputs", list(network.outputs), outputs),
        )
        self.size = self._size()
        for tensor in self._sides:
            self._check_sides(tensor)
        self.inner = self._inner()

    def _matched(self, what: str, tensors: list[str], names: list[str]) -> tuple[End, ...]:
        """Ends by their names, as hwrts calls them, among others perhaps; else in order."""
        found = {
            name: each.format(name) for name in tensors for each in _CALLED if each.format(name) in names
        }
        if len(found) < len(tensors):
            if len(names) != len(tensors):
                raise HwrtsError(
                    f"has {len(names)} {what} ({', '.join(names)!s:.80}) where the network has "
                    f"{len(tensors)} ({', '.join(tensors)!s:.80})"
                )
            found = dict(zip(tensors, names, strict=True))
        network = self.network
        return tuple(
            self._end(name, found[name], network.formats[name], network.channels[name])
            for name in sorted(found, key=lambda name: names.index(found[name]))
        )

    def _size(self) -> tuple[int, int] | None:
        height, width = self._sides[self.network.inputs[0].name]
        if height is None or width is None:
            return None
        self.network.check_size(height, width)
        return height, width

    def _check_sides(self, tensor: str) -> None:
        if self.size is None:
            return
        own, sides = self.network.size_of(tensor, *self.size), self._sides[tensor]
        if any(side not in (wanted, None) for wanted, side in zip(own, sides, strict=True)):
            raise HwrtsError(
                f"{tensor!r} is {sides[0]}x{sides[1]} where the network makes {own[0]}x{own[1]} of "
                f"{self.size[0]}x{self.size[1]}"
            )

    def _inner(self) -> tuple[End, ...]:
        ends, given = [], {end.name for end in self.file.outputs}
        for layer in self.network.layers:
            name = self._holds(layer.name)
            if name is None or name in given:
                continue
            try:
                out, channels = self.network.formats[layer.name], self.network.channels[layer.name]
                end = self._end(layer.name, name, out, channels)
                self._check_sides(layer.name)
            except HwrtsError:
                continue  # a tensor of that name that is none of ours
            ends.append(end)
        return tuple(ends)

    def shown(self, ends: Sequence[End]) -> ClientFile:
        """A copy whose outputs are its own and those of :attr:`inner`."""
        asked = (*self.file.outputs, *ends)
        return replace(self.file, model=self._with_outputs(asked), outputs=asked)

    @property
    @abstractmethod
    def target(self) -> str | None:
        """What hwrts wrote it for; None of a file that it did not write for a target."""

    @property
    @abstractmethod
    def rounds_itself(self) -> bool:
        """Whether its nodes say each rounding, so that no client brings its own."""

    @abstractmethod
    def _ends_of_graph(self) -> tuple[list[str], list[str]]:
        """Names of inputs and outputs, in order."""

    @abstractmethod
    def _end(self, tensor: str, name: str, out: Format, channels: int) -> End:
        """How a tensor of the network stands in the file; notes its sides."""

    @abstractmethod
    def _holds(self, layer: str) -> str | None:
        """What a layer's codes are called in the file; None if they are not there."""

    @abstractmethod
    def _with_outputs(self, ends: Sequence[End]) -> bytes:
        """The file with those outputs."""
