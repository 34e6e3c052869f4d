"""Weights and training state on disk: safetensors (no pickle), written whole or not at all."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from hwrts.atomic import write_atomic
from hwrts.errors import RunFolderError
from hwrts.fit import Training


def save_weights(path: Path, model: nn.Module, notes: dict[str, Any]) -> None:
    """Write a module's tensors with a JSON note."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomic(path, save(tensors, {"hwrts": json.dumps(notes)}))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the note of a file that :func:`save_weights` wrote.

    The file is read once: opened a second time, for its tensors, it may be one that has replaced it.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    try:
        payload = path.read_bytes()
        tensors = load(payload)  # checks the header too
        header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
        return tensors, json.loads(header["__metadata__"]["hwrts"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunFolderError(
            f"{path}: missing or damaged weights ({error}); "
            "delete its stage folder and use hwrts run --resume"
        ) from error


def save_training(path: Path, training: Training, notes: dict[str, Any]) -> None:
    """Write everything that continuing needs: weights, Adam's moments and the position, in one file."""
    tensors = {
        f"model.{name}": value.detach().cpu().contiguous()
        for name, value in training.model.state_dict().items()
    }
    for index, moments in training.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"adam.{index}.{name}"] = value.detach().cpu().contiguous()
    write_atomic(path, save(tensors, {"hwrts": json.dumps({**notes, "step": training.step})}))


def load_training(path: Path, training: Training) -> None:
    """Put a training back to the state that :func:`save_training` wrote.

    Raises:
        RunFolderError: The file is damaged or belongs to another network.
    """
    tensors, notes = load_weights(path)
    try:
        training.model.load_state_dict(
            {
                name.removeprefix("model."): value
                for name, value in tensors.items()
                if name.startswith("model.")
            }
        )
    except RuntimeError as error:
        raise RunFolderError(
            f"{path}: the state is of another network; resume with the settings it was started with"
        ) from error
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("adam."):
            _, index, part = name.split(".")
            moments.setdefault(int(index), {})[part] = value
    state = training.optimizer.state_dict()
    training.optimizer.load_state_dict({**state, "state": moments})
    training.step = int(notes["step"])


Module = TypeVar("Module", bound=nn.Module)


def preserve_layout(model: Module) -> Module:
    """Channels-last parameters: 1.2 to 1.5 times faster convolutions on CPU, equal values."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
