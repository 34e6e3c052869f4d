"""What a module calls while it runs, written down by ``torch.fx``: the first of the two doors.

Whatever depends on parameters and buffers alone is computed at once, as the module computes it, and is a
constant for whoever reads it. What is made of the picture has a value too, that of an example, from which
come the shapes that a forward asks for.
"""

import inspect
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwrts.graph.cut import check_walk, part_count
from hwrts.graph.operators.call import MODULE, PLACE, UNNAMED, VALUE
from hwrts.graph.plain_tensors import PlainTensors
from hwrts.graph.spellings import Call, respelled
from hwrts.graph.user_code import is_users, line_of
from hwrts.networks.upsample import FixedUpsample

AUGMENTED: tuple[Any, ...] = (operator.iadd, operator.isub, operator.imul, operator.itruediv)
"""Operators that overwrite their first operand."""

_OF_THE_SHAPE = (
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "is_contiguous", "element_size"),
    *("get_device", "is_floating_point", "is_complex", "type", "__len__"),
    *(torch.numel, torch.is_floating_point, torch.is_complex),
)
"""Methods and functions whose answer is the same for every picture of a shape."""
_NOTES = ("shape", "dtype", "device", "ndim", "layout", "is_cuda", "requires_grad", "itemsize", "nbytes")
"""What a tensor says of itself that is the same for every picture of a shape."""


class Proxy(fx.Proxy):
    """Stands for a tensor made of the picture; it knows what a shape says.

    It keeps ``h += x`` apart from ``h = h + x``, which torch.fx does not: other names of h see the former.
    """

    tracer: "Tracer"

    def __getattr__(self, name: str) -> Any:
        value = self.node.meta.get(VALUE)
        if name in _NOTES and isinstance(value, Tensor):
            self.tracer.by_size |= name == "shape"
            return getattr(value, name)
        return super().__getattr__(name)

    def __len__(self) -> int:
        value = self.node.meta.get(VALUE)
        if value is None:
            return super().__len__()
        self.tracer.by_size = True
        return len(value)

    def __iadd__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __isub__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.isub, (self, other), {})

    def __imul__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})

    def __itruediv__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.itruediv, (self, other), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, key, value), {})


class LayerTracer(fx.Tracer):
    """torch.fx's, with operators in place and up-sampling as nodes of their own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node; a subclass of Conv2d is, unless its forward is its own."""
        if isinstance(m, nn.Conv2d):
            return not _own_forward(m)
        if isinstance(m, nn.GLU | nn.InstanceNorm2d | nn.GroupNorm):
            return False
        return isinstance(m, FixedUpsample) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """What stands for a node's value while the module runs."""
        return Proxy(node, self)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *others: Any, **named: Any) -> Any:
        """What stands for a call's value; of a split whose parts are counted, one for each of them.

        So a module may unpack them, walk over them or turn them around.
        """
        proxy: Any = super().create_proxy(kind, target, args, kwargs, *others, **named)
        count = part_count(target, args, kwargs)
        return proxy if count is None else tuple(proxy[i] for i in range(count))

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        """A walk over a value that is no tuple."""
        check_walk(obj.node)
        return super().iter(obj)


