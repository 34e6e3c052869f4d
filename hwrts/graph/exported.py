"""What torch.export writes down of a module, run again as calls of torch's public functions.

torch.export follows what torch.fx cannot, and ends with operators of ATen. Each of them is called here by its
public name, on whatever the caller gives: so the tracer that follows modules follows this one too, and there
is one converter behind both doors.
"""

import logging
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from hwrts.graph.layers import batch_norm
from hwrts.graph.tracer import Tracer
from hwrts.graph.user_code import is_users, line_of

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
"""How torch.export notes the lines that made an operator."""

_UNCHANGED = {
    *("dropout", "dropout_", "feature_dropout", "feature_dropout_", "alpha_dropout", "feature_alpha_dropout"),
    *("detach", "detach_", "alias", "to", "_to_copy", "type_as", "lift_fresh", "lift_fresh_copy", "lift"),
}
"""Operators of ATen that leave values of the picture as they are, in evaluation mode."""

_INFIX: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "add_": operator.iadd,
    "sub_": operator.isub,
    "mul_": operator.imul,
    "div_": operator.itruediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "matmul": torch.matmul,
}
"""What has a sign in Python, where nothing but its operands is given."""


class Exported(nn.Module):
    """A module as torch.export has it.

    Args:
        module: In evaluation mode.
        example: Values of its inputs.

    Raises:
        Exception: Whatever torch.export raises.
    """

    def __init__(self, module: nn.Module, example: Sequence[Tensor]) -> None:
        super().__init__()
        with _silence(), torch.no_grad():
            program = torch.export.export(module, tuple(x.clone() for x in example), strict=False)
        own = {
            **dict(module.named_parameters(remove_duplicate=False)),
            **dict(module.named_buffers(remove_duplicate=False)),
        }
        held: dict[str, Any] = {**program.constants, **program.state_dict, **own}
        self._nodes = list(program.graph.nodes)
        self._held = {
            spec.arg.name: held[spec.target]
            for spec in program.graph_signature.input_specs
            if spec.target is not None
        }
        self._returned = program.call_spec.out_spec
        self._outputs = list(program.graph_signature.user_outputs)
        self._named = own
        self._tracer: Tracer | None = None
        inputs = ", ".join(program.graph_signature.user_inputs)  # names of Python, by which they are traced
        kind = type(
            type(module).__name__,
            (Exported,),
            {"forward": eval(f"lambda self, {inputs}: self.run({inputs})")},
        )
        self.__class__ = kind

    def tracer(self, example: Sequence[Tensor]) -> Tracer:
        """A tracer that names parameters and places as the module itself does."""
        self._tracer = Tracer(example, self._named)
        return self._tracer

    def run(self, *pictures: Any) -> Any:
        """What the module returns, by public functions."""
        values: dict[str, Any] = {}
        inputs = list(pictures)
        for node in self._nodes:
            if node.op == "placeholder":
                values[node.name] = self._held[node.name] if node.name in self._held else inputs.pop(0)
            elif node.op == "call_function":
                place = _place(node)
                if self._tracer is not None:
                    self._tracer.standing = place
                args, kwargs = fx.map_arg((node.args, node.kwargs), lambda each: values[each.name])
                if place[1] is not None and _is_conv(node.target, args):
                    values[node.name] = _conv(*args, **kwargs)
                else:
                    values[node.name] = _called(node.target, args, kwargs)
        assert self._returned is not None
        return pytree.tree_unflatten([values.get(str(name)) for name in self._outputs], self._returned)


@contextmanager
def _silence() -> Iterator[None]:
    """Without what torch.export says to those who keep what it makes, and prints where it fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _place(node: fx.Node) -> tuple[str, str | None]:
    """The user's own line that made an operator, and the path of the layer of torch that it is in."""
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    lines = [line_of(file, int(line)) for file, line in frames if is_users(file)]
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    return (lines[-1] if lines else ""), (path if path and str(kind).startswith("torch.nn.") else None)


