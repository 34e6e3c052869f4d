"""A TensorFlow Lite file from lists of tensors and operators, by the flatbuffers package alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from hwrts.export.tflite.schema import IDENTIFIER, VERSION, Kind, Op

_ALIGNMENT = 16
"""Of the data of constants: the schema asks for it, since runtimes read them where they lie."""


@dataclass(frozen=True)
class TensorEntry:
    """A tensor of the file.

    Attributes:
        name: Its name.
        shape: Its shape, fixed; pictures are (1, H, W, C).
        kind: Of its elements.
        scales: What one step of its codes is worth, one number or one for each channel; of plain
            integers none.
        zero: The code of value 0.
        axis: Where the channels are that have scales of their own.
        data: Its numbers, of a constant.
    """

    name: str
    shape: tuple[int, ...]
    kind: Kind
    scales: tuple[float, ...] = ()
    zero: int = 0
    axis: int = 0
    data: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class OperatorEntry:
    """An operator of the file: which one, and the numbers of the tensors that it reads and makes."""

    op: Op
    inputs: tuple[int, ...]
    output: int
    options: Mapping[str, int] = field(default_factory=dict)


def to_bytes(
    tensors: Sequence[TensorEntry],
    operators: Sequence[OperatorEntry],
    inputs: Sequence[int],
    outputs: Sequence[int],
    description: str,
) -> bytes:
    """The file. Equal arguments give equal bytes.

    Args:
        tensors: All of them.
        operators: In the order of computation.
        inputs: Numbers of the tensors that are fed.
        outputs: Numbers of those that are given out.
        description: Of the model.
    """
    builder = flatbuffers.Builder(1 << 16)
    used = list({entry.op.name: entry.op for entry in operators}.values())
    constants = [entry for entry in tensors if entry.data is not None]
    buffers = [_table(builder, [])]  # the format wants a first one that is empty
    buffers += [_table(builder, [(0, "offset", _data(builder, entry.data))]) for entry in constants]
    place = {entry.name: number for number, entry in enumerate(constants, 1)}
    made = [_tensor(builder, entry, place.get(entry.name, 0)) for entry in tensors]
    steps = [_operator(builder, entry, used.index(entry.op)) for entry in operators]
    parts = [
        _offsets(builder, made),
        builder.CreateNumpyVector(np.array(inputs, np.int32)),
        builder.CreateNumpyVector(np.array(outputs, np.int32)),
        _offsets(builder, steps),
    ]
    graph = _table(builder, [(number, "offset", part) for number, part in enumerate(parts)])
    codes = [_code(builder, op) for op in used]
    parts = [
        _offsets(builder, codes),
        _offsets(builder, [graph]),
        builder.CreateString(description),
        _offsets(builder, buffers),
    ]
    places = [(number, "offset", part) for number, part in enumerate(parts, 1)]
    model = _table(builder, [(0, "uint32", VERSION), *places])
    builder.Finish(model, file_identifier=IDENTIFIER)
    return bytes(builder.Output())


_WRITTEN = {
    "offset": "PrependUOffsetTRelativeSlot",
    "bool": "PrependBoolSlot",
    "int8": "PrependInt8Slot",
    "uint8": "PrependUint8Slot",
    "int32": "PrependInt32Slot",
    "uint32": "PrependUint32Slot",
}


def _table(builder: Any, fields: Sequence[tuple[int, str, int]], ones: Collection[int] = ()) -> int:
    """A table of (place, type, value); what equals its default, 0 or at some places 1, is left out."""
    builder.StartObject(1 + max((place for place, _, _ in fields), default=0))
    for place, kind, value in fields:
        getattr(builder, _WRITTEN[kind])(place, value, 1 if place in ones else 0)
    return int(builder.EndObject())


def _offsets(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _data(builder: Any, array: NDArray[np.generic] | None) -> int:
    """Bytes of a constant, little-endian."""
    assert array is not None
    raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
    builder.StartVector(1, len(raw), _ALIGNMENT)
    builder.head -= len(raw)
    builder.Bytes[builder.Head() : builder.Head() + len(raw)] = raw
    return int(builder.EndVector())


def _tensor(builder: Any, entry: TensorEntry, buffer: int) -> int:
    fields = [
        (0, "offset", builder.CreateNumpyVector(np.array(entry.shape, np.int32))),
        (1, "int8", entry.kind.value),
        (2, "uint32", buffer),
        (3, "offset", builder.CreateString(entry.name)),
    ]
    if entry.scales:
        scales = builder.CreateNumpyVector(np.array(entry.scales, np.float32))
        zeros = builder.CreateNumpyVector(np.full(len(entry.scales), entry.zero, np.int64))
        steps = _table(builder, [(2, "offset", scales), (3, "offset", zeros), (6, "int32", entry.axis)])
        fields.append((4, "offset", steps))
    return _table(builder, fields)


def _operator(builder: Any, entry: OperatorEntry, code: int) -> int:
    """An operator with its options."""
    places = entry.op.fields
    unknown = set(entry.options) - set(places)
    assert not unknown, f"{entry.op.name} has no options {unknown}"
    options = [(*places[name], value) for name, value in entry.options.items()]
    fields = [
        (0, "uint32", code),
        (1, "offset", builder.CreateNumpyVector(np.array(entry.inputs, np.int32))),
        (2, "offset", builder.CreateNumpyVector(np.array([entry.output], np.int32))),
    ]
    if entry.op.options:
        fields.append((3, "uint8", entry.op.options))
        ones = {places[name][0] for name in entry.op.ones}
        fields.append((4, "offset", _table(builder, options, ones)))
    return _table(builder, fields)


def _code(builder: Any, op: Op) -> int:
    """The number of an operator twice: runtimes before 2020 read the first, of one byte."""
    return _table(builder, [(0, "int8", op.code), (2, "int32", op.version), (3, "int32", op.code)], {2})