class Tracer(LayerTracer):
    """The tracer that graphs are made with: it computes what is constant; each node knows its line.

    Args:
        example: Values of the module's inputs, in their order; none where no shape is known.
        count: Inputs that it is given; None for those that have no default.
        named: Names of parameters and buffers; those of the module if they are not given.

    Attributes:
        constants: Value of each node that depends on no picture, by its name; one that was computed of
            parameters that are trained requires a gradient, as they do.
        followed: Whether there is an example.
        by_size: Whether the module asked for the shape of a value that is known.
        standing: Line, and path of a layer of torch, of what is being traced, where frames do not say it.
        loose: Modules that are no parts of the traced one, as those that its forward makes, by their names.
    """

    def __init__(
        self,
        example: Sequence[Tensor] = (),
        named: Mapping[str, Tensor] | None = None,
        count: int | None = None,
    ) -> None:
        super().__init__()
        self._count = len(example) or count
        self.standing: tuple[str, str | None] | None = None
        self.constants: dict[str, Tensor] = {}
        self.by_size = False
        self.loose: dict[str, nn.Module] = {}
        self._named = named
        self.followed = bool(example)
        self._example = [x.clone() for x in example]  # a module may overwrite them
        self._known: dict[tuple[int, int], tuple[Tensor, fx.Node]] = {}
        self._plain = PlainTensors(self.create_proxy)

    def trace(self, *args: Any, **kwargs: Any) -> fx.Graph:
        """As torch.fx has it, with an eye on the tensors that the module makes and writes into."""
        with self._plain:
            return super().trace(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Parameters are themselves, so that what is computed of them is computed."""
        return attr_val

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A call of a module; one that is given constants alone is computed."""
        if not _proxies((args, kwargs)):
            return forward(*args, **kwargs)
        if kwargs and self.is_leaf_module(m, ""):
            with suppress(TypeError):  # by place, as most call them
                bound = inspect.signature(m.forward).bind(*args, **kwargs)
                args, kwargs = bound.args, bound.kwargs
        called: Any = super().call_module(m, forward, args, kwargs)
        return called

    def _proxy_placeholder(
        self, name: str, concrete_args: Any, sig: inspect.Signature, fn_for_analysis: Any
    ) -> Any:
        """What stands for an input; one that nobody gives is its default."""
        if name.startswith("*"):
            raise TypeError(f"it takes {name}")  # of which torch.fx makes one value
        names = list(sig.parameters)[1:]  # the first is the module, whatever it is called
        default = sig.parameters[name].default
        given = self._count is not None and name in names[: self._count]
        if default is not inspect.Parameter.empty and not given:
            return default
        placeholder: Any = super()._proxy_placeholder(name, concrete_args, sig, fn_for_analysis)
        return placeholder

    def path_of_module(self, mod: nn.Module) -> str:
        """Its path in the traced module; one that is no part of that is named by its line."""
        with suppress(NameError):
            return super().path_of_module(mod)
        if self.standing is not None and self.standing[1] is not None:
            name = self.standing[1]
        else:
            name = f"{type(mod).__name__} in {self._line(sys._getframe(1)) or 'forward'}"
        while self.loose.setdefault(name, mod) is not mod:
            name += "_"
        return name

    def create_arg(self, a: Any) -> Any:
        """What a node is given: a tensor that is no picture's is a node of its own."""
        if isinstance(a, Tensor):
            standing = self._plain.standing(a)
            return self._constant(a) if standing is None else standing.node
        return super().create_arg(a.item() if isinstance(a, np.generic) else a)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *others: Any, **named: Any) -> Any:
        """What stands for a call's value; of a call that makes several tensors, one for each of them.

        What has a simpler spelling has that.
        """
        args, kwargs = self._plain.standing((args, kwargs)) or (args, kwargs)
        if kind in ("call_function", "call_method"):
            other = respelled(target, args, kwargs)
            if isinstance(other, Call):
                kind, target, args, kwargs = other
            elif other is not None:
                return other
        value = self._value(kind, target, args, kwargs)
        if value is not None and target in _OF_THE_SHAPE and kind in ("call_function", "call_method"):
            self.by_size = True
            return value
        proxy: Any = fx.Tracer.create_proxy(self, kind, target, args, kwargs, *others, **named)
        if value is not None:
            proxy.node.meta[VALUE] = value
        several = isinstance(value, tuple | list)
        count = len(value) if several else part_count(target, args, kwargs)
        return proxy if count is None else tuple(proxy[i] for i in range(count))

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        """A walk over a value that is no tuple."""
        value = obj.node.meta.get(VALUE)
        if isinstance(value, Tensor):
            return iter([operator.getitem(obj, i) for i in range(len(value))])
        return super().iter(obj)

    def create_node(self, *args: Any, **settings: Any) -> fx.Node:
        """A node that knows its line."""
        node = super().create_node(*args, **settings)
        node.meta[PLACE] = self._line(sys._getframe(1))
        if self.standing is not None and self.standing[1] is not None:
            node.meta[MODULE] = self.standing[1]
        return node

    def _line(self, frame: FrameType | None) -> str:
        return _line(frame) if self.standing is None else self.standing[0]

    def _constant(self, a: Tensor) -> fx.Node:
        """The node of a tensor that is no picture's; the same for each reader."""
        known = id(a), a._version  # one that is written into is another constant from there on
        if known not in self._known:
            named = self._named or {**dict(self.root.named_parameters()), **dict(self.root.named_buffers())}
            name = next((name for name, value in named.items() if value is a), UNNAMED)
            node = self.create_node("get_attr", name, (), {})
            if isinstance(a, nn.Parameter):
                self.constants[node.name] = a
            else:
                kept = a.detach() if name != UNNAMED or a.requires_grad else a.detach().clone()
                self.constants[node.name] = kept.requires_grad_(a.requires_grad)
            self._known[known] = a, node  # kept, so that no other tensor has its number
        return self._known[known][1]

    def _value(self, kind: str, target: Any, args: Any, kwargs: Any) -> Any:
        """What a call makes of the example; None if nobody knows."""
        if kind == "placeholder":
            return self._example.pop(0) if self._example else None
        if not all(VALUE in proxy.node.meta for proxy in _proxies((args, kwargs))):
            return None
        args, kwargs = _valued(args), _valued(kwargs)
        with suppress(Exception), torch.no_grad():  # whoever reads the call says what is wrong with it
            if kind == "call_module":
                module = self.loose[target] if target in self.loose else self.root.get_submodule(target)
                return module(*args, **kwargs)
            if kind == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            if kind == "call_function":
                return target(*args, **kwargs)
        return None


def _own_forward(conv: nn.Conv2d) -> bool:
    """Whether a convolution's class computes something else than torch's does."""
    return any(
        getattr(type(conv), name) is not getattr(nn.Conv2d, name) for name in ("forward", "_conv_forward")
    )


def _proxies(given: Any) -> list[fx.Proxy]:
    """What stands for a picture's values among what a call is given."""
    if isinstance(given, fx.Proxy):
        return [given]
    if isinstance(given, dict):
        return _proxies(tuple(given.values()))
    if isinstance(given, slice):
        return _proxies((given.start, given.stop, given.step))
    if isinstance(given, tuple | list):
        return [proxy for each in given for proxy in _proxies(each)]
    return []


def _valued(given: Any) -> Any:
    """The same with the example's values."""
    if isinstance(given, fx.Proxy):
        return given.node.meta[VALUE]
    if isinstance(given, dict):
        return {key: _valued(each) for key, each in given.items()}
    if isinstance(given, slice):
        return slice(_valued(given.start), _valued(given.stop), _valued(given.step))
    if isinstance(given, tuple | list):
        made = [_valued(each) for each in given]
        return type(given)(made) if type(given) in (tuple, list) else tuple(made)
    return given


def _line(frame: FrameType | None) -> str:
    """The innermost line of a forward that is a user's own; empty if there is none."""
    while frame is not None and frame.f_code is not fx.Tracer.trace.__code__:
        if is_users(frame.f_code.co_filename):
            return line_of(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""
