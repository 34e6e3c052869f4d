"""The pictures that a run is verified on: crops of photographs, or what is made of them for other inputs.

Each array is (H, W, C): pixels, or of another input its codes as the ONNX file stores them, uint8 or, of more
bits, uint16. Of several inputs each has its own, under the picture's name with the input's in brackets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.data.luma import OWN, Luma
from hwrts.data.tiles import Sizes
from hwrts.errors import RunFolderError
from hwrts.export.stimuli import Fed
from hwrts.export.witness import from_stored, stored_type
from hwrts.files.atomic import atomic_file
from hwrts.files.read import read_bytes
from hwrts.fixed_point import PIXEL, PLAIN, REGISTER, STRONGEST, Input, Network, has_register
from hwrts.fixed_point.stored import unpack_npz
from hwrts.runs.folder import RunFolder
from hwrts.runs.session import VERIFY_CROP, VERIFY_PHOTOGRAPHS

_HEADERS = 1 << 20
"""Bytes that an archive may have beside its pictures, and a little more."""

STRENGTHS = (PLAIN, 0, STRONGEST, 1, PLAIN + 1)
"""Sixteenths that a register is given: as trained, both ends, and two where products are rounded."""

_RGB = Input("picture", 3, PIXEL)


def save_fed(run: RunFolder, pictures: Mapping[str, Mapping[str, NDArray[np.uint8]]]) -> None:
    """Write what each input is fed, stored codes (H, W, C), by the picture's name and the input's."""
    arrays: dict[str, Any] = {}
    for name, fed in pictures.items():
        for source, stored in fed.items():
            arrays[name if len(fed) == 1 else f"{name} [{source}]"] = stored
    with atomic_file(run.inputs) as file:
        np.savez(file, **arrays)


def load_fed(run: RunFolder, network: Network) -> dict[str, Fed]:
    """The codes that each input is fed, by picture; a run's photographs are RGB, and Y' is made of them.

    A register of a strength gets each of :data:`STRENGTHS`, with one picture after the other.

    Raises:
        RunFolderError: The file is missing or damaged, or is of another network.
    """
    if not has_register(network):
        return _fed(run, network, network.inputs)
    pictures = list(_fed(run, network, network.inputs[:-1]).items())
    fed: dict[str, Fed] = {}
    for i in range(max(len(pictures), len(STRENGTHS))):
        (name, codes), strength = pictures[i % len(pictures)], STRENGTHS[i % len(STRENGTHS)]
        fed[f"{name}, strength {strength}/16"] = {**codes, REGISTER: np.full((1, 1, 1), strength, np.uint8)}
    return fed


def _fed(run: RunFolder, network: Network, inputs: Sequence[Input]) -> dict[str, Fed]:
    """The codes of inputs that have pictures."""
    stored = load_verify_inputs(run, inputs)
    if len(inputs) == 1:
        (only,) = inputs
        sizes, luma = Sizes(network.multiple, network.smallest), run.luma or OWN
        return {
            name: {only.name: _codes(sizes.padded(picture), only, luma)} for name, picture in stored.items()
        }
    first = f" [{inputs[0].name}]"
    fed: dict[str, Fed] = {}
    for name in (key.removesuffix(first) for key in stored if key.endswith(first)):
        keys = {each.name: f"{name} [{each.name}]" for each in inputs}
        missing = [key for key in keys.values() if key not in stored]
        if missing:
            raise RunFolderError(f"{run.inputs}: has no {missing[0]!r:.60}; quantize the module again")
        fed[name] = {each.name: _codes(stored[keys[each.name]], each, OWN) for each in inputs}
    if not fed:
        raise RunFolderError(f"{run.inputs}: is of another network; quantize the module again")
    return fed


def _codes(stored: NDArray[Any], tensor: Input, luma: Luma) -> NDArray[Any]:
    if tensor.channels == 1 and stored.shape[2] == _RGB.channels:
        stored = luma.of(stored, max(8, tensor.out.bits))
    return from_stored(stored.transpose(2, 0, 1)[None], tensor.out)


def load_verify_inputs(run: RunFolder, inputs: Sequence[Input] = (_RGB,)) -> dict[str, NDArray[Any]]:
    """The photographs' crops that verification runs on, by name, (H, W, 3), or those of other inputs.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    remedy = "it is made by hwrts run, of photographs"
    channels = sorted({each.channels for each in inputs} | ({3} if len(inputs) == 1 else set()))
    enlarged = max(each.grow for each in inputs)  # a second input may be larger than the first
    rows, columns = (side * enlarged for side in VERIFY_CROP)
    largest = rows * columns
    kinds = {stored_type(each.out) for each in inputs}
    bytes_ = max(kind.itemsize for kind in kinds)
    limit = _HEADERS + 2 * VERIFY_PHOTOGRAPHS * largest * sum(each.channels for each in inputs) * bytes_
    try:
        pictures = unpack_npz(read_bytes(run.inputs, limit, remedy))
    except ValueError as error:
        raise RunFolderError(f"{run.inputs}: missing or damaged ({error}); {remedy}") from error
    for name, picture in pictures.items():
        fits = picture.ndim == 3 and picture.shape[2] in channels
        if picture.dtype not in kinds or not fits or not 0 < picture.size <= picture.shape[2] * largest:
            shape = f"(H, W, {' or '.join(map(str, channels))})"
            raise RunFolderError(
                f"{run.inputs}: damaged, {name!r:.40} is {picture.dtype} {picture.shape}; pictures are "
                f"{' or '.join(sorted(map(str, kinds)))} {shape} of at most {rows}x{columns}; {remedy}"
            )
    if not 0 < len(pictures) <= VERIFY_PHOTOGRAPHS * len(inputs):
        raise RunFolderError(
            f"{run.inputs}: damaged, {len(pictures)} pictures where 1..{VERIFY_PHOTOGRAPHS} belong; {remedy}"
        )
    return pictures
