"""A user's own module, from ``my_file.py:build`` and a file of weights."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from hwrts.errors import ConfigError, HwrtsError
from hwrts.graph.user_code import described, settings_kept
from hwrts.progress import Progress, Silent
from hwrts.runs.own_ends import HOW, Own, Pixels, normalised, value_range
from hwrts.runs.own_weights import check_finite, check_weights_made
from hwrts.runs.ready_weights import put_weights


def load_own(reference: str, weights: Path | None = None, progress: Progress | None = None) -> Own:
    """Call the function of a Python file, and put weights into the module that it returns.

    What else the file says of the module is read with it: ``inputs`` and ``value_range``.

    Args:
        reference: "my_file.py:build"; build is called without arguments.
        weights: File of the module's state_dict, of safetensors or torch.save; None keeps what build made.
        progress: Where to say which part of that file was taken.

    Returns:
        The module in evaluation mode, without torch.compile and DataParallel around it or its parts, and what
        the file says of it.

    Raises:
        ConfigError: No such file or function, code that fails, no ``nn.Module``, weights that do not fit.
        UnsupportedOperatorError: Weights that are not made yet, or are NaN or infinite.
    """
    path_text, _, name = reference.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; give a Python file and its function, as my_file.py:build")
    code = _executed(path)
    build = getattr(code, name, None)
    if not callable(build):
        own = [key for key, value in vars(code).items() if getattr(value, "__module__", "") == code.__name__]
        raise ConfigError(f"{path}: has no function {name!r}; it has {', '.join(own) or 'none'}")
    try:
        with settings_kept(), _first_to_import_from(path):
            module = build()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigError(
            f"{reference}: {name}() fails ({described(error)}); it is called without arguments"
        ) from error
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise ConfigError(f"{reference}: {name}() returns a {kind}; it must return a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise ConfigError(
            f"{reference}: {name}() returns a scripted module; return it before torch.jit.script"
        )
    inputs = getattr(code, "inputs", None)
    return own_of(module, reference, weights, progress, inputs, getattr(code, "value_range", None), str(path))


def own_of(
    module: nn.Module,
    reference: str,
    weights: Path | None = None,
    progress: Progress | None = None,
    inputs: Any = None,
    said: Any = None,
    where: str | None = None,
) -> Own:
    """A module made ready, with what is said of its inputs and of the range of its pixels.

    Args:
        module: It is changed: evaluation mode, float32, on the CPU, the weights put into it.
        reference: What it is from, for messages.
        weights: As :func:`load_own`.
        progress: As :func:`load_own`.
        inputs: From a picture to what it takes; None finds out.
        said: Range of its pixels; None is 0..1.
        where: Where these two are from, for messages; None is ``reference``.

    Raises:
        ConfigError: Weights that do not fit, or what is said is not allowed.
        UnsupportedOperatorError: Weights that are not made yet, or are NaN or infinite.
    """
    try:
        return _with_ends(_ready(module, weights, progress or Silent()), inputs, said, where or reference)
    except HwrtsError:
        raise
    except Exception as error:  # a circle of modules, one that did not call super().__init__(), and the like
        kind = type(module).__name__
        raise ConfigError(
            f"{reference}: its {kind} is no working module ({described(error)}); call super().__init__() in "
            "it, and let no part hold itself"
        ) from error


def _with_ends(module: nn.Module, inputs: Any, said: Any, path: str) -> Own:
    if inputs is not None and not callable(inputs):
        raise ConfigError(f"{path}: inputs is a {type(inputs).__name__}; {HOW}, or leave the name out")
    if said is None:
        return Own(module, inputs)
    pixels = value_range(said, path)
    if isinstance(pixels, Pixels):
        return Own(module, inputs, pixels)
    if inputs is not None:
        raise ConfigError(
            f"{path}: value_range {said!r:.80} and inputs() do not go together; let the module normalise"
        )
    return Own(normalised(module, *pixels))


def _ready(module: nn.Module, weights: Path | None, progress: Progress) -> nn.Module:
    module = _bare(module)
    check_weights_made(module)
    if weights is not None:
        taken = put_weights(module, weights)
        if taken:
            progress.say(f"{weights}: {taken}")
    for put in (module.float, module.cpu, module.eval):  # a train() of the user's own may return nothing
        put()
    check_finite(module)
    return module


def _bare(module: nn.Module) -> nn.Module:
    """A module, and its parts, without what torch.compile and DataParallel put around them."""
    while isinstance(wrapped := _wrapped(module), nn.Module):
        module = wrapped
    if getattr(module, "_compiled_call_impl", None) is not None:
        module._compiled_call_impl = None  # of module.compile(), which has no undoing
    for name, part in module.named_children():
        if isinstance(part, torch.jit.ScriptModule):
            raise ConfigError(
                f"part {name!r} of {type(module).__name__} is a scripted module; put it there without "
                "torch.jit.script, which hides its layers"
            )
        bare = _bare(part)
        if bare is not part:
            module._modules[name] = bare
    return module


def _wrapped(module: nn.Module) -> object:
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return module.module
    return module._modules.get("_orig_mod")  # no getattr: a module's own __getattr__ may answer anything


def _executed(path: Path) -> ModuleType:
    """The file's code, run as Python runs a script: its own folder is where imports look first."""
    spec = importlib.util.spec_from_file_location(f"hwrts_own_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: not a Python file; its name must end in .py")
    code = importlib.util.module_from_spec(spec)
    sys.modules[code.__name__] = code  # where dataclasses of the file look themselves up
    try:
        with settings_kept(), _first_to_import_from(path):
            spec.loader.exec_module(code)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigError(f"{path}: its code fails ({described(error)}); it must run on its own") from error
    return code


@contextmanager
def _first_to_import_from(path: Path) -> Iterator[None]:
    """What the file imports, now or when its function is called, is looked for beside it first."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):  # the file took it away itself
            sys.path.remove(folder)
