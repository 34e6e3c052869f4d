"""A TensorFlow Lite file read back: tables by the places of their fields, with no schema package."""

from dataclasses import dataclass

import numpy as np
from flatbuffers import number_types as kinds

from hwrts.export.clients.tflite_file import Reader

DTYPES = {0: np.float32, 2: np.int32, 9: np.int8}


@dataclass
class ReadTensor:
    name: str
    shape: tuple[int, ...]
    dtype: type
    scales: np.ndarray
    zeros: np.ndarray
    axis: int
    data: np.ndarray | None


@dataclass
class ReadOperator:
    code: int
    version: int
    inputs: list[int]
    outputs: list[int]
    options: int
    table: "Reader | None"


def _aligned(buffer, slot):
    return buffer.table.Vector(buffer.place(slot)) % 16 == 0


class ReadFile:
    """Tensors and operators of a file, and numbers of those that are fed and given out."""

    def __init__(self, model: bytes):
        assert model[4:8] == b"TFL3"
        root = Reader(bytearray(model), int.from_bytes(model[:4], "little"))
        assert root.number(0, kinds.Uint32Flags) == 3
        codes = [(each.number(3), each.number(2, default=1)) for each in root.children(1)]
        assert all(each.number(0, kinds.Int8Flags) == each.number(3) for each in root.children(1))
        (graph,) = root.children(2)
        buffers = root.children(4)
        assert not buffers[0].place(0)
        assert all(_aligned(buffer, 0) for buffer in buffers[1:])
        self.tensors = [self._tensor(each, buffers) for each in graph.children(0)]
        self.inputs, self.outputs = graph.array(1, np.int32).tolist(), graph.array(2, np.int32).tolist()
        self.operators = [self._operator(each, codes) for each in graph.children(3)]

    @staticmethod
    def _operator(read, codes):
        code, version = codes[read.number(0, kinds.Uint32Flags)]
        inputs, outputs = (read.array(slot, np.int32).tolist() for slot in (1, 2))
        options = read.number(3, kinds.Uint8Flags)
        return ReadOperator(code, version, inputs, outputs, options, read.child(4))

    @staticmethod
    def _tensor(read, buffers):
        shape = tuple(read.array(0, np.int32).tolist())
        dtype = DTYPES[read.number(1, kinds.Int8Flags)]
        number, steps = read.number(2, kinds.Uint32Flags), read.child(4)
        data = buffers[number].array(0, np.uint8).view(dtype).reshape(shape) if number else None
        scales = steps.array(2, np.float32) if steps else np.zeros(0, np.float32)
        zeros = steps.array(3, np.int64) if steps else np.zeros(0, np.int64)
        axis = steps.number(6) if steps else 0
        return ReadTensor(read.text(3), shape, dtype, scales, zeros, axis, data)

    def named(self, name):
        (found,) = [each for each in self.tensors if each.name == name]
        return found

    def making(self, name):
        number = self.tensors.index(self.named(name))
        (found,) = [each for each in self.operators if each.outputs == [number]]
        return found

    @property
    def codes(self):
        return [each.code for each in self.operators]
