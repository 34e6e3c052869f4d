"""What every function of ``import hwrts`` does before and after: types are checked, refusals speak Python."""

import inspect
import numbers
import types
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from hwrts.api.words import said_in_python
from hwrts.errors import ConfigError, HwrtsError

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def public(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """A function of the package's surface: wrong types and refusals end in a line that speaks Python.

    Args:
        function: With annotations.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*given: _Given.args, **named: _Given.kwargs) -> _Made:
        arguments = signature.bind(*given, **named).arguments
        check_types(function.__qualname__, arguments, get_type_hints(function))
        try:
            return function(*given, **named)
        except HwrtsError as error:
            error.args = (said_in_python(str(error)),)
            raise

    return checked


def check_types(whose: str, given: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Refuse a value that its annotation does not allow.

    Args:
        whose: Function, for the message.
        given: Values by name.
        hints: Annotations by name; a name that has none may be anything.

    Raises:
        ConfigError: It is of another type.

    >>> check_types("train", {"resume": True}, {"resume": bool})
    """
    for name, value in given.items():
        hint = hints.get(name, Any)
        if not _fits(value, hint):
            said = " or ".join(_word(each) for each in _choices(hint))
            raise ConfigError(
                f"{whose}: {name} = {value!r:.40} is of type {type(value).__name__}; give {said}"
            )


_WIDER = {int: numbers.Integral, float: numbers.Real, tuple: (tuple, list)}
"""What will do as well: numbers of NumPy, a list for a pair."""

_WORDS = {Mapping: "a mapping by name", Callable: "a function", np.ndarray: "an array"}


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    """Whether one of the annotation's classes has it; what is in arrays and sequences is looked at later."""
    return any(_is(value, each) for each in _choices(hint))


def _is(value: Any, hint: Any) -> bool:
    kind = get_origin(hint) or hint
    if kind is Any or not isinstance(kind, type):
        return True
    if kind == Callable:  # type: ignore[comparison-overlap]
        return callable(value)
    if kind is int and isinstance(value, bool):
        return False
    if kind is np.ndarray:  # a picture of Pillow is one
        return hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    found = isinstance(value, _WIDER.get(kind, kind))  # type: ignore[arg-type]
    if found and issubclass(kind, Mapping) and get_args(hint)[:1] == (str,):
        return all(isinstance(key, str) for key in value)
    return found


def _word(hint: Any) -> str:
    if hint is type(None):
        return "None"
    kind = get_origin(hint) or hint
    return _WORDS.get(kind) or (str(hint) if kind is tuple else kind.__name__)
