"""Operators on whole numbers (int64) in ONNX: sizes, places, sums of whole pictures."""

import numpy as np

from hwrts.export.onnx_nodes import Writer


class WholeNumbers:
    """Appends operators on int64, numbers among their operands; each result has a name as in WHOLE_NODE."""

    def __init__(self, writer: Writer, layer: str) -> None:
        self._writer, self._layer, self._count = writer, layer, 0

    def __call__(self, op: str, *operands: str | int, **attributes: object) -> str:
        """Append one operator; returns its output."""
        self._count += 1
        inputs = [each if isinstance(each, str) else self.constant(each) for each in operands]
        return self._writer.node(op, inputs, f"{self._layer}.whole{self._count}", **attributes)

    def constant(self, *numbers: int, shape: tuple[int, ...] = ()) -> str:
        """Numbers as an initialiser."""
        name = f"{self._layer}.{'_'.join(map(str, numbers))}{'i' * len(shape)}"
        return self._writer.constant(name, np.array(numbers, np.int64).reshape(shape))
