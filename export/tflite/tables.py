"""Tables: a code is the place of its entry, so no runtime rounds anything."""

import numpy as np
from numpy.typing import NDArray

from hwrts.export.tflite.islands import Island, as_real
from hwrts.export.tflite.schema import CAST, GATHER, Kind
from hwrts.export.tflite.writer import Writer, stored

# Letters of the shape comments: C channels; T codes that the source can have.


def looked_up(writer: Writer, source: str, name: str, table: NDArray[np.integer]) -> None:
    """Codes through a table, by GATHER.

    Places are computed in float32 from values: a CAST of int8 itself is one of stored codes to runtimes, and
    one of codes to converters.

    Args:
        writer: Of the file.
        source: The tensor, int8.
        name: The layer that it becomes.
        table: Codes of that layer's format, (T,) or (C, T), the smallest code first.
    """
    shape, form = writer.shape(source), writer.network.formats[source]
    rows = table.reshape(-1, table.shape[-1])  # (1 or C, T)
    flat = stored(rows, writer.network.formats[name]).reshape(-1)
    entries = writer.codes(f"{name}.table", writer.network.formats[name], flat.shape, flat)
    island = Island(writer, name, shape)
    codes = island.times(as_real(writer, source), float(np.ldexp(1.0, form.frac)))
    first = (np.arange(len(rows)) * rows.shape[1] - form.min).reshape(1, 1, 1, -1)
    real = island.plus_each(codes, first.astype(np.float32))
    places = writer.node(
        CAST, [real], writer.whole(f"{name}.places", shape), source=Kind.FLOAT32, result=Kind.INT32
    )
    writer.node(GATHER, [entries, places], writer.tensor(name))
