"""A TensorFlow Lite file that is said to be a network, read: by the flatbuffers package alone."""

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table
from numpy.typing import NDArray

from hwrts.export.clients.file import End, ReadFile
from hwrts.export.turned import turned
from hwrts.fixed_point import Format, HwrtsError, Network

IDENTIFIER = b"TFL3"
_KINDS = {0: "float32", 2: "int32", 3: "uint8", 9: "int8"}


class Reader:
    """A table at a place of a buffer: its fields are known by their places.

    Raises:
        ValueError, IndexError or struct.error: The buffer is no such file.
    """

    def __init__(self, buffer: bytearray, at: int) -> None:
        self.table = Table(buffer, at)

    def place(self, slot: int) -> int:
        """Where a field stands; 0 for one that is left out."""
        return int(self.table.Offset(4 + 2 * slot))

    def number(self, slot: int, kind: Any = number_types.Int32Flags, default: int = 0) -> int:
        """A field that is a number."""
        place = self.place(slot)
        return int(self.table.Get(kind, place + self.table.Pos)) if place else default

    def child(self, slot: int) -> "Reader | None":
        """A field that is a table."""
        place = self.place(slot)
        return Reader(self.table.Bytes, self.table.Indirect(place + self.table.Pos)) if place else None

    def children(self, slot: int) -> list["Reader"]:
        """A field that is a vector of tables."""
        place = self.place(slot)
        if not place:
            return []
        start, count = self.table.Vector(place), self.table.VectorLen(place)
        if count > len(self.table.Bytes):
            raise ValueError("a vector longer than the file")
        return [Reader(self.table.Bytes, self.table.Indirect(start + 4 * i)) for i in range(count)]

    def array(self, slot: int, dtype: type[np.generic]) -> NDArray[Any]:
        """A field that is a vector of numbers."""
        place = self.place(slot)
        if not place:
            return np.zeros(0, dtype)
        return np.frombuffer(self.table.Bytes, dtype, self.table.VectorLen(place), self.table.Vector(place))

    def text(self, slot: int) -> str:
        """A field that is a text."""
        place = self.place(slot)
        return self.table.String(place + self.table.Pos).decode() if place else ""


class TfliteFile(ReadFile):
    """A TensorFlow Lite file.

    Args:
        model: Its bytes.
        network: The integer network that it is said to be.

    Raises:
        HwrtsError: It cannot be read, or is of another network.
    """

    takes = "tflite"

    def __init__(self, model: bytes, network: Network) -> None:
        try:
            root = Reader(bytearray(model), int.from_bytes(model[:4], "little"))
            self._description = root.text(3)
            (self._graph,) = root.children(2)
            tensors = self._graph.children(0)
            self._names = [each.text(3) for each in tensors]
            self._tensors = dict(zip(self._names, tensors, strict=True))
            inputs, outputs = (self._graph.array(slot, np.int32).tolist() for slot in (1, 2))
            self._inputs = [self._names[number] for number in inputs]
            self._outputs = [self._names[number] for number in outputs]
            super().__init__(model, network)
        except (ValueError, IndexError, struct.error, TypeError) as error:
            raise HwrtsError(f"is no TensorFlow Lite file of one graph, or cut short ({error})") from error
        if len(self.file.outputs) < len(self._outputs):  # they are told apart by their places alone
            self.file = replace(self.file, model=self._with_outputs(self.file.outputs))

    @property
    def target(self) -> str | None:
        """What hwrts wrote it for; None of a file that it did not write."""
        own, _, target = self._description.partition(" ")
        return target if own == "hwrts" else None

    @property
    def rounds_itself(self) -> bool:
        """No file of this format does."""
        return False

    def _ends_of_graph(self) -> tuple[list[str], list[str]]:
        return self._inputs, self._outputs

    def _end(self, tensor: str, name: str, out: Format, channels: int) -> End:
        read = self._tensors[name]
        sides, number = read.array(0, np.int32).tolist(), read.number(1, number_types.Int8Flags)
        steps = read.child(4)
        scales = steps.array(2, np.float32).tolist() if steps else []
        zeros = steps.array(3, np.int64).tolist() if steps else []
        kind = _KINDS.get(number, f"of type {number}")
        if kind not in ("int8", "uint8") or len(sides) != 4 or sides[0] != 1 or len(scales) != 1:
            shape = f"{tuple(sides)!s:.60}"  # a damaged one may have a thousand sides
            raise HwrtsError(f"{name!r} is {kind} {shape}, where one picture of int8 or uint8 belongs")
        if sides[3] != channels:
            raise HwrtsError(
                f"{name!r} has {sides[3]} channels where {tensor!r} of the network has {channels}"
            )
        if scales[0] != np.ldexp(1.0, -out.frac):
            raise HwrtsError(
                f"{name!r} has scale {scales[0]:g} where {tensor!r} of the network has 2^{-out.frac}"
            )
        self._sides[tensor] = (sides[1], sides[2])
        order = turned(self.network).get(tensor) if self.target else None
        places = None if order is None else tuple(order.tolist())
        return End(tensor, name, out, kind, zeros[0] if zeros else 0, True, places)

    def _holds(self, layer: str) -> str | None:
        return layer if layer in self._tensors else None

    def _with_outputs(self, ends: Sequence[End]) -> bytes:
        """The file with another list of outputs behind it, and the graph's field pointing there."""
        copy = bytearray(self.file.model)
        copy += bytes(-len(copy) % 4)
        where = self._graph.table.Pos + self._graph.place(2)
        copy[where : where + 4] = (len(copy) - where).to_bytes(4, "little")
        copy += np.array([len(ends), *(self._names.index(end.name) for end in ends)], "<i4").tobytes()
        return bytes(copy)
