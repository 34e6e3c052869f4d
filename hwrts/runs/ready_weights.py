"""Weights as people keep them: safetensors, or a file of ``torch.save`` with a state dict somewhere in it."""

import io
import pickle
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from hwrts.errors import ConfigError
from hwrts.fixed_point.stored import read_file

_TORCH = (b"PK\x03\x04", b"\x80")
"""How files of torch.save begin, of today and from before 1.6."""

_DEEPEST = 3
"""Tables around a state dict that are looked into: {"gen": {"params_ema": {...}}} has two."""

Weights = dict[str, Tensor]


def put_weights(module: nn.Module, path: Path) -> str:
    """Load a file of weights into a module, whose names and shapes must fit.

    A state dict may lie in tables of a checkpoint, such as "params_ema", and its names may have something in
    front that all of them share, such as "module.". If several fit, averaged ones ("ema") are taken before
    others, and then the first. Files of torch.save are read without executing anything they hold.

    Returns:
        What was taken of the file, in words; empty if it is all of it.

    Raises:
        ConfigError: The file cannot be read, or nothing in it fits.
    """
    document = _read(path)
    wanted = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    found = [(place, *_without_prefix(tensors, wanted)) for place, tensors in _state_dicts(document)]
    if not found:
        raise ConfigError(f"{path}: no state dict is in it; save module.state_dict()")
    fitting = [each for each in found if not _problems(each[2], wanted)]
    if not fitting:
        _refuse(path, found, wanted)
    place, prefix, tensors = min(
        fitting, key=lambda each: "ema" not in each[0].lower()
    )  # the first of equals
    module.load_state_dict(tensors, strict=False)  # without what get_extra_state adds that is no tensor
    parts = [f"its {place!r}"] if place else []
    parts += [f"names without {prefix!r}"] if prefix else []
    others = [each[0] for each in fitting if each[0] != place]
    return ", ".join(parts) + (f" (not {', '.join(map(repr, others))})" if others else "")


def _read(path: Path) -> Any:
    try:
        content = read_file(path)  # safetensors' own reader waits for a pipe, whatever signal comes
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); give a file of safetensors or of torch.save"
        ) from error
    # The length that safetensors begins with may look like a pickle; behind it there is JSON.
    if not content.startswith(_TORCH) or content[8:9] == b"{":
        try:
            return load(content)
        except SafetensorError as error:
            raise ConfigError(
                f"{path}: cannot be read as safetensors ({error}); write it with "
                "safetensors.torch.save_file(module.state_dict(), ...), or torch.save"
            ) from error
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"{path}: holds objects that only their own code could read; save module.state_dict() alone"
        ) from error
    except Exception as error:  # whatever a damaged archive raises
        what = str(error).partition("\n")[0]
        raise ConfigError(
            f"{path}: cannot be read as a file of torch.save ({what:.120}); save module.state_dict() alone"
        ) from error


def _state_dicts(document: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, Weights]]:
    """Every table of tensors, with the keys that lead to it."""
    if not isinstance(document, dict) or depth > _DEEPEST:
        return
    tensors = {
        name: value for name, value in document.items() if isinstance(name, str) and isinstance(value, Tensor)
    }
    if tensors:
        yield place, tensors
    for name, value in document.items():
        yield from _state_dicts(value, f"{place}.{name}".lstrip("."), depth + 1)


def _without_prefix(tensors: Weights, wanted: Collection[str]) -> tuple[str, Weights]:
    """What stands in front of all names, and the tensors without it; as they are if that does not fit."""
    bare = {name.replace("_orig_mod.", ""): value for name, value in tensors.items()}  # of torch.compile
    prefix = ""
    while bare.keys() != set(wanted):
        heads = {name.partition(".")[0] for name in bare}
        if len(heads) != 1 or not all("." in name for name in bare):
            return "", tensors
        (head,) = heads
        prefix += f"{head}."
        bare = {name.removeprefix(f"{head}."): value for name, value in bare.items()}
    return prefix, bare


def _problems(tensors: Weights, wanted: Weights) -> list[str]:
    """What keeps tensors from being the weights of a module."""
    both = [name for name in wanted if name in tensors]
    return [
        *(f"{name} is missing" for name in wanted if name not in tensors),
        *(f"{name} is in no layer" for name in tensors if name not in wanted),
        *(
            f"{name} is {list(tensors[name].shape)}, the module has {list(wanted[name].shape)}"
            for name in both
            if tensors[name].shape != wanted[name].shape
        ),
        *(
            f"{name} holds {tensors[name].dtype}, the module has {wanted[name].dtype}"
            for name in both
            if tensors[name].is_floating_point() != wanted[name].is_floating_point()
        ),
    ]


def _refuse(path: Path, found: list[tuple[str, str, Weights]], wanted: Weights) -> None:
    """Say of what comes nearest why it does not fit."""
    place, _, tensors = min(found, key=lambda each: len(_problems(each[2], wanted)))
    problems = _problems(tensors, wanted)
    what = f"{place!r} in it does not fit" if place else "does not fit"
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    raise ConfigError(f"{path}: {what} the module: {'; '.join(problems[:3])}{more}")
