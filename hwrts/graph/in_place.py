"""Which calls overwrite what they read."""

import inspect
import operator
from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from hwrts.graph.operators.call import FUNCTIONAL
from hwrts.graph.tracer import AUGMENTED


def is_in_place(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether an operator overwrites its first operand, or what it is given as ``out``."""
    if node.meta.get(FUNCTIONAL):
        return False
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    if node.op not in ("call_function", "call_method"):
        return False
    if node.kwargs.get("out") is not None:
        return True
    target: Any = node.target
    place = _in_place_argument(target)
    if place is not None:
        given = node.args[place:] or (node.kwargs.get("inplace"),)
        return bool(given[0])
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    return target in (*AUGMENTED, operator.setitem) or (
        name.endswith("_") and not name.endswith("__")
    )  # torch's way to say it


def _in_place_argument(target: Any) -> int | None:
    """Where a function's argument "inplace" stands; what torch has built in has none."""
    try:
        return list(inspect.signature(target).parameters).index("inplace")
    except (TypeError, ValueError):
        return None