def _called(target: Any, args: Any, kwargs: Any) -> Any:
    """The public function that an operator of ATen stands for, called."""
    if not isinstance(target, torch._ops.OpOverload):
        return target(*args, **kwargs)
    name = target._schema.name.partition("::")[2]
    names = [each.name for each in target._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if name in _UNCHANGED and not given.get("train"):
        return args[0]
    if name in _SPELLED:
        return _SPELLED[name](**given)
    if name in _INFIX and not kwargs and len(args) in (1, 2):
        return _INFIX[name](*args)
    for place in (F, torch):
        public = getattr(place, name, None)
        if public is not None:
            return public(*args, **kwargs)
    in_place = getattr(F, name.removesuffix("_"), None)
    if in_place is not None and name.endswith("_"):
        return in_place(*args, inplace=True, **kwargs)
    return getattr(args[0], name)(*args[1:], **kwargs)


def _is_conv(target: Any, args: Any) -> bool:
    """Whether a convolution is called with weights that depend on no picture."""
    overloads = (torch.ops.aten.conv2d.default, torch.ops.aten.conv2d.padding)
    return target in overloads and isinstance(args[1], Tensor) and not isinstance(args[0], Tensor)


def _conv(
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = (1, 1),
    padding: Any = (0, 0),
    dilation: Any = (1, 1),
    groups: int = 1,
) -> Any:
    """A convolution of torch's layer, as a layer with the same numbers."""
    outputs, inputs, rows, columns = weight.shape
    margin = padding if isinstance(padding, str) else tuple(padding)
    with torch.device("meta"):  # the numbers are there already
        conv = nn.Conv2d(
            inputs * groups,
            outputs,
            (rows, columns),
            tuple(stride),
            margin,
            tuple(dilation),
            groups,
            bias=bias is not None,
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None:
            own = (
                given
                if isinstance(given, nn.Parameter)
                else nn.Parameter(given.detach(), given.requires_grad)
            )
            setattr(conv, name, own)
    return conv.eval()(x)


def _interpolated(mode: str) -> Callable[..., Any]:
    def call(
        input: Any,
        output_size: Any = None,
        align_corners: bool | None = None,
        scale_factors: Sequence[float] | None = None,
        **others: Any,
    ) -> Any:
        factors: Any = None if scale_factors is None else list(scale_factors)
        if factors is not None and len(set(factors)) == 1:
            factors = factors[0]
        size = None if factors is not None else output_size
        return F.interpolate(input, size, factors, mode, align_corners)

    return call


def _sliced(self: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    end = None if end is not None and end > 1 << 60 else end
    taken = slice(start or None, end, None if step == 1 else step)
    return self[(*[slice(None)] * (dim % self.dim()), taken)]


def _selected(self: Any, dim: int, index: int) -> Any:
    return self[(*[slice(None)] * (dim % self.dim()), index)]


def _indexed(self: Any, indices: Sequence[Tensor | None]) -> Any:
    given = (slice(None) if each is None else each.tolist() for each in indices)
    return self[tuple(given)]


def _rsub(self: Any, other: Any, alpha: float = 1) -> Any:
    return other - self if alpha == 1 else other - self * alpha


_SPELLED: Mapping[str, Callable[..., Any]] = {
    "upsample_nearest2d": _interpolated("nearest"),
    "upsample_bilinear2d": _interpolated("bilinear"),
    "upsample_bicubic2d": _interpolated("bicubic"),
    "_upsample_nearest_exact2d": _interpolated("nearest-exact"),
    "slice": _sliced,
    "select": _selected,
    "index": _indexed,
    "batch_norm": lambda input, weight, bias, running_mean, running_var, eps, **_: batch_norm(
        input, weight, bias, running_mean, running_var, eps
    ),
    "rsub": _rsub,
    "constant_pad_nd": lambda self, pad, value=0: F.pad(self, pad, "constant", value),
    "reflection_pad2d": lambda self, padding: F.pad(self, padding, "reflect"),
    "replication_pad2d": lambda self, padding: F.pad(self, padding, "replicate"),
    "layer_norm": lambda input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True: (
        F.layer_norm(input, normalized_shape, weight, bias, eps)
    ),
    "softmax": lambda self, dim, dtype=None: torch.softmax(self, dim),
}
"""Operators of ATen whose arguments are others than those of the public function."""
