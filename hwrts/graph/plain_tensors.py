"""Tensors that a forward makes itself and writes values of the picture into, while it is followed.

A tensor of zeros is a constant until something that is made of the picture is written into it, or into a part
of its memory. From then on whoever reads that memory, by whatever name, reads what stands for it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.overrides import TorchFunctionMode, is_tensor_method_or_property

_WRITES = ("__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__")
"""Methods that write into their first operand, beside those whose name ends with an underscore."""


class PlainTensors(TorchFunctionMode):
    """While it is open, plain tensors are watched.

    Args:
        create: Makes what stands for a call, as a tracer does.
    """

    def __init__(self, create: Callable[..., Any]) -> None:
        super().__init__()
        self._create = create
        self._roots: dict[int, tuple[Tensor, Any]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """A call of torch, with what stands for the tensors that were written into."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("__get__", "__set__"):  # shapes and the like; other views of the same memory
            return func(*args, **kwargs)
        if (name in _WRITES or (name.endswith("_") and not name.endswith("__"))) and args:
            self._written(args[0], (args[1:], kwargs))
        self._written(kwargs.get("out"), args)
        found = self.standing((args, kwargs))
        if found is None:
            return func(*args, **kwargs)
        args, kwargs = found
        if is_tensor_method_or_property(func):
            return self._create("call_method", name, args, kwargs)
        return func(*args, **kwargs)

    def standing(self, given: Any) -> Any:
        """What a call is given, with what stands for each tensor that was written into; None if none was."""
        if not self._roots:
            return None
        changed = False

        def replaced(each: Any) -> Any:
            nonlocal changed
            if isinstance(each, tuple | list) and not isinstance(each, torch.Size):
                made = [replaced(part) for part in each]
                return type(each)(made) if type(each) in (tuple, list) else each
            if isinstance(each, dict):
                return {key: replaced(part) for key, part in each.items()}
            if isinstance(each, Tensor) and _memory(each) in self._roots:
                changed = True
                return self._stands_for(each)
            return each

        made = replaced(given)
        return made if changed else None

    def _written(self, target: Any, others: Any) -> None:
        """Note that a call writes into a tensor, if that is a plain one and the others are not."""
        if not isinstance(target, Tensor) or _memory(target) in self._roots or not _has_proxy(others):
            return
        base = target if target._base is None else target._base
        self._roots[_memory(base)] = base, self._create("call_function", torch.clone, (base,), {})

    def _stands_for(self, tensor: Tensor) -> Any:
        base, root = self._roots[_memory(tensor)]
        if _places(tensor) == _places(base):
            return root
        size, stride, offset = _places(tensor)
        given = (root, size, stride, offset - _places(base)[2])
        return self._create("call_function", torch.as_strided, given, {})


def _memory(tensor: Tensor) -> int:
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage().data_ptr()


def _places(tensor: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    with torch._C.DisableTorchFunction():
        return tuple(tensor.size()), tuple(tensor.stride()), int(tensor.storage_offset())


def _has_proxy(given: Any) -> bool:
    if isinstance(given, dict):
        return _has_proxy(tuple(given.values()))
    if isinstance(given, tuple | list):
        return any(_has_proxy(each) for each in given)
    return isinstance(given, fx.Proxy)
