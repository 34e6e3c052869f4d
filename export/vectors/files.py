"""A folder of vectors: every array as .mem, .npy and in a header of C, a manifest, and a document."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.export.c.names import identifier, identifiers
from hwrts.export.stimuli import Fed
from hwrts.export.vectors.cases import SIZES, Case, cases_of, ties_found
from hwrts.export.vectors.constants import as_format, constants_of, settings_of
from hwrts.export.vectors.document import document
from hwrts.export.vectors.header import c_array, c_header
from hwrts.export.vectors.packing import packed, word_bits, words_text
from hwrts.fixed_point import HwrtsError, Layer, Network, run_all

# Letters of the shape comments: N frames; H, W rows and columns; C channels.

SCHEMA = "hwrts.vectors"
MANIFEST, DOCUMENT = "manifest.json", "VECTORS.md"
LARGEST_BYTES = 64 << 20
"""Of all files together; pictures are as large as fit."""
ACCUMULATOR_BITS = 32
"""Of an accumulator in a word, whatever fewer its proof allows: hexadecimal digits stay apart."""
ACCUMULATORS = "acc"
"""Behind a tensor's name, of the file of its accumulators."""


def vector_files(
    network: Network, pictures: Mapping[str, Fed], largest: int = LARGEST_BYTES
) -> dict[str, bytes]:
    """The content of all files by name: mem/, npy/, c/, manifest.json and VECTORS.md.

    Args:
        network: The integer network.
        pictures: Codes of photographs by name, of each input by its name; may be empty.
        largest: Bytes that all files may have together.

    Raises:
        HwrtsError: The smallest pictures are too large for that.

    The same arguments give the same bytes.
    """
    for size in SIZES:
        made = _Folder(network)
        for layer in network.layers:
            made.add_layer(layer)
        for case in cases_of(network, pictures, size):
            made.add_case(case)
            if made.size > largest:
                break
        else:
            return made.finished()
    raise HwrtsError(
        f"vectors: need more than {largest >> 20} MiB with the smallest pictures; take the layers that you "
        "need with hwrts.export.vectors.vector_files(network.single(NAME), {})"
    )


