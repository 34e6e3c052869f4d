"""What the emitters of a TensorFlow Lite file share: collecting tensors and operators, and moving codes.

Every tensor is int8 (1, H, W, C). Signed codes are stored as they are, zero point 0; unsigned ones less 128,
zero point -128, so that a byte of a picture is stored as byte - 128.
"""

from dataclasses import replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hwrts.export.tflite.flatbuffer import OperatorEntry, TensorEntry
from hwrts.export.tflite.schema import (
    MAXIMUM,
    MINIMUM,
    Kind,
    Op,
)
from hwrts.export.turned import turned
from hwrts.fixed_point import Format, HwrtsError, Network, Operator

# Letters of the shape comments: H, W rows and columns; C channels.


class Flavour(Enum):
    """Which operators of the format are used where several compute the same."""

    TFLITE = "tflite"
    """Those that processors' runtimes are quickest at."""
    ETHOS_U = "ethos-u"
    """Those that the compiler of Arm's Ethos-U puts on it: convolutions in place of rearrangements."""


def zero_point(out: Format) -> int:
    """The stored code of value 0."""
    return 0 if out.signed else -128


def stored(codes: NDArray[np.integer], out: Format) -> NDArray[np.int8]:
    """Codes of a format as the file stores them.

    >>> stored(np.array([0, 255]), Format(False, 8, 8)).tolist()
    [-128, 127]
    """
    return (codes.astype(np.int64) + zero_point(out)).astype(np.int8)


def stored_code(code: int, out: Format) -> int:
    """The same of one code."""
    return code + zero_point(out)


class Writer:
    """Collects tensors and operators; tensor T of the network is T here, T.something a step on the way.

    Args:
        network: The integer network.
        size: Height and width of its input.
        flavour: Which operators are used.

    Raises:
        HwrtsError: A tensor of more than 8 bits, which an int8 file cannot hold.
    """

    def __init__(self, network: Network, size: tuple[int, int], flavour: Flavour) -> None:
        self.network, self.size, self.flavour = network, size, flavour
        self.tensors: list[TensorEntry] = []
        self.operators: list[OperatorEntry] = []
        self.numbers: dict[str, int] = {}
        self.rewritten: list[str] = []
        self.order = turned(network)
        for name, out in network.formats.items():
            if out.bits > 8:
                raise HwrtsError(
                    f"{flavour.value}: tensor {name!r} of {out.bits} bits: an int8 file holds at most 8; "
                    "take model.int8.onnx, which is handed over without --target"
                )
        for each in network.inputs:
            self.tensor(each.name)

    def refused(self, layer: Operator, why: str) -> HwrtsError:
        """The error that this target cannot say a layer."""
        return HwrtsError(f"{self.flavour.value}: {layer.where}, {type(layer).__name__}: {why}")

    def shape(self, name: str) -> tuple[int, int, int, int]:
        """(1, H, W, C) of a tensor of the network."""
        return (1, *self.network.size_of(name, *self.size), self.network.channels[name])

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Of any tensor that the file has."""
        return self.tensors[self.numbers[name]].shape

    def tensor(self, name: str) -> str:
        """A tensor of the network."""
        return self.codes(name, self.network.formats[name], self.shape(name))

    def codes(
        self, name: str, out: Format, shape: tuple[int, ...], data: NDArray[np.int8] | None = None
    ) -> str:
        """Stored codes of a format, of any shape; with data a constant."""
        scale = float(np.ldexp(1.0, -out.frac))
        return self._known(TensorEntry(name, shape, Kind.INT8, (scale,), zero_point(out), data=data))

    def like(self, source: str, name: str, shape: tuple[int, ...]) -> str:
        """Stored codes of the format of a tensor that the file has."""
        return self._known(replace(self.tensors[self.numbers[source]], name=name, shape=shape))

    def whole(self, name: str, shape: tuple[int, ...]) -> str:
        """Plain integers, int32."""
        return self._known(TensorEntry(name, shape, Kind.INT32))

    def real(self, name: str, shape: tuple[int, ...]) -> str:
        """Numbers of which float32 holds every one, float32."""
        return self._known(TensorEntry(name, shape, Kind.FLOAT32))

    def real_constant(self, name: str, numbers: NDArray[np.floating] | float) -> str:
        """Such numbers that do not change; a single one meets a whole picture."""
        data = np.array(numbers, np.float32)
        data = data if data.ndim else data.reshape(1, 1, 1, 1)
        return self._known(TensorEntry(name, data.shape, Kind.FLOAT32, data=data))

    def constant(self, name: str, numbers: NDArray[np.integer]) -> str:
        """Plain integers that do not change, int32."""
        return self._known(TensorEntry(name, numbers.shape, Kind.INT32, data=numbers.astype(np.int32)))

    def coefficients(
        self, name: str, codes: NDArray[np.integer], frac: NDArray[np.integer], axis: int
    ) -> str:
        """Weights (int8) or biases (int32) with a grid for each channel of an axis."""
        kind = Kind.INT8 if codes.dtype == np.int8 else Kind.INT32
        scales = tuple(np.ldexp(1.0, -frac.astype(np.int64)).tolist())
        return self._known(TensorEntry(name, codes.shape, kind, scales, 0, axis, np.ascontiguousarray(codes)))

    def _known(self, entry: TensorEntry) -> str:
        """Made when first asked for; who asks again means the same."""
        number = self.numbers.setdefault(entry.name, len(self.tensors))
        if number == len(self.tensors):
            self.tensors.append(entry)
        old = self.tensors[number]
        assert replace(old, data=None) == replace(entry, data=None), f"two tensors are called {entry.name}"
        assert np.array_equal(old.data, entry.data), f"two constants are called {entry.name}"  # type: ignore[arg-type]
        return entry.name

    def node(self, op: Op, inputs: list[str], output: str, **options: int) -> str:
        """Append one operator; returns its output."""
        numbers = tuple(self.numbers[name] for name in inputs)
        self.operators.append(OperatorEntry(op, numbers, self.numbers[output], options))
        return output

    def wide(self, name: str) -> str:
        """Where to put what a layer makes: its tensor, or what is :meth:`clipped` to fewer than 8 bits."""
        if self.network.formats[name].bits == 8:
            return self.tensor(name)
        return self.codes(f"{name}.wide", self.network.formats[name], self.shape(name))

    def clipped(self, name: str) -> None:
        """What :meth:`wide` gave becomes the tensor: fewer than 8 bits end where their format ends."""
        out = self.network.formats[name]
        if out.bits < 8:
            self.limited(f"{name}.wide", self.tensor(name), out, out.min, out.max)

    def limited(self, source: str, target: str, out: Format, low: int, high: int) -> str:
        """Codes of a tensor between two codes of its format."""
        steps = [(MAXIMUM, low)] if stored_code(low, out) > -128 else []
        if stored_code(high, out) < 127 or not steps:  # where nothing is cut off it is a copy under its name
            steps.append((MINIMUM, high))
        for number, (op, code) in enumerate(steps, 1):
            limit = self.one(f"{target}.{op.name.lower()}", out, code)
            made = (
                target
                if number == len(steps)
                else self.like(source, f"{target}.above", self.shape_of(source))
            )
            source = self.node(op, [source, limit], made)
        return source

    def one(self, name: str, out: Format, code: int) -> str:
        """A single code as a constant that meets a whole picture."""
        return self.codes(name, out, (1, 1, 1, 1), np.full((1, 1, 1, 1), stored_code(code, out), np.int8))
