"""Weights and training state on disk: safetensors (no pickle), written whole or not at all.

The note of a file begins with the SHA-256 of the file as it is with zeros in its place: a changed byte is
found before other weights are trained on. Files from before that have none.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from hwrts.errors import RunFolderError
from hwrts.files.atomic import write_atomic
from hwrts.files.read import Document, Text, check_document
from hwrts.fixed_point.stored import parse_json, read_file
from hwrts.training.fit import Training

AGAIN = "delete its stage folder and use hwrts run --resume"
_SETTINGS = "resume with the settings it was started with"
_DELETE_STATE = "delete it and use hwrts run --resume"
_NO_SHA256 = "0" * 64


def save_weights(path: Path, model: nn.Module, notes: dict[str, Any]) -> None:
    """Write a module's tensors with a JSON note; what get_extra_state adds that is no tensor is left out."""
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)  # two layers may share one
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor)
    }
    _write(path, tensors, notes)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the note of a file that :func:`save_weights` wrote.

    The file is read once: opened a second time, for its tensors, it may be one that has replaced it.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    try:
        return _unpack(read_file(path))
    except OSError as error:
        raise RunFolderError(f"{path}: missing or damaged weights ({error.strerror}); {AGAIN}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunFolderError(f"{path}: missing or damaged weights ({error}); {AGAIN}") from error


def fit_weights(path: Path, module: nn.Module) -> dict[str, Any]:
    """Put the tensors of a file that :func:`save_weights` wrote into a module; returns the note.

    Raises:
        RunFolderError: The file is missing, damaged, or of another network.
    """
    tensors, notes = load_weights(path)
    put_weights(path, module, tensors)
    return notes


def put_weights(path: Path, module: nn.Module, tensors: dict[str, Tensor], remedy: str = AGAIN) -> None:
    """Load tensors that are exactly those of a module, by name, shape and type.

    Raises:
        RunFolderError: They are of another network.
    """
    wanted = module.state_dict()
    wrong = sorted(set(wanted) ^ set(tensors)) or [
        name
        for name, value in tensors.items()
        if (value.shape, value.dtype) != (wanted[name].shape, wanted[name].dtype)
    ]
    if wrong:
        raise RunFolderError(f"{path}: is of another network ({wrong[0]:.80}); {remedy}")
    module.load_state_dict(tensors)


def save_training(path: Path, training: Training, notes: dict[str, Any]) -> None:
    """Write everything that continuing needs: weights, Adam's moments and the position, in one file."""
    tensors = {
        f"model.{name}": value.detach().cpu().contiguous()
        for name, value in training.model.state_dict().items()
    }
    for index, moments in training.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"adam.{index}.{name}"] = value.detach().cpu().contiguous()
    _write(path, tensors, {**notes, "step": training.step})


class StateNote(Document):
    """The note of a training in progress."""

    stage: Text | None = None
    phase: Text | None = None
    grids: Text | None = None
    """Of a fine-tuning: what it began with (:class:`hwrts.qat.grids.Grids`)."""
    shares: tuple[float, ...] | list[float] = ()
    """Of a float training: what its parameters are given of the rate (:attr:`Training.shares`)."""
    step: Annotated[int, Field(ge=0, lt=2**53)]
    losses: tuple[float, ...] | list[float] = ()
    """Of the steps since the last line of metrics.jsonl, which is a mean of them."""


def load_state_note(path: Path) -> dict[str, Any]:
    """Which training a file of :func:`save_training` is of.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    return check_document(load_weights(path)[1], StateNote, str(path), _DELETE_STATE)


def load_training(path: Path, training: Training) -> None:
    """Put a training back to the state that :func:`save_training` wrote.

    Raises:
        RunFolderError: The file is damaged or belongs to another network.
    """
    tensors, notes = load_weights(path)
    check_document(notes, StateNote, str(path), _DELETE_STATE)
    parts: dict[bool, dict[str, Tensor]] = {True: {}, False: {}}
    for name, value in tensors.items():
        parts[name.startswith("model.")][name] = value
    weights = {name.removeprefix("model."): value for name, value in parts[True].items()}
    moments = parts[False]
    state: dict[int, dict[str, Tensor]] = {}
    for index, parameter in enumerate(training.model.parameters()):
        wanted = {"step": torch.Size(()), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        own = {part: moments.pop(f"adam.{index}.{part}", None) for part in wanted}
        found = {part: value for part, value in own.items() if value is not None}
        if found:  # a parameter that is not trained has none
            state[index] = found
        shapes = {part: value.shape for part, value in found.items() if value.dtype == torch.float32}
        if found and shapes != wanted:
            moments[f"adam.{index}"] = parameter
    if moments:
        raise RunFolderError(f"{path}: is of another network ({min(moments):.80}); {_SETTINGS}")
    put_weights(path, training.model, weights, _SETTINGS)
    before = training.optimizer.state_dict()
    training.optimizer.load_state_dict({**before, "state": state})
    training.step = int(notes["step"])


def _write(path: Path, tensors: dict[str, Tensor], notes: dict[str, Any]) -> None:
    payload = save(tensors, {"hwrts": json.dumps({"sha256": _NO_SHA256, **notes})})
    place = payload.index(_NO_SHA256.encode())  # the note comes first in the file
    digest = hashlib.sha256(payload).hexdigest().encode()
    write_atomic(path, payload[:place] + digest + payload[place + len(digest) :])


def _unpack(payload: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors = load(payload)  # first, for it checks the header
    size = int.from_bytes(payload[:8], "little")
    header = parse_json(payload[8 : 8 + size])
    notes = parse_json(header["__metadata__"]["hwrts"].encode())
    if not isinstance(notes, dict):
        raise ValueError("its note is no object")
    recorded = notes.pop("sha256", None)
    if recorded is None:
        return tensors, notes
    place = payload.find(str(recorded).encode(), 8, 8 + size)
    digest = hashlib.sha256(payload[: max(0, place)])
    digest.update(_NO_SHA256.encode())
    digest.update(memoryview(payload)[place + len(_NO_SHA256) :])
    if digest.hexdigest() != recorded:
        raise ValueError("its bytes do not match its checksum")
    return tensors, notes


Module = TypeVar("Module", bound=nn.Module)


def preserve_layout(model: Module) -> Module:
    """Channels-last parameters: 1.2 to 1.5 times faster convolutions on CPU, equal values."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