class _Folder:
    """Files, and what the manifest says of them, while they are made."""

    def __init__(self, network: Network) -> None:
        self._network, self._ids = network, identifiers(network)
        self._files: dict[str, bytes] = {}
        self._layers: list[dict[str, Any]] = []
        self._cases: list[dict[str, Any]] = []

    @property
    def size(self) -> int:
        """Bytes of all files so far."""
        return sum(map(len, self._files.values()))

    def add_layer(self, layer: Layer) -> None:
        """Its constants, and what is to be known of it."""
        network, name = self._network, self._ids[layer.name]
        entry: dict[str, Any] = {
            "id": name,
            "name": layer.name,
            "operator": type(layer).__name__,
            "sources": [self._ids[source] for source in layer.sources],
            "rounding": network.rule_of(layer).value,
            "settings": settings_of(layer),
            "constants": {},
            "accumulator": None,
        }
        if layer.name in network.bounds:
            proved = network.bounds[layer.name]
            entry["accumulator"] = {
                "proved_bits": int(proved.bits.max()),
                "lowest": int(proved.lowest.min()),
                "highest": int(proved.highest.max()),
            }
        arrays = []
        for part, each in constants_of(network, layer).items():
            stem = f"{name}.{part}"
            entry["constants"][part] = self._array(stem, each.values, each.bits, each.signed) | {
                "axes": list(each.axes)
            }
            arrays.append(c_array(f"{name}_{part}", each.values, each.bits, each.signed))
        if arrays:
            self._files[f"c/{name}.h"] = c_header(name, arrays).encode()
        self._layers.append(entry)

    def add_case(self, case: Case) -> None:
        """Its inputs, and everything that is made of them."""
        network = self._network if case.layer is None else self._network.single(case.layer)
        kind = case.name if case.layer is None else f"{case.name} {self._ids[case.layer]}"
        name = "c" + identifier(len(self._cases), kind)[1:]
        entry: dict[str, Any] = {
            "id": name,
            "name": case.name,
            "layer": None if case.layer is None else self._ids[case.layer],
            "about": case.about,
            "frames": len(case.frames),
            "inputs": [self._ids[each.name] for each in network.inputs],
            "outputs": [self._ids[each] for each in network.outputs],
            "codes": {},
            "accumulators": {},
            "ties": None,
        }
        if case.name == "ties" and case.layer is not None:
            even, odd, channels = ties_found(self._network, case)
            entry["ties"] = {"above_even": even, "above_odd": odd, "channels_that_drop_bits": channels}
        tensors, accs = _computed(network, case.frames)
        arrays = []
        for tensor, codes in tensors.items():
            out, own = network.formats[tensor], self._ids[tensor]
            entry["codes"][own] = self._array(f"{name}.{own}", codes, out.bits, out.signed)
            arrays.append(c_array(f"{name}_{own}", codes, out.bits, out.signed))
        for tensor, acc in accs.items():
            own = self._ids[tensor]
            stem = f"{name}.{own}.{ACCUMULATORS}"
            entry["accumulators"][own] = self._array(stem, acc, ACCUMULATOR_BITS, True)
            arrays.append(c_array(f"{name}_{own}_{ACCUMULATORS}", acc, ACCUMULATOR_BITS, True))
        self._files[f"c/{name}.h"] = c_header(name, arrays).encode()
        self._cases.append(entry)

    def _array(self, stem: str, values: NDArray[np.integer], bits: int, signed: bool) -> dict[str, Any]:
        """An array in two files; what the manifest says of it."""
        width = word_bits(values.shape[-1], bits)
        self._files[f"mem/{stem}.mem"] = words_text(packed(values, bits), width).encode()
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.ascontiguousarray(_stored(values, bits, signed)), (1, 0))
        self._files[f"npy/{stem}.npy"] = stream.getvalue()
        return {"stem": stem, "shape": list(values.shape), "bits": bits, "signed": signed, "word_bits": width}

    def finished(self) -> dict[str, bytes]:
        """All files, the manifest and the document among them."""
        network = self._network
        tensors = [
            {
                "id": own,
                "name": name,
                "kind": "input" if place < len(network.inputs) else "layer",
                "channels": network.channels[name],
                "scale": str(network.scales[name]),
                **as_format(network.formats[name]),
            }
            for place, (name, own) in enumerate(self._ids.items())
        ]
        manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "schema_version": 1,
            "rounding": network.rounding.value,
            "rounding_of_additions": network.rules.additions.value,
            "packing": "one word a line and pixel; channel 0 in the low bits, two's complement of `bits` "
            "bits each; frames one after another, rows from the top, pixels from the left",
            "bytes": self.size,
            "outputs": [self._ids[name] for name in network.outputs],
            "tensors": tensors,
            "layers": self._layers,
            "cases": self._cases,
        }
        files = dict(sorted(self._files.items()))
        files[DOCUMENT] = document(manifest).encode()
        manifest["files"] = {
            name: {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
            for name, payload in files.items()
        }
        return {MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode(), **files}


def _stored(values: NDArray[np.integer], bits: int, signed: bool) -> NDArray[np.integer]:
    """In the narrowest type of NumPy that holds so many bits, little-endian."""
    size = next(each for each in (1, 2, 4) if bits <= 8 * each)
    narrow: NDArray[np.integer] = values.astype(f"<{'i' if signed else 'u'}{size}")
    return narrow


def _computed(
    network: Network, frames: Sequence[Fed]
) -> tuple[dict[str, NDArray[np.integer]], dict[str, NDArray[np.int64]]]:
    """Codes (N, H, W, C) of every tensor and accumulators of every layer that has some, by the definition."""
    codes: dict[str, list[Any]] = {name: [] for name in network.tensors}
    accs: dict[str, list[Any]] = {layer.name: [] for layer in network.requantised}
    for frame in frames:
        made = run_all(network, frame, "int64")
        for name, each in made.items():
            codes[name].append(each)
        for layer in network.requantised:
            xs = [made[source] for source in layer.sources]
            accs[layer.name].append(layer.accumulate(xs, network.formats_of(layer.sources)))
    return (
        {name: np.stack(each) for name, each in codes.items()},
        {name: np.stack(each) for name, each in accs.items()},
    )
